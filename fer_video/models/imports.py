"""A user's network -> an entry of the catalogue, from its graph and from what only the user can know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_video.errors import ModelError, OptionError
from fer_video.models.graph import read_graph

__all__ = ["LABELS", "NORMALIZATIONS", "Facts", "ImportOptions", "inspect", "make_entry"]

_EIGHT = ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
LABELS: Mapping[str, tuple[str, ...]] = {
    "affectnet-8": _EIGHT,
    "affectnet-7": tuple(label for label in _EIGHT if label != "contempt"),
    "ferplus-8": ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
}
# How a network wants its pixels, by name.
NORMALIZATIONS: Mapping[str, Mapping[str, Any]] = {
    "imagenet": {"value_range": [0, 1], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "half": {"value_range": [0, 1], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    "unit": {"value_range": [0, 1]},
    "bytes": {"value_range": [0, 255]},
}
_WIDEST_HEAD, _NARROWEST_FEATURES = 32, 64  # told apart by width where a graph gives both


@dataclass(frozen=True, slots=True)
class Facts:
    """What a graph says of itself. Lists what it does not say in `unknown`: labels, normalize, size, or outputs."""

    kind: str  # "onnx" (a backbone), "scrfd", "yunet", or "described": it carries fervid's own description
    inputs: Mapping[str, Sequence[int | str]]  # name -> shape; a free axis is a text
    outputs: Mapping[str, Sequence[int | str]]
    layout: str = "NCHW"
    size: int | None = None  # side of the input in pixels
    emotion: str | None = None  # output with the logits
    features: str | None = None  # output with the features; None: to be added
    width: int | None = None  # numbers in the emotion output
    description: Mapping[str, Any] | None = None

    @property
    def unknown(self) -> tuple[str, ...]:
        if self.kind != "onnx":
            return ()
        size = () if self.size is not None else ("size",)
        return ("labels", "normalize", *size, *(() if self.emotion else ("emotion_output",)))


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the user says about a network. None: what its graph or the name of its file tells.

    Attributes:
        name: Name of the model.
        labels: Emotions in the order of the output.
        affect: The last two numbers of the output are valence and arousal.
        normalize: Scale of the pixels, a key of NORMALIZATIONS.
        channels: Order of the colour channels: "RGB" or "BGR".
        size: Side of the input in pixels.
        aligned: Crop faces by aligning their landmarks to the template. False: crop squares.
        crop_factor: Side of the square crop as a multiple of the longer side of the face box.
        emotion_output: Name of the output with the emotion logits.
        features_output: Name of the output with the embedding.
        licence: Licence of the model.
        source: Source of the model.
    """

    name: str | None = None
    labels: tuple[str, ...] | None = None
    affect: bool = False
    normalize: str | None = None
    channels: str = "RGB"
    size: int | None = None
    aligned: bool = False
    crop_factor: float = 1.0
    emotion_output: str | None = None
    features_output: str | None = None
    licence: str = "not stated"
    source: str = "not stated"


def inspect(path: Path) -> Facts:
    """Look at a graph. Raises ModelError when it is none that fervid can use."""
    model = read_graph(path)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = {value.name: _shape(value) for value in model.graph.input if value.name not in weights}
    outputs = {value.name: _shape(value) for value in model.graph.output}
    own = next((each.value for each in model.metadata_props if each.key == "fervid"), None)
    if own is not None:
        try:
            return Facts("described", inputs, outputs, description=dict(json.loads(own)))
        except (ValueError, TypeError, RecursionError) as error:
            raise ModelError(f"{path}: the description in its metadata is not valid ({str(error)[:60]})") from error
    if len(inputs) != 1 or len(shape := next(iter(inputs.values()))) != 4:
        raise ModelError(f"{path}: takes {dict(inputs)}; fervid feeds networks with one picture as their input")
    if {"cls_8", "obj_8", "bbox_8", "kps_8"} <= set(outputs):
        return Facts("yunet", inputs, outputs)
    if len(outputs) in (6, 9, 10, 15):
        return Facts("scrfd", inputs, outputs)
    layout = "NHWC" if shape[3] == 3 and shape[1] != 3 else "NCHW"
    side = shape[2]  # height of NCHW, width of NHWC: both square
    emotion, features = _emotion_and_features(outputs)
    return Facts(
        "onnx",
        inputs,
        outputs,
        layout,
        side if isinstance(side, int) else None,
        emotion,
        features,
        _width(outputs[emotion]) if emotion else None,
    )


def _emotion_and_features(outputs: Mapping[str, Sequence[int | str]]) -> tuple[str | None, str | None]:
    if len(outputs) == 1:
        return next(iter(outputs)), None
    widths = {name: _width(shape) or 0 for name, shape in outputs.items()}
    narrow = [name for name, width in widths.items() if 1 < width <= _WIDEST_HEAD]
    wide = [name for name, width in widths.items() if width >= _NARROWEST_FEATURES]
    return (narrow[0], wide[0]) if len(narrow) == len(wide) == 1 else (None, None)


def _width(shape: Sequence[int | str]) -> int | None:
    return shape[-1] if shape and isinstance(shape[-1], int) else None


def _shape(value: Any) -> list[int | str]:
    return [side.dim_value or side.dim_param or "?" for side in value.type.tensor_type.shape.dim]


def make_entry(path: Path, facts: Facts, options: ImportOptions) -> dict[str, Any]:
    """The description of a network, as in weights/manifest.json. Raises OptionError for what does not fit."""
    common = {"name": options.name or path.stem, "licence": options.licence, "source": options.source}
    if facts.description is not None:
        kept = {key: value for key, value in facts.description.items() if key not in ("file", "sha256", "card", "url")}
        return kept | {"name": options.name or kept.get("name") or path.stem}
    name = next(iter(facts.inputs))
    if facts.kind in ("scrfd", "yunet"):
        channels = "BGR" if facts.kind == "yunet" else "RGB"
        side = shape[2] if facts.kind == "yunet" and isinstance((shape := facts.inputs[name])[2], int) else None
        pixels = {"name": name, "size": side, "multiple_of": 32, "channels": channels, "value_range": [0, 255]}
        return common | {"task": "face-detector", "kind": facts.kind, "input": pixels}
    said = {"labels": options.labels, "normalize": options.normalize, "size": options.size or facts.size}
    said["emotion_output"] = options.emotion_output or facts.emotion
    lacking = [f"--{key.replace('_', '-')}" for key, value in said.items() if value is None]
    if lacking or options.labels is None or options.normalize is None:
        raise OptionError(f"{path}: its graph does not tell {', '.join(lacking)}; give them")
    emotion = options.emotion_output or facts.emotion
    for output in (emotion, options.features_output):
        if output is not None and output not in facts.outputs:
            raise OptionError(f"{path}: has no output {output!r}; it has {', '.join(facts.outputs)}")
    features = options.features_output or facts.features
    crop = {"shape": "aligned"} if options.aligned else {"shape": "square", "factor": options.crop_factor}
    return common | {
        "task": "emotion-backbone",
        "kind": "onnx",
        "input": {
            "name": name,
            "layout": facts.layout,
            "size": options.size or facts.size,
            "channels": options.channels,
            **NORMALIZATIONS[options.normalize],
        },
        "crop": crop,
        "features": {"added": True} if features is None else {"output": features},
        "heads": _heads(path, facts, emotion or "", options),
    }


def _heads(path: Path, facts: Facts, output: str, options: ImportOptions) -> list[dict[str, Any]]:
    labels = options.labels or ()
    n, width = len(labels), _width(facts.outputs[output])
    wanted = n + (2 if options.affect else 0)
    if width is not None and width != wanted:
        hint = "; with --valence-arousal the last two are these" if width == n + 2 else ""
        raise OptionError(f"{path}: output {output!r} has {width} numbers where {wanted} are described{hint}")
    heads: list[dict[str, Any]] = [{"task": "emotion", "output": output, "labels": list(labels)}]
    if options.affect:
        heads[0]["columns"] = [0, n]
        heads.append({"task": "valence", "output": output, "columns": [n, n + 1]})
        heads.append({"task": "arousal", "output": output, "columns": [n + 1, n + 2]})
    return heads
