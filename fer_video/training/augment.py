"""A stored picture -> the crop that the network sees: as inference would cut it, or changed as cameras change it.

Still pictures of posed faces and frames of video differ in framing, light, colour, resolution, blur and compression;
training on such changes is what carries a network from one to the other.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from fer_video.media.resize import resized
from fer_video.training.recipe import Augmentation
from fer_video.types import Image

__all__ = ["augment", "grey", "plain"]


def plain(image: Image, size: int, margin: float) -> Image:
    """(S, S, 3) kept with a margin -> (size, size, 3): the crop itself."""
    kept = image.shape[0]
    inside = round(kept / margin)
    start = (kept - inside) // 2
    crop = image[start : start + inside, start : start + inside]
    return resized(crop, size, size)


def augment(
    image: Image, size: int, margin: float, options: Augmentation, strength: float, rng: np.random.Generator
) -> Image:
    """(S, S, 3) uint8 BGR kept with a margin -> (size, size, 3) uint8 BGR. strength scales every change; 0 is plain.

    The same generator state gives the same picture.
    """
    if strength == 0:
        return plain(image, size, margin)
    crop = _moved(image, size, margin, options, strength, rng)
    if rng.random() < options.flip:
        crop = np.ascontiguousarray(crop[:, ::-1])

    def happens(chance: float) -> bool:
        return bool(rng.random() < chance * strength)

    if happens(options.low_resolution):
        low = int(size * rng.uniform(0.3, 0.7))
        crop = _resized(_resized(crop, low, cv2.INTER_AREA), size, cv2.INTER_LINEAR)
    if happens(options.blur):
        crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.4, 1.4) * size / 96), np.uint8)
    crop = _relit(crop, options, strength, rng)
    if happens(options.grey):
        crop = grey(crop)
    elif happens(options.tint):
        gains = rng.uniform(0.75, 1.25, 3)
        crop = np.clip(crop * gains.astype(np.float32), 0, 255).astype(np.uint8)
    if happens(options.noise):
        noise = rng.standard_normal(crop.shape, np.float32) * np.float32(rng.uniform(2, 10))
        crop = np.clip(crop + noise, 0, 255).astype(np.uint8)
    if happens(options.jpeg):
        quality = int(rng.integers(25, 90))
        stored = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        crop = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)
    if happens(options.erase):
        _erase(crop, rng)
    return crop


def grey(crop: Image) -> Image:
    """Without colour, in three channels as before."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def _moved(
    image: Image, size: int, margin: float, options: Augmentation, strength: float, rng: np.random.Generator
) -> Image:
    """Shifted, scaled and turned around the middle; what lies beyond the kept picture is its nearest pixels."""
    kept = image.shape[0]
    zoom = 1 + strength * options.zoom * rng.uniform(-1, 1)
    scale = size / (kept / margin) * zoom
    matrix = cv2.getRotationMatrix2D(
        (kept / 2 - 0.5, kept / 2 - 0.5), strength * options.turn * rng.uniform(-1, 1), scale
    )
    matrix[:, 2] += size / 2 - kept / 2 + strength * options.shift * size * rng.uniform(-1, 1, 2)
    moved = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _relit(crop: Image, options: Augmentation, strength: float, rng: np.random.Generator) -> Image:
    """Gain around the middle grey, offset and gamma, by a table of 256 values."""
    gain = 1 + strength * options.light * rng.uniform(-1, 1)
    offset = strength * options.light * 0.4 * rng.uniform(-1, 1)
    gamma = math.exp(strength * options.gamma * rng.uniform(-1, 1))
    levels = np.linspace(0, 1, 256) ** gamma
    table = np.clip(((levels - 0.5) * gain + 0.5 + offset) * 255, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(crop, table), np.uint8)


def _resized(crop: Image, size: int, how: int) -> Image:
    return np.asarray(cv2.resize(crop, (max(size, 4), max(size, 4)), interpolation=how), np.uint8)


def _erase(crop: Image, rng: np.random.Generator) -> None:
    """A hand, a microphone, hair: a rectangle of 0.15 to 0.4 of each side, in one colour or in noise."""
    size = crop.shape[0]
    height, width = (int(size * rng.uniform(0.15, 0.4)) for _ in "hw")
    y, x = int(rng.integers(0, size - height + 1)), int(rng.integers(0, size - width + 1))
    if rng.random() < 0.5:
        crop[y : y + height, x : x + width] = rng.integers(0, 256, 3, np.uint8)
    else:
        crop[y : y + height, x : x + width] = rng.integers(0, 256, (height, width, 3), np.uint8)
