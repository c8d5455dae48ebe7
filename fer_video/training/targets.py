"""Labels of a dataset -> arrays of one row per picture, for the heads of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fer_video.datasets.ferplus import EMOTIONS
from fer_video.datasets.samples import FaceDataset, FaceSample
from fer_video.errors import InputError
from fer_video.training.recipe import Head
from fer_video.types import Floats

__all__ = ["Targets", "smoothed", "targets_of"]

Indices = npt.NDArray[np.int64]


@dataclass
class Targets:
    """What is known of n pictures. NaN, or -1: nothing."""

    emotion: Floats  # (n, labels) float32 shares, sum 1
    scored: npt.NDArray[np.bool_]  # (n,) counts by its dataset's protocol when emotions are measured
    valence_arousal: Floats  # (n, 2) float32, -1 to 1
    age: Floats  # (n,) float32 years
    gender: Indices  # (n,) into the head's labels
    ethnicity: Indices
    identity: Indices  # into the people of all training parts

    def __len__(self) -> int:
        return len(self.scored)

    def known(self, task: str) -> npt.NDArray[np.bool_]:
        """(n,) where there is a label for a head."""
        values = getattr(self, task)
        if values.dtype.kind == "f":
            return np.asarray(np.isfinite(values).all(axis=tuple(range(1, values.ndim))))
        return np.asarray(values >= 0)

    def take(self, rows: Indices) -> Targets:
        return Targets(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


def targets_of(
    dataset: FaceDataset, heads: Sequence[Head], people: Sequence[str] = (), only: Sequence[str] = (), source: str = ""
) -> Targets:
    """people: all known ones as source/person, in the order of the identity head. only: heads whose labels are used,
    () for all. Of an emotion head without some of the usual eight, pictures that show mostly those have no label.

    Raises InputError for a label that a head does not have.
    """
    samples, n = dataset.samples, len(dataset.samples)
    by_task = {head.task: head for head in heads if not only or head.task in only}
    result = empty(n, {head.task: head for head in heads})
    result.scored[:] = [sample.scored for sample in samples]
    if "emotion" in by_task and dataset.emotions:
        _fill_emotions(result.emotion, dataset, by_task["emotion"])
    if "valence_arousal" in by_task:
        for row, sample in enumerate(samples):
            if sample.valence is not None and sample.arousal is not None:
                result.valence_arousal[row] = sample.valence, sample.arousal
    if "age" in by_task:
        result.age[:] = [np.nan if sample.age is None else sample.age for sample in samples]
    for task in ("gender", "ethnicity"):
        if task in by_task:
            getattr(result, task)[:] = [_index(dataset, sample, by_task[task]) for sample in samples]
    if "identity" in by_task:
        index = {name: i for i, name in enumerate(people)}
        result.identity[:] = [index.get(f"{source}/{sample.person}", -1) for sample in samples]
    return result


def smoothed(targets: Targets, share: float) -> Targets:
    """Some of each emotion label spread over all emotions that the pictures are labelled with: labels that annotators
    would argue about are not to be learned as certain."""
    known = targets.known("emotion") if targets.emotion.shape[1] else np.zeros(len(targets), bool)
    if not share or not known.any():
        return targets
    emotion = targets.emotion.copy()
    present = emotion[known].sum(0) > 0
    emotion[known] = (1 - share) * emotion[known] + share * present / present.sum()
    return replace(targets, emotion=emotion)


def empty(n: int, heads: dict[str, Head]) -> Targets:
    """Nothing known of n pictures."""
    emotions = len(heads["emotion"].labels) if "emotion" in heads else 0
    nothing = np.full(n, -1, np.int64)
    return Targets(
        emotion=np.full((n, emotions), np.nan, np.float32), scored=np.ones(n, bool),
        valence_arousal=np.full((n, 2), np.nan, np.float32), age=np.full(n, np.nan, np.float32),
        gender=nothing.copy(), ethnicity=nothing.copy(), identity=nothing.copy(),
    )  # fmt: skip


def _fill_emotions(rows: Floats, dataset: FaceDataset, head: Head) -> None:
    """A picture of which a head knows the leading emotion: its shares of the head's emotions, sum 1."""
    other = [emotion for emotion in dataset.emotions if emotion not in head.labels and emotion not in EMOTIONS]
    if other:
        raise InputError(f"{dataset.path}: is labelled {', '.join(other)}, which the emotion head does not have")
    known = np.array([emotion in head.labels for emotion in dataset.emotions])
    columns = [head.labels.index(emotion) for emotion in dataset.emotions if emotion in head.labels]
    for row, sample in enumerate(dataset.samples):
        if sample.emotion is not None and known[int(np.argmax(sample.emotion))]:
            shares = np.array(sample.emotion, np.float32)[known]
            rows[row] = 0
            rows[row, columns] = shares / shares.sum()


def _index(dataset: FaceDataset, sample: FaceSample, head: Head) -> int:
    value = getattr(sample, head.task)
    if value is None:
        return -1
    if value not in head.labels:
        raise InputError(
            f"{dataset.path}: {sample.name} has the {head.task} {value!r}; one of: {', '.join(head.labels)}"
        )
    return head.labels.index(value)
