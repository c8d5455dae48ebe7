"""A clip's frames -> one curve per person: the probabilities of the emotions over time."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_video.types import ClipResult

__all__ = ["Curve", "Values", "curves_of"]

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The frames in which one person's face was found."""

    labels: tuple[str, ...]
    times: Values  # (n,) seconds from the first frame of the clip, ascending
    values: Values  # (n, labels) probabilities

    def between(self, start_s: float, end_s: float) -> Curve:
        """The frames from start_s on and before end_s."""
        first, last = np.searchsorted(self.times, (start_s, end_s))
        return Curve(self.labels, self.times[first:last], self.values[first:last])


def curves_of(result: ClipResult) -> Mapping[int, Curve]:
    """Person -> curve; {} where the result has no frames or nobody is in them."""
    log = result.observations
    times: dict[int, array[float]] = {}
    values: dict[int, array[float]] = {}
    for seen in log or ():
        if seen.person is not None and seen.probabilities is not None:
            times.setdefault(seen.person, array("d")).append(seen.time_s)
            values.setdefault(seen.person, array("d")).extend(seen.probabilities.values())
    labels = () if log is None else tuple(log.emotions)
    return {
        person: Curve(labels, np.array(found), np.array(values[person]).reshape(len(found), len(labels)))
        for person, found in times.items()
    }
