"""Embeddings of tracks -> groups of tracks that show one person: agglomerative clustering, average linkage on cosine.

Tracks that must stay apart, because both were seen in the same frame, never share a group. Memory grows with the number
of tracks and not with its square: the mean cosine between two groups is the product of their sums over that of their
sizes, so no matrix of distances is kept.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fer_video.types import Floats

__all__ = ["cluster"]


def cluster(
    embeddings: Floats, apart: Iterable[tuple[int, int]], least: float, together: Iterable[tuple[int, int]] = ()
) -> list[int]:
    """The group of each track, as the lowest row number in the group.

    embeddings: (n, D), rows of unit length, or shorter where a track is less sure of its person. apart: pairs of rows
    that are never in one group. least: mean product between two groups, below which they are not merged. together:
    pairs of rows that are of one group, whatever they look like; none of them may be apart.
    """
    merger = _Merger(embeddings, apart)
    for first, second in together:
        merger.merge(first, second)
    while merger.merge_best(least):
        pass
    return merger.group


class _Merger:
    """Merges the two groups that are most alike, again and again."""

    def __init__(self, embeddings: Floats, apart: Iterable[tuple[int, int]]) -> None:
        count = len(embeddings)
        self.group = list(range(count))
        self._sums = embeddings.astype(np.float64)
        self._sizes = np.ones(count)  # tracks in the group; 0: it was merged into another one
        self._apart: list[set[int]] = [set() for _ in range(count)]
        for first, second in apart:
            self._apart[first].add(second)
            self._apart[second].add(first)
        self._partner = np.full(count, -1)  # the group that each is most alike
        self._cosine = np.full(count, -np.inf)
        for row in range(count):
            self._find_partner(row)

    def _find_partner(self, row: int) -> None:
        if len(self.group) < 2:
            return
        with np.errstate(divide="ignore", invalid="ignore"):
            cosines = (self._sums @ self._sums[row]) / (self._sizes * self._sizes[row])
        cosines[self._sizes == 0] = -np.inf
        cosines[[row, *self._apart[row]]] = -np.inf
        self._partner[row] = best = int(cosines.argmax())
        self._cosine[row] = cosines[best]

    def merge_best(self, least: float) -> bool:
        """Whether there were two groups to merge."""
        if not len(self.group):
            return False
        row = int(self._cosine.argmax())
        if not self._cosine[row] >= least:
            return False
        self.merge(row, int(self._partner[row]))
        return True

    def merge(self, first: int, second: int) -> None:
        """Make one of the groups of two rows."""
        kept, gone = sorted((self.group[first], self.group[second]))
        if kept == gone:
            return
        self.group = [kept if group == gone else group for group in self.group]
        self._sums[kept] += self._sums[gone]
        self._sizes[kept] += self._sizes[gone]
        self._sizes[gone], self._cosine[gone] = 0, -np.inf
        for other in self._apart[gone]:
            self._apart[other].discard(gone)
            self._apart[other].add(kept)
        self._apart[kept] |= self._apart[gone]
        # Merging makes no group more alike to others than its parts were: only who was closest to a part looks again.
        for stale in np.flatnonzero((self._sizes > 0) & np.isin(self._partner, (kept, gone))):
            self._find_partner(int(stale))
        self._find_partner(kept)
