"""Whether probabilities are calibrated: a confidence of 0.8 should be right four times in five.

Expected calibration error and temperature: arXiv 1706.04599. NumPy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_video.types import Floats

__all__ = ["Bin", "calibration_error", "fit_temperature", "reliability", "tempered"]

_LEAST, _MOST = 0.25, 4.0


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose confidence is in a stretch of 0 to 1."""

    low: float
    high: float
    n: int
    confidence: float  # mean
    accuracy: float


def reliability(said: Floats, truth: npt.NDArray[np.int64], bins: int = 15) -> list[Bin]:
    """said: (n, labels) probabilities. truth: (n,). Bins of equal width that have any answers."""
    confidence, right = said.max(1).astype(float), said.argmax(1) == truth
    at = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        Bin(k / bins, (k + 1) / bins, int(chosen.sum()), float(confidence[chosen].mean()), float(right[chosen].mean()))
        for k in range(bins)
        if (chosen := at == k).any()
    ]


def calibration_error(said: Floats, truth: npt.NDArray[np.int64], bins: int = 15) -> float:
    """Expected calibration error: the mean over the answers of how far confidence and accuracy of their bin differ."""
    found = reliability(said, truth, bins)
    total = sum(each.n for each in found)
    return sum(each.n * abs(each.confidence - each.accuracy) for each in found) / total if total else float("nan")


def tempered(said: Floats, temperature: float) -> Floats:
    """Probabilities of the logits divided by a temperature; over 1 they become less sure, and no answer changes."""
    logits = np.log(np.maximum(said.astype(np.float64), 1e-12)) / temperature
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(shares / shares.sum(1, keepdims=True), np.float32)


def fit_temperature(parts: Sequence[tuple[Floats, npt.NDArray[np.int64]]]) -> float:
    """The temperature with the least negative log-likelihood, each part counting as much as the others.

    parts: probabilities (n, labels) and true labels (n,) of each. 1 where there is nothing to fit on.
    """
    parts = [part for part in parts if len(part[1])]
    if not parts:
        return 1.0

    def loss(temperature: float) -> float:
        each = [
            -np.log(np.maximum(tempered(said, temperature)[np.arange(len(truth)), truth], 1e-12)).mean()
            for said, truth in parts
        ]
        return float(np.mean(each))

    # Golden section over the logarithm: the loss has one minimum there.
    ratio = (np.sqrt(5) - 1) / 2
    low, high = np.log(_LEAST), np.log(_MOST)
    for _ in range(24):
        inner, outer = high - ratio * (high - low), low + ratio * (high - low)
        if loss(float(np.exp(inner))) < loss(float(np.exp(outer))):
            high = outer
        else:
            low = inner
    return float(np.exp((low + high) / 2))
