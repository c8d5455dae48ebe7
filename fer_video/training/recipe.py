"""The recipe of a training: one TOML file, read into frozen dataclasses (docs/training.md explains every key)."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fer_video.datasets.samples import ETHNICITIES, FACE_LAYOUTS, GENDERS, FaceLayout
from fer_video.emotions import plain_emotion
from fer_video.errors import InputError, OptionError
from fer_video.files import parse_toml, read_limited

__all__ = ["Augmentation", "Head", "Recipe", "Source", "Stage", "Surround", "read_recipe"]

_MOST_BYTES = 1 << 20  # of a recipe
Task = Literal["emotion", "valence_arousal", "age", "gender", "ethnicity", "identity"]
_LABELS: Mapping[str, tuple[str, ...]] = {
    "emotion": ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    "valence_arousal": ("valence", "arousal"),
    "age": tuple(str(age) for age in range(101)),
    "gender": GENDERS,
    "ethnicity": ETHNICITIES,
    "identity": (),  # whoever is in the training part
}


@dataclass(frozen=True, slots=True)
class Head:
    """A linear layer on the features, and its loss."""

    task: Task
    labels: tuple[str, ...] = ()  # (): the usual ones of the task
    weight: float = 1.0  # of its loss in the sum
    label_smoothing: float = 0.0  # share of the target spread over all classes
    class_weights: Literal["none", "sqrt", "inverse"] = "none"  # by class frequency in the training part, mean 1
    logit_adjustment: float = 0.0  # tau of arXiv 2007.07314: how far towards equal priors of the classes
    l1: float = 0.0  # age: weight of the absolute error of the expectation, in tens of years
    spread: float = 0.0  # age: standard deviation in years of the target around the true one
    margin: float = 0.0  # identity: ArcFace's additive angular margin in radians (arXiv 1801.07698); 0: softmax
    scale: float = 32.0  # identity: of the cosines, with a margin


@dataclass(frozen=True, slots=True)
class Surround:
    """What a face that was cut out along its outline is shown in front of; shares of the pictures, any scale.

    Drawn again for every picture and epoch, so that the outline itself tells the network nothing.
    """

    smear: float = 0.45  # the colours of the outline, drawn outwards
    pictures: float = 0.3  # a piece of another picture of the sources
    plain: float = 0.15  # one colour
    black: float = 0.1  # as it is


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset that is trained on."""

    name: str  # what `--data name=path` calls it
    layout: FaceLayout
    path: str = ""  # relative to the recipe; `--data` goes before
    ratio: float = 1.0  # of the batch, beside the other sources
    # whole: the picture is the crop; detect: find the face; box: the dataset's box; masked: the face was cut out along
    # its outline and fills the picture, what is around it is black
    crop: Literal["whole", "detect", "box", "masked"] = "whole"
    surround: Surround = field(default_factory=Surround)  # masked: what is put around the face
    factor: float = 1.1  # all but whole: side of the crop in units of the face's longer side
    margin: float = 1.0  # how much wider than the crop a picture is kept, for jitter to show what is really there
    size: int = 128  # side at which it is kept, in pixels, with the margin (masked: without)
    validation: float = 0.1  # share for validation where the dataset names no such part
    balance: float = 0.0  # how far emotions are drawn equally often: 0 as they are, 1 all the same
    smoothing: float = 0.0  # share of each emotion label spread over the dataset's emotions, where labels are noisy
    only: tuple[str, ...] = ()  # tasks whose labels are used; (): all there are
    pseudo_emotion: bool = False  # emotions of pictures without any from the teachers


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of training with settings of its own."""

    name: str
    epochs: float = 1.0
    size: int = 96  # side of the input in pixels
    batch: int = 64
    lr: float = 1e-3  # at its highest
    final_lr: float = 0.01  # at the end, as a share of that
    schedule: Literal["cosine", "one-cycle", "constant"] = "one-cycle"
    warmup: float = 0.1  # share of the steps, cosine and one-cycle
    optimizer: Literal["adamw", "sam"] = "adamw"  # sam: sharpness-aware around AdamW, two passes (arXiv 2010.01412)
    rho: float = 0.05  # sam: radius
    weight_decay: float = 0.05
    train: Literal["heads", "all"] = "all"
    tasks: tuple[Task, ...] = ()  # heads whose losses count; (): all
    strength: float = 1.0  # of the augmentation


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far pictures are changed; chances are 0 to 1. Bridges still pictures and video."""

    flip: float = 0.5
    shift: float = 0.06  # of the crop's side, each way
    zoom: float = 0.12  # scale between 1 - zoom and 1 + zoom
    turn: float = 12.0  # degrees, each way
    light: float = 0.3  # gain and offset
    gamma: float = 0.3
    tint: float = 0.3  # chance of a colour cast on the channels
    grey: float = 0.2  # chance
    low_resolution: float = 0.2  # chance of going down and up again
    blur: float = 0.15  # chance
    noise: float = 0.1  # chance
    jpeg: float = 0.15  # chance
    erase: float = 0.3  # chance of a rectangle of one colour or of noise


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole training."""

    name: str
    architecture: str  # of timm
    heads: tuple[Head, ...]
    sources: tuple[Source, ...]
    stages: tuple[Stage, ...]
    size: int = 96  # of the exported network's input; the last stage has it too
    crop_factor: float = 1.1  # at inference: side of the crop in units of the box's longer side
    augment: Augmentation = field(default_factory=Augmentation)
    teaching: float = 0.0  # share of the teachers' emotions in the targets of pictures that have a label
    epoch: int = 0  # pictures an epoch; 0: as many as all sources have
    dropout: float = 0.2  # before the heads
    drop_path: float = 0.0  # stochastic depth in the backbone
    ema: float = 0.999  # decay of the averaged weights a step, which are what is measured and exported; 0: none
    clip_norm: float = 5.0  # of the gradient; 0: not clipped
    seed: int = 0
    licence: str = "of the training data"
    directory: Path = Path()  # of the recipe's file

    def __post_init__(self) -> None:
        _check(bool(self.heads), "there are no heads")
        _check(bool(self.sources), "there are no sources")
        _check(bool(self.stages), "there are no stages")
        _unique("heads", [head.task for head in self.heads])
        _unique("sources", [source.name for source in self.sources])
        _check(self.size >= 32, f"size {self.size} should be 32 pixels or more")
        _check(0 <= self.ema < 1, f"ema {self.ema} should lie between 0 and 1")
        _check(0 <= self.teaching <= 1, f"teaching {self.teaching} should be between 0 and 1")
        for name in ("dropout", "drop_path"):
            _check(0 <= getattr(self, name) < 1, f"{name} {getattr(self, name)} should lie between 0 and 1")
        for name in ("seed", "epoch", "clip_norm"):
            _check(getattr(self, name) >= 0, f"{name} {getattr(self, name)} should not be negative")
        for head in self.heads:
            _check(0 <= head.label_smoothing < 1, f"head {head.task}: label_smoothing should lie between 0 and 1")
            _check(head.weight >= 0 and head.scale > 0, f"head {head.task}: weight under 0, or scale not above it")
        for source in self.sources:
            _check(source.layout in FACE_LAYOUTS, f"unknown layout {source.layout!r}")
            _check(source.ratio > 0, f"source {source.name}: ratio {source.ratio} should be above 0")
            _check(source.margin >= 1, f"source {source.name}: margin {source.margin} should be 1 or more")
            _check(0 < source.validation < 1, f"source {source.name}: validation should lie between 0 and 1")
            _check(16 <= source.size <= 1024, f"source {source.name}: size {source.size} should be 16 to 1024 pixels")
            _check(source.factor > 0, f"source {source.name}: factor {source.factor} should be above 0")
            _check(0 <= source.balance <= 1, f"source {source.name}: balance should be between 0 and 1")
            _check(0 <= source.smoothing < 1, f"source {source.name}: smoothing should be between 0 and 1")
            shares = dataclasses.astuple(source.surround)
            _check(min(shares) >= 0 < sum(shares), f"source {source.name}: surround needs shares of 0 or more")
            plain = re.fullmatch(r"[\w.-]+", source.name) is not None
            _check(plain, f"source name {source.name!r}: letters, digits and . _ - only")
            pseudo = not source.pseudo_emotion or self.head("emotion") is not None
            _check(pseudo, f"source {source.name}: pseudo_emotion without a head for emotion")
        last = self.stages[-1]
        _check(last.size == self.size, f"stage {last.name}: the last stage should have the network's size, {self.size}")
        tasks = {head.task for head in self.heads}
        for stage in self.stages:
            _check(stage.epochs > 0 and stage.lr > 0, f"stage {stage.name}: epochs and lr should be above 0")
            _check(0 <= stage.warmup < 1, f"stage {stage.name}: warmup {stage.warmup} should lie between 0 and 1")
            _check(stage.batch >= 2 and stage.size >= 32, f"stage {stage.name}: batch under 2, or size under 32")
            other = set(stage.tasks) - tasks
            _check(not other, f"stage {stage.name}: there is no head {', '.join(sorted(other))}")

    def head(self, task: str) -> Head | None:
        return next((head for head in self.heads if head.task == task), None)

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"directory": str(self.directory)}


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise OptionError(message)


def _unique(what: str, names: Sequence[str]) -> None:
    _check(len(set(names)) == len(names), f"two {what} of the same name")


def read_recipe(path: Path) -> Recipe:
    """Raises OptionError, with the file and the key, for anything that is not right in it."""
    try:
        given = parse_toml(read_limited(path, _MOST_BYTES))
    except InputError as error:
        raise OptionError(f"{error}; recipes are TOML files (docs/training.md)") from error
    except ValueError as error:  # no text, no TOML, numbers of thousands of digits, endless nesting
        raise OptionError(f"{path}: not TOML: {str(error)[:200]}") from error
    try:
        return recipe_from(given, path.parent)
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error


def recipe_from(given: Mapping[str, Any], directory: Path) -> Recipe:
    """A recipe from its TOML (or JSON) object. Raises OptionError."""
    recipe: Recipe = _build(Recipe, {**given, "directory": directory}, "")
    heads = tuple(_with_labels(head) for head in recipe.heads)
    return dataclasses.replace(recipe, heads=heads)


def _with_labels(head: Head) -> Head:
    """With the usual labels where none are given. Raises OptionError for labels that the task cannot have."""
    usual = _LABELS[head.task]
    if head.labels in ((), usual):
        return dataclasses.replace(head, labels=usual)
    if head.task in ("age", "valence_arousal", "identity"):
        raise OptionError(f"head {head.task}: its labels are given by the task; leave them out")
    labels = tuple(plain_emotion(label) for label in head.labels) if head.task == "emotion" else head.labels
    _unique(f"labels of {head.task}", labels)
    return dataclasses.replace(head, labels=labels)


def _build(cls: Any, given: Any, where: str) -> Any:
    """A dataclass from a table, by its type hints; unknown keys and wrong types are refused."""
    if not isinstance(given, Mapping):
        raise OptionError(f"{where or 'the recipe'} should be a table")
    hints = typing.get_type_hints(cls)
    unknown = [key for key in given if key not in hints]
    if unknown:
        raise OptionError(f"unknown key {where}{unknown[0]}; one of: {', '.join(hints)}")
    lacking = [
        each.name
        for each in dataclasses.fields(cls)
        if each.name not in given
        and each.default is dataclasses.MISSING
        and each.default_factory is dataclasses.MISSING
    ]
    if lacking:
        raise OptionError(f"{where}{lacking[0]} is missing")
    return cls(**{key: _value(hints[key], value, f"{where}{key}") for key, value in given.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, f"{where}.")
    origin = typing.get_origin(hint)
    if origin is tuple:
        inner = typing.get_args(hint)[0]
        if not isinstance(value, list | tuple):
            raise OptionError(f"{where} should be a list")
        return tuple(_value(inner, each, f"{where}[{i}]") for i, each in enumerate(value))
    if origin is Literal:
        if value not in typing.get_args(hint):
            raise OptionError(f"{where} is {_short(value)}; one of: {', '.join(map(str, typing.get_args(hint)))}")
        return value
    if hint is Path and isinstance(value, str | Path) and "\0" not in str(value):
        return Path(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e15:
        return float(value)
    if isinstance(hint, types.UnionType) or type(value) is not hint:
        raise OptionError(f"{where} is {_short(value)}; it should be of the type {getattr(hint, '__name__', hint)}")
    return value


def _short(value: Any) -> str:
    """As it would be written, if that is not too long (or, of a number, too long to be written)."""
    if isinstance(value, int) and abs(value) > 1 << 64:
        return "a number of many digits"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
