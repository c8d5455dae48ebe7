"""The accuracy of an exported backbone, by group: ONNX Runtime on labelled faces, without torch.

Emotion on FER+ is given by its authors' rule (only pictures with a majority) and over all pictures. Nobody labelled
FER+ by gender, age or ethnicity: groups there are the backbone's own guesses, and said to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_video.datasets.faces import load_faces
from fer_video.datasets.samples import FaceLayout
from fer_video.errors import InputError
from fer_video.learning.evaluate import Evaluation, age_group, evaluate
from fer_video.models import HeadSpec, ModelSpec
from fer_video.models.backbone import Backbone
from fer_video.training.augment import plain
from fer_video.training.calibration import Bin, calibration_error, reliability
from fer_video.training.figures import expected_age, figures
from fer_video.training.pictures import Pictures, load_pictures
from fer_video.training.recipe import Head, Source
from fer_video.training.targets import Targets, targets_of
from fer_video.types import Floats

__all__ = ["BackboneFigures", "EvaluateOptions", "Labelled", "Share", "evaluate_backbone", "labelled_faces"]

Names = npt.NDArray[np.str_]
_Z = 1.959964  # of the 95 % interval
_BATCH = 256
_BINS = 10  # of the reliability table


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """Labelled faces on which a backbone is measured.

    Attributes:
        layout: Layout of the dataset.
        path: Folder or file of the dataset.
        cache: Folder for decoded pictures.
        part: Part of the dataset: "train", "val", "test" or "all".
        validation: Share of the pictures for validation, if the dataset has no such part. The same as in the recipe.
        crop: How faces are cropped: "whole", "detect", "box" or "masked". None: "whole" for FER+, "detect" for the
            others.
        factor: Side of the crop as a multiple of the longer side of the face box. None: as the backbone needs.
    """

    layout: FaceLayout
    path: Path
    cache: Path
    part: str = "val"
    validation: float = 0.1
    crop: str | None = None
    factor: float | None = None

    def how(self, spec: ModelSpec) -> str:
        """The crop in words, for a report."""
        source = self.source(spec)
        return source.crop if source.crop == "whole" else f"{source.crop} x {source.factor:g}"

    def source(self, spec: ModelSpec) -> Source:
        size = spec.input.size or 224
        crop = self.crop or ("whole" if self.layout == "ferplus" else "detect")
        if crop == "masked":
            size = round(size * 1.25)  # the outline is found best near the size it was cut out at
        if self.layout == "ferplus" and crop == "whole":
            size = 48  # as it is stored
        return Source(self.layout, self.layout, crop=crop, size=size, factor=self.factor or spec.crop.factor)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Labelled:
    """Crops as inference would cut them, with what is known of them."""

    pictures: Pictures
    rows: npt.NDArray[np.int64]
    targets: Targets
    size: int

    def crops(self, start: int, stop: int) -> list[npt.NDArray[np.uint8]]:
        return [
            plain(self.pictures.picture(int(row)), self.size, self.pictures.margin) for row in self.rows[start:stop]
        ]


@dataclass(frozen=True, slots=True)
class Share:
    """A share of n pictures, with Wilson's 95 % interval; or a mean with its normal one."""

    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class BackboneFigures:
    """Figures on one dataset; None or {} where it has no labels of a kind, or the backbone no head."""

    dataset: str
    part: str
    crop: str
    pictures: int
    skipped: int  # left out: no usable label, unreadable, no face found
    emotion: Evaluation | None = None  # all pictures
    emotion_majority: Evaluation | None = None  # those that the dataset's own protocol scores
    emotion_ece: float | None = None  # expected calibration error, on the pictures of emotion_majority
    emotion_reliability: Sequence[Bin] = ()
    emotion_by: Mapping[str, Mapping[str, Share]] | None = None  # group -> accuracy; by the backbone's own guesses
    valence_arousal_ccc: float | None = None  # Lin's concordance, the mean of both
    age_mae: Mapping[str, Share] | None = None  # "all" and true groups -> mean absolute error in years
    gender: Mapping[str, Share] | None = None  # "all" and true groups -> accuracy
    ethnicity: Mapping[str, Share] | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def labelled_faces(options: EvaluateOptions, spec: ModelSpec, progress: Any = None) -> Labelled:
    """Read a dataset for a backbone. progress: called with how many pictures are read, and of how many.

    Raises InputError.
    """
    dataset = load_faces(options.path, options.layout).split(options.validation)
    if options.part != "all":
        dataset = dataset.part(options.part)  # type: ignore[arg-type]
    if not dataset.samples:
        raise InputError(f"{options.path}: has no pictures of the part {options.part}")
    source = options.source(spec)
    pictures = load_pictures(dataset, source, options.cache, progress)
    heads = [_head(head) for head in spec.heads if head.task in ("emotion", "age", "gender", "ethnicity")]
    if spec.has_affect:
        heads.append(Head("valence_arousal", ("valence", "arousal")))
    targets = targets_of(pictures.dataset, heads)
    return Labelled(pictures, np.arange(len(targets)), targets, spec.input.size or source.size)


def _head(head: HeadSpec) -> Head:
    return Head(head.task, head.labels)  # type: ignore[arg-type]


def evaluate_backbone(backbone: Backbone, faces: Labelled, part: str = "val", crop: str = "") -> BackboneFigures:
    """Run a backbone (with attributes, where it has them) over labelled faces."""
    said = outputs(backbone, faces)
    targets, pictures = faces.targets, faces.pictures
    result = BackboneFigures(str(pictures.dataset.path.name), part, crop, len(targets), len(pictures.skipped))
    guessed = _guessed_groups(backbone, said)
    if targets.known("emotion").any() and targets.emotion.shape[1]:
        result = _emotion(result, backbone.emotions, said["emotion"], targets, guessed)
    ccc = figures(said, targets).get("valence_arousal.ccc")
    result = replace(result, valence_arousal_ccc=ccc)
    groups = _true_groups(backbone, targets)
    if "age" in said and targets.known("age").any():
        errors = np.abs(expected_age(said["age"]) - targets.age)
        result = replace(result, age_mae=_by_group(errors, targets.known("age"), groups, mean=True))
    if "gender" in said and targets.known("gender").any():
        right = said["gender"].argmax(1) == targets.gender
        result = replace(result, gender=_by_group(right, targets.known("gender"), groups))
    if "ethnicity" in said and targets.known("ethnicity").any():
        right = said["ethnicity"].argmax(1) == targets.ethnicity
        result = replace(result, ethnicity=_by_group(right, targets.known("ethnicity"), groups))
    return result


def outputs(backbone: Backbone, faces: Labelled) -> dict[str, Floats]:
    """Task -> (n, labels) probabilities, of valence_arousal (n, 2) values."""
    parts = [
        backbone.embed(faces.crops(start, start + _BATCH)).probabilities for start in range(0, len(faces.rows), _BATCH)
    ]
    found = {task: np.concatenate([part[task] for part in parts]) for task in parts[0]}
    if backbone.spec.has_affect:
        found["valence_arousal"] = np.concatenate((found.pop("valence"), found.pop("arousal")), 1)
    return found


def _emotion(
    result: BackboneFigures, names: Sequence[str], said: Floats, targets: Targets, guessed: Mapping[str, Names]
) -> BackboneFigures:
    known = targets.known("emotion")
    labels = np.array(names)
    true = targets.emotion[known].argmax(1)
    truth, answer = labels[true], labels[said[known].argmax(1)]
    faces, scored = np.ones(len(truth), bool), targets.scored[known]
    right = truth == answer
    by = {
        kind: {name: _share(right[scored & (groups[known] == name)]) for name in np.unique(groups[known]).tolist()}
        for kind, groups in guessed.items()
    }
    return replace(
        result,
        emotion=evaluate(truth, answer, faces, names),
        emotion_majority=evaluate(truth[scored], answer[scored], faces[scored], names) if scored.any() else None,
        emotion_ece=calibration_error(said[known][scored], true[scored]) if scored.any() else None,
        emotion_reliability=reliability(said[known][scored], true[scored], _BINS) if scored.any() else (),
        emotion_by=by,
    )


def _guessed_groups(backbone: Backbone, said: Mapping[str, Floats]) -> dict[str, Names]:
    found: dict[str, Names] = {}
    for task in ("gender", "ethnicity"):
        if task in said:
            found[task] = np.array(backbone.labels(task))[said[task].argmax(1)]
    if "age" in said:
        found["age"] = np.array([age_group(age) for age in expected_age(said["age"])])
    return found


def _true_groups(backbone: Backbone, targets: Targets) -> dict[str, Names]:
    """Kind -> (n,) name of the group, "" where it is not known."""
    found: dict[str, Names] = {}
    for task in ("gender", "ethnicity"):
        if backbone.labels(task):
            found[task] = np.array([*backbone.labels(task), ""])[getattr(targets, task)]
    found["age"] = np.array([age_group(age) if np.isfinite(age) else "" for age in targets.age])
    return found


def _by_group(
    values: npt.NDArray[Any], known: npt.NDArray[np.bool_], groups: Mapping[str, Names], *, mean: bool = False
) -> dict[str, Share]:
    found = {"all": _mean(values[known]) if mean else _share(values[known])}
    for kind in sorted(groups):
        for name in np.unique(groups[kind]).tolist():
            chosen = values[known & (groups[kind] == name)]
            if name and len(chosen):
                found[f"{kind}: {name}"] = _mean(chosen) if mean else _share(chosen)
    return found


def _share(right: npt.NDArray[Any]) -> Share:
    n = len(right)
    if not n:
        return Share(0, float("nan"), float("nan"), float("nan"))
    p = float(right.mean())
    middle, spread = p + _Z**2 / (2 * n), _Z * np.sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n))
    scale = 1 + _Z**2 / n
    return Share(n, p, float((middle - spread) / scale), float((middle + spread) / scale))


def _mean(values: npt.NDArray[Any]) -> Share:
    n, middle = len(values), float(values.mean())
    spread = _Z * float(values.std()) / np.sqrt(n)
    return Share(n, middle, float(middle - spread), float(middle + spread))
