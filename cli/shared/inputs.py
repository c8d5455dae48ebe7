"""INPUT arguments, and lists of inputs on stdin."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from fer_video.errors import OptionError

__all__ = ["read_list"]


def read_list(inputs: tuple[str, ...]) -> Iterator[str]:
    """The inputs, with - replaced by the names on stdin. Bytes that are no text survive as in arguments.

    One name a line; or, where there is a NUL, as `find -print0` writes them: names may then hold line ends.
    """
    for name in inputs:
        if name != "-":
            yield name
            continue
        if sys.stdin is None:
            raise OptionError("stdin is closed; give the inputs as arguments")
        text = sys.stdin.buffer.read().decode(sys.getfilesystemencoding(), "surrogateescape")
        text = text.removeprefix("\ufeff").removeprefix("\udcef\udcbb\udcbf")  # a byte order mark
        lines = text.split("\0") if "\0" in text else [each.rstrip("\r") for each in text.split("\n")]
        yield from filter(None, lines)
