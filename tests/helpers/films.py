"""Videos of known pictures in any codec, with whatever a container can say of them. Colours by ITU-T H.273, by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from media import numbered

__all__ = ["BARS", "Film", "bar_colours", "bars", "coded", "film", "rewrite", "write_packets"]

Image = npt.NDArray[np.uint8]
# Blue, green, red of eight bars: 75 % colours, grey and black, as broadcasters draw them.
BARS = [
    (191, 191, 191),
    (0, 191, 191),
    (191, 191, 0),
    (0, 191, 0),
    (191, 0, 191),
    (0, 0, 191),
    (191, 0, 0),
    (64, 64, 64),
]
LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
_INTERLACED = 0x40000 | 0x20000000  # FFmpeg's AV_CODEC_FLAG_INTERLACED_DCT and _ME


def bars(count: int, width: int = 320, height: int = 192) -> list[Image]:
    """Colour bars above, the frame's number in black and white below."""
    frames = numbered(count, width, height)
    for image in frames:
        for place, colour in enumerate(BARS):
            image[: height // 2, place * width // 8 : (place + 1) * width // 8] = colour
    return frames


def bar_colours(image: Image) -> npt.NDArray[np.float64]:
    """(8, 3): the mean of the middle of each bar."""
    height, width = image.shape[:2]
    part = image[height // 8 : height * 3 // 8]
    step = width / 8
    return np.array([part[:, int((i + 0.3) * step) : int((i + 0.7) * step)].mean((0, 1)) for i in range(8)])


def coded(image: Image, matrix: int, full: bool, bits: int = 8) -> list[npt.NDArray[np.float64]]:
    """Luma, blue and red difference at full size: H.273, 8.3."""
    blue, green, red = np.moveaxis(image / 255.0, 2, 0)
    if matrix == 8:  # YCgCo: the second plane is green, the third orange
        y, cb, cr = (red + 2 * green + blue) / 4, (2 * green - red - blue) / 4, (red - blue) / 2
    else:
        kr, kb = LUMA[matrix]
        y = kr * red + (1 - kr - kb) * green + kb * blue
        cb, cr = (blue - y) / (2 * (1 - kb)), (red - y) / (2 * (1 - kr))
    top = 1 << (bits - 8)
    if full:
        most = (1 << bits) - 1
        return [most * y, most * cb + 128 * top, most * cr + 128 * top]
    return [(219 * y + 16) * top, (224 * cb + 128) * top, (224 * cr + 128) * top]


@dataclass(frozen=True)
class Film:
    """How a video is made."""

    codec: str = "libx264"
    pixels: str = "yuv420p"
    rate: int = 25
    matrix: int | None = None  # None: BT.601, and not told
    full: bool = False
    transfer: int = 2
    aspect: Fraction | None = None
    interlaced: bool = False
    field_order: int = 0  # FFmpeg's AVFieldOrder
    gop: int | None = None
    options: dict[str, str] | None = None
    format: str | None = None
    container: dict[str, str] | None = None  # options of the container
    turn: Sequence[int] | None = None  # the display matrix: nine numbers of 16.16, the last column 2.30


def film(path: Path, images: Sequence[Image], how: Film | None = None, stamps: Iterable[int] | None = None) -> Path:
    """stamps: presentation times in 1/rate s; None: one after the other."""
    how = how or Film()
    with av.open(path, "w", format=how.format, options=how.container or {}) as file:
        height, width = images[0].shape[:2]
        stream = file.add_stream(how.codec, rate=how.rate, options=how.options or {}, width=width, height=height)
        codec = stream.codec_context
        stream.pix_fmt = how.pixels
        if how.gop:
            codec.gop_size = how.gop
        if how.matrix is not None:
            codec.colorspace, codec.color_trc, codec.color_range = how.matrix, how.transfer, 2 if how.full else 1
        if how.aspect is not None:
            codec.sample_aspect_ratio = how.aspect
        if how.interlaced:
            codec.flags |= _INTERLACED
        if how.field_order:
            codec.field_order = how.field_order
        if how.turn is not None:
            stream.set_display_matrix(how.turn)
        for stamp, image in zip(stamps if stamps is not None else range(len(images)), images, strict=False):
            frame = _frame(image, how)
            frame.pts, frame.time_base = stamp, Fraction(1, how.rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def _frame(image: Image, how: Film) -> Any:
    if how.pixels in ("bgr24", "rgb24", "bgr0", "gbrp", "rgb8", "bgra"):
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24").reformat(format=how.pixels)
    frame = av.VideoFrame(image.shape[1], image.shape[0], how.pixels)
    bits = frame.format.components[0].bits
    planes = coded(image, 5 if how.matrix is None else how.matrix, how.full or how.pixels.startswith("yuvj"), bits)
    kind = np.uint8 if bits == 8 else np.dtype("<u2")
    for plane, values in zip(frame.planes, planes, strict=False):
        down, across = values.shape[0] // plane.height, values.shape[1] // plane.width
        small = values.reshape(plane.height, down, plane.width, across).mean((1, 3))
        lines = np.zeros((plane.height, plane.line_size // np.dtype(kind).itemsize), kind)
        lines[:, : plane.width] = np.clip(np.round(small), 0, (1 << bits) - 1)
        plane.update(lines.tobytes())
    if how.matrix is not None:
        frame.colorspace, frame.color_range = how.matrix, 2 if how.full else 1
    return frame


def rewrite(source: Path, target: Path, stamp: Any, *, keep: Any = lambda _: True) -> Path:
    """The same packets with other times. stamp: packet number and time -> time, in the stream's units."""
    with av.open(source) as file, av.open(target, "w") as out:
        stream = out.add_stream_from_template(file.streams.video[0])
        number = 0
        for packet in file.demux(video=0):
            if not packet.size:
                continue
            if keep(number):
                packet.pts, packet.dts = stamp(number, packet.pts), stamp(number, packet.dts)
                packet.stream = stream
                out.mux(packet)
            number += 1
    return target


def write_packets(path: Path, parts: Sequence[Sequence[Image]], stamps_ms: Sequence[int]) -> Path:
    """Motion JPEG in Matroska; each part may have pictures of another size, and stamps may be anything that rises."""
    with av.open(path, "w") as file:
        height, width = parts[0][0].shape[:2]
        stream = file.add_stream("mjpeg", rate=30, width=width, height=height)
        stream.pix_fmt = "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        number = 0
        for images in parts:
            codec = av.CodecContext.create("mjpeg", "w")
            codec.height, codec.width, codec.pix_fmt = *images[0].shape[:2], "yuvj420p"
            codec.time_base, codec.options = Fraction(1, 1000), {"qmin": "2", "qmax": "3"}
            for image in images:
                frame = _frame(image, Film(pixels="yuvj420p", full=True))
                frame.pts, frame.time_base = number, Fraction(1, 1000)
                for packet in codec.encode(frame):
                    packet.stream, packet.time_base = stream, Fraction(1, 1000)
                    packet.pts = packet.dts = stamps_ms[number]
                    file.mux(packet)
                number += 1
    return path
