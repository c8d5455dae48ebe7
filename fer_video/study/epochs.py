"""Curves around the onsets of events, averaged over the subjects of each group, with intervals over the subjects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_video.errors import InputError, OptionError
from fer_video.study.annotations import Annotations, refuse_empty
from fer_video.study.baseline import Baseline
from fer_video.study.curves import Curve, Values, check_levels, curves_of, smoothed
from fer_video.study.groups import bootstrap_bounds
from fer_video.study.meta import Meta, column_of
from fer_video.study.said import first_of
from fer_video.study.summarize import EVENT
from fer_video.types import ClipResult

__all__ = ["AlignOptions", "Aligned", "Epochs"]

_MOST_POINTS, _MOST_HZ = 10_000, 1000
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlignOptions:
    """How curves around events are made. Raises OptionError.

    Attributes:
        group_by: Columns of the meta table, and event: one curve for each of their values. (): one for all events.
        before_s: Seconds before each onset.
        after_s: Seconds after each onset.
        rate_hz: Points per second.
        smooth_s: Seconds over which the curves are smoothed first. None: as they are.
        baseline: A person's own neutral: curves are changes from it, instead of probabilities.
        tiers: Tiers whose events count. (): the only one.
        seed: Seed of the bootstrap.
    """

    group_by: tuple[str, ...] = ()
    before_s: float = 1.0
    after_s: float = 3.0
    rate_hz: float = 10.0
    smooth_s: float | None = None
    baseline: Baseline | None = None
    tiers: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_empty(self.tiers)
        if not 0 <= self.before_s < math.inf:
            raise OptionError(f"before must be 0 seconds or more, not {self.before_s:g}")
        if not 0 < self.after_s < math.inf:
            raise OptionError(f"after must be more than 0 seconds, not {self.after_s:g}")
        if not 0 < self.rate_hz <= _MOST_HZ:
            raise OptionError(
                f"resample must be more than 0 and at most {_MOST_HZ} points per second, not {self.rate_hz:g}"
            )
        if (points := (self.before_s + self.after_s) * self.rate_hz) > _MOST_POINTS:
            raise OptionError(
                f"before, after and resample give {points:g} points per curve, more than {_MOST_POINTS}; take less "
                "time or fewer points per second"
            )
        check_levels(self.smooth_s)


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """One group. NaN where nobody was in sight, and for bounds with fewer than two subjects."""

    group: Key
    labels: tuple[str, ...]
    times: Values  # (n,) seconds from the onset
    mean: Values  # (n, labels) over subjects, each of which is the mean of its events
    low: Values  # bounds of the 95 % bootstrap interval over subjects
    high: Values
    subjects: int
    events: int


class Epochs:
    """Takes results one after the other; keeps one curve per subject and group."""

    def __init__(self, options: AlignOptions, events: Annotations, meta: Meta | None = None) -> None:
        known = (EVENT, *(() if meta is None else meta.columns))
        self._keys = tuple(column_of(name, known, "group-by") for name in options.group_by)
        self.options, self._events, self._meta = options, events, meta
        first, last = (round(each * options.rate_hz) for each in (-options.before_s, options.after_s))
        self._grid = np.arange(first, last + 1) / options.rate_hz
        self._labels: tuple[str, ...] = ()
        # group -> subject -> sums, how many went into each, and how many events
        self._sums: dict[Key, dict[str, list[npt.NDArray[np.float64]]]] = {}
        self._count: dict[Key, int] = {}
        self._unseen: list[str] = []  # clips whose main person is not in sight in the baseline
        self._missing: list[str] = []  # clips that match no row of the meta table

    def add(self, result: ClipResult) -> None:
        """The main person. Raises InputError for a clip without frames, or with other emotions than those before."""
        if self._meta is not None and not self._meta.see(result.path, {each.id for each in result.people}):
            self._missing.append(result.path)
        if result.status == "failed" or result.clip is None or result.clip.person is None:
            return
        if result.observations is None:
            raise InputError(f"{result.path}: holds no frames; make it with fervid predict --frames")
        cells = {} if self._meta is None else self._meta.find(result.path, result.clip.person)
        curve = curves_of(result).get(result.clip.person)
        if curve is None or cells is None:
            return
        if self._labels not in ((), curve.labels):
            raise InputError(f"{result.path}: has other emotions than the clips before; use the same backbone for all")
        self._labels = curve.labels
        if self.options.smooth_s:
            curve = smoothed(curve, self.options.smooth_s)
        if self.options.baseline is not None:
            changes = self.options.baseline.changes(curve)
            if changes is None:
                self._unseen.append(result.path)
                return
            curve = Curve(curve.labels, curve.times, curve.sampled, changes)
        subject = (self._meta and self._meta.subject(cells)) or f"\0{result.path}"
        for event in self._events.events(result, self.options.tiers):
            key = tuple({**cells, EVENT: event.name}[name] for name in self._keys)
            self._take(key, subject, curve, event.start_s)

    def _take(self, key: Key, subject: str, curve: Curve, onset_s: float) -> None:
        found = _at(curve, self._grid + onset_s)
        known = np.isfinite(found)
        if not known.any():  # out of sight, or after the end of the clip: neither an event nor a subject of the curve
            return
        sums = self._sums.setdefault(key, {}).setdefault(subject, [np.zeros((len(self._grid), len(self._labels)))] * 2)
        sums[0] = sums[0] + np.where(known, found, 0.0)
        sums[1] = sums[1] + known
        self._count[key] = self._count.get(key, 0) + 1

    def notes(self) -> list[str]:
        """What the user should know of the curves, one line each."""
        tables = (self._events, *(() if self._meta is None else (self._meta,)))
        found = [said for table in tables if (said := table.unmatched())]
        if self._missing and self._meta is not None:
            clips = f"{len(self._missing)} {'clip' if len(self._missing) == 1 else 'clips'}"
            found.append(f"{clips} without a row in {self._meta.path}, left out: {first_of(self._missing)}")
        if self._unseen:
            clips = f"{len(self._unseen)} {'clip' if len(self._unseen) == 1 else 'clips'}"
            found.append(f"{clips} left out, where nobody is seen in the baseline: {first_of(self._unseen)}")
        return found

    def aligned(self) -> Iterator[Aligned]:
        """One for each group, in order of their names. Raises OptionError for a meta table that is not clear,
        and for tiers that are nowhere, InputError where nobody is seen in the baseline."""
        if self._meta is not None:
            self._meta.check()
        self._events.check_tiers(self.options.tiers)
        if not self._sums and self._unseen and self.options.baseline is not None:
            raise InputError(
                f"nothing to plot: nobody is seen in the baseline {self.options.baseline}; choose another one"
            )
        for key, subjects in sorted(self._sums.items()):
            with np.errstate(invalid="ignore"):
                table = np.stack([(sums / counts) for sums, counts in subjects.values()])
            flat = table.reshape(len(table), -1)
            known = np.isfinite(flat)
            counts = known.sum(axis=0)
            mean = np.where(counts > 0, np.where(known, flat, 0.0).sum(axis=0) / np.maximum(counts, 1), np.nan)
            low, high = bootstrap_bounds(flat, self.options.seed)
            shape = table.shape[1:]
            low, high = (np.where(counts > 1, each, np.nan).reshape(shape) for each in (low, high))
            yield Aligned(
                key, self._labels, self._grid, mean.reshape(shape), low, high, len(subjects), self._count[key]
            )


def _at(curve: Curve, times: Values) -> Values:
    """(n, labels) on the straight lines between frames; NaN in gaps, and before and after the person was seen."""
    found = np.full((len(times), len(curve.labels)), np.nan)
    for each in curve.between(times[0] - 1.0, times[-1] + 1.0).stretches():
        inside = (times >= each.times[0] - 1e-9) & (times <= each.times[-1] + 1e-9)
        for column in range(len(curve.labels)):
            found[inside, column] = np.interp(times[inside], each.times, each.values[:, column])
    return found
