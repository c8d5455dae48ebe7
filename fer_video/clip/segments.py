"""Long videos: each person's answer over sliding windows, and windows that agree merged into segments."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import numpy.typing as npt

from fer_video.errors import OptionError
from fer_video.types import Observation, Segment

__all__ = ["WindowOptions", "Windows"]

_SHORTEST_S = 0.01
_ROUNDING_S = 1e-6  # starts and ends are products and sums: nothing may fall between two windows by rounding

# A window's observations of one person -> probabilities, in the order of the labels.
Classify = Callable[[list[Observation]], npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """Sliding windows, from the first sampled frame of the clip on.

    Attributes:
        length_s: Length of a window in seconds.
        step_s: Seconds from the start of one window to the start of the next.
    """

    length_s: float
    step_s: float

    def __post_init__(self) -> None:
        if not _SHORTEST_S <= self.step_s <= self.length_s < 1e6:
            raise OptionError(
                f"windows need {_SHORTEST_S:g} <= step <= window, not a step of {self.step_s:g} s and a window of "
                f"{self.length_s:g} s"
            )

    @property
    def how(self) -> str:
        """One sentence on the method."""
        return f"Answers for windows of {self.length_s:g} s, one every {self.step_s:g} s; equal neighbours are joined."


@dataclass(slots=True)
class _Track:
    recent: deque[Observation]
    answers: list[tuple[int, npt.NDArray[np.float64]]]  # window number, probabilities
    start_s: float
    end_s: float
    looks: list[int] = field(default_factory=list)  # observations in each of the answers' windows

    def merge(self, other: _Track) -> None:
        """Take in another track of the same person: where both are in a window, its answer is their mean by looks."""
        merged = {window: (values, looks) for (window, values), looks in zip(self.answers, self.looks, strict=True)}
        for (window, values), looks in zip(other.answers, other.looks, strict=True):
            mine, mine_looks = merged.get(window, (values, 0))
            total = mine_looks + looks
            merged[window] = ((mine * mine_looks + values * looks) / total, total)
        self.answers = [(window, merged[window][0]) for window in sorted(merged)]
        self.looks = [merged[window][1] for window in sorted(merged)]
        self.start_s, self.end_s = min(self.start_s, other.start_s), max(self.end_s, other.end_s)


class Windows:
    """Add observations in order of time, then ask. Keeps one window of observations a person, however long the video.

    The answer of a window stands for the step around its middle, up to the person's first and last appearance.
    """

    def __init__(self, options: WindowOptions, labels: tuple[str, ...], classify: Classify) -> None:
        self.options, self._labels, self._classify = options, labels, classify
        self._people: dict[int, _Track] = {}
        self._origin_s: float | None = None
        self._next = 0  # number of the first window that is still open

    def add(self, observation: Observation) -> None:
        """Also those without a face: they tell the time."""
        if self._origin_s is None:
            self._origin_s = observation.time_s
        while observation.time_s >= self._end_s(self._next) - _ROUNDING_S:
            if any(track.recent for track in self._people.values()):
                self._close_window()
            else:  # windows in which nobody was seen are not worth a step each: a clock may jump by years
                passed_s = observation.time_s - self._origin_s - self.options.length_s
                self._next = max(int(passed_s / self.options.step_s), self._next + 1)
        if observation.person is not None:
            time_s = observation.time_s
            track = self._people.setdefault(observation.person, _Track(deque(), [], time_s, time_s))
            track.recent.append(observation)
            track.end_s = observation.time_s

    def _start_s(self, window: int) -> float:
        return (self._origin_s or 0.0) + window * self.options.step_s

    def _end_s(self, window: int) -> float:
        return self._start_s(window) + self.options.length_s

    def _close_window(self) -> None:
        start_s = self._start_s(self._next)
        for track in self._people.values():
            while track.recent and track.recent[0].time_s < start_s - _ROUNDING_S:
                track.recent.popleft()
            if track.recent:
                track.answers.append((self._next, self._classify(list(track.recent))))
                track.looks.append(len(track.recent))
        self._next += 1

    def close(self) -> None:
        """After the last observation: the windows that reach beyond it, as far as their first half is filled."""
        while self._people and self._holds_half():
            self._close_window()

    def join(self, people: Mapping[int, int]) -> None:
        """Tracks -> people, after `close`."""
        tracks, self._people = sorted(self._people.items()), {}
        for id_, track in tracks:
            if people[id_] in self._people:
                self._people[people[id_]].merge(track)
            else:
                self._people[people[id_]] = track

    def _holds_half(self) -> bool:
        """Whether somebody is seen in the second half of the open window, or in none so far."""
        middle_s = self._start_s(self._next) + self.options.length_s / 2
        last_s = max(track.end_s for track in self._people.values())
        return last_s >= middle_s or any(
            not t.answers and t.end_s >= self._start_s(self._next) for t in self._people.values()
        )

    def segments(self, person: int, min_confidence: float = 0.0) -> tuple[Segment, ...]:
        """A person's segments in order, without gaps or overlaps; equal neighbours are one."""
        track = self._people[person]
        pieces: list[tuple[float, float, int, float]] = []  # start, end, label, confidence
        for place, (window, values) in enumerate(track.answers):
            first, last = place == 0, place == len(track.answers) - 1
            start_s = track.start_s if first else max(self._middle_s(window), track.start_s)
            end_s = track.end_s if last else min(self._middle_s(track.answers[place + 1][0]), track.end_s)
            # Of somebody seen once there is one piece, without length; else windows beyond their time say nothing.
            if end_s > start_s or len(track.answers) == 1 or track.start_s == track.end_s:
                pieces.append((start_s, end_s, int(values.argmax()), float(values.max())))
        merged = []
        for label, run in groupby(pieces, key=lambda piece: piece[2]):
            parts = list(run)
            confidence = float(np.mean([part[3] for part in parts]))
            emotion = self._labels[label] if confidence >= min_confidence else None
            merged.append(Segment(parts[0][0], parts[-1][1], emotion, confidence))
        return tuple(merged[:1] if track.start_s == track.end_s else merged)

    def _middle_s(self, window: int) -> float:
        """Where a window's answer takes over from the one before it."""
        return self._start_s(window) + (self.options.length_s - self.options.step_s) / 2
