"""Crops that are nearly the same picture as one before show the same person: no network is needed to tell.

That is common where a film cuts back to a shot. Of 117,000 pairs of aligned crops of two people no two were more alike
than 0.93 (benchmarks/identity.py), and of dark faces in one video no two more than 0.94.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import cv2
import numpy as np

from fer_video.types import Floats, Image

__all__ = ["SAME_PICTURE", "Seen", "thumbnails_of"]

SAME_PICTURE = 0.96  # correlation of two thumbnails from which on they are nearly the same picture
_AS_UNCLEAR = 0.9  # the same for one that is not clear enough to know anybody by: it joins nobody
_SIDE = 28


def thumbnails_of(crops: Sequence[Image]) -> Floats:
    """(n, 784): crops made small and grey, without their brightness and contrast; products are correlations."""
    grey = [
        cv2.cvtColor(cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        for crop in crops
    ]
    rows = np.stack(grey).reshape(len(crops), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return unit


class Seen:
    """The crops of tracks so far, and what came of them."""

    def __init__(self) -> None:
        self._thumbnails = np.zeros((16, _SIDE * _SIDE), np.float32)  # with room for more
        self._tracks: list[int] = []  # of each row
        self._least: list[float] = []  # from which on a picture is the same as that of the row

    def add(self, track: int, thumbnails: Floats, *, clear: bool) -> None:
        """clear: whether its embedding is one to be known by."""
        begin = len(self._tracks)
        self._tracks += [track] * len(thumbnails)
        self._least += [SAME_PICTURE if clear else _AS_UNCLEAR] * len(thumbnails)
        if len(self._tracks) > len(self._thumbnails):
            self._thumbnails = np.concatenate((self._thumbnails, np.zeros_like(self._thumbnails)))
        self._thumbnails[begin : len(self._tracks)] = thumbnails

    def find(self, thumbnails: Floats, apart: Collection[int] = ()) -> tuple[int, bool] | None:
        """The track that has nearly the same picture as one of these, and whether it was a clear one; None where there
        is none, or it is one of those that are apart."""
        if not self._tracks:
            return None
        alike = (self._thumbnails[: len(self._tracks)] @ thumbnails.T).max(axis=1)
        best = int(alike.argmax())
        track, least = self._tracks[best], self._least[best]
        return (track, least == SAME_PICTURE) if alike[best] >= least and track not in apart else None
