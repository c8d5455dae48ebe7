"""A decoded picture that stays as it was decoded until its pixels are wanted.

Most of a video frame is never looked at as colours: the detector takes it small, crops are parts of it. So the planes
of luma and chroma are kept, which costs nothing, and what is asked for is made of them: shrinking three planes and
converting the small picture gives the same as converting all of it first, in a fraction of the time.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from fer_video.media.colour import Colours, to_bgr
from fer_video.media.resize import resized
from fer_video.types import Image

__all__ = ["Planes"]


class Planes:
    """Luma and chroma, upright and with square pixels. Has the shape of the image it stands for, and parts like it.

    y: (H, W) uint8. u, v: blue and red difference, as large or smaller; None for grey pictures.
    """

    __slots__ = ("_colours", "_image", "_planes")

    def __init__(self, y: Image, u: Image | None, v: Image | None, colours: Colours) -> None:
        self._planes = [y] if u is None or v is None else [y, u, v]
        self._colours = colours
        self._image: Image | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        height, width = self._planes[0].shape[:2]
        return height, width, 3

    @property
    def nbytes(self) -> int:
        return sum(plane.nbytes for plane in self._planes)

    @property
    def image(self) -> Image:
        """(H, W, 3) uint8 BGR; made when asked for, once."""
        if self._image is None:
            height, width = self.shape[:2]
            size = (width, height)
            same = [each if each.shape == (height, width) else _enlarged(each, size) for each in self._planes]
            self._image = self._converted(same)
        return self._image

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.image, dtype) if not copy else np.array(self.image, dtype)

    def shrunk(self, width: int, height: int) -> Image:
        """(height, width, 3) uint8 BGR, scaled as resized() does it."""
        return self._converted([resized(plane, width, height) for plane in self._planes])

    def grey(self, width: int, height: int) -> Image:
        """(height, width) uint8: the brightness of a small picture, by four pixels around each of its own."""
        small = np.asarray(cv2.resize(self._planes[0], (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        if self._colours.full:
            return small
        return np.asarray(cv2.convertScaleAbs(cv2.subtract(small, 16.0), alpha=255 / 219), np.uint8)

    def __getitem__(self, part: tuple[slice, slice]) -> Planes:
        """Rows and columns of it, without copying. Chroma begins with the sample that the first pixel lies in."""
        height, width = self.shape[:2]
        top, bottom, _ = part[0].indices(height)
        left, right, _ = part[1].indices(width)
        parts = [self._planes[0][top:bottom, left:right]]
        for plane in self._planes[1:]:
            down, across = -(-height // plane.shape[0]), -(-width // plane.shape[1])
            parts.append(plane[top // down : -(-bottom // down), left // across : -(-right // across)])
        return Planes(parts[0], parts[1] if parts[1:] else None, parts[2] if parts[1:] else None, self._colours)

    def _converted(self, planes: list[Image]) -> Image:
        """Planes of one size -> BGR."""
        if len(planes) == 1:
            neutral = np.full_like(planes[0], 128)
            planes = [planes[0], neutral, neutral]
        return to_bgr(np.asarray(cv2.merge(planes), np.uint8), self._colours)


def _enlarged(plane: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.uint8)
