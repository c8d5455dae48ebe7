"""Adaptive frame rate: few frames first, and more only while the answer is not certain enough.

Savchenko, "Facial Expression Recognition with Adaptive Frame Rate based on Multiple Testing Correction", ICML 2023:
classify the clip from every 18th frame; if the classifier's largest score exceeds a threshold, stop, else go on to
every 9th, then every frame. Thresholds hold the share of wrong early answers under a false-acceptance rate on
held-out training clips, corrected for the several looks (Benjamini and Hochberg).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_video.clip.model import Adaptive
from fer_video.errors import OptionError

__all__ = ["STRIDES", "choose_thresholds", "stop_at"]

STRIDES = (18, 9, 1)
_NEVER = 1e9  # a score that no clip reaches: this stride cannot be trusted to end the search

Scores = npt.NDArray[np.floating[Any]]


def choose_thresholds(
    scores: Sequence[Scores], truth: npt.NDArray[np.intp], false_acceptance: float, strides: Sequence[int] = STRIDES
) -> Adaptive:
    """scores: for each stride the (n, classes) scores of held-out clips; truth: (n,) their columns.

    For stride l of m (from 1) the threshold is the smallest with which at most false_acceptance x l / m of the
    clips that stop there are wrong; clips that stopped before are left out, as they are when it is used.
    """
    if not 0 < false_acceptance < 1:
        raise OptionError(f"the false-acceptance rate must lie between 0 and 1, not {false_acceptance:g}")
    going_on = np.ones(len(truth), bool)
    thresholds = []
    for stage, values in enumerate(scores[:-1], start=1):
        allowed = false_acceptance * stage / len(scores)
        threshold = _smallest(values[going_on], truth[going_on], allowed)
        thresholds.append(threshold)
        going_on &= values.max(axis=1) < threshold
    return Adaptive(tuple(strides), tuple(thresholds), false_acceptance)


def _smallest(scores: Scores, truth: npt.NDArray[np.intp], allowed: float) -> float:
    if not len(truth):
        return _NEVER
    order = np.argsort(-scores.max(axis=1), kind="stable")
    wrong = (scores.argmax(axis=1) != truth)[order]
    share = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    sorted_scores = scores.max(axis=1)[order]
    last_of_its_value = np.append(sorted_scores[1:] < sorted_scores[:-1], True)  # equal scores stop together
    fine = np.flatnonzero((share <= allowed) & last_of_its_value)
    return float(sorted_scores[fine[-1]]) if len(fine) else _NEVER


def stop_at(scores: Sequence[Scores], adaptive: Adaptive) -> npt.NDArray[np.intp]:
    """(n,) the stage, from 0, at which each clip stops; the arguments as for `choose_thresholds`."""
    stage = np.full(len(scores[0]), len(scores) - 1)
    for i in reversed(range(len(adaptive.thresholds))):
        stage[scores[i].max(axis=1) >= adaptive.thresholds[i]] = i
    return stage
