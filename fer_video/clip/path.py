"""Per-frame probabilities of one person -> segments: smoothing, then the best path through the emotions.

The probabilities are smoothed with a Gaussian kernel in time, so that uneven frame rates are treated alike. The best
path (Viterbi) maximises the log-probability of the emotion on the path, integrated over time, less a cost for every
change; a segment between two changes lasts at least the minimum duration. `uncertain` is a state of its own: it wins
where no emotion reaches a given probability for long enough to pay for the changes. The method depends on what is
around a moment only, not on where the clip begins.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_video.errors import OptionError
from fer_video.types import Segment

__all__ = ["PathOptions", "Trace", "best_path", "segments_of", "smooth"]

_FLOOR = 0.02  # of a probability: one frame that is sure of something else must not outweigh a second of others
_LONE_S = 0.1  # what the only observation of a stretch stands for

Times = npt.NDArray[np.float64]
Shares = npt.NDArray[np.float64]  # (n, labels), rows sum to 1


@dataclass(frozen=True, slots=True)
class PathOptions:
    """How the best path through the frames of a person is found.

    The defaults were chosen by tools/choose_path.py on pseudo-clips with known times of change (see
    docs/clip-models.md).

    Attributes:
        kernel_s: Full width of the smoothing kernel at half of its height, in seconds.
        min_s: Shortest segment between two changes, in seconds.
        cost: Cost of a change, in units of log-probability x seconds.
        likely: Lowest probability of a likely emotion. Below it, a segment is uncertain.
        gap_s: Seconds out of sight after which a segment ends.
    """

    kernel_s: float = 0.5
    min_s: float = 0.5
    cost: float = 0.3
    likely: float = 0.4
    gap_s: float = 0.5

    def __post_init__(self) -> None:
        if not (self.kernel_s > 0 and self.min_s >= 0 and self.cost >= 0 and self.gap_s > 0 and 0 <= self.likely <= 1):
            raise OptionError(f"not options of a path: {self}")

    @property
    def how(self) -> str:
        """One sentence on the method."""
        return (
            f"Best path through the probabilities of the frames, smoothed over {self.kernel_s:g} s; "
            f"a segment lasts at least {self.min_s:g} s."
        )


class Trace:
    """One person's probabilities over time, compact: 8 bytes and 4 for each label per frame.

    labels: how many.
    """

    __slots__ = ("_labels", "_sampled", "_shares", "_times")

    def __init__(self, labels: int) -> None:
        self._labels = labels
        self._times = array("d")
        self._sampled = array("q")
        self._shares = array("f")

    def add(self, time_s: float, sampled: int, probabilities: Iterable[float]) -> None:
        """sampled: running number of the sampled frame, so that a missing one is known from a slow frame rate."""
        self._times.append(time_s)
        self._sampled.append(sampled)
        self._shares.extend(probabilities)

    def __len__(self) -> int:
        return len(self._times)

    @staticmethod
    def joined(traces: Sequence[Trace]) -> Trace:
        """Several tracks of one person, in order of time. No two of them may have a frame in common."""
        if len(traces) == 1:
            return traces[0]
        whole = Trace(traces[0]._labels)
        times = np.concatenate([each._times for each in traces])
        order = np.argsort(times, kind="stable")
        whole._times.extend(times[order].tolist())
        whole._sampled.extend(np.concatenate([each._sampled for each in traces])[order].tolist())
        shares = np.concatenate([np.reshape(each._shares, (-1, each._labels)) for each in traces])
        whole._shares.extend(shares[order].ravel().tolist())
        return whole

    def stretches(self, gap_s: float) -> list[tuple[Times, Shares]]:
        """Times and probabilities, cut where the person was out of sight for longer than gap_s in a sampled frame."""
        times = np.array(self._times)
        shares = np.array(self._shares, np.float64).reshape(len(times), self._labels)
        apart = (np.diff(times) > gap_s) & (np.diff(np.array(self._sampled)) > 1)
        cuts = np.flatnonzero(apart) + 1
        return list(zip(np.split(times, cuts), np.split(shares, cuts), strict=True))


def segments_of(
    trace: Trace,
    labels: Sequence[str],
    options: PathOptions | None = None,
    min_confidence: float = 0.0,
    restrict: Callable[[Shares], Shares] = lambda shares: shares,
) -> tuple[Segment, ...]:
    """A person's segments in order of time. Neighbours differ or have a gap between them.

    min_confidence: segments less sure than this are uncertain too, their emotion is None. restrict: what the trace
    holds -> probabilities of the labels.
    """
    options = options or PathOptions()
    found: list[Segment] = []
    for times, shares in trace.stretches(options.gap_s):
        found += _of_stretch(times, restrict(shares), labels, options, min_confidence)
    return tuple(found)


def _of_stretch(
    times: Times, shares: Shares, labels: Sequence[str], options: PathOptions, least: float
) -> list[Segment]:
    smoothed = smooth(times, shares, options.kernel_s)
    weights = _durations(times)
    states = best_path(smoothed, weights, options)
    pieces: list[tuple[str | None, float, float, float, float]] = []  # emotion, start, end, weight, confidence x weight
    start_s = float(times[0])
    firsts = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states)]
    for first, end in pairwise(firsts):
        state = int(states[first])
        end_s = float(times[-1]) if end == len(states) else _crossing(times, smoothed, states, end, options.likely)
        sure = smoothed[first:end, state] if state < len(labels) else smoothed[first:end].max(axis=1)
        weight = float(weights[first:end].sum())
        confidence = float(sure @ weights[first:end]) / weight
        emotion = labels[state] if state < len(labels) and confidence >= least else None
        pieces.append((emotion, start_s, end_s, weight, confidence * weight))
        start_s = end_s
    segments = []
    for emotion, run in groupby(pieces, key=lambda piece: piece[0]):
        parts = list(run)
        weight = sum(part[3] for part in parts)
        segments.append(Segment(parts[0][1], parts[-1][2], emotion, sum(part[4] for part in parts) / weight))
    return segments


def smooth(times: Times, shares: Shares, kernel_s: float) -> Shares:
    """Gaussian in time, each frame weighted by the time that it stands for. Rows still sum to what they did."""
    sigma = kernel_s / (2 * np.sqrt(2 * np.log(2)))
    reach = 3 * sigma
    weights = _durations(times)
    sums = shares * weights[:, None]
    total = weights.copy()
    count = len(times)
    for offset in range(1, count):
        apart = times[offset:] - times[:-offset]
        if apart.min() > reach:
            break
        kernel = np.where(apart <= reach, np.exp(-0.5 * (apart / sigma) ** 2), 0.0)
        later, earlier = kernel * weights[offset:], kernel * weights[:-offset]
        sums[:-offset] += later[:, None] * shares[offset:]
        sums[offset:] += earlier[:, None] * shares[:-offset]
        total[:-offset] += later
        total[offset:] += earlier
    smoothed: Shares = sums / total[:, None]
    return smoothed


def _durations(times: Times) -> Times:
    """(n,) seconds that each frame stands for: half of the way to its neighbours on both sides."""
    if len(times) < 2:
        return np.full(len(times), _LONE_S)
    steps = np.maximum(np.diff(times), 1e-6)
    both: Times = (np.concatenate([steps[:1], steps]) + np.concatenate([steps, steps[-1:]])) / 2
    return both


def best_path(smoothed: Shares, weights: Times, options: PathOptions) -> npt.NDArray[np.intp]:
    """(n,) the state of each frame: a column of `smoothed`, or the number of columns for uncertain.

    Exact: of all paths whose inner segments last options.min_s the one with the largest score. The first and the last
    segment may be shorter, for nobody knows when they began or will end.
    """
    count, labels = smoothed.shape
    states = np.arange(labels + 1)
    scores = np.log(np.maximum(np.column_stack([smoothed, np.full(count, options.likely)]), _FLOOR)) * weights[:, None]
    sums = np.concatenate([np.zeros((1, labels + 1)), np.cumsum(scores, axis=0)])  # of the frames before the i-th
    ends = np.concatenate([[0.0], np.cumsum(weights)])
    # For a segment that ends before the i-th frame, the latest frame at which it may have begun.
    starts = np.searchsorted(ends, ends - options.min_s + 1e-9, "right") - 1
    value = np.zeros(labels + 1)  # of the best path so far whose last segment, in each state, may end here
    begun = np.zeros((count + 1, labels + 1), np.int32)  # where that segment began,
    before = np.full((count + 1, labels + 1), -1, np.int16)  # and in which state the one before it was
    leaders = np.zeros((count + 1, 2), np.intp)  # the states of the best and of the second best path
    leading = np.full((count + 1, 2), -np.inf)  # their values

    def enter(i: int, start: int) -> None:
        """Segments from frame `start` to before frame i, each after the best path that ends in another state."""
        place = np.where(states == leaders[start, 0], 1, 0)
        entered = leading[start, place] - options.cost + sums[i] - sums[start]
        better = entered > value
        value[better] = entered[better]
        begun[i, better] = start
        before[i, better] = leaders[start, place][better]

    for i in range(1, count + 1):
        value += scores[i - 1]
        begun[i], before[i] = begun[i - 1], before[i - 1]
        for start in range(max(starts[i - 1], 0) + 1, starts[i] + 1):  # those that are long enough from here on
            enter(i, start)
        leaders[i] = np.argsort(-value, kind="stable")[:2]
        leading[i] = value[leaders[i]]
    for start in range(max(int(starts[count]), 0) + 1, count):  # the last segment may be short
        enter(count, start)
    path = np.empty(count, np.intp)
    state, end = int(value.argmax()), count
    while end > 0:
        begin = int(begun[end, state])
        path[begin:end] = state
        state, end = int(before[end, state]), begin
    return path


def _crossing(times: Times, smoothed: Shares, states: Any, after: int, likely: float) -> float:
    """When one state gives way to the next, between two frames: where their probabilities cross."""
    labels = smoothed.shape[1]

    def of(frame: int, state: int) -> float:
        return float(smoothed[frame, state]) if state < labels else likely

    old, new = int(states[after - 1]), int(states[after])
    lead = of(after - 1, old) - of(after - 1, new)
    lag = of(after, new) - of(after, old)
    share = min(max(lead / (lead + lag), 0.0), 1.0) if lead + lag > 0 else 0.5
    return float(times[after - 1] + share * (times[after] - times[after - 1]))
