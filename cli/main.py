"""The `fervid` group. Commands are imported when they are called: `fervid --help` loads nothing heavy."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import Any

import click

from fer_video import __version__
from fer_video.errors import FervidError, OptionError, OutputError, printable

__all__ = ["main"]

_COMMANDS = {"predict": "Read the emotions in videos and pictures."}


class LazyGroup(click.Group):
    """Lists commands without importing their modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"fer_video.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Errors that a user can mend become one line on stderr and the exit code of docs/cli.md."""
        try:
            return super().invoke(ctx)
        except (FervidError, KeyboardInterrupt, BrokenPipeError) as error:
            if ctx.params["debug"]:
                logging.getLogger("fer_video").debug("stopped by", exc_info=True)
            _stop(ctx, error)


def _stop(ctx: click.Context, error: BaseException) -> None:
    if isinstance(error, KeyboardInterrupt):
        click.echo("fervid: interrupted", err=True)
        ctx.exit(130)
    if isinstance(error, BrokenPipeError):
        # The reader (head, less) has seen enough. Python would complain once more when it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        ctx.exit(1)
    click.echo(f"fervid: error: {error}", err=True)
    ctx.exit(2 if isinstance(error, OptionError | OutputError) else 1)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fervid")
@click.option("--debug", is_flag=True, help="Show tracebacks and what the decoders and models report.")
def main(debug: bool) -> None:
    """Facial emotion from video: per frame, per person, per clip and per group.

    Data goes to stdout, everything else to stderr. Exit codes: 0 all inputs done, 1 some failed (the rest are
    done and written), 2 wrong usage, 130 interrupted.
    """
    level = logging.DEBUG if debug else logging.WARNING
    logging.basicConfig(stream=sys.stderr, format="fervid: %(levelname)s: %(message)s", level=level)
    if not debug:
        # FFmpeg inside OpenCV prints its own account of each broken file; fervid says it in one line. Both read
        # these when OpenCV is loaded and opens the first file, which is after this.
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


def warn(message: str) -> None:
    """One line on stderr."""
    click.echo(f"fervid: {printable(message)}", err=True)
