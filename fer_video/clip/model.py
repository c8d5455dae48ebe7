"""A trained clip model in use: NumPy and ONNX Runtime, no scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fer_video.clip.features import Faces
from fer_video.clip.pool import Pooling
from fer_video.errors import ModelError
from fer_video.models import Session
from fer_video.models.backbone import softmax
from fer_video.types import Floats

__all__ = ["Adaptive", "Answer", "ClipModel", "ClipModelInfo", "Mixture"]

SCHEMA = "fervid-clip-model/1"
INPUT, SCORES = "descriptor", "scores"
_LEAST_PROBABILITY = 1e-6  # in a logarithm

Answer = Literal["mean-probability", "svm", "mixture"]
ANSWERS: tuple[Answer, ...] = ("mean-probability", "svm", "mixture")


@dataclass(frozen=True, slots=True)
class Adaptive:
    """When a clip is certain enough to stop looking (adaptive.py): strides from coarse to fine, the last one ends."""

    strides: tuple[int, ...]  # look at every n-th frame
    thresholds: tuple[float, ...]  # of the largest score, one for each stride but the last
    false_acceptance: float  # the share of wrong early answers that the thresholds were chosen for

    @staticmethod
    def from_dict(value: Mapping[str, Any]) -> Adaptive:
        """Raises KeyError, TypeError or ValueError when it is not one."""
        strides, thresholds = tuple(value["strides"]), tuple(float(each) for each in value["thresholds"])
        falling = all(isinstance(each, int) for each in strides) and list(strides) == sorted(set(strides), reverse=True)
        if not falling or strides[-1:] != (1,) or len(thresholds) != len(strides) - 1:
            raise ValueError(f"strides {strides!r} with {len(thresholds)} thresholds")
        if not all(map(math.isfinite, thresholds)):
            raise ValueError(f"thresholds {thresholds!r}")
        return Adaptive(strides, thresholds, float(value["false_acceptance"]))


@dataclass(frozen=True, slots=True)
class Mixture:
    """The SVM and the mean of the per-frame probabilities in one answer: softmax(head x log mean + score x score).

    Both factors are fitted on held-out clips by likelihood, which also calibrates the answer.
    """

    head: float
    score: float

    @staticmethod
    def from_dict(value: Mapping[str, Any]) -> Mixture:
        """Raises KeyError, TypeError or ValueError when it is not one."""
        mixture = Mixture(float(value["head"]), float(value["score"]))
        if not (0 <= mixture.head < math.inf and 0 < mixture.score < math.inf):
            raise ValueError(f"{mixture!r}")
        return mixture


@dataclass(frozen=True, slots=True)
class ClipModelInfo:
    """What a clip model is: model.json in its folder."""

    name: str
    labels: tuple[str, ...]  # in the order of its scores
    faces: Faces  # whose embeddings it takes: the main person's, or everybody's
    pooling: Pooling
    classifier: Mapping[str, Any]  # kernel, C and so on
    temperature: float  # probabilities are softmax(temperature x scores)
    backbone_name: str
    backbone_sha256: str
    feature_size: int
    fervid: str  # the version that made it
    training: Mapping[str, Any] = field(default_factory=dict)  # data, counts and figures
    adaptive: Adaptive | None = None
    mixture: Mixture | None = None  # with the mean of the per-frame probabilities, whose labels must be the same
    # What answers where the model is the default and was not asked for by name: the best of the three when measured.
    default: Answer = "svm"

    def to_dict(self) -> dict[str, Any]:
        return {"schema": SCHEMA} | asdict(self)

    @staticmethod
    def from_dict(value: Mapping[str, Any]) -> ClipModelInfo:
        """Raises KeyError, TypeError or ValueError when it is not one."""
        if value["schema"] != SCHEMA:
            raise ValueError(f"schema {value['schema']!r}, this version reads {SCHEMA!r}")
        later = {"mixture": None, "default": "svm"}  # fields that older models do not have
        given = {name: (later | dict(value))[name] for name in ClipModelInfo.__dataclass_fields__}
        pooling, adaptive = given["pooling"], given["adaptive"]
        if given["faces"] not in ("main", "all"):
            raise ValueError(f"faces {given['faces']!r}")
        labels, temperature = tuple(given["labels"]), float(given["temperature"])
        texts = (*labels, given["name"], given["backbone_name"], given["backbone_sha256"], given["fervid"])
        if not all(isinstance(text, str) and text and text.isprintable() for text in texts):
            raise ValueError("a name or a label that is not printable text")
        if len(labels) < 2 or len(set(labels)) != len(labels):
            raise ValueError(f"labels {labels!r} should be two or more different ones")
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature {temperature!r} should be positive")
        if not isinstance(given["feature_size"], int) or not 0 < given["feature_size"] < 1 << 16:
            raise ValueError(f"feature_size {given['feature_size']!r}")
        mixture = given["mixture"] and Mixture.from_dict(given["mixture"])
        if given["default"] not in ANSWERS or (given["default"] == "mixture" and mixture is None):
            raise ValueError(f"default {given['default']!r}")
        given |= {
            "mixture": mixture,
            "labels": labels,
            "pooling": Pooling(tuple(pooling["statistics"]), bool(pooling["nested"]), bool(pooling["normalize"])),
            "temperature": temperature,
            "adaptive": adaptive and Adaptive.from_dict(adaptive),
        }
        return ClipModelInfo(**given)


class ClipModel:
    """Descriptors -> scores, probabilities, labels.

    Raises ModelError when the network is not for descriptors and labels as described.
    """

    def __init__(self, info: ClipModelInfo, session: Session) -> None:
        self.info = info
        self._session = session
        wanted = (info.pooling.size(info.feature_size), len(info.labels))
        shapes = [value.shape for value in session.raw.get_inputs()] + list(session.outputs.values())
        has = tuple(shape[-1] for shape in shapes)
        if has != wanted:
            raise ModelError(f"{session.spec.path}: takes and gives {has} numbers where {wanted} are described")

    @property
    def sha256(self) -> str:
        """Of the network that is running."""
        return self._session.sha256

    def scores(self, descriptors: Floats) -> npt.NDArray[np.float64]:
        """(n, pooling.size) -> (n, labels) decision values, the larger the surer."""
        return self._session.run([SCORES], np.ascontiguousarray(descriptors, np.float32))[0].astype(np.float64)

    def probabilities(self, descriptors: Floats) -> Floats:
        """(n, pooling.size) -> (n, labels), rows sum to 1. The largest is that of the largest score."""
        return calibrated(self.scores(descriptors), self.info.temperature)

    def mixed(self, descriptors: Floats, means: Floats) -> Floats:
        """As `probabilities`, in a mixture with the means of the per-frame probabilities (n, labels), in its order."""
        mixture = self.info.mixture
        assert mixture is not None
        logs = np.log(np.maximum(means, _LEAST_PROBABILITY))
        return softmax(np.asarray(mixture.head * logs + mixture.score * self.scores(descriptors), np.float32))

    def check_backbone(self, backbone: Session) -> None:
        """Raises ModelError when the embeddings of a backbone are not those it was trained on."""
        if backbone.sha256 != self.info.backbone_sha256:
            raise ModelError(
                f"{self.info.name}: trained on embeddings of {self.info.backbone_name} "
                f"({self.info.backbone_sha256[:12]}), not of {backbone.spec.name} ({backbone.sha256[:12]}); "
                "choose that --backbone, or train a model for this one"
            )


def calibrated(scores: npt.NDArray[np.floating[Any]], temperature: float) -> Floats:
    """Decision values -> probabilities: softmax after scaling by one number fitted on held-out clips.

    Temperature scaling (Guo et al., ICML 2017). Unlike a sigmoid a class it never changes which class leads.
    """
    return softmax(np.asarray(scores * temperature, np.float32))
