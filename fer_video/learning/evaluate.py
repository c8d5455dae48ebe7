"""How accurate a classifier is, with intervals, and for which groups of people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fer_video.clip.features import ClipFeatures, Faces
from fer_video.errors import InputError
from fer_video.learning.fit import Labels

__all__ = ["Evaluation", "Figure", "age_group", "evaluate", "finite", "group_names"]

By = Literal["gender", "age", "ethnicity"]
_RESAMPLES = 2000
_AGES = ((0, "under 18"), (18, "18-29"), (30, "30-44"), (45, "45-59"), (60, "60 and over"))


@dataclass(frozen=True, slots=True)
class Figure:
    """A share with the bounds of its 95 % bootstrap interval, all 0 to 1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of one classifier on one set of clips."""

    clips: int
    clips_with_face: int
    accuracy_with_face: Figure  # over the clips in which a face was found
    accuracy: Figure  # "complete": over all clips, those without a face too
    macro_recall: Figure  # unweighted mean of the classes' recalls (UAR), all clips
    macro_f1: Figure  # unweighted mean of the classes' F1, all clips
    labels: tuple[str, ...]
    recall: dict[str, float]  # NaN of a class that no clip is of
    precision: dict[str, float]  # NaN of a class that was never the answer
    support: dict[str, int]
    confusion: list[list[int]]  # rows: the true class, columns: the answer, in the order of `labels`

    def to_dict(self) -> dict[str, Any]:
        """JSON values: what cannot be said, such as the recall of a class that no clip is of, is None."""
        found: dict[str, Any] = finite(asdict(self))
        return found


def finite(value: Any) -> Any:
    """The same without NaN, which JSON does not know: None."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def evaluate(
    truth: Labels,
    said: Labels,
    has_face: npt.NDArray[np.bool_],
    labels: Sequence[str],
    subjects: Labels | None = None,
    seed: int = 0,
) -> Evaluation:
    """truth, said: (n,) labels. has_face: (n,). subjects: (n,), whole subjects are drawn for the intervals then."""
    if not len(truth):
        raise InputError("no clip to evaluate")
    names = np.array(sorted({*labels, *truth.tolist()}))
    rows, columns = np.searchsorted(names, truth), np.searchsorted(names, said)
    counts = _counts(rows, columns, len(names))
    recall, precision, _ = _shares(counts)
    draws = _draws(len(truth), subjects, np.random.default_rng(seed))
    drawn = [(_counts(rows[d], columns[d], len(names)), rows[d] == columns[d], has_face[d]) for d in draws]

    def figure(value: float, resampled: list[float]) -> Figure:
        finite = [each for each in resampled if np.isfinite(each)]
        low, high = np.percentile(finite, (2.5, 97.5)) if finite else (np.nan, np.nan)
        return Figure(value, float(low), float(high))

    right = rows == columns
    return Evaluation(
        clips=len(truth),
        clips_with_face=int(has_face.sum()),
        accuracy_with_face=figure(_mean(right[has_face]), [_mean(ok[face]) for _, ok, face in drawn]),
        accuracy=figure(_mean(right), [_mean(ok) for _, ok, _ in drawn]),
        macro_recall=figure(_macro(counts)[0], [_macro(each)[0] for each, _, _ in drawn]),
        macro_f1=figure(_macro(counts)[1], [_macro(each)[1] for each, _, _ in drawn]),
        labels=tuple(names.tolist()),
        recall=dict(zip(names.tolist(), recall.tolist(), strict=True)),
        precision=dict(zip(names.tolist(), precision.tolist(), strict=True)),
        support=dict(zip(names.tolist(), counts.sum(axis=1).tolist(), strict=True)),
        confusion=counts.tolist(),
    )


def _counts(rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], size: int) -> npt.NDArray[np.int64]:
    return np.bincount(rows * size + columns, minlength=size * size).reshape(size, size)


def _shares(counts: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], ...]:
    """Recall, precision, F1 of each class; NaN where there is nothing to divide by, but for F1, which is 0 then."""
    hits, true, given = np.diag(counts).astype(float), counts.sum(axis=1), counts.sum(axis=0)
    recall, precision = (np.where(n > 0, hits / np.maximum(n, 1), np.nan) for n in (true, given))
    return recall, precision, 2 * hits / np.maximum(true + given, 1)


def _macro(counts: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Mean recall over the classes that occur; mean F1 over those that occur or were given as an answer."""
    recall, _, f1 = _shares(counts)
    true, given = counts.sum(axis=1), counts.sum(axis=0)
    return _mean(recall[true > 0]), _mean(f1[true + given > 0])


def _mean(values: npt.NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _draws(count: int, subjects: Labels | None, rng: np.random.Generator) -> list[npt.NDArray[np.intp]]:
    """Resampled rows. Clips of one person resemble each other: where people are known, people are drawn."""
    if subjects is None or len(np.unique(subjects)) == count:
        return [rng.integers(0, count, count) for _ in range(_RESAMPLES)]
    of_subject = [np.flatnonzero(subjects == name) for name in np.unique(subjects)]
    return [
        np.concatenate([of_subject[i] for i in rng.integers(0, len(of_subject), len(of_subject))])
        for _ in range(_RESAMPLES)
    ]


def group_names(features: Sequence[ClipFeatures], by: By, faces: Faces) -> Labels:
    """(n,) the group each clip's people seem to belong to, by the predicted attributes; "no face" without any.

    Raises InputError when the features hold no attributes.
    """
    return np.array([_group_of(each, by, faces) for each in features])


def _group_of(clip: ClipFeatures, by: By, faces: Faces) -> str:
    if not clip.has_face:
        return "no face"
    chosen = clip.rows(faces)
    if clip.age is None or clip.gender is None or clip.ethnicity is None:
        raise InputError(f"{clip.path}: its features hold no age, gender and ethnicity; extract with --attributes")
    if by == "age":
        return age_group(float(clip.age[chosen].mean()))
    values, names = (clip.gender, clip.genders) if by == "gender" else (clip.ethnicity, clip.ethnicities)
    return names[int(values[chosen].mean(axis=0).argmax())]


def age_group(years: float) -> str:
    """The name of the group that an age belongs to."""
    return next(name for start, name in reversed(_AGES) if years >= start)
