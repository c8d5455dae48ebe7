"""Changes of the weights: groups, schedules, sharpness-aware steps, averaged weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from fer_video.training.recipe import Stage

__all__ = ["Averaged", "learning_rate", "make_optimizer", "sharpness_aware_step"]


def make_optimizer(network: nn.Module, stage: Stage) -> torch.optim.AdamW:
    """AdamW over what the stage trains; biases and the scales of normalisations are not decayed."""
    trained = [each for name, each in network.named_parameters() if stage.train == "all" or name.startswith("heads.")]
    for each in network.parameters():
        each.requires_grad_(False)
    for each in trained:
        each.requires_grad_(True)
    groups = [
        {"params": [each for each in trained if each.ndim > 1], "weight_decay": stage.weight_decay},
        {"params": [each for each in trained if each.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=stage.lr)


def learning_rate(stage: Stage, progress: float) -> float:
    """At a share of the stage's steps, 0 to 1."""
    low = stage.lr * stage.final_lr
    if stage.schedule == "constant":
        return stage.lr
    if progress < stage.warmup:
        part = progress / stage.warmup
        if stage.schedule == "cosine":
            return stage.lr * part
        return stage.lr * (0.04 + 0.96 * (1 - math.cos(math.pi * part)) / 2)  # one-cycle starts at lr / 25
    part = (progress - stage.warmup) / (1 - stage.warmup) if stage.warmup < 1 else 1.0
    return low + (stage.lr - low) * (1 + math.cos(math.pi * part)) / 2


def sharpness_aware_step(parameters: Iterable[Tensor], rho: float, again: Callable[[], None]) -> None:
    """From the gradients at the weights to those at the worst point within rho of them (arXiv 2010.01412, eq. 2).

    again: computes the gradients anew. The weights are as before when this ends.
    """
    moved = [each for each in parameters if each.grad is not None]
    with torch.no_grad():
        norm = torch.stack([each.grad.norm() for each in moved if each.grad is not None]).norm()
        steps = [each.grad * (rho / (norm + 1e-12)) for each in moved if each.grad is not None]
        for each, step in zip(moved, steps, strict=True):
            each.add_(step)
            each.grad = None
    try:
        again()
    finally:
        with torch.no_grad():
            for each, step in zip(moved, steps, strict=True):
                each.sub_(step)


class Averaged:
    """Exponential moving average of all weights and running statistics."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, steps: int) -> None:
        """After a step. Early on the average is shorter, so that it is not made of the weights it started from."""
        decay = min(self.decay, (1 + steps) / (10 + steps))
        for name, value in network.state_dict().items():
            kept = self.state[name]
            if value.is_floating_point():
                kept.lerp_(value, 1 - decay)
            else:
                kept.copy_(value)

    def load(self, state: Mapping[str, Tensor]) -> None:
        for name, value in state.items():
            self.state[name].copy_(value)
