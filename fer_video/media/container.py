"""Is a video file as long as it says it is? Read from the outermost structure of the container.

FFmpeg decodes what is there of a cut-off file and then just ends, so "the end" and "cut off" look alike from
the decoder's side, and frame counts are hints. The container's own sizes tell them apart for certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["Extent", "describe_damage", "measure"]

_ISO_BOXES = {b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"sidx"}
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_MAX_STEPS = 100_000  # a hostile file may hold millions of empty boxes


@dataclass(frozen=True, slots=True)
class Extent:
    """missing: bytes that the container promises beyond the file's end, 0 complete, None when it does not tell.
    counts_frames: whether it keeps the number of the video's own frames, so that the announced length is theirs.
    """

    missing: int | None = None
    counts_frames: bool = False


def measure(path: Path) -> Extent:
    """Knows ISO media (mp4, mov, m4v, 3gp), RIFF (avi) and Matroska (mkv, webm)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] in _ISO_BOXES:
            return Extent(max(_iso_end(file, size)[0] - size, 0), counts_frames=True)
        if head[:4] == b"RIFF":
            return Extent(_riff_missing(file, size), counts_frames=True)
        if head[:4] == _EBML:
            return Extent(_matroska_missing(file, size))
    return Extent()


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
    """The Segment holds everything; live recordings leave its size open (RFC 8794)."""
    at = 0
    for _ in range(16):
        file.seek(at)
        header = file.read(12)
        identifier = header[:4]
        if len(header) < 5:
            return None
        width = 9 - header[4].bit_length()  # leading zeros of the first byte, plus one
        if width > 8:
            return None
        length = int.from_bytes(header[4 : 4 + width], "big") & ((1 << 7 * width) - 1)
        if length == (1 << 7 * width) - 1:
            return None
        end = at + 4 + width + length
        if identifier == _SEGMENT:
            return max(end - size, 0)
        at = end
    return None
