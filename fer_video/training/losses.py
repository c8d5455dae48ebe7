"""Losses of the heads. A picture without a label for a head does not count in its loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fer_video.training.batches import Part
from fer_video.training.recipe import Head
from fer_video.training.targets import Targets
from fer_video.types import Floats

__all__ = ["HeadLoss", "losses_for", "total_loss"]

_AGE_UNIT = 10.0  # years: brings the absolute error of age to the size of the other losses


@dataclass(frozen=True)
class HeadLoss:
    """The loss of one head, with what the training part says about its classes."""

    head: Head
    weights: Tensor  # (labels,) of the classes, mean 1
    adjustment: Tensor  # (labels,) added to the logits: tau * log(prior)

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """logits, target: rows with a label only. Gives the mean over them, a scalar."""
        task = self.head.task
        if task == "valence_arousal":
            return _feeling_loss(torch.tanh(logits), target)
        if task == "age":
            return self._age(logits, target)
        if task == "emotion":
            return self._distribution(logits, target)
        if task == "identity" and self.head.margin:
            logits = _with_margin(logits, target, self.head.margin, self.head.scale)
        return self._distribution(logits, functional.one_hot(target, logits.shape[1]).float())

    def _distribution(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy with a distribution over the classes."""
        smoothing = self.head.label_smoothing
        target = target * (1 - smoothing) + smoothing / logits.shape[1]
        return -(target * self.weights * functional.log_softmax(logits + self.adjustment, 1)).sum(1).mean()

    def _age(self, logits: Tensor, years: Tensor) -> Tensor:
        """Classes around the true one, and the absolute error of the expectation (arXiv 2103.17107 takes the latter
        at inference)."""
        classes = torch.arange(logits.shape[1], dtype=logits.dtype, device=logits.device)
        years = years.clamp(0, logits.shape[1] - 1)
        if self.head.spread:
            target = torch.softmax(-((classes - years[:, None]) ** 2) / (2 * self.head.spread**2), 1)
        else:
            target = functional.one_hot(years.round().long(), logits.shape[1]).float()
        loss = self._distribution(logits, target)
        if self.head.l1:
            expected = (torch.softmax(logits, 1) * classes).sum(1)
            loss = loss + self.head.l1 * (expected - years).abs().mean() / _AGE_UNIT
        return loss


def _feeling_loss(said: Tensor, target: Tensor) -> Tensor:
    """Mean of squared error and 1 - CCC over valence and arousal; the latter rewards following the ups and downs."""
    error = functional.mse_loss(said, target)
    if len(said) < 2:
        return error
    centred, true = said - said.mean(0), target - target.mean(0)
    covariance = (centred * true).mean(0)
    spread = centred.square().mean(0) + true.square().mean(0) + (said.mean(0) - target.mean(0)).square()
    return error + (1 - 2 * covariance / (spread + 1e-6)).mean()


def _with_margin(logits: Tensor, target: Tensor, margin: float, scale: float) -> Tensor:
    """The true person's cosine at an angle larger by the margin (arXiv 1801.07698)."""
    cosine = (logits / scale).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = torch.acos(cosine.gather(1, target[:, None]))
    harder = torch.where(
        angle + margin < math.pi, torch.cos(angle + margin), torch.cos(angle) - margin * math.sin(margin)
    )
    return cosine.scatter(1, target[:, None], harder) * scale


def losses_for(heads: Sequence[Head], parts: Sequence[Part]) -> dict[str, HeadLoss]:
    """parts: all training parts with their ratios, for the frequencies of the classes as they are drawn."""
    found: dict[str, HeadLoss] = {}
    drawn = sum(len(part.targets) for part in parts) / max(sum(part.ratio for part in parts), 1e-12)
    for head in heads:
        # A part of n pictures is drawn ratio / n times as often as its pictures are many.
        scales = [drawn * part.ratio / max(len(part.targets), 1) for part in parts]
        weights = [part.weights() * scale for part, scale in zip(parts, scales, strict=True)]
        counts = _counts(head, [part.targets for part in parts], weights)
        prior = torch.from_numpy((counts + 1) / (counts + 1).sum())
        power = {"none": 0.0, "sqrt": 0.5, "inverse": 1.0}[head.class_weights]
        of_class = prior**-power
        adjustment = head.logit_adjustment * prior.log()
        found[head.task] = HeadLoss(head, (of_class / of_class.mean()).float(), adjustment.float())
    return found


def _counts(head: Head, targets: Sequence[Targets], weights: Sequence[Floats]) -> Floats:
    """weights: how often each picture is drawn. Gives (labels,) of each class; zeros where a head has no classes."""
    counts = np.zeros(len(head.labels), np.float32)
    if head.task == "valence_arousal":
        return counts
    for each, often in zip(targets, weights, strict=True):
        known = each.known(head.task)
        values = getattr(each, head.task)[known]
        if head.task == "emotion":
            counts += often[known] @ values
        else:
            indices = np.clip(np.rint(values).astype(int), 0, len(head.labels) - 1)
            counts += np.bincount(indices, often[known], len(head.labels)).astype(np.float32)
    return counts


def total_loss(
    logits: Mapping[str, Tensor], targets: Targets, losses: Mapping[str, HeadLoss], tasks: Sequence[str]
) -> tuple[Tensor | None, dict[str, float]]:
    """The weighted sum over the heads, and each head's own loss; a head without a label in the batch has none.

    None where no head has. Heads outside of `tasks` get no gradient, and so no weight decay either.
    """
    total: Tensor | None = None
    each: dict[str, float] = {}
    for task in tasks:
        known = targets.known(task)
        if not known.any():
            continue
        device = logits[task].device
        rows = torch.from_numpy(np.flatnonzero(known)).to(device)
        target = torch.from_numpy(getattr(targets, task)[known]).to(device)
        loss = losses[task](logits[task].index_select(0, rows).float(), target)
        # Masked: as much as the share of the batch that is labelled, so that a rare label is no louder than others.
        part = losses[task].head.weight * len(rows) / len(known) * loss
        total = part if total is None else total + part
        each[task] = float(loss.detach())
    return total, each
