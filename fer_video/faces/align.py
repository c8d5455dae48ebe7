"""Image + face box -> the crop a backbone was trained on. The one place that knows crop geometry."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.errors import ModelError
from fer_video.media.resize import halvings, resized
from fer_video.models.spec import CropSpec
from fer_video.types import Face, Floats, Image, Picture

__all__ = ["crop_aligned", "crop_face", "crop_square"]

# Eye, eye, nose tip, mouth corner, mouth corner (image-left one first) in a face of 112 x 112 pixels: the template
# that face recognition has agreed on since ArcFace (arXiv 1801.07698).
_TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
_TEMPLATE_SIDE = 112
_MARGIN = 2  # pixels around what a crop is made of, for the interpolation at its edge


def crop_square(face: Face, spec: CropSpec) -> tuple[float, float, float]:
    """Left, top and side, in pixels, of the square that a crop covers; it may reach over the frame's edge."""
    x, y = face.center
    side = max(face.width, face.height) * spec.factor
    return x - side / 2, y - side / 2, side


def crop_face(image: Image | Picture, face: Face, size: int, spec: CropSpec) -> Image:
    """Cut the face out of a frame.

    image: (H, W, 3) uint8. Gives (size, size, 3) uint8 in the same channel order. What lies beyond the frame
    is filled with its nearest pixels. Only the square is touched, so the cost does not grow with the frame.

    Raises ModelError for an aligned crop of a face without landmarks.
    """
    if spec.shape == "aligned":
        if face.landmarks is None:
            raise ModelError("this backbone needs faces with landmarks; choose a --detector that gives them")
        return crop_aligned(image, face.landmarks, size)
    left, top, side = crop_square(face, spec)
    # Whole pixels, and as many as can be halved so often: under one in a hundred of the face either way.
    step = 1 << halvings(round(side), size)
    length = max(round(side / step), 1) * step
    x1, y1 = round(left + (side - length) / 2), round(top + (side - length) / 2)
    x2, y2 = x1 + length, y1 + length
    height, width = image.shape[:2]
    piece = image[max(y1, 0) : max(min(y2, height), 0), max(x1, 0) : max(min(x2, width), 0)]
    if piece.shape[0] < length or piece.shape[1] < length:
        if not (
            piece.shape[0] and piece.shape[1]
        ):  # a box outside the frame: a detector's fault, yet no reason to lose the clip
            return np.zeros((size, size, 3), np.uint8)
        piece = np.asarray(
            cv2.copyMakeBorder(
                np.asarray(piece),
                max(-y1, 0),
                max(y2 - height, 0),
                max(-x1, 0),
                max(x2 - width, 0),
                cv2.BORDER_REPLICATE,
            ),
            np.uint8,
        )
    return resized(piece, size, size)


def crop_aligned(image: Image | Picture, landmarks: Floats, size: int) -> Image:
    """Turn, scale and shift a face so that its landmarks lie as near as can be to those of the template.

    image: (H, W, 3) uint8; landmarks: (5, 2) pixels. Gives (size, size, 3) uint8.
    """
    target = _TEMPLATE * (size / _TEMPLATE_SIDE)
    # The similarity x' = a x - b y + c, y' = b x + a y + d of least squares; around the middles it has no c and d.
    points = landmarks.astype(np.float64)
    middle, target_middle = points.mean(axis=0), target.mean(axis=0)
    (x, y), (to_x, to_y) = (points - middle).T, (target - target_middle).T
    spread = max(float(x @ x + y @ y), 1e-9)
    a, b = (x @ to_x + y @ to_y) / spread, (x @ to_y - y @ to_x) / spread
    c, d = target_middle - np.array([[a, -b], [b, a]]) @ middle
    matrix = np.array([[a, -b, c], [b, a, d]])
    piece, left, top = _around(image, matrix, size)
    matrix[:, 2] += matrix[:, :2] @ (left, top)
    return np.asarray(cv2.warpAffine(piece, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _around(image: Image | Picture, matrix: npt.NDArray[np.float64], size: int) -> tuple[Image, int, int]:
    """The part of an image that a square crop is made of, and its left and top. matrix: image -> crop."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0, size, size], [0, size, 0, size], [1, 1, 1, 1]])
    back = cv2.invertAffineTransform(matrix) @ corners
    low, high = np.floor(back.min(1)) - _MARGIN, np.ceil(back.max(1)) + _MARGIN + 1
    if not (np.isfinite(low).all() and np.isfinite(high).all()):  # landmarks on one point
        return np.asarray(image), 0, 0
    left, top = (int(np.clip(value, 0, side - 1)) for value, side in zip(low, (width, height), strict=True))
    right, bottom = int(np.clip(high[0], left + 1, width)), int(np.clip(high[1], top + 1, height))
    return np.asarray(image[top:bottom, left:right]), left, top
