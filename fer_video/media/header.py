"""The facts in the first bytes of a picture file: its size, its orientation, and whether it is animated.

Read before anything is decoded, so that a few bytes cannot ask for gigabytes, and that pictures of every kind are
turned by the same rule. Offsets are those of the formats' specifications.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from fer_video.media.orientation import UPRIGHT, Orientation

__all__ = ["Header", "read_header"]

_MOST_SEGMENTS = 10_000
_EXIF = b"Exif\0\0"
_SIZED_SEGMENTS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15
_ORIENTATION, _WIDTH, _HEIGHT = 274, 256, 257  # tags of TIFF


@dataclass(frozen=True, slots=True)
class Header:
    """size: width and height as stored; None where it was not found."""

    kind: str  # png, jpeg, gif, webp, bmp, tiff, avif; empty for all others
    size: tuple[int, int] | None = None
    orientation: Orientation = UPRIGHT
    moves: bool = False  # whether it holds an animation


def read_header(data: bytes) -> Header:
    """data: the whole file, or its first part. Damaged files give what could be read."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return Header("gif", struct.unpack_from("<HH", data, 6), moves=True)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
        if data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
            return Header("bmp", (abs(width), abs(height)))
        if data[:4] in (b"II*\0", b"MM\0*"):
            tags = _tiff_tags(data)
            size = (tags[_WIDTH], tags[_HEIGHT]) if _WIDTH in tags and _HEIGHT in tags else None
            return Header("tiff", size, Orientation.of_exif(tags.get(_ORIENTATION, 1)))
        if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
            return Header("avif", moves=data[8:12] == b"avis")
    except (struct.error, IndexError, ValueError):
        pass
    return Header("")


def _png(data: bytes) -> Header:
    size, orientation, moves, at = struct.unpack_from(">II", data, 16), UPRIGHT, False, 8
    for _ in range(_MOST_SEGMENTS):
        if at + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"acTL":
            moves = struct.unpack_from(">I", data, at + 8)[0] > 1
        elif kind == b"eXIf":
            orientation = _orientation(data[at + 8 : at + 8 + length])
        at += 12 + length
    return Header("png", size, orientation, moves)


def _jpeg(data: bytes) -> Header:
    size, orientation, at = None, UPRIGHT, 2
    for _ in range(_MOST_SEGMENTS):
        if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] == 0xDA:  # the picture itself
            break
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if kind in (0xFF, 0x01) or 0xD0 <= kind <= 0xD7:  # filling, and marks without content
            at += 1 if kind == 0xFF else 2
            continue
        if kind in _SIZED_SEGMENTS:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
        elif kind == 0xE1 and data[at + 4 : at + 10] == _EXIF:
            orientation = _orientation(data[at + 10 : at + 2 + length])
        at += 2 + length
    return Header("jpeg", size, orientation)


def _webp(data: bytes) -> Header:
    size, orientation, moves, at = None, UPRIGHT, False, 12
    for _ in range(_MOST_SEGMENTS):
        if at + 8 > len(data):
            break
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = at + 8
        if kind == b"VP8X":
            moves = bool(data[body] & 2)
            width, height = (int.from_bytes(data[body + i : body + i + 3], "little") + 1 for i in (4, 7))
            size = (width, height)
        elif kind == b"VP8 " and size is None:
            width, height = struct.unpack_from("<HH", data, body + 6)
            size = (width & 0x3FFF, height & 0x3FFF)
        elif kind == b"VP8L" and size is None:
            bits = int.from_bytes(data[body + 1 : body + 5], "little")
            size = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        elif kind == b"EXIF":
            exif = data[body : body + length]
            orientation = _orientation(exif.removeprefix(_EXIF))
        at = body + length + length % 2
    return Header("webp", size, orientation, moves)


def _orientation(exif: bytes) -> Orientation:
    try:
        return Orientation.of_exif(_tiff_tags(exif).get(_ORIENTATION, 1))
    except struct.error:
        return UPRIGHT


def _tiff_tags(data: bytes) -> dict[int, int]:
    """Numbers of the first directory: tag -> value."""
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    tags = {}
    for i in range(count):
        tag, kind, _ = struct.unpack_from(order + "HHI", data, start + 2 + 12 * i)
        if kind in (3, 4):  # short, long
            (tags[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, start + 10 + 12 * i)
    return tags
