"""The few crops of each track by which its person is recognised: large, certain, frontal, and apart in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fer_video.types import Face, Image

__all__ = ["Portrait", "Portraits", "portrait_score"]

MOST = 5  # crops of a track
_APART_S = 0.3  # at least between two crops of a track: neighbouring frames show the same again
_CLEARLY = 1.15  # how much better a crop must score to replace one: else each frame of a slow zoom would be cropped
_LEAST = 0.02  # score below which a face is a profile or a speck: nobody is recognised by it
_FULL_SIDE = 112  # pixels of a face beyond which more of them are of no use to a network of 112 pixels


@dataclass(frozen=True, slots=True)
class Portrait:
    """One crop and how much can be expected of it."""

    score: float
    time_s: float
    box: tuple[float, float, float, float]  # of the face in its frame
    crop: Image


def portrait_score(face: Face) -> float:
    """From 0 to 1: detection score x size x frontality. 0 without landmarks.

    Frontality is 1 where the nose tip is halfway along the line of the eyes, 0 where it is at or beyond an eye.
    """
    if face.landmarks is None:
        return 0.0
    points = face.landmarks.astype(np.float64)
    eyes, nose = points[1] - points[0], points[2] - points[0]
    place = float(nose @ eyes) / max(float(eyes @ eyes), 1e-9)
    return face.score * min(face.side, _FULL_SIDE) / _FULL_SIDE * max(1 - 2 * abs(place - 0.5), 0.0)


class Portraits:
    """The best crops of one track. Its faces are offered in order of time."""

    def __init__(self) -> None:
        self._kept: list[Portrait] = []  # in order of time

    def offer(self, face: Face, time_s: float, crop: Callable[[], Image]) -> None:
        """crop: makes the face's aligned crop, which is only asked for when it is kept."""
        score, rival = portrait_score(face), self._rival(time_s)
        if score < _LEAST or (rival is not None and score < _CLEARLY * rival.score):
            return
        if rival is not None:
            self._kept.remove(rival)
        self._kept.append(Portrait(score, time_s, face.box, crop()))

    def _rival(self, time_s: float) -> Portrait | None:
        """Whose place a face at this time would take; None where there is room."""
        if self._kept and time_s - self._kept[-1].time_s < _APART_S:
            return self._kept[-1]
        return min(self._kept, key=lambda kept: kept.score) if len(self._kept) >= MOST else None

    def best_first(self) -> list[Portrait]:
        return sorted(self._kept, key=lambda kept: -kept.score)
