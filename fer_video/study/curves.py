"""A clip's frames -> one curve per person: probabilities over time; smoothed, resampled, or against a baseline."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from fer_video.clip.path import smooth
from fer_video.types import ClipResult

__all__ = ["Curve", "Values", "change_from", "curves_of", "log_ratios", "resampled", "smoothed"]

Values = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

GAP_S = 0.5  # out of sight for longer than this cuts a curve, as it ends a segment
_FLOOR = 0.01  # of a probability in logarithms: what lies below is noise that logarithms would blow up


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The frames in which one person's face was found."""

    labels: tuple[str, ...]
    times: Values  # (n,) seconds from the first frame of the clip, ascending
    sampled: Integers  # (n,) running number among the sampled frames, so that a gap is known from a slow rate
    values: Values  # (n, labels) probabilities

    def __len__(self) -> int:
        return len(self.times)

    def between(self, start_s: float, end_s: float) -> Curve:
        """The frames from start_s on and before end_s."""
        first, last = np.searchsorted(self.times, (start_s, end_s))
        return self._part(slice(first, last))

    def stretches(self) -> Iterator[Curve]:
        """Cut where the person was out of sight for longer than GAP_S in a sampled frame."""
        cuts = np.flatnonzero((np.diff(self.times) > GAP_S) & (np.diff(self.sampled) > 1)) + 1
        edges = [0, *cuts.tolist(), len(self)]
        for first, last in pairwise(edges):
            if last > first:
                yield self._part(slice(first, last))

    def _part(self, rows: slice) -> Curve:
        return Curve(self.labels, self.times[rows], self.sampled[rows], self.values[rows])


def curves_of(result: ClipResult) -> Mapping[int, Curve]:
    """Person -> curve; {} where the result has no frames or nobody is in them."""
    log = result.observations
    columns: dict[int, tuple[array[float], array[int], array[float]]] = {}
    number, last = -1, None
    for seen in log or ():
        number, last = number + (seen.frame != last), seen.frame
        if seen.person is not None and seen.probabilities is not None:
            times, sampled, values = columns.setdefault(seen.person, (array("d"), array("q"), array("d")))
            times.append(seen.time_s)
            sampled.append(number)
            values.extend(seen.probabilities.values())
    labels = () if log is None else tuple(log.emotions)
    return {
        person: Curve(
            labels, np.array(times), np.array(sampled, np.int64), np.array(values).reshape(len(times), len(labels))
        )
        for person, (times, sampled, values) in columns.items()
    }


def smoothed(curve: Curve, kernel_s: float) -> Curve:
    """By a Gaussian kernel in time, kernel_s wide at half of its height, never over a gap. Rows still sum to 1."""
    parts = [smooth(each.times, each.values, kernel_s) for each in curve.stretches()]
    return replace(curve, values=np.concatenate([curve.values[:0], *parts]))


def resampled(curve: Curve, rate_hz: float) -> Curve:
    """At the multiples of 1 / rate_hz, on the straight line between two frames; nothing in a gap.

    For a lower rate than that of the frames smooth before, or what lies between is lost.
    """
    times, values = [curve.times[:0]], [curve.values[:0]]
    for each in curve.stretches():
        first, last = np.ceil(each.times[0] * rate_hz - 1e-6), np.floor(each.times[-1] * rate_hz + 1e-6)
        grid = np.arange(first, last + 1) / rate_hz
        times.append(grid)
        columns = [np.interp(grid, each.times, each.values[:, i]) for i in range(len(curve.labels))]
        values.append(np.stack(columns, axis=1).reshape(len(grid), len(curve.labels)))
    whole = np.concatenate(times)
    return Curve(curve.labels, whole, np.round(whole * rate_hz).astype(np.int64), np.concatenate(values))


def log_ratios(values: Values) -> Values:
    """Centred log-ratios of compositions (Aitchison, 1986): log p, less its mean over the labels."""
    logs = np.log(np.maximum(values, _FLOOR))
    centred: Values = logs - logs.mean(axis=-1, keepdims=True)
    return centred


def change_from(baseline: Values, curve: Curve) -> Values:
    """(n, labels) how much more of each emotion there is than in a baseline: differences of centred log-ratios.

    baseline: (labels,) mean of the log-ratios of a person's own neutral. Each row sums to 0.
    """
    change: Values = log_ratios(curve.values) - baseline
    return change
