"""A person's own neutral: a stretch of each clip, or another clip, that the rest is compared with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_video.errors import InputError, OptionError
from fer_video.media.timecode import seconds_of
from fer_video.results.read import read_results
from fer_video.study.curves import Curve, Values, change_from, curves_of, log_ratios

__all__ = ["Baseline", "baseline_of"]

_NUMBERS = re.compile(r"[\d:.,\s-]*")
_SPAN = re.compile(r"([\d:.,]+)-([\d:.,]+)")


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """Where a person's neutral is: in the person's own clip from start_s on and before end_s, or as given."""

    start_s: float = 0.0
    end_s: float = 0.0
    given: Mapping[str, float] | None = None  # emotion -> mean centred log-ratio, of another clip

    def __str__(self) -> str:
        return "of another clip" if self.given is not None else f"{self.start_s:g}-{self.end_s:g} s"

    def changes(self, curve: Curve) -> Values | None:
        """(n, labels) for each frame; None where the person was not seen in the baseline."""
        if self.given is None:
            before = curve.between(self.start_s, self.end_s)
            return change_from(log_ratios(before.values).mean(axis=0), curve) if len(before) else None
        if set(self.given) != set(curve.labels):
            raise InputError("the baseline has other emotions than the results; make both with the same backbone")
        return change_from(np.array([self.given[label] for label in curve.labels]), curve)

    def is_outside(self, curve: Curve) -> Values:
        """(n,) 1 for frames that are not part of the baseline themselves, 0 for others."""
        inside = (curve.times >= self.start_s) & (curve.times < self.end_s)
        return np.where(inside & (self.given is None), 0.0, 1.0)


def baseline_of(text: str) -> Baseline:
    """START-END of each clip (0-10, 1:20-1:30), or the file of one clip's result. Raises InputError, OptionError."""
    if found := _SPAN.fullmatch(text):
        start_s, end_s = map(seconds_of, found.groups())
        if end_s <= start_s:
            raise OptionError(f"baseline {text}: ends before it starts")
        return Baseline(start_s, end_s)
    if _NUMBERS.fullmatch(text) and not Path(text).exists():
        raise OptionError(f"baseline {text}: write START-END, such as 0-10, or the name of a result")
    results = read_results(Path(text))
    if len(results) != 1:
        raise InputError(f"{text}: holds {len(results)} clips; a baseline is one clip")
    main = None if results[0].clip is None else results[0].clip.person
    curve = None if main is None else curves_of(results[0]).get(main)
    if curve is None:
        raise InputError(f"{text}: nobody is in this clip, so it cannot be a baseline")
    return Baseline(given=dict(zip(curve.labels, log_ratios(curve.values).mean(axis=0).tolist(), strict=True)))
