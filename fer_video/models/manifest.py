"""What a model is: `weights/manifest.json` read into typed descriptions.

A model describes itself; nothing in fervid concludes from a file's name what is in it. A model that is not
embedded brings its description along, the same object as an entry of the manifest: in a file beside it
(`net.onnx` -> `net.json`), or in the ONNX `metadata_props` under the key `fervid`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from fer_video.errors import ModelError, OptionError

__all__ = ["CropSpec", "HeadSpec", "InputSpec", "ModelSpec", "entry_of", "find_model", "load_manifest"]

Task = Literal["face-detector", "emotion-backbone", "clip-classifier"]

AGES = tuple(str(age) for age in range(101))


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How pixels become the network's input tensor: (pixel scaled to value_range - mean) / std, per channel."""

    name: str
    size: int | None  # side of the square input in pixels; None: any, see multiple_of
    multiple_of: int = 1
    layout: Literal["NCHW"] = "NCHW"
    channels: Literal["RGB", "BGR"] = "RGB"
    value_range: tuple[float, float] = (0.0, 1.0)  # what 0 and 255 become before mean and std
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)  # in the order of `channels`
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class CropSpec:
    """The piece of the frame that a backbone was trained on: a square around the centre of the face box."""

    shape: Literal["square"] = "square"
    side: Literal["max"] = "max"  # of the box's width and height
    factor: float = 1.0  # side of the square in units of that
    interpolation: Literal["bilinear"] = "bilinear"


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """One output of a backbone: logits over labels. Of age, the labels are years."""

    task: str  # emotion, age, gender or ethnicity
    output: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One entry of the manifest, with the file found."""

    name: str
    task: Task
    kind: str  # which code reads its outputs: "centerface", "scrfd", "onnx"
    path: Path
    sha256: str | None  # None: a file of the user's own, hashed but not compared
    input: InputSpec
    source: str = ""
    licence: str = ""
    crop: CropSpec = CropSpec()
    features: str = "features"
    feature_size: int = 0
    heads: tuple[HeadSpec, ...] = ()
    outputs: Mapping[str, str] | None = None  # role -> output name, for detectors

    def head(self, task: str) -> HeadSpec | None:
        return next((head for head in self.heads if head.task == task), None)


def weights_dir() -> Path:
    """Where the embedded models are."""
    try:
        return Path(str(resources.files("fer_video.weights")))
    except ModuleNotFoundError:
        # In a checkout, Python finds fer_video in the current folder, without what only an install puts into it.
        return Path(__file__).parents[2] / "weights"


@cache
def load_manifest() -> tuple[Mapping[str, str], Mapping[str, ModelSpec]]:
    """The embedded models: (task -> name of the default, name -> description).

    Raises ModelError when the manifest is missing or is not what it should be.
    """
    path = weights_dir() / "manifest.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        specs = [parse_spec(entry, path.parent / entry["file"]) for entry in document["models"]]
        return document["defaults"], {spec.name: spec for spec in specs}
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; reinstall fervid") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: not a valid manifest ({error!r}); reinstall fervid") from error


def parse_spec(entry: Mapping[str, Any], path: Path) -> ModelSpec:
    """A description from its JSON object. Raises KeyError, TypeError or ValueError when it is not one."""
    given = entry["input"]
    features = entry.get("features", {})
    std = _numbers(given.get("std", (1, 1, 1)), 3)
    if min(std) <= 0:
        raise ValueError(f"std {std!r} should be positive")
    heads = tuple(_head(head) for head in entry.get("heads", ()))
    if len({head.task for head in heads}) != len(heads):
        raise ValueError("two heads of the same task")
    return ModelSpec(
        name=str(entry["name"]),
        task=entry["task"],
        kind=_one_of(entry["kind"], "onnx", "centerface", "scrfd"),
        path=path,
        sha256=entry.get("sha256"),
        source=entry.get("source", ""),
        licence=entry.get("licence", ""),
        input=InputSpec(
            name=given["name"],
            size=None if given["size"] is None else _whole(given["size"]),
            multiple_of=_whole(given.get("multiple_of", 1)),
            layout=_one_of(given.get("layout", "NCHW"), "NCHW"),
            channels=_one_of(given.get("channels", "RGB"), "RGB", "BGR"),
            value_range=_numbers(given.get("value_range", (0, 1)), 2),
            mean=_numbers(given.get("mean", (0, 0, 0)), 3),
            std=std,
        ),
        crop=_crop(entry.get("crop", {})),
        features=features.get("output", "features"),
        feature_size=_whole(features["size"]) if features else 0,
        heads=heads,
        outputs=entry.get("outputs"),
    )


def entry_of(spec: ModelSpec) -> dict[str, Any]:
    """The JSON object of a backbone's description, without its file and hash; parse_spec reads it back."""
    return {
        "name": spec.name, "task": spec.task, "kind": spec.kind, "source": spec.source, "licence": spec.licence,
        "input": asdict(spec.input), "crop": asdict(spec.crop),
        "features": {"output": spec.features, "size": spec.feature_size},
        "heads": [asdict(head) for head in spec.heads],
    }  # fmt: skip


def _crop(given: Mapping[str, Any]) -> CropSpec:
    return CropSpec(
        shape=_one_of(given.get("shape", "square"), "square"),
        side=_one_of(given.get("side", "max"), "max"),
        factor=_factor(given.get("factor", 1.0)),
        interpolation=_one_of(given.get("interpolation", "bilinear"), "bilinear"),
    )


def _factor(value: Any) -> float:
    if not 0.1 <= float(value) <= 10:
        raise ValueError(f"crop factor {value!r} should lie between 0.1 and 10")
    return float(value)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or not 0 < value < 1 << 16:
        raise ValueError(f"{value!r} should be a whole number above 0")
    return value


def _head(given: Mapping[str, Any]) -> HeadSpec:
    names = given["labels"]
    if not isinstance(names, list) or not names or len(set(names)) != len(names):
        raise ValueError(f"labels {names!r} should be a list of different names")
    labels = AGES if names == ["0..100"] else tuple(map(str, names))
    return HeadSpec(_one_of(given["task"], "emotion", "age", "gender", "ethnicity"), given["output"], labels)


def _one_of(value: Any, *known: str) -> Any:
    if value not in known:
        raise ValueError(f"{value!r} is not one of {', '.join(known)}")
    return value


def _numbers(values: Any, count: int) -> Any:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count:
        raise ValueError(f"{values!r} should be {count} numbers")
    return numbers


def find_model(task: Task, wanted: str | None = None) -> ModelSpec:
    """The description of the model a user asked for.

    wanted: None for the default of the task, the name of an embedded model, the path of an ONNX file that
    brings its description along, or `scrfd:PATH` for any face detector of the SCRFD family (its graph says
    all that is needed).

    Raises OptionError when there is no such model, ModelError when it is there and is not usable.
    """
    defaults, models = load_manifest()
    if wanted is None:
        return models[defaults[task]]
    if wanted in models:
        spec = models[wanted]
        if spec.task != task:
            raise OptionError(f"{wanted} is a model of the task {spec.task}, not {task}")
        return spec
    kind, colon, rest = wanted.partition(":")
    if task == "face-detector" and kind == "scrfd" and colon:
        return _scrfd_spec(_existing(Path(rest), task))
    return _described(_existing(Path(wanted), task), task)


def _existing(path: Path, task: Task) -> Path:
    if not path.is_file():
        names = ", ".join(name for name, spec in load_manifest()[1].items() if spec.task == task)
        also = " or scrfd:PATH" if task == "face-detector" else ""
        raise OptionError(f"{path}: no such {task}; give one of: {names}, the path of an ONNX file{also}")
    return path


def _scrfd_spec(path: Path) -> ModelSpec:
    return ModelSpec(
        name=path.stem, task="face-detector", kind="scrfd", path=path, sha256=None, input=InputSpec("", None)
    )


def _described(path: Path, task: Task) -> ModelSpec:
    """An ONNX file with its description in a JSON file beside it or in its own metadata."""
    beside = path.with_suffix(".json")
    try:
        text = beside.read_text(encoding="utf-8") if beside.is_file() else _metadata(path)
        if text is None:
            raise ModelError(
                f"{path}: this model does not say what it is; put its description into {beside.name} "
                "(docs/models.md has the fields)"
            )
        spec = parse_spec(json.loads(text), path)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path}: its description is not valid ({error!r}); see docs/models.md") from error
    if spec.task != task:
        raise OptionError(f"{path}: this is a model of the task {spec.task}, not {task}")
    return spec


def _metadata(path: Path) -> str | None:
    """The description in the `metadata_props` of an ONNX file. Raises ModelError when it is not one."""
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    except Exception as error:
        raise ModelError(f"{path}: not an ONNX file") from error
    return next((entry.value for entry in model.metadata_props if entry.key == "fervid"), None)
