"""Results of many clips -> one table of curves: each person's probabilities over time, prepared as asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fer_video.errors import OptionError
from fer_video.study.baseline import Baseline
from fer_video.study.curves import Curve, check_levels, curves_of, resampled, smoothed
from fer_video.study.meta import Meta
from fer_video.study.tables import Table
from fer_video.types import ClipResult

__all__ = ["CurveOptions", "CurveTable"]

_FIRST = ("path", "person")
_MOST_HZ = 1000.0


@dataclass(frozen=True, slots=True)
class CurveOptions:
    """How curves are prepared. Raises OptionError.

    Attributes:
        smooth_s: Seconds over which they are smoothed. None: no smoothed curves.
        rate_hz: Points per second. None: those of the frames.
        baseline: A person's own neutral, to which the change is measured. None: no changes.
        min_quality: Frames with a face of lower quality, 0 to 1, are left out.
    """

    smooth_s: float | None = None
    rate_hz: float | None = None
    baseline: Baseline | None = None
    min_quality: float = 0.0

    def __post_init__(self) -> None:
        check_levels(self.smooth_s, self.min_quality)
        if self.rate_hz is not None and not 0 < self.rate_hz <= _MOST_HZ:
            raise OptionError(f"resample must be more than 0 and at most {_MOST_HZ:g} Hz, not {self.rate_hz:g}")


class CurveTable:
    """Takes results one after the other; rows are kept in a file."""

    def __init__(self, options: CurveOptions, meta: Meta | None = None) -> None:
        self._options, self._meta = options, meta
        self._table = Table()
        self._labels: dict[str, None] = {}

    def add(self, result: ClipResult) -> None:
        """Everybody in it. Raises InputError, OptionError where the meta table is not clear."""
        if self._meta is not None:
            self._meta.see(result.path, {each.id for each in result.people})
        for person, curve in curves_of(result).items():
            cells = {} if self._meta is None else self._meta.find(result.path, person) or {}
            self._add({"path": result.path, "person": person, **cells}, curve.good(self._options.min_quality))

    def _add(self, first: Mapping[str, object], raw: Curve) -> None:
        curves = {"p": raw}
        best = raw
        if self._options.smooth_s is not None:
            best = curves["smooth"] = smoothed(raw, self._options.smooth_s)
        if self._options.baseline is not None and (changes := self._options.baseline.changes(best)) is not None:
            curves["change"] = Curve(best.labels, best.times, best.sampled, changes)
        if self._options.rate_hz is not None:
            curves = {kind: resampled(each, self._options.rate_hz) for kind, each in curves.items()}
        self._labels |= dict.fromkeys(raw.labels)
        for place, time_s in enumerate(curves["p"].times.tolist()):
            row = {**first, "time_s": time_s}
            for kind, each in curves.items():
                row |= {f"{kind}_{label}": float(v) for label, v in zip(each.labels, each.values[place], strict=True)}
            self._table.add(row)

    def table(self) -> Table:
        """All rows, with their columns. To be closed."""
        kinds = ["p"]
        kinds += [] if self._options.smooth_s is None else ["smooth"]
        kinds += [] if self._options.baseline is None else ["change"]
        known = () if self._meta is None else self._meta.columns
        values = [f"{kind}_{label}" for kind in kinds for label in self._labels]
        self._table.columns = [*_FIRST, *known, "time_s", *values]
        return self._table
