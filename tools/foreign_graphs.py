"""Export networks of the very architectures that others publish, logits only, and check what fervid makes of them.

    python tools/foreign_graphs.py export FOLDER      # needs torch, timm, onnx and onnxscript; not fervid
    python tools/foreign_graphs.py check FOLDER       # needs fervid; not torch

Weights are random: what is compared is the plumbing. `export` writes NAME.onnx, its description NAME.json and
NAME.npz with an input and what torch gives for it before and after the last layer; `check` loads each as fervid does
and prints how far features and logits are from torch's.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

EIGHT = ["anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
MOBILEFACENET = "mobilefacenet-like"
# name, outputs, side of the input
NETWORKS = [
    ("tf_efficientnet_b0", 7, 224),
    ("tf_efficientnet_b0", 8, 224),
    ("tf_efficientnet_b0", 10, 224),
    ("tf_efficientnet_b2", 7, 260),
    ("tf_efficientnet_b2", 8, 260),
    ("mobilevit_s", 10, 224),
    (MOBILEFACENET, 10, 112),
]
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Made:
    """An exported network's input (N, 3, size, size) and what torch gives for it."""

    tensor: Any
    features: Any
    logits: Any


def export(name: str, outputs: int, size: int, path: Path) -> Made:
    """Write an ONNX file whose only output is the logits."""
    import torch

    torch.manual_seed(outputs)
    network = (_mobilefacenet(outputs) if name == MOBILEFACENET else _timm(name, outputs)).eval()
    tensor = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        _settle(network, size)
        features, logits = network.penultimate(tensor), network(tensor)
    assert float(features.abs().max()) > 0.1, "features this small would agree with anything"
    torch.onnx.export(
        network, (tensor,), str(path), input_names=["input"], output_names=["output"], dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},), external_data=False, verbose=False,
    )  # fmt: skip
    return Made(tensor.numpy(), features.numpy(), logits.numpy())


def _settle(network: Any, size: int) -> None:
    """Batch statistics of noise, as training leaves them: fresh ones let the signal fade to nothing in deep layers."""
    import torch

    norms = [each for each in network.modules() if isinstance(each, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.train().momentum = None
    network(torch.randn(8, 3, size, size))
    for norm in norms:
        norm.eval()


def _timm(name: str, outputs: int) -> Any:
    import timm

    network = timm.create_model(name, num_classes=outputs)
    network.penultimate = lambda tensor: network.forward_head(network.forward_features(tensor), pre_logits=True)
    return network


def _mobilefacenet(outputs: int) -> Any:
    """MobileFaceNet's plan (arXiv 1804.07573), fewer blocks: PReLU, inverted bottlenecks, a global depthwise layer."""
    from torch import nn

    def conv(a: int, b: int, kernel: int, stride: int = 1, groups: int = 1, *, linear: bool = False) -> Any:
        padding = 0 if kernel == 7 else kernel // 2
        layers = [nn.Conv2d(a, b, kernel, stride, padding, groups=groups, bias=False), nn.BatchNorm2d(b)]
        return nn.Sequential(*layers, *([] if linear else [nn.PReLU(b)]))

    def bottleneck(a: int, b: int, stride: int) -> Any:
        wide = 2 * a
        return nn.Sequential(conv(a, wide, 1), conv(wide, wide, 3, stride, wide), conv(wide, b, 1, linear=True))

    class MobileFaceNetLike(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                conv(3, 64, 3, 2), conv(64, 64, 3, 1, 64), bottleneck(64, 64, 2), bottleneck(64, 128, 2),
                bottleneck(128, 128, 2), conv(128, 512, 1), conv(512, 512, 7, 1, 512, linear=True), nn.Flatten(),
                nn.Linear(512, 512, bias=False), nn.BatchNorm1d(512),
            )  # fmt: skip
            self.classifier = nn.Linear(512, outputs)

        def penultimate(self, tensor: Any) -> Any:
            return self.body(tensor)

        def forward(self, tensor: Any) -> Any:
            return self.classifier(self.penultimate(tensor))

    return MobileFaceNetLike()


def description(name: str, outputs: int, size: int) -> dict[str, Any]:
    """What fervid needs to know of an exported network (docs/models.md)."""
    labels = [label for label in EIGHT if outputs != 7 or label != "contempt"]
    n = len(labels)
    heads: list[dict[str, Any]] = [{"task": "emotion", "labels": labels, "columns": [0, n]}]
    if outputs == n + 2:
        heads += [{"task": "valence", "columns": [n, n + 1]}, {"task": "arousal", "columns": [n + 1, n + 2]}]
    return {
        "name": f"{name}-{outputs}",
        "task": "emotion-backbone",
        "kind": "onnx",
        "input": {"name": "input", "size": size, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        "features": {"added": True},
        "heads": heads,
    }


def run(backbone: Any, tensor: Any) -> tuple[Any, Any]:
    """Features and logits of a loaded fervid Backbone for an input tensor."""
    output = backbone.heads[0].output
    return tuple(backbone.session.run([backbone.spec.features, output], tensor))  # type: ignore[return-value]


def _export_all(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, outputs, size in NETWORKS:
        path = folder / f"{name}-{outputs}.onnx"
        made = export(name, outputs, size, path)
        np.savez(path.with_suffix(".npz"), tensor=made.tensor, features=made.features, logits=made.logits)
        path.with_suffix(".json").write_text(json.dumps(description(name, outputs, size), indent=2))
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")


def _check_all(folder: Path) -> bool:
    from fer_video.models import find_model, open_session
    from fer_video.models.backbone import Backbone

    good = True
    for path in sorted(folder.glob("*.onnx")):
        backbone = Backbone(open_session(find_model("emotion-backbone", str(path)), "cpu"))
        with np.load(path.with_suffix(".npz")) as made:
            features, logits = run(backbone, made["tensor"])
            apart = [float(abs(a - b).max()) for a, b in ((features, made["features"]), (logits, made["logits"]))]
            scale = float(abs(made["features"]).max())
        good &= max(apart) <= TOLERANCE
        print(
            f"{path.stem:<24} {features.shape[1]:5} features (up to {scale:.2f})   apart from torch: "
            f"features {apart[0]:.1e}, logits {apart[1]:.1e}"
        )
    return good


if __name__ == "__main__":
    what, where = sys.argv[1:]
    if what == "export":
        _export_all(Path(where))
    elif not _check_all(Path(where)):
        sys.exit(f"further apart than {TOLERANCE}")
