"""The contract of a face detector, and what all of them share: input size, selection of faces."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.errors import InputError, OptionError
from fer_video.media.resize import resized
from fer_video.models import Session
from fer_video.types import Face, Floats, Image, Picture

__all__ = ["Detector", "DetectorOptions", "faces_from", "input_size", "select_faces", "to_blob"]

Numbers = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """What counts as a face.

    Attributes:
        min_face_px: Smallest face: the shorter side of its box, in pixels of the frame.
        min_score: Lowest score of the detector, 0 to 1. None: the usual one of the detector.
        max_faces: Most faces in one frame; the largest with the highest scores are kept. None: no limit.
    """

    min_face_px: int = 40
    min_score: float | None = None
    max_faces: int | None = None

    def __post_init__(self) -> None:
        if self.min_face_px < 1:
            raise OptionError(f"min_face must be 1 pixel or more, not {self.min_face_px}")
        if self.min_score is not None and not 0 < self.min_score < 1:
            raise OptionError(f"min_score must lie between 0 and 1, not {self.min_score:g}")
        if self.max_faces is not None and self.max_faces < 1:
            raise OptionError(f"max_faces must be 1 or more, not {self.max_faces}")


class Detector(ABC):
    """Finds faces in pictures.

    A detector keeps no state between calls: following faces over time is the tracker's work.
    """

    usual_score = 0.5  # where the options have no min_score

    def __init__(self, session: Session, options: DetectorOptions) -> None:
        self.session = session
        self.options = options

    @property
    def min_score(self) -> float:
        """What a face needs to be taken for one."""
        return self.usual_score if self.options.min_score is None else self.options.min_score

    @abstractmethod
    def detect(self, images: Sequence[Image | Picture]) -> list[list[Face]]:
        """images: (H, W, 3) uint8 BGR, all of one size. Gives the faces of each, surest first.

        Boxes are in pixels of the image and lie inside it. Scores are at least `min_score`.
        """


_MIN_LONG_SIDE, _MAX_SCALE_UP = 256, 2.0
_MOST_FACES = 1000  # candidates kept for one picture; more is noise, and comparing all with all takes minutes


def input_size(
    width: int, height: int, min_face_px: int, multiple: int = 32, face_in_network_px: int = 16, longest_px: int = 1920
) -> tuple[int, int, float]:
    """The network input (width, height) that still shows the smallest face asked for, and frame -> input scale.

    face_in_network_px: the size at which a network finds faces surely. CenterFace gave the eleven faces of two group
    pictures 0.65 to 0.85 at 18 to 22 pixels and 0.46 to 0.7 at 12 to 16.

    The frame keeps its aspect; sides are rounded up to `multiple`, the rest is padding. Not under 256 pixels,
    which costs little, and not above longest_px, beyond which time and memory get out of hand; nor is a frame enlarged
    more than twice for it, which shows nothing new.
    """
    longest = max(width, height)
    scale = min(face_in_network_px / min_face_px, _MAX_SCALE_UP, longest_px / longest)
    scale = max(scale, _MIN_LONG_SIDE / longest)
    sides = (math.ceil(round(side * scale, 3) / multiple) * multiple for side in (width, height))
    return next(sides), next(sides), scale


def to_blob(images: Sequence[Image | Picture], width: int, height: int, scale: float, *, bgr: bool = False) -> Floats:
    """(N, 3, height, width) float32 RGB or BGR 0..255: each image scaled into the upper left, black beyond it."""
    canvases = []
    for image in images:
        inside = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        size = (min(max(inside[0], 1), width), min(max(inside[1], 1), height))
        small = resized(image, *size)
        if size != (width, height):
            small = cv2.copyMakeBorder(
                small, 0, height - size[1], 0, width - size[0], cv2.BORDER_CONSTANT, value=(0, 0, 0)
            )
        canvases.append(small)
    return np.asarray(cv2.dnn.blobFromImages(canvases, 1.0, swapRB=not bgr), np.float32)


def faces_from(
    boxes: Numbers, scores: Numbers, points: Numbers, frame_size: tuple[int, int], min_score: float, nms_iou: float
) -> list[Face]:
    """Candidates -> faces, surest first: of those that overlap by more than nms_iou the surest stays.

    boxes (n, 4): x, y, width, height; points (n, 5, 2): x, y; all in pixels of the frame. frame_size: width, height;
    boxes are cut to it.

    Raises InputError for numbers that are not finite.
    """
    finite = np.isfinite(boxes).all(axis=1) & np.isfinite(scores) & np.isfinite(points).all(axis=(1, 2))
    if not finite.all():
        raise InputError("the detector gives numbers that are not finite")
    if len(scores) > _MOST_FACES:
        surest = np.argsort(-scores, kind="stable")[:_MOST_FACES]
        boxes, scores, points = boxes[surest], scores[surest], points[surest]
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), min_score, nms_iou)
    limits = np.array([*frame_size, *frame_size], np.float32)
    faces = []
    for i in np.asarray(kept, int).ravel():
        x, y, width, height = boxes[i]
        x1, y1, x2, y2 = np.clip((x, y, x + width, y + height), 0, limits).tolist()
        faces.append(Face((x1, y1, x2, y2), float(scores[i]), points[i].astype(np.float32)))
    return sorted(faces, key=lambda face: -face.score)


def select_faces(faces: Sequence[Face], options: DetectorOptions) -> list[Face]:
    """The faces worth following, from left to right: large enough, and the most prominent when there are too many."""
    kept = [face for face in faces if min(face.width, face.height) >= options.min_face_px]
    if options.max_faces is not None:
        kept = sorted(kept, key=lambda face: face.prominence, reverse=True)[: options.max_faces]
    return sorted(kept, key=lambda face: face.center)
