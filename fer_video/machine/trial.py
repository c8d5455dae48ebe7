"""Tiny videos of each kind that decoders get wrong, made and read back: are their pictures what was drawn?"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from fer_video.errors import InputError
from fer_video.media.sampling import Sampling
from fer_video.media.video import VideoSource
from fer_video.types import Image

__all__ = ["KINDS", "check_kind"]

_WIDTH, _HEIGHT, _TICKS = 96, 64, 100  # the last: units of time in a second
_CLOSE = 12.0  # levels between a drawn colour and what comes back
# Blue, green, red of the quarters: above left, above right, below left, below right.
_QUARTERS = ((255, 255, 255), (0, 0, 191), (0, 191, 0), (191, 0, 0))
_INTERLACED = 0x40000 | 0x20000000  # FFmpeg's AV_CODEC_FLAG_INTERLACED_DCT and _ME


@dataclass(frozen=True, slots=True)
class _Kind:
    file: str
    codec: str
    pixels: str = "yuv420p"
    flags: int = 0
    aspect: Fraction = Fraction(1)
    turn: tuple[int, int, int, int] = (1, 0, 0, 1)  # a, b, c, d of a display matrix
    stamps: tuple[int, ...] = (0, 4, 8, 12)  # in hundredths of a second
    order: tuple[int, int, int, int] = (0, 1, 2, 3)  # of the quarters, as they are to be seen
    size: tuple[int, int] = (_WIDTH, _HEIGHT)


KINDS = {
    "progressive": _Kind("p.avi", "mpeg4"),
    "interlaced": _Kind("i.mkv", "mpeg2video", flags=_INTERLACED),
    "10 bits": _Kind("b.mkv", "ffv1", "yuv420p10le"),
    "turned": _Kind("t.mp4", "mpeg4", turn=(0, 1, -1, 0), order=(2, 0, 3, 1), size=(_HEIGHT, _WIDTH)),
    "mirrored": _Kind("m.mp4", "mpeg4", turn=(-1, 0, 0, 1), order=(1, 0, 3, 2)),
    "anamorphic": _Kind("a.mp4", "mpeg4", aspect=Fraction(3, 2), size=(_WIDTH * 3 // 2, _HEIGHT)),
    "variable frame rate": _Kind("v.mkv", "ffv1", stamps=(0, 3, 21, 25)),
}


def check_kind(name: str, folder: Path) -> str | None:
    """Why a kind of video is not read as it was drawn; None when it is."""
    kind = KINDS[name]
    path = folder / kind.file
    _write(path, kind)
    try:
        with VideoSource(path) as source:
            frames = list(source.frames(Sampling(fps=None)))
    except InputError as error:
        return str(error)
    wanted_s = [stamp / _TICKS for stamp in kind.stamps]
    times_s = [frame.time_s for frame in frames]
    if len(times_s) != len(wanted_s) or max(abs(a - b) for a, b in zip(times_s, wanted_s, strict=True)) > 2e-3:
        return f"times {times_s} instead of {wanted_s}"
    for frame in frames:
        if frame.image.shape[1::-1] != kind.size:
            return f"{frame.image.shape[1]} x {frame.image.shape[0]} pixels instead of {kind.size[0]} x {kind.size[1]}"
        apart = max(_apart(frame.image, kind))
        if apart > _CLOSE:
            return f"colours are {apart:.0f} levels from those that were drawn"
    return None


def _apart(image: Image, kind: _Kind) -> Iterator[float]:
    height, width = image.shape[:2]
    for place, quarter in enumerate(kind.order):
        y, x = height // 4 + place // 2 * height // 2, width // 4 + place % 2 * width // 2
        found = image[y - 5 : y + 5, x - 5 : x + 5].mean((0, 1))
        yield float(np.abs(found - _QUARTERS[quarter]).max())


def _write(path: Path, kind: _Kind) -> None:
    image = np.zeros((_HEIGHT, _WIDTH, 3), np.uint8)
    for place, colour in enumerate(_QUARTERS):
        y, x = place // 2 * _HEIGHT // 2, place % 2 * _WIDTH // 2
        image[y : y + _HEIGHT // 2, x : x + _WIDTH // 2] = colour
    with av.open(path, "w") as file:
        stream: Any = file.add_stream(kind.codec, rate=25, width=_WIDTH, height=_HEIGHT, options={"b": "4000000"})
        stream.pix_fmt = kind.pixels
        codec = stream.codec_context
        codec.flags |= kind.flags
        codec.sample_aspect_ratio = kind.aspect
        if kind.codec == "ffv1":
            codec.time_base = Fraction(1, _TICKS)
        for stamp in kind.stamps:
            frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=kind.pixels)
            frame.time_base = Fraction(1, _TICKS)
            frame.pts = stamp
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    if kind.turn != (1, 0, 0, 1):
        _turn(path, kind.turn)


def _turn(path: Path, turn: tuple[int, int, int, int]) -> None:
    """The matrix in the track's header (ISO/IEC 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    a, b, c, d = (value << 16 for value in turn)
    struct.pack_into(">9i", data, data.index(b"tkhd") + 4 + 40, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
