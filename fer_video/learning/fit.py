"""Descriptors and labels -> a trained classifier, with scikit-learn. Training and test people are kept apart."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fer_video.clip.features import ClipFeatures, Faces, StoredFeatures
from fer_video.clip.model import INPUT, SCORES
from fer_video.clip.pool import STATISTICS, Pooling, Statistic
from fer_video.errors import InputError, OptionError
from fer_video.types import Floats

__all__ = [
    "PROTOCOLS",
    "Clips",
    "FitOptions",
    "check_enough",
    "cross_scores",
    "decision",
    "fit",
    "fit_temperature",
    "folds",
    "search",
    "to_network",
]

Labels = npt.NDArray[np.str_]
Metric = Literal["accuracy", "macro-recall"]


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How a clip becomes a descriptor, and which SVM is trained on it. The defaults are those for AFEW.

    Attributes:
        faces: Whose embeddings are pooled: "main" for the main person, "all" for all faces.
        pooling: How the embeddings become a descriptor.
        kernel: "linear" for LinearSVC, "rbf" for SVC with gamma "scale".
        C: Regularisation parameter of the SVM.
        class_weight: "balanced" weights classes inversely to their frequency. None: all the same.
        seed: Seed of the folds and the solver.
    """

    faces: Faces = "main"
    pooling: Pooling = field(default_factory=Pooling)
    kernel: Literal["linear", "rbf"] = "linear"
    C: float = 1.1
    class_weight: Literal["balanced"] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.C > 0:
            raise OptionError(f"C must be positive, not {self.C:g}")


# As in the experiments of arXiv 2103.17107 with EfficientNet-B0 (protocols: AFEW and VGAF).
PROTOCOLS: Mapping[str, FitOptions] = {
    "afew": FitOptions("main", Pooling(STATISTICS), "linear", 1.1),
    "vgaf": FitOptions("all", Pooling(("mean", "std"), nested=True), "rbf", 1.9),
}


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """What is learned from: features, labels and subjects, row by row. Without subjects each clip is its own."""

    features: Sequence[ClipFeatures]
    labels: Labels  # (n,)
    subjects: Labels  # (n,)
    paths: Sequence[str] = ()  # as they may be shown; () where nobody asks
    hashes: Sequence[str] = ()  # of the clips' contents, sha256; () where they are not known

    def descriptors(self, options: FitOptions) -> Floats:
        """(n, pooling.size) float32."""
        return np.stack([each.descriptor(options.pooling, options.faces) for each in self.features])

    @property
    def has_face(self) -> npt.NDArray[np.bool_]:
        if isinstance(self.features, StoredFeatures):
            return np.array(self.features.has_face, bool)
        return np.array([each.has_face for each in self.features], bool)

    def where(self, chosen: npt.NDArray[np.bool_]) -> Clips:
        rows = np.flatnonzero(chosen).tolist()
        features = self.features
        return Clips(
            features.chosen(rows) if isinstance(features, StoredFeatures) else [features[row] for row in rows],
            self.labels[chosen],
            self.subjects[chosen],
            [self.paths[row] for row in rows] if self.paths else (),
            [self.hashes[row] for row in rows] if self.hashes else (),
        )

    def strided(self, stride: int) -> Clips:
        """The same clips as if only every n-th of their sampled frames had been analysed."""
        if stride == 1:
            return self
        features = self.features
        if isinstance(features, StoredFeatures):
            return replace(self, features=features.strided(stride))
        return replace(self, features=[each.strided(stride) for each in features])


def make_estimator(options: FitOptions, classes: int) -> Any:
    from sklearn.svm import SVC, LinearSVC

    if options.kernel == "linear":
        return LinearSVC(
            C=options.C, class_weight=options.class_weight, random_state=options.seed, max_iter=20_000, dual="auto"
        )
    # break_ties: the label is that of the largest score, and not now and then another one's
    return SVC(C=options.C, class_weight=options.class_weight, break_ties=classes > 2)


def fit(descriptors: Floats, labels: Labels, options: FitOptions) -> Any:
    """A fitted scikit-learn estimator. Raises InputError when there are not two classes."""
    names = np.unique(labels)
    if len(names) < 2:
        raise InputError(f"only one class ({', '.join(names) or 'none'}) with a face in its clips; two are needed")
    return make_estimator(options, len(names)).fit(descriptors, labels)


def check_enough(labels: Labels) -> None:
    """Raises InputError when a class has a single clip: nothing can be learned from it that can be checked."""
    names, counts = np.unique(labels, return_counts=True)
    if len(names) and counts.min() < 2:
        lonely = ", ".join(names[counts < 2])
        raise InputError(f"only one clip with a face of: {lonely}; two or more of each class are needed")


def decision(estimator: Any, descriptors: Floats) -> npt.NDArray[np.float64]:
    """(n, classes) scores in the order of estimator.classes_, also for two classes."""
    scores = np.asarray(estimator.decision_function(descriptors), np.float64)
    return np.stack((-scores, scores), axis=1) if scores.ndim == 1 else scores


def folds(
    clips_labels: Labels, subjects: Labels, count: int | Literal["subject"], seed: int = 0
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """(train rows, test rows) of a cross-validation that never splits a subject.

    count: how many parts, with the classes spread evenly; or "subject", each subject once left out.

    Raises InputError when there are too few subjects.
    """
    from sklearn.model_selection import LeaveOneGroupOut, StratifiedGroupKFold

    if len(np.unique(subjects)) < (2 if count == "subject" else count):
        raise InputError(f"too few subjects ({len(np.unique(subjects))}) for this cross-validation")
    names, counts = np.unique(clips_labels, return_counts=True)
    if count != "subject" and counts.max() < count:
        raise InputError(f"too few clips ({counts.max()} at most of {', '.join(names)}) for {count} parts")
    if count == "subject":
        splitter: Any = LeaveOneGroupOut()
    else:
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    yield from splitter.split(np.zeros(len(clips_labels)), clips_labels, subjects)


def cross_scores(
    descriptors: Floats,
    labels: Labels,
    subjects: Labels,
    options: FitOptions,
    count: int | Literal["subject"] = 5,
    looks: Sequence[Floats] | None = None,
) -> list[npt.NDArray[np.float64]]:
    """(n, classes) scores of each clip from a classifier that saw neither it nor its subject.

    looks: other descriptors of the same clips to score with the same classifiers, one answer each; None: one answer,
    for `descriptors`. A class that a fold's training part lacks has the score -inf there. Raises InputError.
    """
    names = np.unique(labels)
    looks = [descriptors] if looks is None else looks
    scores = [np.full((len(labels), len(names)), -np.inf) for _ in looks]
    for train, test in folds(labels, subjects, count, options.seed):
        estimator = fit(descriptors[train], labels[train], options)
        columns = np.searchsorted(names, estimator.classes_)
        for look, values in zip(looks, scores, strict=True):
            values[np.ix_(test, columns)] = decision(estimator, look[test])
    return scores


def fit_temperature(scores: npt.NDArray[np.float64], labels: Labels, classes: Labels) -> float:
    """The factor before softmax that makes held-out scores the most probable: one number, by log-likelihood."""
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    finite = np.nan_to_num(scores, neginf=scores[np.isfinite(scores)].min())
    rows, columns = np.arange(len(labels)), np.searchsorted(classes, labels)

    def loss(log_temperature: float) -> float:
        scaled = finite * np.exp(log_temperature)
        return float((logsumexp(scaled, axis=1) - scaled[rows, columns]).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-4.0, 5.0), method="bounded").x))


def usable_folds(labels: Labels, subjects: Labels, most: int = 5) -> int:
    """In how many parts clips can be cut so that each class has subjects in all of them."""
    fewest = min(len(np.unique(subjects[labels == name])) for name in np.unique(labels))
    return min(most, fewest)


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting that a search tried."""

    options: FitOptions
    accuracy: float
    macro_recall: float


SEARCHED_C = (0.01, 0.1, 0.5, 1.1, 1.9, 5.0, 20.0)
SEARCHED_STATISTICS: tuple[tuple[Statistic, ...], ...] = (("mean",), ("mean", "std"), STATISTICS)


def search(clips: Clips, options: FitOptions, metric: Metric = "accuracy", count: int = 5) -> list[Trial]:
    """Cross-validates kernels, C and statistics, best first. Raises InputError."""
    from sklearn.metrics import balanced_accuracy_score

    count = min(count, usable_folds(clips.labels, clips.subjects))
    if count < 2:
        raise InputError("each class needs clips of two subjects or more to search by cross-validation")
    names = np.unique(clips.labels)
    trials = []
    for statistics in SEARCHED_STATISTICS:
        pooled = replace(options, pooling=replace(options.pooling, statistics=statistics))
        descriptors = clips.descriptors(pooled)
        for kernel, c in product(("linear", "rbf"), SEARCHED_C):
            tried = replace(pooled, kernel=kernel, C=c)  # type: ignore[arg-type]
            (scores,) = cross_scores(descriptors, clips.labels, clips.subjects, tried, count)
            said = names[scores.argmax(axis=1)]
            accuracy = float((said == clips.labels).mean())
            trials.append(Trial(tried, accuracy, float(balanced_accuracy_score(clips.labels, said))))
    return sorted(trials, key=lambda trial: -(trial.accuracy if metric == "accuracy" else trial.macro_recall))


def to_network(estimator: Any, size: int) -> bytes:
    """The classifier as ONNX: "descriptor" (n, size) float32 -> "scores" (n, classes) float32."""
    import onnx
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.svm import SVC

    raw: dict[str, Any] = {"raw_scores": True} | ({"zipmap": False} if isinstance(estimator, SVC) else {})
    with warnings.catch_warnings():
        # skl2onnx looks at attributes of SVC that scikit-learn is about to drop; none of them is used here
        warnings.filterwarnings("ignore", "Attribute `prob[AB]_` was deprecated", FutureWarning)
        model = to_onnx(
            estimator,
            initial_types=[(INPUT, FloatTensorType([None, size]))],
            options={id(estimator): raw},
            target_opset={"": 17, "ai.onnx.ml": 3},
        )
    graph = model.graph
    raw_name = graph.output[1].name  # output 0 is the label, which is read off the scores
    for node in graph.node:
        node.input[:] = [SCORES if name == raw_name else name for name in node.input]
        node.output[:] = [SCORES if name == raw_name else name for name in node.output]
    shape = ["clips", len(estimator.classes_)]
    del graph.output[:], graph.input[:]
    graph.input.append(onnx.helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, ["clips", size]))
    graph.output.append(onnx.helper.make_tensor_value_info(SCORES, onnx.TensorProto.FLOAT, shape))
    return bytes(model.SerializeToString())
