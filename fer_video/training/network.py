"""A light backbone of timm with one linear head a task on its pooled features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
        except (RuntimeError, TypeError) as error:
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


def load_weights(network: Network, tensors: Mapping[str, Tensor], where: str) -> list[str]:
    """Weights to start from. The backbone must be the same; heads are taken where they fit.

    Gives the tasks of the heads that start anew. Raises OptionError for another architecture.
    """
    state = network.state_dict()
    needed = [name for name in state if name.startswith("backbone.") and not name.endswith("num_batches_tracked")]
    wrong = [name for name in needed if name not in tensors or tensors[name].shape != state[name].shape]
    extra = [name for name in tensors if name.startswith("backbone.") and name not in state]
    if wrong or extra:
        raise OptionError(
            f"{where}: weights of another architecture than {network.architecture}: {len(wrong)} of its "
            f"{len(needed)} tensors are missing or of another shape, {len(extra)} are unknown "
            f"(the first: {(wrong + extra)[0]})"
        )
    anew = []
    for task in network.heads:
        names = [name for name in state if name.startswith(f"heads.{task}.")]
        if not all(name in tensors and tensors[name].shape == state[name].shape for name in names):
            anew.append(task)
    fresh = tuple(f"heads.{task}." for task in anew)
    known = {name: tensors[name] for name in state if name in tensors and not name.startswith(fresh or "\0")}
    network.load_state_dict({**state, **known})
    return anew
