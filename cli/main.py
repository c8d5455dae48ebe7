"""The `fervid` group. Commands are imported when they are called: `fervid --help` loads nothing heavy."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from contextlib import suppress
from typing import Any

import click
import cloup
from click.core import ParameterSource
from fer_video.cli.shared.command import use_config
from fer_video.cli.shared.messages import show_details
from fer_video.cli.shared.opencv import settle_opencv

from fer_video import __version__
from fer_video.errors import FervidError, OptionError, OutputError, printable, unexpected
from fer_video.interrupt import listen, was_interrupted

__all__ = ["main"]

# In the order in which people use them; the first line of a command's help, which tests compare.
_SECTIONS = {
    "Read emotions": {
        "predict": "Read the emotions in videos and pictures.",
        "watch": "Read the emotions in files as they arrive in a folder.",
        "merge": "Join the results of fervid predict --shard.",
        "live": "Read the emotions from a camera or a stream as they happen.",
    },
    "Show results": {
        "report": "Make a web page of the results, which needs no network.",
        "render": "Draw the results over a video.",
        "plot": "Draw the emotions over time as a picture.",
    },
    "Studies": {
        "summarize": "Summarise the results of many clips in one table.",
        "curves": "Write the probabilities of many clips over time, smoothed or resampled.",
        "people": "Find the same people in the results of many clips.",
        "compare": "Measure how far results agree with what people coded in the same clips.",
    },
    "Train and measure": {
        "extract": "Store the features of clips for training or other programs.",
        "train": "Train a clip model on labelled clips.",
        "evaluate": "Measure a clip model, or a training method, on labelled clips.",
        "backbone": "Train, measure, export and quantise the network that reads faces.",
    },
    "This installation": {
        "doctor": "Check this installation and print commands that fix it.",
        "models": "List, download, check and import networks.",
        "bench": "Measure the speed of fervid on this machine.",
        "completion": "Print a script for completion with the Tab key.",
    },
}
_COMMANDS = {name: text for commands in _SECTIONS.values() for name, text in commands.items()}


def _sections() -> list[cloup.Section]:
    """The commands by name and first line of help, which is all that the list and the suggestions need."""
    return [
        cloup.Section(title, {name: cloup.Command(name, short_help=text) for name, text in commands.items()})
        for title, commands in _SECTIONS.items()
    ]


class LazyGroup(cloup.Group):
    """Lists commands without importing their modules."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.commands:
            return None
        command: click.Command = getattr(importlib.import_module(f"fer_video.cli.{name}"), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Errors become one line on stderr and the exit code of docs/cli.md."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:
            logging.getLogger("fer_video").debug("stopped by", exc_info=True)
            _stop(ctx, error)


def _stop(ctx: click.Context, error: Exception | KeyboardInterrupt) -> None:
    if isinstance(error, KeyboardInterrupt) or (was_interrupted() and not isinstance(error, FervidError)):
        click.echo("fervid: interrupted", err=True)
        ctx.exit(130)
    if isinstance(error, OSError):
        # stdout is full, or its reader (head, less) has seen enough. Python would complain again when it flushes it.
        with suppress(OSError, AttributeError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            click.echo(f"fervid: error: {printable(error.strerror or str(error))}", err=True)
        ctx.exit(1)
    if isinstance(error, FervidError):
        click.echo(f"fervid: error: {error}", err=True)
        ctx.exit(2 if isinstance(error, OptionError | OutputError) else 1)
    click.echo(f"fervid: error: {printable(unexpected(error))}", err=True)
    ctx.exit(1)


@cloup.group(cls=LazyGroup, sections=_sections(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fervid")
@click.option("--config", metavar="FILE", help="Read options from FILE, not fervid.toml.")
@click.option("--no-config", is_flag=True, envvar="FERVID_NO_CONFIG", help="Ignore fervid.toml.")
@click.option("--debug", is_flag=True, help="Show tracebacks and messages of the decoders and models.")
@click.pass_context
def main(ctx: click.Context, /, config: str | None, no_config: bool, debug: bool) -> None:
    """Facial emotion from video: per frame, per person, per clip and per group.

    Data goes to stdout, everything else to stderr. Exit codes: 0 if all inputs are done, 1 if some failed (the others
    are done and written), 2 for wrong usage, 130 if interrupted.
    """
    listen()  # schedulers stop jobs by SIGTERM, terminals by SIGHUP; finish as for Ctrl-C
    settle_opencv(quiet=not debug)
    asked = ctx.get_parameter_source("no_config") is ParameterSource.COMMANDLINE
    use_config(ctx, config, no_config and (asked or config is None))
    if debug:
        show_details()
    else:
        logging.basicConfig(stream=sys.stderr, format="fervid: %(levelname)s: %(message)s", level=logging.WARNING)
