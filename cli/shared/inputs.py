"""INPUT arguments, and lists of inputs on stdin."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from fer_video.errors import OptionError

__all__ = ["read_list"]

_MOST_BYTES = 256 << 20
_NOT_IN_NAMES = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")  # control characters but NUL, tab and line ends


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
        data = sys.stdin.buffer.read(_MOST_BYTES + 1)
        text = data.decode(sys.getfilesystemencoding(), "surrogateescape")
        # A video that is piped in would be a list of names such as "/", and the whole disk would be analysed.
        if len(data) > _MOST_BYTES or _NOT_IN_NAMES.search(text):
            raise OptionError("stdin holds no list of names but other data; save a video to a file, and give its name")
        text = text.removeprefix("\ufeff").removeprefix("\udcef\udcbb\udcbf")  # a byte order mark
        lines = text.split("\0") if "\0" in text else [each.rstrip("\r") for each in text.split("\n")]
        yield from filter(None, lines)
