"""The typed description of a model: an entry of weights/manifest.json or zoo.json, or a file beside a user's model."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

__all__ = [
    "AFFECT_TASKS",
    "ATTRIBUTE_TASKS",
    "CropSpec",
    "Figure",
    "HeadSpec",
    "IdentitySpec",
    "InputSpec",
    "ModelSpec",
    "Task",
    "entry_of",
    "parse_spec",
]

Task = Literal["face-detector", "emotion-backbone", "clip-classifier", "face-recognition"]

AGES = tuple(str(age) for age in range(101))
ATTRIBUTE_TASKS = ("age", "gender", "ethnicity")
AFFECT_TASKS = ("valence", "arousal")  # heads that give a number and not one logit a label


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How pixels become the network's input tensor: (pixel scaled to value_range - mean) / std, per channel."""

    name: str
    size: int | None  # side of the square input in pixels; None: any, see multiple_of
    multiple_of: int = 1
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    channels: Literal["RGB", "BGR"] = "RGB"
    value_range: tuple[float, float] = (0.0, 1.0)  # what 0 and 255 become before mean and std
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)  # in the order of `channels`
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class CropSpec:
    """The piece of the frame that a backbone was trained on.

    "square": around the centre of the face box, upright. "aligned": turned and scaled so that the five landmarks lie
    where the common 112-pixel template of face recognition has them; `side` and `factor` do not matter then.
    """

    shape: Literal["square", "aligned"] = "square"
    side: Literal["max"] = "max"  # of the box's width and height
    factor: float = 1.0  # side of the square in units of that
    interpolation: Literal["bilinear"] = "bilinear"


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """One head of a backbone: logits over labels. Of age, the labels are years; valence and arousal have none."""

    task: str  # emotion, age, gender, ethnicity, valence or arousal
    output: str  # "" for the only output of the graph
    labels: tuple[str, ...] = ()
    columns: tuple[int, int] | None = None  # from, up to: where one output holds several heads; None: all of it

    @property
    def width(self) -> int:
        """Numbers a face."""
        return len(self.labels) or 1


@dataclass(frozen=True, slots=True)
class IdentitySpec:
    """How the embeddings of an identity network are compared (faces/identity.py). The defaults ask for much."""

    same: float = 0.5  # agreement of two groups of tracks, from which on they are one person
    sure: float = 0.7  # agreement of one crop with a known track, from which on no further crop is needed
    least_length: float = 0.0  # mean length of a track's embeddings, below which nobody is recognised by them


@dataclass(frozen=True, slots=True)
class Figure:
    """A published accuracy."""

    on: str  # data and protocol
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One entry of the manifest, with the place of its file."""

    name: str
    task: Task
    kind: str  # which code reads its outputs: "centerface", "yunet", "scrfd", "onnx"
    path: Path  # there or not
    sha256: str | None  # None with no git_blob either: a file of the user's own, hashed but not compared
    input: InputSpec
    source: str = ""
    licence: str = ""
    crop: CropSpec = CropSpec()
    features: str = "features"
    feature_size: int = 0  # 0: the graph tells
    # The graph has no output for the features: they are the input of the linear layer that gives its only output.
    add_features: bool = False
    heads: tuple[HeadSpec, ...] = ()
    identity: IdentitySpec = IdentitySpec()  # of an identity network
    outputs: Mapping[str, str] | None = None  # role -> output name, for detectors
    git_blob: str | None = None  # git's own id of the file: sha1 over "blob <size>\0" and the content
    size_bytes: int | None = None  # None: not known before the file is here
    about_bytes: int | None = None  # then that of the same architecture as we export it
    url: str | None = None  # where `fervid models pull` gets it; None: nowhere
    non_commercial: bool = False  # the licence forbids commercial use; it must be accepted
    figures: tuple[Figure, ...] = ()
    note: str = ""

    def head(self, task: str) -> HeadSpec | None:
        return next((head for head in self.heads if head.task == task), None)

    @property
    def has_attributes(self) -> bool:
        """Whether it tells age, gender and ethnicity."""
        return all(self.head(task) is not None for task in ATTRIBUTE_TASKS)

    @property
    def has_affect(self) -> bool:
        """Whether it gives valence and arousal."""
        return all(self.head(task) is not None for task in AFFECT_TASKS)


def parse_spec(entry: Any, path: Path) -> ModelSpec:
    """A description from its JSON object, which may come from anywhere. Raises ValueError when it is not one."""
    try:
        return _parse(_object(entry), path)
    except KeyError as error:
        raise ValueError(f"has no {error.args[0]!r}") from error
    except (TypeError, AttributeError, OverflowError) as error:
        raise ValueError(str(error)) from error


def _parse(entry: Mapping[str, Any], path: Path) -> ModelSpec:
    given, features = _object(entry["input"]), _object(entry.get("features", {}))
    std = _numbers(given.get("std", (1, 1, 1)), 3)
    if min(std) <= 0:
        raise ValueError(f"std {std!r} should be positive")
    heads = tuple(_head(head) for head in entry.get("heads", ()))
    if len({head.task for head in heads}) != len(heads):
        raise ValueError("two heads of the same task")
    return ModelSpec(
        name=_text(entry["name"]),
        task=_one_of(entry["task"], *get_args(Task)),
        kind=_one_of(entry["kind"], "onnx", "centerface", "yunet", "scrfd"),
        path=path,
        sha256=_digest(entry.get("sha256"), 64),
        source=_text(entry.get("source", "")),
        licence=_text(entry.get("licence", "")),
        input=InputSpec(
            name=_text(given["name"]),
            size=None if given["size"] is None else _whole(given["size"]),
            multiple_of=_whole(given.get("multiple_of", 1)),
            layout=_one_of(given.get("layout", "NCHW"), "NCHW", "NHWC"),
            channels=_one_of(given.get("channels", "RGB"), "RGB", "BGR"),
            value_range=_numbers(given.get("value_range", (0, 1)), 2),
            mean=_numbers(given.get("mean", (0, 0, 0)), 3),
            std=std,
        ),
        crop=_crop(entry.get("crop", {})),
        features=_text(features.get("output", "features")),
        feature_size=_whole(features["size"]) if features.get("size") is not None else 0,
        add_features=bool(features.get("added", False)),
        heads=heads,
        identity=_identity(entry.get("identity", {})),
        outputs=None if entry.get("outputs") is None else _outputs(entry["outputs"]),
        git_blob=_digest(entry.get("git_blob"), 40),
        size_bytes=entry.get("bytes"),
        about_bytes=entry.get("about_bytes"),
        url=entry.get("url"),
        non_commercial=bool(entry.get("non_commercial", False)),
        figures=tuple(Figure(each["on"], each["value"], each["source"]) for each in entry.get("figures", ())),
        note=_text(entry.get("note", "")),
    )


def entry_of(spec: ModelSpec) -> dict[str, Any]:
    """The JSON object of a description, without its file and hashes; parse_spec reads it back."""
    entry: dict[str, Any] = {
        "name": spec.name, "task": spec.task, "kind": spec.kind, "source": spec.source, "licence": spec.licence,
        "input": asdict(spec.input), "crop": asdict(spec.crop),
        "features": {"output": spec.features, "size": spec.feature_size or None, "added": spec.add_features},
        "heads": [asdict(head) for head in spec.heads],
    }  # fmt: skip
    if spec.task != "emotion-backbone":
        entry |= {"outputs": spec.outputs, "identity": asdict(spec.identity)}
    return entry


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{_short(value)} should be an object with fields")
    return value


def _text(value: Any) -> str:
    """What may be shown on a terminal as it is."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{_short(value)} should be a text without control characters")
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _outputs(given: Any) -> Mapping[str, str]:
    return {_text(role): _text(name) for role, name in _object(given).items()}


def _crop(given: Any) -> CropSpec:
    given = _object(given)
    return CropSpec(
        shape=_one_of(given.get("shape", "square"), "square", "aligned"),
        side=_one_of(given.get("side", "max"), "max"),
        factor=_factor(given.get("factor", 1.0)),
        interpolation=_one_of(given.get("interpolation", "bilinear"), "bilinear"),
    )


def _identity(given: Any) -> IdentitySpec:
    given = _object(given)
    usual = IdentitySpec()
    same, sure = float(given.get("same", usual.same)), float(given.get("sure", usual.sure))
    if not 0 < same <= sure <= 1:
        raise ValueError(f"identity thresholds {same} and {sure} should be 0 < same <= sure <= 1")
    return IdentitySpec(same, sure, float(given.get("least_length", usual.least_length)))


def _factor(value: Any) -> float:
    if not 0.1 <= float(value) <= 10:
        raise ValueError(f"crop factor {value!r} should lie between 0.1 and 10")
    return float(value)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or not 0 < value < 1 << 16:
        raise ValueError(f"{_short(value)} should be a whole number above 0")
    return value


def _digest(value: Any, digits: int) -> str | None:
    if value is not None and not (isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{digits}}}", value)):
        raise ValueError(f"{_short(value)} should be {digits} hexadecimal digits")
    return value


def _head(given: Any) -> HeadSpec:
    given = _object(given)
    task = _one_of(given["task"], "emotion", "age", "gender", "ethnicity", *AFFECT_TASKS)
    names = [] if task in AFFECT_TASKS else given["labels"]
    if not isinstance(names, list | tuple):
        raise ValueError(f"labels {_short(names)} should be a list of different names")
    labels = AGES if list(names) == ["0..100"] else tuple(_text(str(name)) for name in names)
    if len(set(labels)) != len(labels) or not (labels or task in AFFECT_TASKS):
        raise ValueError(f"labels {_short(names)} should be a list of different names")
    head = HeadSpec(task, _text(given.get("output") or ""), labels, _columns(given.get("columns")))
    if head.columns is not None and head.columns[1] - head.columns[0] != head.width:
        raise ValueError(f"columns {head.columns} should be {head.width} for {task}")
    return head


def _columns(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    first, end = value
    if not (isinstance(first, int) and isinstance(end, int) and 0 <= first < end < 1 << 16):
        raise ValueError(f"columns {_short(value)} should be where they begin and end")
    return first, end


def _one_of(value: Any, *known: str) -> Any:
    if value not in known:
        raise ValueError(f"{_short(value)} is not one of {', '.join(known)}")
    return value


def _numbers(values: Any, count: int) -> Any:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{_short(values)} should be {count} numbers")
    return numbers
