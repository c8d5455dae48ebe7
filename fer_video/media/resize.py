"""Scaling of pictures: the one way in which the inputs of networks are made smaller or larger."""

from __future__ import annotations

import cv2
import numpy as np

from fer_video.types import Image, Picture

__all__ = ["halvings", "resized"]


def halvings(length: int, size: int) -> int:
    """How often `length` pixels are halved on their way to `size`."""
    return max((length // size).bit_length() - 1, 0)


def resized(image: Image | Picture, width: int, height: int) -> Image:
    """(H, W, 3) or (H, W) uint8 -> the same with height and width. A picture is not made an image before it is small.

    Bilinear interpolation alone looks at four pixels, so it drops some where it shrinks by more than two: the picture
    is halved, each pixel the mean of four, until less than two remains. OpenCV's INTER_AREA does it in one step, but
    takes five times as long for a factor that is not whole (benchmarks/frames.py).

    A row or column left over when halving, at the bottom or at the right, is left out: less than a pixel of what
    comes out of it.
    """
    if not isinstance(image, np.ndarray):
        return image.shrunk(width, height)
    for _ in range(min(halvings(image.shape[1], width), halvings(image.shape[0], height))):
        rows, columns = image.shape[0] // 2, image.shape[1] // 2
        even = image[: rows * 2, : columns * 2]
        image = np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
