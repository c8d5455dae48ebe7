"""A decoded picture that stays as it was decoded until its pixels are needed.

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

__all__ = ["Planes", "steps_of"]


class Planes:
    """Luma and chroma, upright and with square pixels. Has the shape of the image it stands for, and parts like it.

    y: (H, W) uint8. u, v: blue and red difference, as large or smaller; None for grey pictures.
    """

    __slots__ = ("_colours", "_image", "_planes", "_start", "_steps")

    def __init__(
        self,
        y: Image,
        u: Image | None,
        v: Image | None,
        colours: Colours,
        start: tuple[int, int] = (0, 0),
        steps: tuple[int, int] | None = None,
    ) -> None:
        """start: row and column of the first pixel within its sample of chroma. steps: rows and columns of pixels in
        one sample; None: by the sizes.
        """
        self._planes = [y] if u is None or v is None else [y, u, v]
        self._start, self._steps = start, steps or steps_of(y, self._planes[-1])
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
            self._image = self._converted([self._planes[0], *(self._enlarged(each) for each in self._planes[1:])])
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
        down, across = self._steps
        y, x = top + self._start[0], left + self._start[1]
        rows = slice(y // down, -(-(bottom + self._start[0]) // down))
        columns = slice(x // across, -(-(right + self._start[1]) // across))
        parts = [self._planes[0][top:bottom, left:right], *(plane[rows, columns] for plane in self._planes[1:])]
        u, v = parts[1:] if len(parts) == 3 else (None, None)
        return Planes(parts[0], u, v, self._colours, (y % down, x % across), self._steps)

    def _enlarged(self, plane: Image) -> Image:
        """Chroma, one value for each pixel."""
        (height, width), (down, across) = self.shape[:2], self._steps
        if not plane.size or (down, across) == (1, 1):
            return plane[:height, :width]
        size = (plane.shape[1] * across, plane.shape[0] * down)
        whole = cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)
        (y, x) = self._start
        return np.asarray(whole[y : y + height, x : x + width], np.uint8)

    def _converted(self, planes: list[Image]) -> Image:
        """Planes of one size -> BGR."""
        if not planes[0].size:
            return np.zeros((*planes[0].shape, 3), np.uint8)
        if len(planes) == 1:
            neutral = np.full_like(planes[0], 128)
            planes = [planes[0], neutral, neutral]
        return to_bgr(np.asarray(cv2.merge(planes), np.uint8), self._colours)


def steps_of(luma: Image, chroma: Image) -> tuple[int, int]:
    """Rows and columns of pixels for one sample of chroma: 1, 2 or 4."""
    down, across = (1 << (-(-a // max(b, 1)) - 1).bit_length() for a, b in zip(luma.shape, chroma.shape, strict=True))
    return down, across
