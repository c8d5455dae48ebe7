"""What of a clip is worth seeing: the best face of each emotion that a person shows, peaks, and changes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from fer_video.types import ClipResult, Observation, Observations, Person, Segment

__all__ = ["Moment", "Shown", "best_shown", "moments_of"]

_AROUND_S = 0.5  # on each side of a frame: how sure it is there is a mean over that time
_GAP_S = 1.0  # between two segments of a change
_MOST, _APART = 12, 40  # of each kind; two of one kind and person are a 40th of the clip apart
_LEAST = 0.05  # score of a peak: how probable it is, times how rare the emotion is in the person's time
_ORDINARY, _UNCERTAIN = "neutral", "uncertain"


@dataclass(frozen=True, slots=True)
class Shown:
    """The largest and surest face among those in which a person shows an emotion."""

    emotion: str  # or "uncertain"
    share: float  # of the person's time
    seen: Observation


@dataclass(frozen=True, slots=True)
class Moment:
    """A peak of an emotion, or a change from one to another."""

    kind: Literal["peak", "change"]
    time_s: float
    person: int
    emotion: str
    confidence: float  # of a peak: mean over a second; of a change: that of the less sure of the two segments
    before: str | None  # the emotion before a change
    seen: Observation  # in the frame that shows it


def best_shown(log: Observations, people: Sequence[Person]) -> dict[int, list[Shown]]:
    """Person -> one face of each emotion of the segments, or of the frames where there are none; the longest first."""
    best: dict[tuple[int, str], tuple[float, Observation]] = {}
    frames: dict[tuple[int, str], int] = {}
    tracks = {person.id: _Stretches(person.segments or ()) for person in people}
    for seen in log:
        if seen.face is None or seen.person not in tracks or seen.emotion is None or seen.probabilities is None:
            continue
        label = tracks[seen.person].label_at(seen.time_s) if tracks[seen.person].known else seen.emotion
        if label is None:
            continue
        key = (seen.person, label)
        frames[key] = frames.get(key, 0) + 1
        score = seen.face.prominence * seen.probabilities.get(label, seen.confidence or 0.0)
        if key not in best or score > best[key][0]:
            best[key] = score, seen
    return {person.id: _in_order(person, best, frames) for person in people}


def _in_order(
    person: Person, best: dict[tuple[int, str], tuple[float, Observation]], frames: dict[tuple[int, str], int]
) -> list[Shown]:
    shares = person.time_shares or {
        label: count / person.frames for (owner, label), count in frames.items() if owner == person.id
    }
    found = [
        Shown(label, shares.get(label, 0.0), seen) for (owner, label), (_, seen) in best.items() if owner == person.id
    ]
    return sorted(found, key=lambda each: -each.share)


class _Stretches:
    """A person's segments, by time."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.known = bool(segments)
        self._segments = segments
        self._starts = [each.start_s for each in segments]

    def label_at(self, time_s: float) -> str | None:
        place = bisect_right(self._starts, time_s + 1e-6) - 1
        inside = place >= 0 and time_s <= self._segments[place].end_s + 1e-6
        return (self._segments[place].emotion or _UNCERTAIN) if inside else None


def moments_of(result: ClipResult, people: Sequence[Person]) -> list[Moment]:
    """In order of time. A peak is where a person is surest of an emotion that is not neutral, and that is rare in the
    person's time; a change, where one segment follows another."""
    log, wanted = result.observations, {person.id for person in people}
    if log is None or not people:
        return []
    rows: dict[int, list[Observation]] = {person: [] for person in wanted}
    for seen in log:
        if seen.face is not None and seen.person in wanted:
            rows[seen.person].append(seen)
    peaks: list[tuple[float, Moment]] = []
    changes: list[tuple[float, Moment]] = []
    for person in people:
        seen_of = rows[person.id]
        times_s = [seen.time_s for seen in seen_of]
        peaks += _peaks(person, seen_of, times_s)
        changes += _changes(person, seen_of, times_s)
    apart_s = (result.duration_s or max(person.end_s for person in people)) / _APART
    return sorted([*_chosen(peaks, apart_s), *_chosen(changes, apart_s)], key=lambda each: each.time_s)


def _peaks(person: Person, rows: Sequence[Observation], times_s: list[float]) -> Iterable[tuple[float, Moment]]:
    shares = person.time_shares
    smooth: dict[str, list[float]] = {}
    for segment in person.segments or ():
        label = segment.emotion
        first, last = bisect_left(times_s, segment.start_s - 1e-6), bisect_right(times_s, segment.end_s + 1e-6)
        if label is None or label == _ORDINARY or first == last or label not in (rows[first].probabilities or {}):
            continue
        if label not in smooth:
            smooth[label] = _smoothed(rows, times_s, label)
        place = max(range(first, last), key=smooth[label].__getitem__)
        value = smooth[label][place]
        score = value * (1 - shares[label])
        if score > _LEAST:
            yield score, Moment("peak", times_s[place], person.id, label, value, None, rows[place])


def _smoothed(rows: Sequence[Observation], times_s: list[float], label: str) -> list[float]:
    sums = np.concatenate([[0.0], np.cumsum([(seen.probabilities or {})[label] for seen in rows])])
    first = np.searchsorted(times_s, np.subtract(times_s, _AROUND_S))
    last = np.searchsorted(times_s, np.add(times_s, _AROUND_S), side="right")
    means: list[float] = ((sums[last] - sums[first]) / (last - first)).tolist()
    return means


def _changes(person: Person, rows: Sequence[Observation], times_s: list[float]) -> Iterable[tuple[float, Moment]]:
    for one, other in pairwise(person.segments or ()):
        if one.emotion is None or other.emotion is None or one.emotion == other.emotion:
            continue
        place = bisect_left(times_s, other.start_s - 1e-6)
        if other.start_s - one.end_s <= _GAP_S and place < len(rows):
            sure = min(one.confidence, other.confidence)
            moment = Moment("change", other.start_s, person.id, other.emotion, sure, one.emotion, rows[place])
            yield sure, moment


def _chosen(scored: list[tuple[float, Moment]], apart_s: float) -> list[Moment]:
    chosen: list[Moment] = []
    for _, moment in sorted(scored, key=lambda each: -each[0]):
        near = (each for each in chosen if each.person == moment.person)
        if all(abs(each.time_s - moment.time_s) >= apart_s for each in near):
            chosen.append(moment)
        if len(chosen) == _MOST:
            break
    return chosen
