"""Where the places of faces do not tell whose they are: the moments at which looks have to be compared.

There are three: one of two people hides the other, two people part again, and somebody is found after a while.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Doubt", "Doubts", "Judge"]

# Affinity (track.py) from which on a face could as well be of another track, and below which two tracks are apart.
_CLOSE, _APART = 0.2, 0.0
_LONG_LOST_S = 0.35  # out of sight for longer than a blink of the detector: who is found there may be somebody else


@dataclass(frozen=True, slots=True)
class Doubt:
    """A face whose place does not tell for sure whose it is."""

    face: int  # its number in the frame
    track: int  # that it fits best by its place
    rivals: tuple[int, ...] = ()  # other tracks that it may belong to


# Doubts -> number of the face -> the track it belongs to, None for somebody new; without those that stay as they are.
Judge = Callable[[Sequence[Doubt]], Mapping[int, int | None]]


class Doubts:
    """Follows which tracks come near each other. Made for one shot."""

    def __init__(self) -> None:
        self._close: set[tuple[int, int]] = set()  # tracks that came near each other and have not parted

    def in_frame(
        self, tracks: Sequence[tuple[int, float]], scores: npt.NDArray[np.float64], found: Mapping[int, int],
        before_s: float, time_s: float,
    ) -> list[Doubt]:  # fmt: skip
        """tracks: id and time of the last sighting of each. scores: (tracks, faces) affinities. found: face -> row of
        the track that fits by place. before_s, time_s: of the frame before and of this one.
        """
        rivals: dict[int, set[int]] = {}
        close = scores > _CLOSE
        if self._close or np.count_nonzero(close) > len(found):
            face_of = {row: face for face, row in found.items()}
            for row, face in np.argwhere(close).tolist():
                holder = found.get(face, row)
                if holder == row:
                    continue
                a, b = tracks[holder], tracks[row]
                self._close.add((min(a[0], b[0]), max(a[0], b[0])))
                if row not in face_of and b[1] == before_s:  # one hides the other from now on
                    rivals.setdefault(face, set()).add(b[0])
            self._parting(tracks, scores, face_of, rivals)
        for face, row in found.items():
            seen_s = tracks[row][1]
            if seen_s < before_s and time_s - seen_s > _LONG_LOST_S:
                rivals.setdefault(face, set())
        return [Doubt(face, tracks[found[face]][0], tuple(sorted(others))) for face, others in sorted(rivals.items())]

    def _parting(
        self, tracks: Sequence[tuple[int, float]], scores: npt.NDArray[np.float64], face_of: Mapping[int, int],
        rivals: dict[int, set[int]],
    ) -> None:  # fmt: skip
        """Both faces of those that are apart again are in doubt; of tracks that have ended there is none."""
        rows = {track: row for row, (track, _) in enumerate(tracks)}
        for a, b in list(self._close):
            if a not in rows or b not in rows:
                self._close.discard((a, b))
                continue
            first, second = face_of.get(rows[a]), face_of.get(rows[b])
            if first is None or second is None or max(scores[rows[a], second], scores[rows[b], first]) >= _APART:
                continue
            self._close.discard((a, b))
            rivals.setdefault(first, set()).add(b)
            rivals.setdefault(second, set()).add(a)
