"""The command line: parse, call the library, print. Nothing here that a library user would miss."""

from fer_video.cli.main import main

__all__ = ["main"]
