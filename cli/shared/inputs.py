"""INPUT arguments, and lists of inputs on stdin."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from fer_video.errors import OptionError

__all__ = ["read_list"]


def read_list(inputs: tuple[str, ...]) -> Iterator[str]:
    """The inputs, with - replaced by the lines of stdin. Bytes that are no text survive as in arguments."""
    for name in inputs:
        if name != "-":
            yield name
            continue
        if sys.stdin is None:
            raise OptionError("stdin is closed; give the inputs as arguments")
        text = sys.stdin.buffer.read().decode(sys.getfilesystemencoding(), "surrogateescape")
        yield from (line for line in (each.rstrip("\r") for each in text.split("\n")) if line)
