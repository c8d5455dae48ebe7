"""Rows of clips -> one row per subject or group: means over clips, then over subjects, with bootstrap intervals.

Frames and clips of one person resemble each other, so only subjects are drawn for the intervals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Groups", "bootstrap_bounds"]

_RESAMPLES = 2000
_PERCENTILES = (2.5, 97.5)
_AT_ONCE = 512  # figures that are drawn together: what is in memory

Row = dict[str, Any]
Key = tuple[str, ...]


class _Means:
    """Running sums of named figures, each over the rows that have it."""

    __slots__ = ("count", "sums", "with_face")

    def __init__(self) -> None:
        self.count = self.with_face = 0
        self.sums: dict[str, tuple[float, int]] = {}

    def add(self, figures: Mapping[str, Any], *, has_face: bool) -> None:
        self.count += 1
        self.with_face += has_face
        for name, value in figures.items():
            if value is not None:
                total, count = self.sums.get(name, (0.0, 0))
                self.sums[name] = total + value, count + 1

    def mean(self, name: str) -> float | None:
        total, count = self.sums.get(name, (0.0, 0))
        return total / count if count else None


class Groups:
    """Memory grows with subjects and groups, not with clips."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._subjects: dict[Key, dict[str, _Means]] = {}  # group -> subject -> means over clips

    def add(self, group: Key, subject: str, figures: Mapping[str, Any], *, has_face: bool) -> None:
        """One clip of a subject."""
        self._subjects.setdefault(group, {}).setdefault(subject, _Means()).add(figures, has_face=has_face)

    def rows(self, names: Sequence[str], *, intervals: bool) -> Iterator[tuple[Key, Row]]:
        """One per group, in order of their keys: how many subjects and clips, and the mean of each named figure.

        Over the subjects, each of which is the mean of its clips. intervals: also NAME_low and NAME_high, the 95 %
        percentile bootstrap over subjects, None for fewer than two, and NAME_n, how many subjects have the figure.
        """
        for group, subjects in sorted(self._subjects.items()):
            row: Row = {"subjects": len(subjects)} if intervals else {}
            row["clips"] = sum(each.count for each in subjects.values())
            row["clips_with_face"] = sum(each.with_face for each in subjects.values())
            table = np.array([[_nan(each.mean(name)) for name in names] for each in subjects.values()], np.float64)
            known = np.isfinite(table)
            counts = known.sum(axis=0)
            means = np.where(known, table, 0.0).sum(axis=0) / np.maximum(counts, 1)
            lows, highs = bootstrap_bounds(table, self._seed) if intervals else (means, means)
            for column, name in enumerate(names):
                row[name] = float(means[column]) if counts[column] else None
                if intervals:
                    wide = counts[column] > 1
                    row[f"{name}_low"] = float(lows[column]) if wide else None
                    row[f"{name}_high"] = float(highs[column]) if wide else None
                    row[f"{name}_n"] = int(counts[column])
            yield group, row


def bootstrap_bounds(
    table: npt.NDArray[np.float64], seed: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(names,) bounds of the mean over rows of (subjects, names); NaN where nobody has a figure.

    Each draw has as many subjects as there are; those without a figure count for nothing in its mean.
    """
    subjects = len(table)
    drawn = np.random.default_rng(seed).integers(0, subjects, (_RESAMPLES, subjects))
    times = np.zeros((_RESAMPLES, subjects))  # how often each subject was drawn
    np.add.at(times, (np.arange(_RESAMPLES)[:, None], drawn), 1.0)
    found = np.full((2, table.shape[1]), np.nan)
    for first in range(0, table.shape[1], _AT_ONCE):
        part = table[:, first : first + _AT_ONCE]
        known = np.isfinite(part)
        sums, counts = times @ np.where(known, part, 0.0), times @ known
        means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        for column in np.flatnonzero(known.any(axis=0)):
            found[:, first + column] = np.nanpercentile(means[:, column], _PERCENTILES)
    return found[0], found[1]


def _nan(value: float | None) -> float:
    return np.nan if value is None else value
