"""Arrays of pixels and Pillow's pictures, from a program instead of a file -> frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Literal

import numpy as np

from fer_video.errors import InputError, OptionError
from fer_video.media.sampling import Choice, Sampling
from fer_video.media.source import Source, SourceInfo
from fer_video.types import Frame, Image

__all__ = ["ArraySource", "Order", "image_of", "is_pixels"]

Order = Literal["bgr", "rgb"]


def is_pixels(value: Any) -> bool:
    """An array or a picture of Pillow's, not the name of a file."""
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__")


def image_of(pixels: Any, order: Order = "bgr") -> Image:
    """(height, width, 3) uint8 BGR of an array of 8 bits, grey or colour, or of a picture of Pillow's.

    order: how the channels of an array follow each other; Pillow's pictures know it themselves. Transparency is left
    out. Raises InputError for what is no picture.
    """
    if hasattr(pixels, "convert") and hasattr(pixels, "mode"):
        pixels, order = pixels.convert("RGB"), "rgb"
    array = np.asarray(pixels)
    if array.dtype != np.uint8:
        raise InputError(f"an array of {array.dtype} is not a picture here; give numbers of 0 to 255 as uint8")
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or not array.size:
        raise InputError(f"an array of shape {array.shape} is not a picture; give height x width x 3")
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    colours = array[:, :, :3]
    return np.ascontiguousarray(colours if order == "bgr" else colours[:, :, ::-1])


class ArraySource(Source):
    """Pictures one after the other, `fps` a second; with fps None a single one, without times. Read once."""

    def __init__(self, pictures: Iterable[Any], fps: float | None, order: Order = "bgr") -> None:
        if order not in ("bgr", "rgb"):
            raise OptionError(f"order must be bgr or rgb, not {order!r}")
        self._fps, self._order = fps, order
        rest = iter(pictures)
        try:
            first = next(rest)
        except StopIteration:
            raise InputError("no frames: there is not one picture") from None
        height, width = image_of(first, order).shape[:2]
        self._pictures = chain([first], rest)
        self.info = SourceInfo(width, height, fps, None, None)

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        if self._fps is None:
            yield Frame(0, 0.0, image_of(next(self._pictures), self._order))
            return
        chosen, index = Choice(sampling), -1
        for index, picture in enumerate(self._pictures):
            time_s = index / self._fps
            if chosen.after_end(time_s):
                return
            if chosen.take(index, time_s):
                yield Frame(index, time_s, image_of(picture, self._order))
        self.duration_s = (index + 1) / self._fps
