"""A clip's frames -> one curve per person: probabilities over time; smoothed, resampled, or against a baseline."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from fer_video.clip.path import smooth
from fer_video.errors import OptionError
from fer_video.faces.quality import qualities_of
from fer_video.types import ClipResult, Face, Observation

__all__ = ["Curve", "Values", "change_from", "check_levels", "curves_of", "log_ratios", "resampled", "smoothed"]

Values = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

GAP_S = 0.5  # out of sight for longer than this cuts a curve, as it ends a segment
_AT_ONCE = 1024  # faces whose quality is measured together
_FLOOR = 0.01  # of a probability in logarithms: what lies below is noise that logarithms would blow up


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The frames in which one person's face was found."""

    labels: tuple[str, ...]
    times: Values  # (n,) seconds from the first frame of the clip, ascending
    sampled: Integers  # (n,) running number among the sampled frames, so that a gap is known from a slow rate
    values: Values  # (n, labels) probabilities
    quality: Values | None = None  # (n, 7) of the faces, as faces.quality.QUALITIES

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
        quality = None if self.quality is None else self.quality[rows]
        return Curve(self.labels, self.times[rows], self.sampled[rows], self.values[rows], quality)

    def good(self, least: float) -> Curve:
        """The frames with a face of at least this quality."""
        if self.quality is None:
            return self
        keep = self.quality[:, -1] >= least
        return Curve(self.labels, self.times[keep], self.sampled[keep], self.values[keep], self.quality[keep])


def curves_of(result: ClipResult) -> Mapping[int, Curve]:
    """Person -> curve; {} where the result has no frames or nobody is in them."""
    log = result.observations
    columns: dict[int, _Columns] = {}
    number, last = -1, None
    for seen in log or ():
        number, last = number + (seen.frame != last), seen.frame
        if seen.person is not None and seen.probabilities is not None and seen.face is not None:
            columns.setdefault(seen.person, _Columns(result.size)).add(number, seen)
    labels = () if log is None else tuple(log.emotions)
    return {person: each.curve(labels) for person, each in columns.items()}


class _Columns:
    """One person's frames as they come."""

    def __init__(self, size: tuple[int, int] | None) -> None:
        self._size = size
        self._times, self._sampled, self._values = array("d"), array("q"), array("d")
        self._waiting: list[Face] = []
        self._qualities: list[Values] = []

    def add(self, number: int, seen: Observation) -> None:
        self._times.append(seen.time_s)
        self._sampled.append(number)
        self._values.extend((seen.probabilities or {}).values())
        assert seen.face is not None
        self._waiting.append(seen.face)
        if len(self._waiting) >= _AT_ONCE:
            self._measure()

    def _measure(self) -> None:
        self._qualities.append(qualities_of(self._waiting, self._size))
        self._waiting = []

    def curve(self, labels: tuple[str, ...]) -> Curve:
        self._measure()
        times = np.array(self._times)
        values = np.array(self._values).reshape(len(times), len(labels))
        return Curve(labels, times, np.array(self._sampled, np.int64), values, np.concatenate(self._qualities))


def check_levels(smooth_s: float | None, min_quality: float = 0.0) -> None:
    """Raises OptionError for a kernel or a least quality that makes no sense."""
    if smooth_s is not None and not 0 < smooth_s < math.inf:
        raise OptionError(f"smooth must be more than 0 seconds, not {smooth_s:g}")
    if not 0 <= min_quality <= 1:
        raise OptionError(f"min_quality must lie between 0 and 1, not {min_quality:g}")


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
