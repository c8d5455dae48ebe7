"""Faces that were cut out along their outline -> faces with a surround, as a camera would have recorded them.

Everything outside the outline is black in such pictures (`crop = "masked"` of a recipe). No video looks like that, and
a network that learns from it would learn the outline: what is put around the face is drawn again for every picture
and epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.training.recipe import Surround
from fer_video.types import Image

__all__ = ["face_mask", "surrounded"]

_DARK = 12  # values up to this are black; compression leaves a little in it
_KINDS = ("smear", "pictures", "plain", "black")


def face_mask(image: Image) -> npt.NDArray[np.uint8]:
    """(H, W, 3) cut out along a face's outline -> (H, W) uint8, 255 in the face.

    Black is outside only where it touches the picture's edge, so that dark eyes and open mouths stay; the outermost two
    pixels are left out, which compression has mixed with the black.
    """
    dark = (cv2.max(cv2.max(image[:, :, 0], image[:, :, 1]), image[:, :, 2]) <= _DARK).astype(np.uint8)
    edged = cv2.copyMakeBorder(dark, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=1)
    edged = cv2.morphologyEx(edged, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))  # hair is no way into the face
    cv2.floodFill(edged, None, (0, 0), 2)
    face = np.where(edged[3:-3, 3:-3] == 2, 0, 255).astype(np.uint8)
    return np.asarray(cv2.erode(face, np.ones((3, 3), np.uint8), iterations=2), np.uint8)


def surrounded(
    image: Image, factor: float, how: Surround, rng: np.random.Generator, other: Callable[[], Image]
) -> Image:
    """(S, S, 3) uint8, the face from side to side -> (factor * S, factor * S, 3) with the face in the middle.

    other: gives another picture, a piece of which may become the surround. The same generator state gives the same
    picture.
    """
    side = max(round(image.shape[0] * factor), image.shape[0])
    edge = (side - image.shape[0]) // 2
    beyond = side - image.shape[0] - edge
    canvas = cv2.copyMakeBorder(image, edge, beyond, edge, beyond, cv2.BORDER_CONSTANT)
    shares = np.array(astuple(how))
    kind = _KINDS[int(rng.choice(len(_KINDS), p=shares / shares.sum()))]
    if kind == "black":
        return np.asarray(canvas, np.uint8)
    mask = cv2.copyMakeBorder(face_mask(image), edge, beyond, edge, beyond, cv2.BORDER_CONSTANT)
    if not mask.any():
        return np.asarray(canvas, np.uint8)
    if kind == "smear":
        around = _smeared(canvas, mask, rng)
    elif kind == "pictures":
        around = _piece(other(), side, rng)
    else:
        around = np.full_like(canvas, rng.integers(0, 256, 3, np.uint8))
    inside = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.6, 1.5)).astype(np.float32) / 255
    return np.asarray(cv2.blendLinear(np.asarray(canvas), around, inside, 1 - inside), np.uint8)


def _smeared(canvas: Image, mask: npt.NDArray[np.uint8], rng: np.random.Generator) -> Image:
    """Every pixel outside takes the colour of the nearest one inside, blurred, lighter or darker on the whole."""
    half = (canvas.shape[1] // 2, canvas.shape[0] // 2)  # what is blurred needs no more
    small = cv2.resize(canvas, half, interpolation=cv2.INTER_NEAREST)
    inside = cv2.resize(mask, half, interpolation=cv2.INTER_NEAREST) > 0
    _, labels = cv2.distanceTransformWithLabels(
        np.where(inside, 0, 255).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    colours[labels[inside]] = small[inside]
    filled = cv2.GaussianBlur(colours[labels], (0, 0), rng.uniform(1, 3))
    lit = cv2.convertScaleAbs(filled, alpha=rng.uniform(0.5, 1.3))
    return np.asarray(cv2.resize(lit, canvas.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def _piece(picture: Image, side: int, rng: np.random.Generator) -> Image:
    """A random piece of a picture, 0.3 to 0.8 of its side, turned by quarter turns."""
    most = min(picture.shape[:2])
    length = max(int(most * rng.uniform(0.3, 0.8)), 4)
    y = int(rng.integers(0, picture.shape[0] - length + 1))
    x = int(rng.integers(0, picture.shape[1] - length + 1))
    piece = np.ascontiguousarray(np.rot90(picture[y : y + length, x : x + length], int(rng.integers(4))))
    return np.asarray(cv2.resize(piece, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
