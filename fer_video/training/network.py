"""A light backbone of timm with one linear head per task on its pooled features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from fer_video.errors import OptionError
from fer_video.training.depthwise import speed_up_depthwise
from fer_video.training.recipe import Head

__all__ = ["ARCHITECTURES", "Network", "build", "load_weights"]

# Those of arXiv 2103.17107, current MobileNets, and the embedded one. Any other name of timm may do as well.
ARCHITECTURES = (
    "mobilenetv1_100",
    "mobilenetv3_large_100",
    "mobilenetv4_conv_small",
    "efficientnet_b0",
    "efficientnet_b2",
    "rexnet_150",
    "efficientnet_lite0",
)


class ArcFace(nn.Linear):
    """Cosines between features and people, times a scale; in training the true one's angle is made larger.

    arXiv 1801.07698, equation 3. The margin itself is applied by the loss, which knows the labels.
    """

    def __init__(self, features: int, people: int, scale: float) -> None:
        super().__init__(features, people, bias=False)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * functional.linear(functional.normalize(x), functional.normalize(self.weight))


class Network(nn.Module):
    """(n, 3, size, size) -> features (n, D) and logits of each head (n, labels)."""

    def __init__(self, architecture: str, heads: Sequence[Head], dropout: float = 0.0, drop_path: float = 0.0) -> None:
        super().__init__()
        self.architecture = architecture
        try:
            # Only names of timm's own registry: a "hf-hub:" name would be fetched.
            if not timm.is_model(architecture):
                raise OptionError(f"architecture {architecture!r} is not one of timm's; try {', '.join(ARCHITECTURES)}")
            options = {"drop_path_rate": drop_path} if drop_path else {}
            self.backbone = timm.create_model(architecture, pretrained=False, num_classes=0, **options)
        except (RuntimeError, TypeError, ValueError) as error:
            raise OptionError(f"architecture {architecture!r} cannot be built: {error}") from error
        self.feature_size = int(getattr(self.backbone, "head_hidden_size", None) or self.backbone.num_features)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({head.task: self._head(head) for head in heads})

    def _head(self, head: Head) -> nn.Module:
        if head.task == "identity" and head.margin:
            return ArcFace(self.feature_size, len(head.labels), head.scale)
        return nn.Linear(self.feature_size, len(head.labels))

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        features = self.backbone(x)
        dropped = self.dropout(features)
        return features, {task: head(dropped) for task, head in self.heads.items()}


def build(architecture: str, heads: Sequence[Head], dropout: float, drop_path: float) -> Network:
    network = Network(architecture, heads, dropout, drop_path)
    speed_up_depthwise(network)
    return network.to(memory_format=torch.channels_last)


def load_weights(
    network: Network,
    tensors: Mapping[str, Tensor],
    where: str,
    heads: Sequence[Head] = (),
    before: Sequence[Mapping[str, Any]] | None = None,
) -> list[str]:
    """Weights to start from: of a run, or timm's own of the same architecture. Heads are taken where they fit.

    heads: of the network. before: those that the weights were trained with, where that is known; a head whose labels
    were others starts anew. Gives the tasks of the heads that do. Raises OptionError for another architecture.
    """
    state = network.state_dict()
    tensors = _backbone_named(tensors, state)
    needed = [name for name in state if name.startswith("backbone.") and not name.endswith("num_batches_tracked")]
    wrong = [name for name in needed if name not in tensors or tensors[name].shape != state[name].shape]
    extra = [name for name in tensors if name.startswith("backbone.") and name not in state]
    if wrong or extra:
        raise OptionError(
            f"{where}: weights of another architecture than {network.architecture}: {len(wrong)} of its "
            f"{len(needed)} tensors are missing or of another shape, {len(extra)} are unknown "
            f"(the first: {(wrong + extra)[0]})"
        )
    labels = {head.task: list(head.labels) for head in heads}
    other = {head["task"] for head in before or () if head["labels"] != labels.get(head["task"], head["labels"])}
    anew = [
        task
        for task in network.heads
        if task in other
        or any(
            name not in tensors or tensors[name].shape != state[name].shape
            for name in state
            if name.startswith(f"heads.{task}.")
        )
    ]
    fresh = tuple(f"heads.{task}." for task in anew)
    known = {name: tensors[name] for name in state if name in tensors and not (fresh and name.startswith(fresh))}
    network.load_state_dict({**state, **known})
    return anew


def _backbone_named(tensors: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """As `backbone.*` and `heads.*`, whether they are so already, a checkpoint's or timm's own."""
    for prefix in ("ema.", "model."):
        if any(name.startswith(f"{prefix}backbone.") for name in tensors):
            return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    if any(name.startswith("backbone.") for name in tensors):
        return tensors
    return {f"backbone.{name}": value for name, value in tensors.items() if f"backbone.{name}" in state}
