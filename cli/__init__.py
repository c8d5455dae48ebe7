"""In: a command line. Out: calls of the library, and their results printed. No logic that a library user would miss."""

from fer_video.interrupt import silent_start

with silent_start():
    from fer_video.cli.main import main

__all__ = ["main"]
