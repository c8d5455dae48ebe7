"""Observations -> a few compact columns, which a page unpacks in a moment however long the clip is.

Each column holds whole numbers as differences from the row before, its lowest bytes first: gzip makes little of that.
The rows of faces are in the order of people, then of time. report-data.js reads them back.
"""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_video.types import Observation, Observations

__all__ = ["Columns", "columns_of", "packed"]

_PIXEL, _PROBABILITY = 4, 1000  # steps of one pixel and of a probability of 1
_LEAST_TIME_S, _MOST_TICKS = 1e-5, 2e9  # differences fit 32 bits
_FURTHEST = 1e6  # pixels
_MOST_FACES = 400_000  # about 6 MB in a page; of longer clips every n-th sampled frame is kept


@dataclass(frozen=True, slots=True)
class Columns:
    """header: sizes and units. data: base64 of the gzipped columns. kept: every n-th sampled frame is in them."""

    header: dict[str, Any]
    data: str
    kept: int


def packed(data: bytes) -> str:
    """base64 of gzip."""
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()


def columns_of(log: Observations, most_faces: int = _MOST_FACES) -> Columns:
    """most_faces: in all frames together."""
    kept = max(-(-len(log) // most_faces), 1)
    frames: list[tuple[int, float]] = []
    faces: list[list[float]] = []
    for place, ((number, time_s), seen) in enumerate(groupby(log, key=lambda each: (each.frame, each.time_s))):
        if place % kept == 0:
            faces += (_numbers(len(frames), each) for each in seen if each.face is not None)
            frames.append((number, time_s))
    span_s = frames[-1][1] - min(frames[0][1], 0.0) if frames else 0.0
    tick_s = max(_LEAST_TIME_S, span_s / _MOST_TICKS)
    table = np.array(faces, np.float64).reshape(len(faces), 8 + len(log.emotions))
    table = table[np.lexsort((table[:, 0], table[:, 1]))]
    table[:, 4:8] = np.clip(table[:, 4:8], -_FURTHEST, _FURTHEST) * _PIXEL
    table[:, 3] *= _PROBABILITY
    table[:, 8:] *= _PROBABILITY
    every = [np.array([number for number, _ in frames], np.float64)]
    every += [np.array([time_s for _, time_s in frames], np.float64) / tick_s, *table.T]
    return Columns(
        header={
            "frames": len(frames), "faces": len(faces), "tick_s": tick_s, "pixel": _PIXEL, "probability": _PROBABILITY,
        },
        data=packed(b"".join(map(_shuffled, every))),
        kept=kept,
    )  # fmt: skip


def _numbers(place: int, seen: Observation) -> list[float]:
    assert seen.face is not None
    assert seen.person is not None
    assert seen.probabilities is not None
    first = [place, seen.person, seen.track or seen.person, seen.face.score]
    return [*first, *seen.face.box, *seen.probabilities.values()]


def _shuffled(column: npt.NDArray[np.float64]) -> bytes:
    """Differences of the rounded numbers, all of their lowest bytes before all of the next ones."""
    steps = np.diff(np.rint(column).astype(np.int64), prepend=0).astype("<i4")
    return steps.view(np.uint8).reshape(-1, 4).T.tobytes()
