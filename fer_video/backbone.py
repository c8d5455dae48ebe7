"""Crops -> embeddings and heads: an exported ONNX model with its own facts about its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.align import crop_face
from fer_video.errors import ModelError
from fer_video.models import HeadSpec, InputSpec, Session
from fer_video.types import Attributes, Face, Floats, Image

__all__ = ["Backbone", "Embedded", "attributes_from", "preprocess", "softmax"]

ATTRIBUTE_TASKS = ("age", "gender", "ethnicity")


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a backbone says of N crops."""

    features: Floats  # (N, D) float32, before the heads
    probabilities: Mapping[str, Floats]  # head's task -> (N, labels) float32, rows sum to 1


class Backbone:
    """A network from face crops to features and heads.

    batch: crops a call; larger ones gain nothing on a CPU and cost memory.

    Raises ModelError when the graph does not have what its description promises.
    """

    def __init__(self, session: Session, *, attributes: bool = False, batch: int = 32) -> None:
        self.session = session
        self.spec = session.spec
        self.batch = batch
        emotion = self.spec.head("emotion")
        if emotion is None:
            raise ModelError(f"{self.spec.path}: {self.spec.name} has no emotion head")
        wanted = ATTRIBUTE_TASKS if attributes else ()
        heads = [self.spec.head(task) for task in wanted]
        if None in heads:
            missing = ", ".join(task for task in wanted if self.spec.head(task) is None)
            raise ModelError(f"{self.spec.path}: {self.spec.name} cannot tell {missing}; leave attributes off")
        self.heads: tuple[HeadSpec, ...] = (emotion, *(head for head in heads if head is not None))
        self.emotions = emotion.labels
        self.size = self._check_graph()

    def _check_graph(self) -> int:
        spec, outputs = self.spec, self.session.outputs
        size = spec.input.size
        if size is None:
            raise ModelError(f"{spec.path}: the description of {spec.name} gives no input size")
        inputs = self.session.inputs
        shape = inputs.get(spec.input.name, ())
        other = [
            has for has, want in zip(shape[1:], (3, size, size), strict=False) if isinstance(has, int) and has != want
        ]
        if len(inputs) != 1 or len(shape) != 4 or other:
            wanted = f"{spec.input.name!r} of 3 x {size} x {size}"
            raise ModelError(f"{spec.path}: takes {dict(inputs)}, not {wanted} as described")
        for name in (spec.features, *(head.output for head in self.heads)):
            if name not in outputs:
                raise ModelError(f"{spec.path}: has no output {name!r} (it has {', '.join(outputs)})")
        for head in self.heads:
            width = outputs[head.output][-1]
            if isinstance(width, int) and width != len(head.labels):
                raise ModelError(
                    f"{spec.path}: output {head.output!r} has {width} values for {len(head.labels)} labels"
                )
        width = outputs[spec.features][-1]
        if isinstance(width, int) and width != spec.feature_size:
            raise ModelError(f"{spec.path}: gives {width} features where {spec.feature_size} are described")
        return size

    def labels(self, task: str) -> tuple[str, ...]:
        """The labels of a head that is in use, () for one that is not."""
        return next((head.labels for head in self.heads if head.task == task), ())

    def crop(self, image: Image, face: Face) -> Image:
        """(H, W, 3) uint8 BGR frame -> (size, size, 3) uint8 BGR crop, as this network was trained on."""
        return crop_face(image, face, self.size, self.spec.crop)

    def embed(self, crops: Sequence[Image]) -> Embedded:
        """crops: (size, size, 3) uint8 BGR each. An empty sequence gives empty arrays."""
        names = [self.spec.features, *(head.output for head in self.heads)]
        parts = [
            self.session.run(names, preprocess(crops[start : start + self.batch], self.spec.input))
            for start in range(0, len(crops), self.batch)
        ]
        if not parts:
            empty = {head.task: np.zeros((0, len(head.labels)), np.float32) for head in self.heads}
            return Embedded(np.zeros((0, self.spec.feature_size), np.float32), empty)
        features, *logits = (np.concatenate(column) for column in zip(*parts, strict=True))
        probabilities = {head.task: softmax(values) for head, values in zip(self.heads, logits, strict=True)}
        return Embedded(features, probabilities)


def preprocess(crops: Sequence[Image], spec: InputSpec) -> Floats:
    """(size, size, 3) uint8 BGR crops -> (N, 3, size, size) float32 as the network's description says."""
    low, high = spec.value_range
    blob = np.asarray(
        cv2.dnn.blobFromImages(list(crops), (high - low) / 255, swapRB=spec.channels == "RGB"), np.float32
    )
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    blob -= (mean - np.float32(low)).reshape(1, 3, 1, 1)
    blob /= std.reshape(1, 3, 1, 1)
    return blob


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
