"""Who is where at a given time of a clip, in sampled frames and between them."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Container
from dataclasses import dataclass, replace
from itertools import pairwise

from fer_video.types import Face, Observation, Observations

__all__ = ["Box", "Playback"]

_SAME_S = 1e-4  # times are rounded to microseconds in JSON
_LEAST_MARGIN_S = 0.25

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Sightings:
    """The rows of one track in the log and their times, in order."""

    person: int

    times_s: array[float]
    rows: array[int]


class Playback:
    """Asks the log by time. Keeps a few numbers a row beside it."""

    def __init__(self, log: Observations) -> None:
        self._log = log
        self._times_s = array("d")  # of the sampled frames
        self._first = array("q")  # their first rows in the log
        self._tracks: dict[int, _Sightings] = {}
        for row, seen in enumerate(log):
            if not self._times_s or seen.time_s > self._times_s[-1]:
                self._times_s.append(seen.time_s)
                self._first.append(row)
            if seen.person is not None:
                track = self._tracks.setdefault(
                    seen.track or seen.person, _Sightings(seen.person, array("d"), array("q"))
                )
                track.times_s.append(seen.time_s)
                track.rows.append(row)
        gaps = sorted(b - a for a, b in pairwise(self._times_s))
        self._margin_s = max(2 * gaps[len(gaps) // 2], _LEAST_MARGIN_S) if gaps else _LEAST_MARGIN_S

    def at(self, time_s: float) -> list[Observation]:
        """Of a sampled frame what was found in it; between two of them those found in both, in between."""
        place = bisect_right(self._times_s, time_s + _SAME_S) - 1
        if place < 0:
            return []
        now = self._frame(place)
        if time_s - self._times_s[place] <= _SAME_S:
            return now
        if place + 1 == len(self._times_s):
            return []
        after = {seen.person: seen for seen in self._frame(place + 1)}
        return [_between(seen, after[seen.person], time_s) for seen in now if seen.person in after]

    def _frame(self, place: int) -> list[Observation]:
        end = self._first[place + 1] if place + 1 < len(self._first) else len(self._log)
        rows = (self._log[row] for row in range(self._first[place], end))
        return [seen for seen in rows if seen.face is not None]

    def to_hide(self, time_s: float, spared: Container[int] = ()) -> list[Box] | None:
        """Boxes of all who may be in the picture: also while they are lost, and some time before and after they were
        found. None where nobody looked: then anybody may be anywhere.

        spared: people who are not to be hidden.
        """
        if not self._times_s:
            return None
        if not self._times_s[0] - self._margin_s <= time_s <= self._times_s[-1] + self._margin_s:
            return None
        boxes = []
        for track in self._tracks.values():
            if track.person in spared:
                continue
            after = bisect_left(track.times_s, time_s)
            before = max(after - 1, 0)
            after = min(after, len(track.rows) - 1)
            if track.times_s[before] - self._margin_s <= time_s <= track.times_s[after] + self._margin_s:
                found = _between(self._log[track.rows[before]], self._log[track.rows[after]], time_s)
                assert found.face is not None
                boxes.append(found.face.box)
        return boxes


def _between(one: Observation, other: Observation, time_s: float) -> Observation:
    """Linear between two sightings of a person; the nearer one outside of them."""
    span_s = other.time_s - one.time_s
    share = min(max((time_s - one.time_s) / span_s, 0.0), 1.0) if span_s > 0 else 0.0
    assert one.face is not None
    assert other.face is not None

    def mix(a: float, b: float) -> float:
        return a + share * (b - a)

    x1, y1, x2, y2 = (mix(a, b) for a, b in zip(one.face.box, other.face.box, strict=True))
    points, others = one.face.landmarks, other.face.landmarks
    landmarks = None if points is None or others is None else points + share * (others - points)
    said, later = one.probabilities or {}, other.probabilities or {}
    return replace(
        one,
        time_s=time_s,
        face=Face((x1, y1, x2, y2), mix(one.face.score, other.face.score), landmarks),
        probabilities={label: mix(value, later[label]) for label, value in said.items()},
    )
