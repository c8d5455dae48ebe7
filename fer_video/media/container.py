"""Whether a video file is as long as it says it is, read from the outermost structure of the container.

FFmpeg decodes what is there of a cut-off file and then just ends, so "the end" and "cut off" look alike from
the decoder's side, and frame counts are hints. The container's own sizes tell them apart for certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fer_video.media.endings import end_of

__all__ = ["Extent", "describe_damage", "measure"]

_ISO_BOXES = {b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"sidx"}
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT, _CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_MOST_MISSING = 1 << 44
_MAX_STEPS = 100_000  # a hostile file may hold millions of empty boxes


@dataclass(frozen=True, slots=True)
class Extent:
    """missing: bytes that the container promises beyond the file's end, 0 complete, None when it does not tell.
    counts_frames: whether it keeps the number of the video's own frames, so that the announced length is theirs.
    unfinished: whether the mark is missing that ends files of its kind.
    """

    missing: int | None = None
    counts_frames: bool = False
    unfinished: bool = False


def measure(path: Path) -> Extent:
    """Knows ISO media (mp4, mov, m4v, 3gp), RIFF (avi), Matroska (mkv, webm), and by their ends others (endings.py)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] in _ISO_BOXES:
            return Extent(max(_iso_end(file, size)[0] - size, 0), counts_frames=True)
        if head[:4] == b"RIFF":
            return Extent(_riff_missing(file, size), counts_frames=True)
        if head[:4] == _EBML:
            return Extent(_matroska_missing(file, size))
        missing, unfinished = end_of(file, size)
    return Extent(missing, unfinished=unfinished)


def describe_damage(path: Path) -> str | None:
    """Why a video that does not open may not open, None when the container shows no reason."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(12)[4:8] in _ISO_BOXES:
            end, has_index = _iso_end(file, size)
            if end > size:
                return f"the file is cut off ({end - size} bytes are missing)"
            if not has_index:
                return "the file is cut off or was never finished (its index, the moov box, is missing)"
    return None


def _iso_end(file: BinaryIO, size: int) -> tuple[int, bool]:
    """Where the top-level boxes end, and whether one of them is the index (ISO/IEC 14496-12, 4.2)."""
    at, has_index = 0, False
    for _ in range(_MAX_STEPS):
        if at + 8 > size:
            break
        file.seek(at)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        has_index |= kind == b"moov"
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length == 0:  # up to the end of the file
            return size, has_index
        if length < 8 or (at + length > size and kind not in _ISO_BOXES):  # no box: something written behind them
            break
        at += length
    return at, has_index


def _riff_missing(file: BinaryIO, size: int) -> int | None:
    """An avi over 1 GiB is a row of RIFF chunks (OpenDML)."""
    at = 0
    for _ in range(_MAX_STEPS):
        file.seek(at)
        header = file.read(8)
        if len(header) < 8 or header[:4] != b"RIFF":
            return 0 if at else None
        length = int.from_bytes(header[4:8], "little")
        if length == 0:  # a recorder that never came to writing the size
            return None
        at += 8 + length + length % 2
        if at > size + 1:
            return at - size
    return None


def _matroska_missing(file: BinaryIO, size: int) -> int | None:
    """The Segment holds everything. Live recordings leave its size open (RFC 8794), and that of its Clusters: then what
    is in them must end with the file."""
    at = 0
    for _ in range(_MAX_STEPS):
        if at >= size:
            return 0 if at == size else at - size
        file.seek(at)
        identifier, length, header = _element(file.read(16))
        if not header:
            return None
        if length is None and identifier not in (_SEGMENT, _CLUSTER):
            return None
        if length is None:
            at += header
        elif identifier == _SEGMENT:
            missing = max(at + header + length - size, 0)
            return missing if missing < _MOST_MISSING else None  # more is a damaged header's
        else:
            at += header + length
    return None


def _element(data: bytes) -> tuple[bytes, int | None, int]:
    """Identifier, size of the content (None: open) and of the header; 0 where there is no element."""
    if len(data) < 2 or not data[0]:
        return b"", None, 0
    start = 9 - data[0].bit_length()  # leading zeros of the first byte, plus one
    if start > 4 or len(data) <= start or not data[start]:
        return b"", None, 0
    width = 9 - data[start].bit_length()
    length = int.from_bytes(data[start : start + width], "big") & ((1 << 7 * width) - 1)
    return data[:start], None if length == (1 << 7 * width) - 1 else length, start + width
