"""Commands whose options are listed in groups, and options that few people need.

How a new command gets its groups:

    @command()
    @input_argument
    @output_options                                  # the bundles of options.py bring their groups with them
    @option_group("Summary", click.option(...), click.option(..., cls=RareOption))
    @sampling_options
    @debug_option                                    # options in no group come last, under "Other options"
    def summarize(...) -> None:

Groups are listed in the order in which the command names them; groups of the same title become one. A RareOption works
like any other, but only --help-all lists it. Every command takes --help-all; it is listed where it shows more.

A command also takes its options from a config file (config.py), and gets --config and --no-config; settings.py says
which of them. A command that checks options against each other asks `is_typed`, so that what is in the file gives way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
import cloup
from click.core import ParameterSource
from cloup import OptionGroup, option_group
from fer_video.cli.shared.messages import warn

from fer_video.errors import OptionError

if TYPE_CHECKING:
    from fer_video.cli.shared.config import ConfigSource

__all__ = [
    "AliasedOption",
    "Command",
    "RareOption",
    "command",
    "config_source",
    "is_typed",
    "option_group",
    "together",
    "use_config",
]

F = TypeVar("F", bound=Callable[..., Any])

_ALL = "fer_video.cli.help_all"
_SOURCE = "fer_video.cli.config"
_USED = "fer_video.cli.config.used"
_NAMES_WIDTH = 25  # columns of option names; longer ones get a line of their own


class RareOption(click.Option):
    """Listed by --help-all only."""


class AliasedOption(click.Option):
    """Help shows the last of its names; the others are accepted too."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        names, self.opts = self.opts, self.opts[-1:]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = names


class Command(cloup.Command):
    """A command with groups of options, --help-all, options from a config file, and the layout of their help pages.

    config: whether a file that is wrong stops the command, is for the command to report, or is not read at all.
    """

    def __init__(
        self,
        *args: Any,
        params: Sequence[click.Parameter] | None = None,
        config: Literal["use", "report", "ignore"] = "use",
        **given: Any,
    ) -> None:
        own = list(params or ())
        self._config = config
        if config != "ignore":
            own += _config_options()
        own.append(_help_all(sum(isinstance(each, RareOption) for each in own)))
        settings = cloup.HelpFormatter.settings(col1_max_width=_NAMES_WIDTH)
        super().__init__(*args, params=own, formatter_settings=settings, **given)
        self.option_groups = _merged(self.option_groups)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if self._config != "ignore" and _SOURCE in ctx.meta and not ctx.resilient_parsing:
            given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
            help_option = self.get_help_option(ctx)  # its name depends on Click's version
            if "help_all" not in given and (help_option is None or help_option.name not in given):
                self._configure(ctx, given)
        return super().parse_args(ctx, args)

    def _configure(self, ctx: click.Context, given: Mapping[str, Any]) -> None:
        from fer_video.cli.shared.config import load_config
        from fer_video.cli.shared.settings import default_map, settings_for

        if given.keys() & {"config", "no_config"}:
            use_config(ctx, given.get("config"), bool(given.get("no_config")))
        try:
            config = load_config(ctx.meta[_SOURCE])
            settings = settings_for(config, _program(ctx), _words(ctx)) if config else {}
        except OptionError:
            if self._config == "report":
                return
            raise
        if config is not None:
            ctx.default_map = default_map(settings, given)
            ctx.meta[_USED] = config.shown, {name: settings[name] for name in ctx.default_map}

    def invoke(self, ctx: click.Context) -> Any:
        file, settings = ctx.meta.get(_USED, ("", {}))
        told = [str(each) for name, each in settings.items() if not is_typed(ctx, name)]
        if told and not (ctx.params.get("quiet") and is_typed(ctx, "quiet")):
            warn(f"options from {file}: {', '.join(told)}")
        return super().invoke(ctx)

    def format_params(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        everything = ctx.meta.get(_ALL, False)
        others = self.get_default_option_group(ctx, is_the_only_visible_option_group=not self.option_groups)
        sections = []
        for group in (*self.option_groups, others):
            listed = [each for each in group if everything or not isinstance(each, RareOption)]
            rows = [row for each in listed if (row := each.get_help_record(ctx)) is not None]
            if rows:
                sections.append(cloup.HelpSection(group.title, rows))
        assert isinstance(formatter, cloup.HelpFormatter)
        formatter.write_many_sections(sections, aligned=True)


def command(
    name: str | None = None, config: Literal["use", "report", "ignore"] = "use"
) -> Callable[[Callable[..., Any]], Command]:
    """As click.command, for a command of fervid."""
    return cloup.command(name, cls=Command, config=config)


def is_typed(ctx: click.Context, parameter: str) -> bool:
    """Whether the user gave it now, rather than in a config file."""
    return ctx.get_parameter_source(parameter) in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


def _config_options() -> list[click.Option]:
    return [
        click.Option(["--config"], metavar="FILE", expose_value=False, help="Read options from FILE, not fervid.toml."),
        click.Option(["--no-config"], is_flag=True, expose_value=False, help="Ignore fervid.toml."),
    ]


def use_config(ctx: click.Context, file: str | None, off: bool) -> None:
    """What --config and --no-config ask for, for the commands of this context."""
    from fer_video.cli.shared.config import ConfigSource

    if file is not None and off:
        raise click.UsageError("--config and --no-config contradict each other; give one of them", ctx)
    ctx.meta[_SOURCE] = ConfigSource(file, off)


def config_source(ctx: click.Context) -> ConfigSource:
    """What was asked for."""
    source: ConfigSource = ctx.meta[_SOURCE]
    return source


def _program(ctx: click.Context) -> click.Group:
    root = ctx.find_root().command
    assert isinstance(root, click.Group)
    return root


def _words(ctx: click.Context) -> tuple[str, ...]:
    """The names of the command below the program."""
    above = () if ctx.parent is None else _words(ctx.parent)
    return above if ctx.parent is None else (*above, str(ctx.info_name))


def together(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several options or groups as one decorator."""

    def decorate(command: F) -> F:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def _merged(groups: Sequence[OptionGroup]) -> list[OptionGroup]:
    options: dict[str, list[click.Option]] = {}
    for group in groups:
        options.setdefault(group.title, []).extend(group)
    merged = []
    for title, several in options.items():
        group = OptionGroup(title)
        group.options = several
        merged.append(group)
    return merged


def _help_all(rare: int) -> click.Option:
    more = "one more option" if rare == 1 else f"{rare} more options"
    return click.Option(
        ["--help-all"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_all,
        hidden=not rare,
        help=f"Show this message with {more} and exit.",
    )


def _show_all(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta[_ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()
