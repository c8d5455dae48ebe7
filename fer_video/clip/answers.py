"""The methods that give the answer for a person and the clip, with one set of labels for all answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from fer_video.clip.model import ClipModel, ClipModelInfo
from fer_video.clip.pool import Pooler

__all__ = ["MEAN", "VALENCES", "PersonMethod", "explained", "explained_group", "labels_of", "valence_of"]

MEAN = "mean-probability"
# The statistics of one look have no spread: a picture is not a clip, and its answer is the network's own.
_FEWEST_FRAMES = 2
VALENCES: Mapping[str, tuple[str, ...]] = {
    "positive": ("happiness",),
    "neutral": ("neutral", "surprise"),
    "negative": ("anger", "contempt", "disgust", "fear", "sadness"),
}

Values = npt.NDArray[np.float64]


def labels_of(model: ClipModelInfo | None, emotions: Sequence[str]) -> tuple[str, ...]:
    """Of all answers: the clip model's, in the order of the head where they are its emotions; or the head's."""
    if model is None:
        return tuple(emotions)
    if set(model.labels) <= set(emotions):
        return tuple(label for label in emotions if label in model.labels)
    return model.labels


class PersonMethod:
    """Statistics of one person -> probabilities of the labels.

    emotions: of the backbone's head. model: None for the mean of the per-frame probabilities. mixed: the model's
    mixture with that mean, instead of the model alone.
    """

    def __init__(self, emotions: Sequence[str], model: ClipModel | None = None, *, mixed: bool = False) -> None:
        self.model, self.mixed = model, mixed
        self.labels = labels_of(None if model is None else model.info, emotions)
        # Whether the frames can be answered for with these labels; a clip model of other labels only knows clips.
        self.of_frames = set(self.labels) <= set(emotions)
        self._columns = [list(emotions).index(label) for label in self.labels] if self.of_frames else []
        self._all = len(self._columns) == len(emotions)
        if model is not None:
            self._order = [model.info.labels.index(label) for label in self.labels]

    def restricted(self, shares: Values) -> Values:
        """(emotions,) or (n, emotions) probabilities of the head -> of the labels alone; they still sum to 1."""
        if self._all:
            return shares
        kept = shares[..., self._columns]
        total = kept.sum(axis=-1, keepdims=True)
        return np.asarray(np.where(total > 0, kept / np.where(total > 0, total, 1), 1 / len(self.labels)))

    def answer(self, mean: Values, pooler: Pooler | None) -> tuple[dict[str, float], str]:
        """mean: (emotions,) of the person's frames. Label -> probability, and the name of the method."""
        model = self.model
        if model is None or pooler is None or (self.of_frames and pooler.frames < _FEWEST_FRAMES):
            return dict(zip(self.labels, self.restricted(mean).tolist(), strict=True)), MEAN
        descriptor = pooler.descriptor()[None]
        if self.mixed:
            in_its_order = np.empty((1, len(self.labels)), np.float32)
            in_its_order[0, self._order] = self.restricted(mean)
            values, method = model.mixed(descriptor, in_its_order), f"mixture:{model.info.name}"
        else:
            values, method = model.probabilities(descriptor), f"svm:{model.info.name}"
        return dict(zip(self.labels, values[0][self._order].astype(np.float64).tolist(), strict=True)), method


def explained(method: str) -> str:
    """One sentence on a person's method, for a reader of results."""
    kind, _, name = method.partition(":")
    return {
        "svm": f"Support vector machine {name} over statistics of the embeddings of the frames.",
        "mixture": f"Calibrated product of two answers: the mean of the probabilities of the frames, and the support "
        f"vector machine {name} over statistics of their embeddings.",
    }.get(kind, "Mean of the probabilities of the frames.")


def explained_group(method: str, *, people: bool) -> str:
    """The same of a group's. people: whether it is the mean of the answers for the people."""
    if people:
        return f"Mean over the people, weighted by time in sight. For each: {explained(method)}"
    kind, _, name = method.partition(":")
    if kind == "svm":
        return f"Support vector machine {name} over statistics of the embeddings of all faces."
    return "Mean of the probabilities of the faces in each frame, then over the frames."


def valence_of(probabilities: Mapping[str, float]) -> dict[str, float] | None:
    """Positive, neutral and negative as sums of their emotions; None where a label belongs to none of them."""
    if set(probabilities) <= set(VALENCES):
        return dict(probabilities)
    if not set(probabilities) <= {emotion for emotions in VALENCES.values() for emotion in emotions}:
        return None
    return {
        valence: sum(probabilities.get(emotion, 0.0) for emotion in emotions) for valence, emotions in VALENCES.items()
    }
