"""Crops -> embeddings and heads: an exported ONNX model with its own facts about its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.errors import InputError, ModelError
from fer_video.models import HeadSpec, InputSpec, Session
from fer_video.models.spec import AFFECT_TASKS, ATTRIBUTE_TASKS
from fer_video.types import Affect, Attributes, Floats, Image

__all__ = ["Backbone", "Embedded", "affect_from", "attributes_from", "preprocess", "softmax"]


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a backbone says of N crops."""

    features: Floats  # (N, D) float32, before the heads
    # Head's task -> (N, labels) float32, rows sum to 1; of valence and arousal the values themselves, (N, 1).
    probabilities: Mapping[str, Floats]


class Backbone:
    """A network from face crops to features and heads.

    batch: crops a call; larger ones gain nothing on a CPU and cost memory.

    Raises ModelError when the graph does not have what its description promises.
    """

    def __init__(self, session: Session, *, attributes: bool = False, batch: int = 32) -> None:
        self.session = session
        self.spec = session.spec
        self.batch, self._fixed_batch = batch, False
        emotion = self.spec.head("emotion")
        if emotion is None:
            raise ModelError(f"{self.spec.path}: {self.spec.name} has no emotion head")
        wanted = ATTRIBUTE_TASKS if attributes else ()
        heads = [self.spec.head(task) for task in wanted]
        if None in heads:
            missing = ", ".join(task for task in wanted if self.spec.head(task) is None)
            raise ModelError(f"{self.spec.path}: {self.spec.name} cannot tell {missing}; leave attributes off")
        if self.spec.has_affect:
            heads += [self.spec.head(task) for task in AFFECT_TASKS]
        self.heads: tuple[HeadSpec, ...] = (emotion, *(head for head in heads if head is not None))
        self.emotions = emotion.labels
        self.size = self._check_input()
        self._check_outputs()
        self.feature_size = self._check_features()

    def _check_input(self) -> int:
        spec, inputs = self.spec, self.session.inputs
        size = spec.input.size
        if size is None:
            raise ModelError(f"{spec.path}: the description of {spec.name} gives no input size")
        shape = inputs.get(spec.input.name, ())
        wanted = (3, size, size) if spec.input.layout == "NCHW" else (size, size, 3)
        other = [has for has, want in zip(shape[1:], wanted, strict=False) if isinstance(has, int) and has != want]
        if len(inputs) != 1 or len(shape) != 4 or other:
            described = f"{spec.input.name!r} of {' x '.join(map(str, wanted))}"
            raise ModelError(f"{spec.path}: takes {dict(inputs)}, not {described} as described")
        if isinstance(shape[0], int):  # exported for so many pictures at a time, often one
            self.batch, self._fixed_batch = shape[0], True
        return size

    def _check_outputs(self) -> None:
        path, outputs = self.spec.path, self.session.outputs
        for name in (self.spec.features, *(head.output for head in self.heads)):
            if name not in outputs:
                raise ModelError(f"{path}: has no output {name!r} (it has {', '.join(outputs)})")
        for head in self.heads:
            width = outputs[head.output][-1] if outputs[head.output] else None
            end = head.width if head.columns is None else head.columns[1]
            if isinstance(width, int) and (width < end or (head.columns is None and width != end)):
                what = f"{len(head.labels)} labels" if head.labels else head.task
                raise ModelError(f"{path}: output {head.output!r} has {width} values for {what}")

    def _check_features(self) -> int:
        spec, shape = self.spec, self.session.outputs[self.spec.features]
        width = shape[-1] if shape else None
        if not isinstance(width, int):
            width = spec.feature_size
        if not width:
            raise ModelError(f"{spec.path}: neither the graph nor its description says how many features it gives")
        if spec.feature_size and width != spec.feature_size:
            raise ModelError(f"{spec.path}: gives {width} features where {spec.feature_size} are described")
        return width

    def labels(self, task: str) -> tuple[str, ...]:
        """The labels of a head that is in use, () for one that is not."""
        return next((head.labels for head in self.heads if head.task == task), ())

    def embed(self, crops: Sequence[Image]) -> Embedded:
        """crops: (size, size, 3) uint8 BGR each. An empty sequence gives empty arrays.

        Raises InputError where the network gives NaN or infinity: that clip has failed, and others go on.
        """
        if not crops:
            empty = {head.task: np.zeros((0, head.width), np.float32) for head in self.heads}
            return Embedded(np.zeros((0, self.feature_size), np.float32), empty)
        # An output that holds several heads is asked for once.
        names = list(dict.fromkeys((self.spec.features, *(head.output for head in self.heads))))
        least = self.batch if self._fixed_batch else 1  # less would be filled up
        parts = self.session.spread(lambda part: self._run(names, part), crops, most=self.batch, least=least)
        given = {name: np.concatenate(column) for name, column in zip(names, zip(*parts, strict=True), strict=True)}
        for name, values in given.items():
            if not np.isfinite(values).all():
                raise InputError(f"{self.spec.name} gives numbers that are not finite ({name})")
        told = {head.task: _told(head, given[head.output]) for head in self.heads}
        return Embedded(given[self.spec.features], told)

    def _run(self, names: Sequence[str], crops: Sequence[Image]) -> list[Floats]:
        """One call; a graph with a fixed batch gets it filled up."""
        filled = [*crops, *[crops[-1]] * (self.batch - len(crops))] if self._fixed_batch else crops
        return [values[: len(crops)] for values in self.session.run(names, preprocess(filled, self.spec.input))]


def _told(head: HeadSpec, output: Floats) -> Floats:
    """(N, width of the output) -> the head's probabilities or values, (N, width of the head)."""
    columns = output.reshape(len(output), -1)[:, slice(*(head.columns or (None,)))]
    return columns if head.task in AFFECT_TASKS else softmax(columns)


def preprocess(crops: Sequence[Image], spec: InputSpec) -> Floats:
    """(size, size, 3) uint8 BGR crops -> float32 as the network's description says.

    (N, 3, size, size), or (N, size, size, 3) for the layout NHWC.
    """
    low, high = spec.value_range
    blob = np.asarray(
        cv2.dnn.blobFromImages(list(crops), (high - low) / 255, swapRB=spec.channels == "RGB"), np.float32
    )
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    blob -= (mean - np.float32(low)).reshape(1, 3, 1, 1)
    blob /= std.reshape(1, 3, 1, 1)
    return blob if spec.layout == "NCHW" else np.ascontiguousarray(blob.transpose(0, 2, 3, 1))


def softmax(logits: npt.NDArray[np.float32]) -> Floats:
    """Over the last axis, stable for large logits."""
    shifted: Floats = np.exp(np.subtract(logits, logits.max(axis=-1, keepdims=True)))
    shifted /= shifted.sum(axis=-1, keepdims=True)
    return shifted


def attributes_from(heads: Sequence[HeadSpec], probabilities: Mapping[str, npt.NDArray[np.floating]]) -> Attributes:
    """One face's (or one person's mean) head probabilities -> its attributes.

    Age is the expectation over the age classes (arXiv 2103.17107), its standard deviation that of the same
    distribution.
    """
    labels = {head.task: head.labels for head in heads}
    years = np.array([float(label) for label in labels["age"]])
    weights = probabilities["age"].astype(np.float64)
    age = float(years @ weights)
    spread = float(np.sqrt(max(float((years - age) ** 2 @ weights), 0.0)))
    gender, ethnicity = (
        dict(zip(labels[task], (float(value) for value in probabilities[task]), strict=True))
        for task in ("gender", "ethnicity")
    )
    return Attributes(age, spread, gender, ethnicity)


def affect_from(heads: Mapping[str, npt.NDArray[np.floating]]) -> Affect | None:
    """One face's valence and arousal; None of a network without them."""
    if "valence" not in heads or "arousal" not in heads:
        return None
    return Affect(float(heads["valence"][0]), float(heads["arousal"][0]))
