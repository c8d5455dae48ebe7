"""One result, and what is measured of each person in it: in the clip or an event, as it is or against a baseline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fer_video.study.baseline import Baseline
from fer_video.study.curves import Values, curves_of, smoothed
from fer_video.study.figures import Figures, Span, figures_of
from fer_video.types import ClipResult, Person

__all__ = ["Measured"]


class Measured:
    """One result, and what is measured of each person in it."""

    def __init__(self, result: ClipResult, smooth_s: float | None, baseline: Baseline | None) -> None:
        self.result, self._baseline = result, baseline
        curves = curves_of(result)
        self._curves = {who: smoothed(each, smooth_s) for who, each in curves.items()} if smooth_s else curves
        self._changes: dict[int, Values | None] = {}
        if baseline is not None:
            self._changes = {who: baseline.changes(each) for who, each in self._curves.items()}
        log = result.observations
        self._looked = np.unique(np.fromiter((seen.time_s for seen in log or ()), np.float64))

    def has_baseline(self, person: Person) -> bool:
        """Also where none is asked for, or there are no frames to tell."""
        return self._changes.get(person.id, True) is not None

    def figures(self, person: Person | None, span: Span | None) -> Figures:
        curve = None if person is None else self._curves.get(person.id)
        looked = None
        if span is not None:
            looked = int(np.diff(np.searchsorted(self._looked, (span.start_s, span.end_s)))[0])
        found = figures_of(self.result, person, curve, span, looked)
        if person is None or curve is None or self._baseline is None or self._changes[person.id] is None:
            return found
        weights = self._baseline.is_outside(curve)
        if span is not None:
            weights = weights * (curve.times >= span.start_s) * (curve.times < span.end_s)
        if not weights.any():
            return found
        means = np.average(np.asarray(self._changes[person.id]), axis=0, weights=weights)
        change = dict(zip(curve.labels, means.tolist(), strict=True))
        labels = {label: replace(each, change=change.get(label)) for label, each in found.labels.items()}
        return replace(found, labels=labels)
