"""How well faces can be read: their size, sharpness, turn of the head, and how much of them is in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.types import Face, Image

__all__ = ["QUALITIES", "qualities_of", "sharpness_of"]

# Of each face: square root of the box's area in pixels; the turn of the head in degrees, to the right in the picture,
# up, and clockwise; the share of the face that is in the picture; how sharp it is; and all of it in one number.
QUALITIES: Final = ("size_px", "yaw", "pitch", "roll", "inside", "sharpness", "quality")

# Eyes, tip of the nose and corners of the mouth of a mean head: x to the right as seen, y up, z towards the viewer, in
# units of about a tenth of the distance between the pupils. The same order as Face.landmarks.
_MODEL = np.array(
    [[-5.0, 5.4, -3.8], [5.0, 5.4, -3.8], [0.0, 0.0, 0.0], [-4.0, -4.8, -4.0], [4.0, -4.8, -4.0]], np.float64
)
_MIDDLE = _MODEL.mean(axis=0)
_FIT = np.linalg.pinv(_MODEL - _MIDDLE)  # (3, 5): landmarks -> the affine map that fits them best
_HALF_WIDTH, _TOP, _CHIN, _DEPTH = 7.0, 10.0, -10.5, -4.0  # the oval of that head
_GRID = 12  # points a side, to see how much of the oval is in the picture
_FULL_SIDE = 80.0  # pixels: larger faces are not read better
_FULL_SHARPNESS = 0.3  # faces in focus have more, those blurred by 2 % of their width about half of it
_FULL_TURN = 90.0  # degrees: a profile, of which the network knows nothing
_CROP = 96  # pixels: sharpness is measured at one size, which a small face must be enlarged to

Values = npt.NDArray[np.float64]


def qualities_of(faces: Sequence[Face], size: tuple[int, int] | None) -> Values:
    """(faces, 7) as QUALITIES; NaN where something is not known: without landmarks, size, or sharpness.

    Angles are rough: five points do not tell the shape of one head from the turn of another. quality is the worst of
    its parts, 0 to 1. size: width and height of the frame in pixels.
    """
    found = np.full((len(faces), len(QUALITIES)), np.nan)
    found[:, 0] = [face.side for face in faces]
    found[:, 5] = [np.nan if face.sharpness is None else face.sharpness for face in faces]
    rows = [row for row, face in enumerate(faces) if face.landmarks is not None]
    if rows:
        seen = np.array([faces[row].landmarks for row in rows], np.float64) * (1, -1)  # y up
        middle = seen.mean(axis=1)
        affine = np.transpose(_FIT @ (seen - middle[:, None]), (0, 2, 1))  # (n, 2, 3)
        found[rows, 1:4] = _angles(affine)
        if size is not None:
            found[rows, 4] = _inside(affine, middle - affine @ _MIDDLE, size)
    parts = np.stack(
        [
            found[:, 0] / _FULL_SIDE,
            1 - np.abs(found[:, 1:3]).max(axis=1, initial=0.0) / _FULL_TURN,
            found[:, 4],
            found[:, 5] / _FULL_SHARPNESS,
        ]
    )
    found[:, 6] = np.clip(np.fmin.reduce(parts), 0, 1)
    return found


def sharpness_of(crop: Image) -> float:
    """How much of the contrast of a face is in its finest detail: strength of the Laplacian over that of the grey."""
    small = crop if crop.shape[:2] == (_CROP, _CROP) else cv2.resize(crop, (_CROP, _CROP), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    middle = grey[_CROP // 8 : -_CROP // 8, _CROP // 8 : -_CROP // 8].astype(np.float32)
    contrast = float(middle.std())
    return float(cv2.Laplacian(middle, cv2.CV_32F).std()) / contrast if contrast > 1 else 0.0


def _angles(affine: Values) -> Values:
    """(n, 3) degrees, from the rotations nearest to affine maps of a head that is seen from afar."""
    unit = affine / np.maximum(np.linalg.norm(affine, axis=2, keepdims=True), 1e-9)
    frames = np.concatenate([unit, np.cross(unit[:, 0], unit[:, 1])[:, None]], axis=1)
    left, _, right = np.linalg.svd(frames)
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    turn = left @ right
    facing = turn[:, :, 2]
    yaw, pitch = np.arctan2(facing[:, 0], facing[:, 2]), np.arcsin(np.clip(facing[:, 1], -1, 1))
    degrees: Values = np.degrees(np.stack([yaw, pitch, np.arctan2(-turn[:, 1, 0], turn[:, 0, 0])], axis=1))
    return degrees


def _inside(affine: Values, offset: Values, size: tuple[int, int]) -> Values:
    """(n,) share of the oval of the head that is in a picture of this size."""
    side = np.linspace(-1, 1, _GRID)
    x, y = (each.ravel() for each in np.meshgrid(side, side))
    oval = x**2 + y**2 <= 1
    height = (_TOP - _CHIN) / 2
    points = np.stack([x[oval] * _HALF_WIDTH, y[oval] * height + (_TOP + _CHIN) / 2, np.full(int(oval.sum()), _DEPTH)])
    across, up = np.moveaxis(affine @ points + offset[:, :, None], 1, 0)
    share: Values = np.mean((across >= 0) & (across < size[0]) & (up <= 0) & (up > -size[1]), axis=1)
    return share
