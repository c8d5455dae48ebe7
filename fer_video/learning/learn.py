"""A labelled dataset -> features -> a stored clip model: what `fervid train` and `fervid evaluate` run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fer_video.clip.adaptive import STRIDES, choose_thresholds
from fer_video.clip.answers import PersonMethod
from fer_video.clip.features import StoredFeatures, load_features
from fer_video.clip.model import Adaptive, ClipModel, ClipModelInfo
from fer_video.clip.pool import Pooler
from fer_video.clip.store import save_clip_model
from fer_video.datasets.clips import ClipDataset, ClipSample
from fer_video.errors import InputError, ModelError
from fer_video.jobs.extract import Extracted, extract_all
from fer_video.learning.evaluate import Evaluation, evaluate
from fer_video.learning.fit import (
    Clips,
    FitOptions,
    Labels,
    check_enough,
    cross_scores,
    decision,
    fit,
    fit_temperature,
    folds,
    to_network,
    usable_folds,
)
from fer_video.options import AnalyzerOptions
from fer_video.types import Floats
from fer_video.version import __version__

__all__ = [
    "Gathered",
    "Trained",
    "answers_of",
    "cross_validate",
    "gather",
    "judge",
    "probabilities_of",
    "train",
]


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The clips whose features could be had, and those that failed."""

    clips: Clips
    failed: tuple[Extracted, ...]


def gather(
    dataset: ClipDataset,
    folder: Path,
    options: AnalyzerOptions,
    workers: int = 1,
    each: Callable[[Extracted], None] = lambda _: None,
) -> Gathered:
    """Extract, or find extracted, the features of every clip. each: called after every clip.

    Raises InputError when not one clip could be read.
    """
    has_face: list[bool] = []
    rows: dict[str, ClipSample] = {}
    files: dict[str, Extracted] = {}
    failed: list[Extracted] = []
    jobs = extract_all([sample.path for sample in dataset.samples], folder, options, workers)
    for row, done in enumerate(jobs):
        each(done)
        if done.file is None:
            failed.append(done)
            continue
        sample = dataset.samples[row]
        # The file's name is the clip's content: one clip under several names is one, and one subject.
        before = rows.get(done.file.name)
        if before is not None and (before.label, before.split) != (sample.label, sample.split):
            raise InputError(f"{before.path} and {sample.path} are the same clip with different labels or parts")
        if before is None:
            has_face.append(load_features(done.file).has_face)
            rows[done.file.name], files[done.file.name] = sample, done
    if not rows:
        raise InputError(f"{dataset.path}: not one clip of {len(failed)} could be read; the first: {failed[0].error}")
    subjects = [sample.subject or name for name, sample in rows.items()]
    several = list(files.values())
    clips = Clips(
        StoredFeatures([done.file for done in several if done.file is not None], has_face),
        np.array([sample.label for sample in rows.values()]),
        np.array(subjects),
        [done.clip for done in several],
        [done.sha256 or "" for done in several],
    )
    return Gathered(clips, tuple(failed))


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A fitted classifier and what is known of it."""

    options: FitOptions
    estimator: Any
    temperature: float
    held_out: Evaluation | None  # cross-validated on the training clips; None when there were too few
    adaptive: Adaptive | None

    def save(self, folder: Path, name: str, training: dict[str, Any]) -> None:
        """Write the model's folder (store.py). Raises OutputError."""
        backbone = training.pop("backbone")
        options = self.options
        info = ClipModelInfo(
            name=name,
            labels=tuple(self.estimator.classes_.tolist()),
            faces=options.faces,
            pooling=options.pooling,
            classifier={"kernel": options.kernel, "C": options.C, "class_weight": options.class_weight},
            temperature=self.temperature,
            backbone_name=backbone[0],
            backbone_sha256=backbone[1],
            feature_size=backbone[2],
            fervid=__version__,
            training=training,
            adaptive=self.adaptive,
        )
        network = to_network(self.estimator, options.pooling.size(info.feature_size))
        save_clip_model(folder, info, network, self.estimator)


def train(clips: Clips, options: FitOptions, false_acceptance: float | None = None, most_folds: int = 5) -> Trained:
    """Fit on the clips with a face; calibrate and measure on cross-validated scores that never split a subject.

    false_acceptance: also choose thresholds for an adaptive frame rate; the features must hold every frame then.

    Raises InputError when the classes, clips or subjects are too few.
    """
    seen = clips.where(clips.has_face)
    check_enough(seen.labels)
    descriptors = seen.descriptors(options)
    estimator = fit(descriptors, seen.labels, options)
    count = usable_folds(seen.labels, seen.subjects, most_folds)
    if count < 2:
        if false_acceptance is not None:
            raise InputError("an adaptive frame rate needs clips of two subjects or more in each class")
        return Trained(options, estimator, 1.0, None, None)
    strides = (1,) if false_acceptance is None else STRIDES
    looks = [seen.strided(stride).descriptors(options) for stride in strides]
    *coarser, scores = cross_scores(descriptors, seen.labels, seen.subjects, options, count, looks)
    temperature = fit_temperature(scores, seen.labels, estimator.classes_)
    said = estimator.classes_[scores.argmax(axis=1)]
    held_out = evaluate(seen.labels, said, seen.has_face, estimator.classes_.tolist(), seen.subjects)
    adaptive = None
    if false_acceptance is not None:
        truth = np.searchsorted(estimator.classes_, seen.labels)
        adaptive = choose_thresholds([*coarser, scores], truth, false_acceptance)
    return Trained(options, estimator, temperature, held_out, adaptive)


def cross_validate(
    clips: Clips, options: FitOptions, count: int | Literal["subject"]
) -> tuple[Labels, npt.NDArray[np.bool_]]:
    """(n,) the answer for each clip by a classifier trained on the clips with a face of other subjects.

    Also which clips have a face. Raises InputError.
    """
    descriptors, has_face = clips.descriptors(options), clips.has_face
    said = np.empty(len(clips.labels), clips.labels.dtype)
    for learn, test in folds(clips.labels, clips.subjects, count, options.seed):
        usable = learn[has_face[learn]]
        estimator = fit(descriptors[usable], clips.labels[usable], options)
        said[test] = estimator.classes_[decision(estimator, descriptors[test]).argmax(axis=1)]
    return said, has_face


def judge(model: ClipModel, clips: Clips) -> Labels:
    """(n,) a stored model's answers. Raises ModelError when the features are not of its backbone."""
    names: Labels = np.array(model.info.labels)
    said: Labels = names[probabilities_of(model, clips).argmax(axis=1)]
    return said


def probabilities_of(model: ClipModel, clips: Clips) -> Floats:
    """(n, labels) of a stored model alone; the descriptor of a clip without a face is zeros. Raises as judge."""
    descriptors = []
    for each in clips.features:
        if each.backbone_sha256 != model.info.backbone_sha256:
            raise ModelError(
                f"{model.info.name}: trained on embeddings of {model.info.backbone_name}, not of {each.backbone_name}"
            )
        descriptors.append(each.descriptor(model.info.pooling, model.info.faces))
    return model.probabilities(np.stack(descriptors))


def answers_of(method: PersonMethod, clips: Clips) -> Floats:
    """(n, method.labels) what fervid predict would say of the main person; even where there is no face."""
    values = []
    for each in clips.features:
        rows = each.rows("main")
        pooler = None if method.model is None else Pooler(method.model.info.pooling, each.embedding.shape[1])
        if pooler is not None:
            pooler.add_frame(each.embedding[rows])
        even = np.full(len(each.emotions), 1 / len(each.emotions))
        named, _ = method.answer(each.emotion[rows].mean(axis=0, dtype=np.float64) if rows.any() else even, pooler)
        values.append(list(named.values()))
    return np.array(values, np.float32)


def backbone_of(clips: Sequence[Any]) -> tuple[str, str, int]:
    """Name, hash and feature size that features were made with."""
    first = clips[0]
    return first.backbone_name, first.backbone_sha256, first.embedding.shape[1]
