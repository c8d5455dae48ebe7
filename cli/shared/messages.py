"""What commands say on stderr, and how much of it."""

from __future__ import annotations

import logging
import os
import sys

import click

from fer_video.errors import printable

__all__ = ["show_details", "warn"]


def show_details() -> None:
    """--debug: also where a command takes it."""
    logging.basicConfig(stream=sys.stderr, format="fervid: %(levelname)s: %(message)s", level=logging.DEBUG, force=True)
    logging.getLogger("fer_video").setLevel(logging.DEBUG)
    for name in ("OPENCV_FFMPEG_LOGLEVEL", "OPENCV_LOG_LEVEL"):
        os.environ.pop(name, None)


def warn(message: str) -> None:
    """One line on stderr."""
    click.echo(f"fervid: {printable(message)}", err=True)
