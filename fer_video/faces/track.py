"""Faces over time -> tracks: SORT's scheme (arXiv 1602.00763) without its Kalman filter.

Each track predicts its box by constant velocity; faces are assigned to predictions by overlap, all at once
(Hungarian method). A person not seen for `max_lost_s` seconds is gone: time, not frames, so that the sampling
rate does not change who is who.

Places alone do not tell who is who when one of two people hides the other, when they part again, or when somebody is
found again after a while. Whoever can compare looks is asked then, and only then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_video.faces.doubts import Doubt, Doubts, Judge
from fer_video.types import Face

__all__ = ["Tracker", "affinity", "assign", "boxes_of"]

# A box may move by nine tenths of its own side between two looks: affinity -0.1 (see there).
_MIN_AFFINITY = -0.1
# Weight of the newest displacement in the velocity: detections jitter by a pixel or two, people do not.
_NEW = 0.5
_BEHIND = 0.5  # affinity that a face must have more with a hidden track than with the one that hides it

Boxes = npt.NDArray[np.float64]  # (n, 4) x1, y1, x2, y2


@dataclass(slots=True)
class _Track:
    id: int
    box: Boxes  # (4,) where the face was last seen
    velocity: Boxes  # (2,) of the centre, pixels a second
    seen_s: float

    def predict(self, time_s: float) -> Boxes:
        return (self.box.reshape(2, 2) + self.velocity * (time_s - self.seen_s)).ravel()

    def update(self, box: Boxes, time_s: float) -> None:
        elapsed_s = time_s - self.seen_s
        if elapsed_s > 0:
            # The centre's speed only: boxes that grow while a face turns would otherwise grow for ever.
            corners = (box - self.box).reshape(2, 2)
            moved = (corners[0] + corners[1]) / (2 * elapsed_s)
            self.velocity = _NEW * moved + (1 - _NEW) * self.velocity
        self.box, self.seen_s = box, time_s


class Tracker:
    """Gives each face of a frame the id of its person. Ids start at 1 and are never used again.

    max_lost_s: for how long a person may be out of sight and come back as the same one.
    """

    def __init__(self, max_lost_s: float = 1.0) -> None:
        self.max_lost_s = max_lost_s
        self._tracks: list[_Track] = []
        self._next_id = 1
        self._last_s = 0.0  # time of the last frame
        self._doubts = Doubts()
        self._hidden: dict[int, int] = {}  # track -> the track that hides it

    def update(self, faces: Sequence[Face], time_s: float, judge: Judge | None = None) -> list[int]:
        """The faces of the next frame, times increasing. Gives their ids in the same order."""
        before_s, self._last_s = self._last_s, time_s
        # However slow the sampling, somebody seen in the last frame is not yet lost.
        allowed_s = max(self.max_lost_s, 1.5 * (time_s - before_s))
        self._tracks = [track for track in self._tracks if time_s - track.seen_s <= allowed_s]
        boxes = boxes_of(faces)
        predicted = np.array([track.predict(time_s) for track in self._tracks]).reshape(-1, 4)
        scores = self._without_hidden(affinity(predicted, boxes))
        rows = {face: track for track, face in assign(scores, _MIN_AFFINITY)}
        found: dict[int, _Track | None] = {face: self._tracks[row] for face, row in rows.items()}
        if judge is not None and self._tracks:
            known = [(track.id, track.seen_s) for track in self._tracks]
            doubts = self._doubts.in_frame(known, scores, rows, before_s, time_s)
            if doubts:
                found |= self._judged(found, judge(doubts))
                self._note_hidden(found, doubts)
        return [self._follow(found.get(i), box, time_s).id for i, box in enumerate(boxes)]

    def _without_hidden(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """A face goes to a hidden track only where it is clearly not the one that hides it."""
        rows = {track.id: row for row, track in enumerate(self._tracks)}
        self._hidden = {a: b for a, b in self._hidden.items() if a in rows and b in rows}
        for hidden, front in self._hidden.items():
            scores[rows[hidden]] -= np.where(scores[rows[front]] > 0, _BEHIND, 0.0)
        return scores

    def _note_hidden(self, found: Mapping[int, _Track | None], doubts: Sequence[Doubt]) -> None:
        seen = {track.id for track in found.values() if track is not None}
        for doubt in doubts:
            front = found[doubt.face]
            if front is not None:
                lost = {doubt.track, *doubt.rivals} - seen
                self._hidden |= dict.fromkeys(lost, front.id)

    def _judged(self, found: Mapping[int, _Track | None], judged: Mapping[int, int | None]) -> dict[int, _Track | None]:
        """The verdicts, unless one gives a face the track of another face, about which nothing is said."""
        tracks = {track.id: track for track in self._tracks}
        taken = [track.id for face, track in found.items() if track is not None and face not in judged]
        wanted = [track for track in judged.values() if track is not None]
        if len({*taken, *wanted}) < len(taken) + len(wanted):
            return {}
        return {face: None if track is None else tracks[track] for face, track in judged.items()}

    @property
    def live(self) -> set[int]:
        """Ids of the tracks that have not ended."""
        return {track.id for track in self._tracks}

    def _follow(self, track: _Track | None, box: Boxes, time_s: float) -> _Track:
        if track is None:
            track = _Track(self._next_id, box, np.zeros(2), time_s)
            self._next_id += 1
            self._tracks.append(track)
        else:
            track.update(box, time_s)
            self._hidden.pop(track.id, None)
        return track

    def reset(self) -> None:
        """A cut: nobody seen before is the same person from here on."""
        self._tracks, self._doubts, self._hidden = [], Doubts(), {}


def affinity(first: Boxes, second: Boxes) -> npt.NDArray[np.float64]:
    """How well boxes agree: (n, 4) and (m, 4) -> (n, m), from -1 to 1 for equal ones.

    Distance-IoU (arXiv 1911.08287): overlap, less the squared distance of the centres over that of the corners
    that enclose both. Unlike plain IoU it still tells near from far when boxes no longer overlap, as after a
    fast move, a short loss or at low sampling rates.
    """
    a, b = first[:, None], second[None]
    most, least = np.maximum(a, b), np.minimum(a, b)
    shared_sides = np.maximum(least[..., 2:] - most[..., :2], 0)
    shared = shared_sides[..., 0] * shared_sides[..., 1]
    span = most[..., 2:] - least[..., :2]
    apart = a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]
    union = _area(first)[:, None] + _area(second)[None] - shared
    far = (apart * apart).sum(axis=-1) / 4 / np.maximum((span * span).sum(axis=-1), 1e-9)
    agreement: npt.NDArray[np.float64] = shared / np.maximum(union, 1e-9) - far
    return agreement


def _area(boxes: Boxes) -> Boxes:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def boxes_of(faces: Sequence[Face]) -> Boxes:
    """(n, 4) float64, also of nobody."""
    return np.array([face.box for face in faces], float).reshape(-1, 4)


def assign(scores: npt.NDArray[np.float64], least: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of the best one-to-one assignment, without those of `least` and under."""
    if 0 in scores.shape:
        return []
    if 1 in scores.shape:  # the usual clip of one person: no need for SciPy, whose import takes half a second
        best = np.unravel_index(int(scores.argmax()), scores.shape)
        pairs = [(int(best[0]), int(best[1]))]
    else:
        from scipy.optimize import linear_sum_assignment

        # A pair that does not match must not be bought with a worse one elsewhere: all such cost the same.
        rows, columns = linear_sum_assignment(np.maximum(scores, least), maximize=True)
        pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
    return [(row, column) for row, column in pairs if scores[row, column] > least]
