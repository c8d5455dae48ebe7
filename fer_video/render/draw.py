"""Rectangles and readable text on BGR pictures, at any size. Text needs Pillow (extra [video])."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.errors import OptionError, printable
from fer_video.render.palette import rgb
from fer_video.types import Image

__all__ = ["bgr", "check_text", "fill", "outline", "text", "text_size"]

Colour = tuple[int, int, int]
_LONGEST = 80  # characters: labels of somebody else's model may be any text


def check_text() -> None:
    """Raises OptionError without Pillow."""
    try:
        import PIL.ImageFont as _  # noqa: F401
    except ImportError as error:
        raise OptionError("drawing needs Pillow: pip install 'fervid[video]'") from error


def bgr(colour: str) -> Colour:
    red, green, blue = rgb(colour)
    return blue, green, red


@lru_cache(maxsize=32)
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)  # comes with Pillow, so that it looks alike everywhere


@lru_cache(maxsize=4096)
def _mask(said: str, size: int) -> npt.NDArray[np.float32]:
    """(h, w, 1) how much of each pixel the text covers, 0 to 1. All texts of a size have the same height."""
    from PIL import Image as Pictures
    from PIL import ImageDraw

    font = _font(size)
    ascent, descent = font.getmetrics()
    width = max(round(font.getlength(said)) + 1, 1)
    picture = Pictures.new("L", (width, ascent + descent))
    ImageDraw.Draw(picture).text((0, 0), said, fill=255, font=font)
    return np.asarray(picture, np.float32)[..., None] / np.float32(255)


def _shown(said: str) -> str:
    return printable(said)[:_LONGEST]


def text_size(said: str, size: int) -> tuple[int, int]:
    """(width, height) in pixels of a text of a font size."""
    height, width = _mask(_shown(said), size).shape[:2]
    return width, height


def text(image: Image, said: str, x: int, y: int, size: int, colour: Colour) -> None:
    """Writes with the upper left corner at x, y; what lies outside of the picture is left out."""
    mask = _mask(_shown(said), size)
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + mask.shape[0], image.shape[0]), min(x + mask.shape[1], image.shape[1])
    if top >= bottom or left >= right:
        return
    cover = mask[top - y : bottom - y, left - x : right - x]
    part = image[top:bottom, left:right]
    part[:] = (part * (1 - cover) + np.array(colour, np.float32) * cover + 0.5).astype(np.uint8)


def fill(image: Image, box: tuple[int, int, int, int], colour: Colour, opacity: float = 1.0) -> None:
    """box: x1, y1, x2, y2, the last two not included; what lies outside of the picture is left out."""
    x1, y1, x2, y2 = box
    part = image[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
    if part.size:
        flat = np.full_like(part, colour)
        part[:] = flat if opacity >= 1 else cv2.addWeighted(part, 1 - opacity, flat, opacity, 0)


def outline(image: Image, box: tuple[int, int, int, int], colour: Colour, width: int) -> None:
    """The edge lies on the box's border, with a thin dark line on both sides, to be seen on any ground."""
    x1, y1, x2, y2 = box
    cv2.rectangle(image, (x1, y1), (x2, y2), (0, 0, 0), width + 2 * max(width // 2, 1))
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, width)
