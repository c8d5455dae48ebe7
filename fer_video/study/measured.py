"""One result, and what is measured of each person in it: in the clip or an event, as it is or against a baseline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fer_video.faces.quality import QUALITIES
from fer_video.study.baseline import Baseline
from fer_video.study.curves import Curve, Values, curves_of, smoothed
from fer_video.study.figures import Figures, Span, figures_of
from fer_video.types import ClipResult, Person

__all__ = ["Measured"]


class Measured:
    """One result, and what is measured of each person in it.

    min_quality: levels and changes are those of the frames with a face of at least this quality.
    """

    def __init__(
        self, result: ClipResult, smooth_s: float | None, baseline: Baseline | None, min_quality: float = 0.0
    ) -> None:
        self.result, self._baseline = result, baseline
        self._seen = curves_of(result)
        good = {who: each.good(min_quality) for who, each in self._seen.items()}
        self._curves = {who: smoothed(each, smooth_s) for who, each in good.items()} if smooth_s else good
        self._changes: dict[int, Values | None] = {}
        if baseline is not None:
            self._changes = {who: baseline.changes(each) for who, each in self._curves.items()}
        log = result.observations
        self._looked = np.unique(np.fromiter((seen.time_s for seen in log or ()), np.float64))

    def has_baseline(self, person: Person) -> bool:
        """Also where none is asked for, or there are no frames to tell."""
        return self._changes.get(person.id, True) is not None

    def figures(self, person: Person | None, span: Span | None) -> Figures:
        if person is None or person.id not in self._seen:
            return figures_of(self.result, person, None, span, self._frames_in(span))
        seen, curve = self._seen[person.id], self._curves[person.id]
        found = figures_of(self.result, person, curve, span, self._frames_in(span), seen)
        found = replace(found, **_quality(seen, curve, span))
        change = self._change(person, curve, span)
        labels = {label: replace(each, change=change.get(label)) for label, each in found.labels.items()}
        return replace(found, labels=labels)

    def _frames_in(self, span: Span | None) -> int | None:
        if span is None or self.result.observations is None:
            return None
        return int(np.diff(np.searchsorted(self._looked, span.bounds))[0])

    def is_outside(self, span: Span) -> bool:
        """Whether it begins after the end of the clip, or ends before its start; False where the end is not known."""
        ends = [each for each in (self.result.duration_s, *self._looked[-1:].tolist()) if each is not None]
        return span.end_s <= 0 or (bool(ends) and span.start_s > 0 and span.start_s >= max(ends))

    def _change(self, person: Person, curve: Curve, span: Span | None) -> dict[str, float]:
        """Emotion -> mean change from the baseline; {} where there is none."""
        changes = self._changes.get(person.id)
        if self._baseline is None or changes is None:
            return {}
        weights = self._baseline.is_outside(curve)
        if span is not None:
            first, last = span.bounds
            weights = weights * (curve.times >= first) * (curve.times < last)
        if not weights.any():
            return {}
        return dict(zip(curve.labels, np.average(changes, axis=0, weights=weights).tolist(), strict=True))


def _quality(seen: Curve, good: Curve, span: Span | None) -> dict[str, Any]:
    """Means of the qualities over all frames with the face, and how many of these were not good enough."""
    if span is not None:
        seen, good = (each.between(*span.bounds) for each in (seen, good))
    if seen.quality is None or not len(seen):
        return {}
    known = np.isfinite(seen.quality)
    sums = np.where(known, seen.quality, 0.0).sum(axis=0)
    means = [float(total) / int(n) if n else None for total, n in zip(sums, known.sum(axis=0), strict=True)]
    return {"quality": dict(zip(QUALITIES, means, strict=True)), "left_out": 1 - len(good) / len(seen)}
