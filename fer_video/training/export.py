"""A trained network -> an ONNX file with its description, and its entry for a manifest.

Outputs: `features` and the logits of each head by its task, batch free. Valence and arousal are values, -1 to 1. The
identity head stays behind: its people are those of the training data.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fer_video.errors import FervidError, OptionError
from fer_video.models.devices import import_onnxruntime
from fer_video.scratch import scratch_folder
from fer_video.training.batches import IMAGENET
from fer_video.training.checkpoint import load_tensors
from fer_video.training.described import describe, write_described
from fer_video.training.network import Network, load_weights
from fer_video.training.recipe import Head, Recipe, recipe_from
from fer_video.types import Floats

__all__ = ["AGREEMENT", "Exported", "export"]

AGREEMENT = 1e-4  # the largest difference of an output between torch and ONNX Runtime
_OPSET = 18


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how well it agrees."""

    path: Path
    entry: dict[str, Any]  # for a manifest, with file and sha256
    difference: float  # largest absolute one of any output, over batches of 1 and 5


class _Outputs(nn.Module):
    def __init__(self, network: Network, tasks: list[str]) -> None:
        super().__init__()
        self.network, self.tasks = network, tasks

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        features, logits = self.network(x)
        heads = [torch.tanh(logits[t]) if t == "valence_arousal" else logits[t] for t in self.tasks]
        return features, *heads


def export(checkpoint: Path, out: Path, name: str | None = None, licence: str | None = None) -> Exported:
    """checkpoint: best.safetensors of a run. out: the ONNX file; its entry is written beside it as JSON.
    name, licence: other than the recipe's.

    Raises OptionError for what is no such checkpoint, FervidError when torch and ONNX Runtime disagree, OutputError.
    """
    network, recipe, heads = _trained(checkpoint)  # its emotions calibrated
    outputs = _Outputs(network, [head.task for head in heads]).eval()
    size = recipe.size
    raw = _to_onnx(outputs, size, ["features", *outputs.tasks])
    recipe = replace(recipe, name=name or recipe.name, licence=licence or recipe.licence)
    entry = _entry(recipe, heads, network.feature_size)
    data = _described(raw, entry)
    difference = _difference(outputs, data, size)
    if not difference < AGREEMENT:
        raise FervidError(
            f"{checkpoint}: torch and ONNX Runtime differ by {difference:.2g}, more than {AGREEMENT:g}; not exported"
        )
    return Exported(out, write_described(out, data, entry), difference)


def _trained(checkpoint: Path) -> tuple[Network, Recipe, list[Head]]:
    tensors, facts = load_tensors(checkpoint)
    if "heads" not in facts or "recipe" not in facts:
        raise OptionError(f"{checkpoint}: is not best.safetensors of fervid backbone train")
    recipe = recipe_from({key: value for key, value in facts["recipe"].items() if key != "directory"}, Path())
    heads = [Head(head["task"], tuple(head["labels"])) for head in facts["heads"] if head["task"] != "identity"]
    network = Network(recipe.architecture, heads)
    anew = load_weights(network, tensors, str(checkpoint))
    if anew:
        raise OptionError(f"{checkpoint}: has no weights for {', '.join(anew)}")
    if "emotion" in network.heads:
        _calibrate(network.heads["emotion"], float(facts.get("temperature", 1.0)))
    return network.eval(), recipe, heads


@torch.no_grad()
def _calibrate(head: nn.Module, temperature: float) -> None:
    """Logits divided by the temperature that was fitted on the validation parts: part of the weights from now on."""
    for each in head.parameters():
        each.div_(temperature)


def _to_onnx(outputs: nn.Module, size: int, names: list[str]) -> bytes:
    example = torch.zeros(2, 3, size, size)
    with scratch_folder("export") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporter about itself
        file = folder / "network.onnx"
        torch.onnx.export(
            outputs, (example,), file, input_names=["input"], output_names=names, opset_version=_OPSET, dynamo=True,
            dynamic_shapes={"x": {0: torch.export.Dim("batch")}}, external_data=False, verbose=False,
        )  # fmt: skip
        return file.read_bytes()


def _entry(recipe: Recipe, heads: list[Head], features: int) -> dict[str, Any]:
    """As docs/models.md describes it."""
    sources = ", ".join(source.name for source in recipe.sources)
    return {
        "name": recipe.name,
        "task": "emotion-backbone",
        "kind": "onnx",
        "source": f"fervid backbone train: {recipe.architecture} (timm) on {sources}; method: arXiv 2103.17107",
        "licence": recipe.licence,
        "input": {
            "name": "input", "layout": "NCHW", "size": recipe.size, "channels": "RGB", "value_range": [0, 1],
            "mean": list(IMAGENET.mean), "std": list(IMAGENET.std),
        },
        "crop": {"shape": "square", "side": "max", "factor": recipe.crop_factor, "interpolation": "bilinear"},
        "features": {"output": "features", "size": features},
        "heads": [described for head in heads for described in _described_head(head)],
    }  # fmt: skip


def _described_head(head: Head) -> list[dict[str, Any]]:
    if head.task == "valence_arousal":  # one output, two numbers, each a head of its own to whoever runs the network
        return [
            {"task": task, "output": head.task, "columns": [column, column + 1]}
            for column, task in enumerate(head.labels)
        ]
    return [{"task": head.task, "output": head.task, "labels": ["0..100"] if _is_ages(head) else list(head.labels)}]


def _is_ages(head: Head) -> bool:
    return head.task == "age" and head.labels == tuple(str(age) for age in range(101))


def _described(raw: bytes, entry: dict[str, Any]) -> bytes:
    import onnx

    model = onnx.load_from_string(raw)
    model.producer_name, model.doc_string = "fervid", ""
    for node in model.graph.node:  # the exporter notes where in its own and timm's files each node comes from
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.initializer, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    onnx.checker.check_model(model)
    return describe(model, entry)


def _difference(outputs: nn.Module, data: bytes, size: int) -> float:
    session = import_onnxruntime().InferenceSession(data, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    worst = 0.0
    for batch in (1, 5):
        inputs: Floats = rng.standard_normal((batch, 3, size, size)).astype(np.float32)
        with torch.no_grad():
            expected = outputs(torch.from_numpy(inputs))
        for one, other in zip(session.run(None, {"input": inputs}), expected, strict=True):
            worst = max(worst, float(np.abs(one - other.numpy()).max()))
    return worst
