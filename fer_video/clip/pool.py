"""Per-frame embeddings -> one descriptor of a clip: statistics over time (arXiv 2103.17107, section IV).

A clip of one person is described by statistics of the embeddings over its frames; a group by statistics over the
faces of each frame, and then statistics of those over the frames (nested pooling). One pass, memory of a few vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fer_video.errors import OptionError
from fer_video.types import Floats

__all__ = ["STATISTICS", "Pooler", "Pooling", "RunningStats", "Statistic", "pool"]

Statistic = Literal["mean", "std", "min", "max"]
STATISTICS: tuple[Statistic, ...] = ("mean", "std", "min", "max")

Vector = npt.NDArray[np.float64]

_TOGETHER = 32  # vectors that are merged at once: one at a time, NumPy's calls cost more than their sums


class RunningStats:
    """Mean, biased standard deviation, minimum and maximum of vectors that come a few at a time.

    Some dozen vectors are gathered, and their own statistics are merged into the running ones (Chan, Golub and LeVeque
    1979): one pass, no sum of squares, so that it stays exact where the spread is small against the mean and however
    long the video is.
    """

    __slots__ = ("_gathered", "_max", "_mean", "_merged", "_min", "_squares", "count")

    def __init__(self) -> None:
        self.count = 0
        self._gathered: list[npt.NDArray[np.float64]] = []  # (n, D) each, not merged yet
        self._merged = 0  # vectors that the following are of
        self._mean: Vector = np.zeros(0)
        self._min: Vector = np.zeros(0)
        self._max: Vector = np.zeros(0)
        self._squares: Vector = np.zeros(0)  # sum of squared distances from the mean

    def add(self, rows: npt.ArrayLike) -> None:
        """rows: (D,) one vector, or (n, D) several; the same D each time. None at all (0, D) changes nothing."""
        values = np.array(rows, np.float64, ndmin=2)
        if not len(values):
            return
        self._gathered.append(values)
        self.count += len(values)
        if self.count - self._merged >= _TOGETHER:
            self._merge()

    def _merge(self) -> None:
        if not self._gathered:
            return
        values = np.concatenate(self._gathered)
        self._gathered = []
        mean = values.mean(axis=0)
        squares = ((values - mean) ** 2).sum(axis=0)
        self._take(len(values), mean, squares, values.min(axis=0), values.max(axis=0))

    def _take(self, count: int, mean: Vector, squares: Vector, least: Vector, most: Vector) -> None:
        """Merge the statistics of `count` vectors into the running ones."""
        if self._merged == 0:
            self._mean, self._squares, self._min, self._max = mean, squares, least, most
        else:
            total = self._merged + count
            apart = mean - self._mean
            self._mean = self._mean + apart * (count / total)
            self._squares = self._squares + squares + apart**2 * (self._merged * count / total)
            self._min = np.minimum(self._min, least)
            self._max = np.maximum(self._max, most)
        self._merged += count

    def merge(self, other: RunningStats) -> None:
        """Take in what another one was given, exactly as if it had been added here."""
        self._merge()
        other._merge()
        if other.count:
            self._take(other.count, other._mean, other._squares, other._min, other._max)
            self.count = self._merged

    @property
    def mean(self) -> Vector:
        """(D,); (0,) when nothing was added, as for the others."""
        self._merge()
        return self._mean

    @property
    def min(self) -> Vector:
        """(D,)"""
        self._merge()
        return self._min

    @property
    def max(self) -> Vector:
        """(D,)"""
        self._merge()
        return self._max

    @property
    def std(self) -> Vector:
        """(D,) biased (divided by the count), NumPy's default."""
        self._merge()
        std: Vector = np.sqrt(self._squares / max(self.count, 1))
        return std

    def stack(self, statistics: Sequence[Statistic]) -> Vector:
        """(len(statistics) * D,): the named statistics one after the other, in the order given."""
        return np.concatenate([getattr(self, name) for name in statistics])


@dataclass(frozen=True, slots=True)
class Pooling:
    """How embeddings become a descriptor. The defaults are those of the AFEW experiments.

    Attributes:
        statistics: Statistics over the embeddings, any selection in any order.
        nested: Pool over the faces of each frame first, then over the frames (VGAF).
        normalize: Scale the descriptor to unit length (L2).
    """

    statistics: tuple[Statistic, ...] = STATISTICS
    nested: bool = False
    normalize: bool = True

    def __post_init__(self) -> None:
        unknown = [name for name in self.statistics if name not in STATISTICS]
        if unknown or not self.statistics or len(set(self.statistics)) != len(self.statistics):
            given = ", ".join(self.statistics) or "none"
            raise OptionError(f"statistics must be some of {', '.join(STATISTICS)}, each once, not: {given}")

    def size(self, features: int) -> int:
        """Length of the descriptor of embeddings of length `features`."""
        return features * len(self.statistics) ** (2 if self.nested else 1)


class Pooler:
    """Streams embeddings into a descriptor; memory does not grow with the clip.

    features: length of an embedding.
    """

    def __init__(self, pooling: Pooling, features: int) -> None:
        self.pooling = pooling
        self._size = pooling.size(features)
        self._stats = RunningStats()

    def add_frame(self, embeddings: npt.ArrayLike) -> None:
        """The faces of one frame that count: (n, D). A frame without any (0, D) is passed over."""
        faces = np.atleast_2d(np.asarray(embeddings, np.float64))
        if self.pooling.nested and len(faces):
            inner = RunningStats()
            inner.add(faces)
            faces = inner.stack(self.pooling.statistics)[None]
        self._stats.add(faces)

    def merge(self, other: Pooler) -> None:
        """Take in the frames of another one of the same pooling, exactly as if they had been added here."""
        self._stats.merge(other._stats)

    @property
    def frames(self) -> int:
        """Frames (nested) or faces that were added."""
        return self._stats.count

    def descriptor(self) -> Floats:
        """(pooling.size(features),) float32. All zeros when no face was added, as the paper's protocol has it."""
        if not self._stats.count:
            return np.zeros(self._size, np.float32)
        vector = self._stats.stack(self.pooling.statistics)
        length = float(np.linalg.norm(vector))
        if self.pooling.normalize and length > 0:
            vector = vector / length
        return vector.astype(np.float32)


def pool(embeddings: Floats, frames: npt.NDArray[np.int64], pooling: Pooling) -> Floats:
    """A descriptor from stored embeddings: (N, D) and the frame each belongs to, (N,), in order of time."""
    pooler = Pooler(pooling, embeddings.shape[1])
    if pooling.nested:
        for faces in np.split(embeddings, np.flatnonzero(np.diff(frames)) + 1):
            pooler.add_frame(faces)
    else:
        pooler.add_frame(embeddings)
    return pooler.descriptor()
