"""Pictures through OpenCV, with the messages of its libraries.

libjpeg and libpng write to the process's stderr, as if nobody but a person sat before them, and what they say of a
damaged picture is nowhere else to be had.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np

from fer_video.types import Image

__all__ = ["Decoded", "decode_picture", "parts_fit"]

_PNG = b"\x89PNG\r\n\x1a\n"
_NATIVE = re.compile(r"(libpng|Corrupt JPEG|Premature end|Invalid SOS|Unsupported marker|Warning: |Bogus|Inconsistent)")
_DAMAGE = re.compile(r"(?:libpng error: )?((?:Corrupt JPEG|Premature end|IDAT|PNG input).*)")
_lock = threading.Lock()  # there is one stderr


@dataclass(frozen=True, slots=True)
class Decoded:
    """image: BGR, None for what is no picture. damage: what the library said of it, None for a whole one."""

    image: Image | None
    damage: str | None


@dataclass(slots=True)
class _Said:
    lines: list[str] = field(default_factory=list)


def decode_picture(data: bytes, flags: int = cv2.IMREAD_COLOR) -> Decoded:
    """Raises cv2.error, for a picture over OpenCV's limit among others."""
    if not parts_fit(data):
        return Decoded(None, "a part of it is longer than the file")
    with _native_stderr() as said:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    damage = next((found[1] for line in said.lines if (found := _DAMAGE.match(line))), None)
    return Decoded(None if image is None else np.asarray(image, np.uint8), damage)


def parts_fit(data: bytes) -> bool:
    """Whether no chunk of a PNG claims to be longer than the file: OpenCV takes memory for one, up to 4 GB, before it
    reads it. True of other files.
    """
    at = len(_PNG)
    while data.startswith(_PNG) and at + 8 <= len(data):
        at += int.from_bytes(data[at : at + 4], "big") + 12
        if at > len(data):
            return False
    return True


@contextmanager
def _native_stderr() -> Iterator[_Said]:
    """The lines that are written to stderr meanwhile. Others' lines, which other threads may write, go on to it."""
    said = _Said()
    with _lock, tempfile.TemporaryFile() as kept:
        try:
            stderr = os.dup(2)
        except OSError:  # closed
            yield said
            return
        try:
            os.dup2(kept.fileno(), 2)
            yield said
        finally:
            os.dup2(stderr, 2)
            kept.seek(0)
            for line in kept.read().splitlines(keepends=True):
                text = line.decode("utf-8", "replace").strip()
                if _NATIVE.match(text):
                    said.lines.append(text)
                else:
                    os.write(stderr, line)
            os.close(stderr)
