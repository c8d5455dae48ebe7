"""Whether a file ends as files of its kind do, for kinds that do not give their length at the front.

Each rule is one of the format's own: whole packets, a mark at the end, or a last length that fits.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO, Final

__all__ = ["end_of"]

_TAIL: Final = 1 << 17  # bytes from the end in which the last page or packet begins
_SYNC, _PACKETS = 0x47, ((188, 0), (192, 4), (204, 0))  # of transport streams: length, and where the sync byte is
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_MXF = bytes.fromhex("060e2b34020501010d010201")
_PACK, _FIRST_STREAM = b"\x00\x00\x01\xba", 0xBB

End = tuple[int | None, bool]  # see container.Extent: missing, unfinished
_UNKNOWN: Final[End] = (None, False)


def end_of(file: BinaryIO, size: int) -> End:
    """Bytes that are missing, None where it does not tell; and whether the mark of the end is."""
    file.seek(0)
    head = file.read(1024)
    file.seek(max(size - _TAIL, 0))
    tail = file.read(_TAIL)
    for length, offset in _PACKETS:
        if len(head) > 2 * length and all(head[i * length + offset] == _SYNC for i in range(3)):
            return -size % length, False
    for begins, rule in _RULES.items():
        if head.startswith(begins):
            return rule(head, tail, size)
    return _UNKNOWN


def _ogg(_: bytes, tail: bytes, size: int) -> End:
    """The last page of each stream says so (RFC 3533)."""
    at = tail.rfind(b"OggS")
    if at < 0 or at + 27 > len(tail):
        return (None, at >= 0)
    segments = tail[at + 26]
    end = at + 27 + segments + sum(tail[at + 27 : at + 27 + segments])
    if end > len(tail):
        return end - len(tail), False
    return 0, not tail[at + 5] & 4


def _program_stream(_: bytes, tail: bytes, size: int) -> End:
    """Packets say how long they are (ISO/IEC 13818-1, 2.5); a mark of the end is seldom written."""
    at = tail.rfind(_PACK)
    if at < 0 or at + 14 > len(tail):
        return _UNKNOWN
    at += 14 + (tail[at + 13] & 7) if tail[at + 4] & 0xC0 == 0x40 else 12  # MPEG-2, or MPEG-1
    while at + 6 <= len(tail) and tail[at : at + 3] == b"\0\0\1" and tail[at + 3] >= _FIRST_STREAM:
        at += 6 + int.from_bytes(tail[at + 4 : at + 6], "big")
    return max(at - len(tail), 0), False


def _flv(_: bytes, tail: bytes, size: int) -> End:
    """Behind each tag stands its length."""
    before = int.from_bytes(tail[-4:], "big")
    if not 11 <= before <= len(tail) - 4:
        return None, before < 11 or before > size
    tag = tail[-4 - before :]
    return None, int.from_bytes(tag[1:4], "big") != before - 11


def _asf(head: bytes, _: bytes, size: int) -> End:
    """The File Properties Object has the file's size, unless it was broadcast."""
    at = head.find(_ASF_FILE)
    if at < 0 or at + 92 > len(head):
        return _UNKNOWN
    (announced,) = struct.unpack_from("<Q", head, at + 40)
    (flags,) = struct.unpack_from("<I", head, at + 88)
    return _UNKNOWN if flags & 1 or not announced else (max(announced - size, 0), False)


def _mxf(head: bytes, _: bytes, size: int) -> End:
    """The header partition has the place of the footer (SMPTE ST 377-1); 0 while it is not written."""
    width = head[16] & 0x7F if head[16] & 0x80 else 0
    (footer,) = struct.unpack_from(">Q", head, 17 + width + 24)
    return (max(footer + 1 - size, 0), False) if footer < 1 << 62 else _UNKNOWN


def _dv(head: bytes, _: bytes, size: int) -> End:
    """All frames are of one length."""
    return -size % (144_000 if head[3] & 0x80 else 120_000), False


def _ends_with(mark: bytes) -> Callable[[bytes, bytes, int], End]:
    return lambda _, tail, __: (None, not tail.rstrip(b"\0\n").endswith(mark))


_RULES: Final[dict[bytes, Callable[[bytes, bytes, int], End]]] = {
    b"OggS": _ogg,
    _PACK: _program_stream,
    b"FLV": _flv,
    _ASF: _asf,
    _MXF: _mxf,
    b"\x1f\x07\x00": _dv,
    b"GIF8": _ends_with(b";"),
    b"\xff\xd8\xff": _ends_with(b"\xff\xd9"),
    b"\x89PNG": _ends_with(b"IEND\xaeB`\x82"),
}
