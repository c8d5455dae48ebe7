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
like any other, but only --help-all lists it. A command gets --help-all when it has a RareOption.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import cloup
from cloup import OptionGroup, option_group

__all__ = ["AliasedOption", "Command", "RareOption", "command", "option_group", "together"]

F = TypeVar("F", bound=Callable[..., Any])

_ALL = "fer_video.cli.help_all"
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
    """A command with groups of options, --help-all, and the layout of their help pages."""

    def __init__(self, *args: Any, params: Sequence[click.Parameter] | None = None, **given: Any) -> None:
        own = list(params or ())
        if rare := sum(isinstance(each, RareOption) for each in own):
            own.append(_help_all(rare))
        settings = cloup.HelpFormatter.settings(col1_max_width=_NAMES_WIDTH)
        super().__init__(*args, params=own, formatter_settings=settings, **given)
        self.option_groups = _merged(self.option_groups)

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


def command(name: str | None = None) -> Callable[[Callable[..., Any]], Command]:
    """As click.command, for a command of fervid."""
    return cloup.command(name, cls=Command)


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
        help=f"Show this message with {more} and exit.",
    )


def _show_all(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta[_ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()
