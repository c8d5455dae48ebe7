"""Per-frame vectors -> statistics over a clip: mean, std, min, max in one pass (arXiv 2103.17107, section IV)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["RunningStats"]

Vector = npt.NDArray[np.float64]


class RunningStats:
    """Mean, biased standard deviation, minimum and maximum of vectors that come one at a time.

    Welford's update: one pass, no sum of squares, so that it stays exact where the spread is small against
    the mean and however long the video is. Memory is four vectors.
    """

    __slots__ = ("_squares", "count", "max", "mean", "min")

    def __init__(self) -> None:
        self.count = 0
        self.mean: Vector = np.zeros(0)
        self.min: Vector = np.zeros(0)
        self.max: Vector = np.zeros(0)
        self._squares: Vector = np.zeros(0)  # sum of squared distances from the mean

    def add(self, vector: npt.ArrayLike) -> None:
        """vector: (D,) numbers, the same D each time."""
        values = np.asarray(vector, np.float64)
        self.count += 1
        if self.count == 1:
            self.mean, self.min, self.max = values.copy(), values.copy(), values.copy()
            self._squares = np.zeros_like(values)
            return
        before = values - self.mean
        self.mean = self.mean + before / self.count
        self._squares += before * (values - self.mean)
        np.minimum(self.min, values, out=self.min)
        np.maximum(self.max, values, out=self.max)

    @property
    def std(self) -> Vector:
        """(D,) biased (divided by the count), NumPy's default."""
        std: Vector = np.sqrt(self._squares / max(self.count, 1))
        return std
