"""The accuracy of the heads: NumPy only, for use during training and for exported networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fer_video.training.calibration import calibration_error
from fer_video.training.targets import Targets
from fer_video.types import Floats

__all__ = ["expected_age", "figures", "score", "verification_auc"]

_PAIRS = 4000


def expected_age(probabilities: Floats) -> npt.NDArray[np.float64]:
    """(n, classes) -> (n,) years: the expectation over the classes (arXiv 2103.17107)."""
    return np.asarray(probabilities.astype(np.float64) @ np.arange(probabilities.shape[1]))


def figures(outputs: Mapping[str, Floats], targets: Targets) -> dict[str, float]:
    """outputs: head -> (n, labels) probabilities, of valence_arousal the values, and "features". What has no label is
    left out.

    emotion.accuracy follows the dataset's own protocol (of FER+ the majority rule), emotion.ece is the expected
    calibration error on the same pictures; emotion.recall is the mean of the classes' recalls over all pictures.
    """
    found: dict[str, float] = {}
    for task, said in outputs.items():
        known = targets.known(task) if task != "features" else np.zeros(len(targets), bool)
        if not known.any():
            continue
        if task == "emotion":
            truth = targets.emotion[known].argmax(1)
            right = said[known].argmax(1) == truth
            scored = targets.scored[known]
            if scored.any():
                found["emotion.accuracy"] = float(right[scored].mean())
                found["emotion.ece"] = calibration_error(said[known][scored], truth[scored])
            found["emotion.recall"] = float(np.mean([right[truth == label].mean() for label in np.unique(truth)]))
        elif task == "age":
            found["age.mae"] = float(np.abs(expected_age(said[known]) - targets.age[known]).mean())
        elif task == "valence_arousal":
            truth = targets.valence_arousal[known].astype(float)
            found["valence_arousal.ccc"] = float(np.mean([_ccc(said[known][:, k], truth[:, k]) for k in (0, 1)]))
        elif task in ("gender", "ethnicity"):
            found[f"{task}.accuracy"] = float((said[known].argmax(1) == getattr(targets, task)[known]).mean())
    return found


def _ccc(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> float:
    """Lin's concordance correlation coefficient."""
    spread = a.var() + b.var() + (a.mean() - b.mean()) ** 2
    return float(2 * ((a - a.mean()) * (b - b.mean())).mean() / spread) if spread > 0 else 0.0


def verification_auc(features: Floats, people: npt.NDArray[np.str_], seed: int = 0) -> float | None:
    """How well the cosine of features tells pairs of one person from pairs of two: area under the ROC curve.

    Of people who were not trained on. None where there are no such pairs.
    """
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    rows = [np.flatnonzero(people == name) for name in np.unique(people)]
    several = [each for each in rows if len(each) > 1]
    if not several or len(rows) < 2:
        return None
    same = np.array([rng.choice(several[rng.integers(len(several))], 2, replace=False) for _ in range(_PAIRS)])
    others = rng.integers(0, len(people), (4 * _PAIRS, 2))
    others = others[people[others[:, 0]] != people[others[:, 1]]][:_PAIRS]
    pairs = np.concatenate((same, others))
    cosines = (unit[pairs[:, 0]] * unit[pairs[:, 1]]).sum(1)
    return float(roc_auc_score(np.arange(len(pairs)) < len(same), cosines))


def score(found: Mapping[str, float]) -> float:
    """One number to choose the best weights by: the mean over the heads of how good each is, 0 to 1.

    Emotion counts by the mean of its accuracy and its mean recall, age by 1 - MAE / 20 years.
    """
    if not found:
        return float("nan")
    of_head: dict[str, list[float]] = {}
    for name, value in found.items():
        if name.endswith(".ece"):
            continue
        of_head.setdefault(name.split(".")[0], []).append(1 - value / 20 if name == "age.mae" else value)
    return float(np.mean([np.mean(values) for values in of_head.values()]))
