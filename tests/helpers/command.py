"""The command line, run within the test."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result
from fer_video.cli import main

__all__ = ["fervid"]


def fervid(*arguments: str | Path, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], input=stdin)
