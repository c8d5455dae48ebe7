"""A frame of FFmpeg -> an upright picture with square pixels."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from fer_video.media.colour import Colours
from fer_video.media.orientation import UPRIGHT, Orientation
from fer_video.media.picture import Planes, steps_of
from fer_video.types import Image

__all__ = ["aspect_of", "displayed_size", "orientation_of", "picture_of"]

_LIMITED = 1  # of FFmpeg's AVColorRange
_LEAST_ASPECT, _MOST_ASPECT = Fraction(1, 8), Fraction(8)  # pixels flatter than that are a damaged header's
# What FFmpeg's other formats are rewritten as, without loss: semi-planar and packed ones.
_PLANAR = {"nv12": "yuv420p", "nv21": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p", "yuyv422": "yuv422p",
           "uyvy422": "yuv422p", "yvyu422": "yuv422p", "uyyvyy411": "yuv411p"}  # fmt: skip


def picture_of(frame: Any, aspect: Fraction, orientation: Orientation, colours: Colours) -> Image | Planes:
    """frame: an av.VideoFrame that is not interlaced. colours: of the frame as it was decoded.

    Gives BGR for what is coded as such, else planes. Its memory is the frame's where nothing had to be done.
    """
    planes = _planes_of(frame, colours)
    size = displayed_size(frame.width, frame.height, aspect, UPRIGHT)
    if size != (frame.width, frame.height):
        planes = [_stretched(plane, size, planes[0]) for plane in planes]
    if orientation != UPRIGHT:
        planes = [orientation.apply(plane) for plane in planes]
    if planes[0].ndim == 3:
        return planes[0]
    if len(planes) == 1:  # FFmpeg takes grey for the full range unless it is told otherwise
        return Planes(planes[0], None, None, Colours(colours.matrix, frame.color_range != _LIMITED, colours.transfer))
    return Planes(planes[0], planes[1], planes[2], colours)


def aspect_of(aspect: Fraction | None) -> Fraction:
    """Width over height of a pixel; 1 where it is not told or cannot be true."""
    return aspect if aspect is not None and _LEAST_ASPECT <= aspect <= _MOST_ASPECT else Fraction(1)


def displayed_size(width: int, height: int, aspect: Fraction, orientation: Orientation) -> tuple[int, int]:
    """Width and height with square pixels, upright. One side grows, so that no line is lost."""
    if aspect >= 1:
        width = round(width * aspect)
    else:
        height = round(height / aspect)
    return (height, width) if orientation.exchanged else (width, height)


def orientation_of(frame: Any) -> Orientation:
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            return Orientation.of_matrix(bytes(data))
    return UPRIGHT


def _planes_of(frame: Any, colours: Colours) -> list[Image]:
    """(H, W, 3) BGR alone, or luma, or luma and two of chroma, 8 bits each."""
    kind = frame.format
    if kind.is_rgb or kind.has_palette or kind.is_bayer:
        return [np.asarray(_rewritten(frame, "bgr24").to_ndarray(), np.uint8)]
    parts = [part for part in kind.components if not part.is_alpha]
    planar = len({part.plane for part in parts}) == len(parts) and not kind.is_big_endian and not kind.is_bit_stream
    if not planar or parts[0].bits > 16 or any(plane.line_size <= 0 for plane in frame.planes):
        other = _PLANAR.get(kind.name) or ("gray" if len(parts) == 1 else "yuv444p")
        return _planes_of(_rewritten(frame, other if other != kind.name else "yuv444p"), colours)
    return [_plane(frame.planes[part.plane], part.bits, colours.full) for part in parts]


def _plane(plane: Any, bits: int, full: bool) -> Image:
    kind = np.uint8 if bits <= 8 else np.uint16
    lines = np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width]
    if bits <= 8:
        return np.asarray(lines, np.uint8)
    scale = 255 / ((1 << bits) - 1) if full else 1 / (1 << (bits - 8))
    return np.asarray(cv2.convertScaleAbs(lines, alpha=scale), np.uint8)


def _rewritten(frame: Any, kind: str) -> Any:
    """In another format, with the same code values."""
    frame.colorspace = 2  # FFmpeg refuses those it has no matrix for, even where none is needed
    return frame.reformat(format=kind)


def _stretched(plane: Image, size: tuple[int, int], luma: Image) -> Image:
    """size: width and height that the luma is to have; chroma stays as coarse as it is."""
    down, across = steps_of(luma[:, :, 0], plane[:, :, 0]) if plane.ndim == 3 else steps_of(luma, plane)
    size = (-(-size[0] // across), -(-size[1] // down))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.uint8)
