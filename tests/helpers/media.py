"""Makes and breaks media files for the tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
TICKS = 90_000  # a second


def encode(
    path: Path,
    images: Sequence[Image],
    times_s: Sequence[float],
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    keyframes: int | None = None,
) -> Path:
    """A video file with exactly these presentation times. Images are BGR with even sides.

    keyframes: at most so many frames apart.
    """
    height, width = images[0].shape[:2]
    with av.open(path, "w", options=options or {}) as file:
        stream = file.add_stream(codec, rate=30, width=width, height=height)
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        if keyframes:
            stream.codec_context.gop_size = keyframes
        stream.codec_context.time_base = (
            Fraction(1, TICKS) if codec == "libx264" else Fraction(1, 100 if codec == "gif" else 30)
        )
        for image, time_s in zip(images, times_s, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(time_s / frame.time_base)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def numbered(count: int, width: int = 64, height: int = 48) -> list[Image]:
    """Frames that tell their number through a lossy codec: eight bits as black and white columns."""
    frames = []
    for number in range(count):
        image = np.zeros((height, width, 3), np.uint8)
        for bit in range(8):
            image[:, bit * width // 8 : (bit + 1) * width // 8] = 255 * (number >> bit & 1)
        frames.append(image)
    return frames


def number_of(image: Image) -> int:
    width = image.shape[1]
    centers = [(2 * bit + 1) * width // 16 for bit in range(8)]
    return sum((int(image[:, x].mean()) > 127) << bit for bit, x in enumerate(centers))


def encode_sound_only(path: Path) -> Path:
    with av.open(path, "w") as file:
        stream = file.add_stream("aac", rate=8000, layout="mono")
        for i in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8000, i * 1024
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def cut_off(source: Path, target: Path, share: float) -> Path:
    """The first part of a file, as a full disk or a dropped connection leaves it."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def rotate_90(source: Path, target: Path) -> Path:
    """The same mp4 with the display matrix that a phone held upright writes (ISO/IEC 14496-12, 8.3.2)."""
    data = bytearray(source.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # version 0: 40 bytes of fields before the matrix
    one, w = 0x10000, 0x40000000
    assert struct.unpack_from(">9i", data, matrix) == (one, 0, 0, 0, one, 0, 0, 0, w)
    struct.pack_into(">9i", data, matrix, 0, one, 0, -one, 0, 0, 0, 0, w)
    target.write_bytes(data)
    return target
