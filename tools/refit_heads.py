"""Train the heads of a run anew on features that stay as they are, on faces cut out as users' faces are: found by the
embedded detector.

    python tools/refit_heads.py RUN --data UTKFACE.zip --heads age gender --cache DIR --out FOLDER

Writes FOLDER/best.safetensors, which `fervid backbone export FOLDER` takes. The features and the other heads do not
change. Prints the figures on the validation part before and after.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from fer_video.models import find_model
from fer_video.models.backbone import preprocess
from fer_video.training.batches import IMAGENET
from fer_video.training.evaluate import EvaluateOptions, Labelled, labelled_faces
from fer_video.training.export import _trained
from fer_video.training.losses import HeadLoss
from fer_video.types import Floats, Image

VIEWS, EPOCHS, BATCH, RATE, DECAY, DROPOUT = 5, 30, 256, 2e-3, 1.0, 0.5
L1 = 3.0  # of the age's absolute error: the features are given, so the distribution needs less of the loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--heads", nargs="+", default=["age", "gender"])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.manual_seed(0)
    checkpoint = given.run / "best.safetensors" if given.run.is_dir() else given.run
    network, recipe, _ = _trained(checkpoint)
    spec = find_model("emotion-backbone")
    parts = {
        part: labelled_faces(EvaluateOptions("utkface", given.data, given.cache, part=part), spec)
        for part in ("train", "val")
    }
    draw = np.random.default_rng(0)
    views = torch.stack([_features(network, parts["train"], draw if number else None) for number in range(VIEWS)], 1)
    held = _features(network, parts["val"], None)
    with safe_open(checkpoint, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        about = file.metadata()
    losses = {
        head.task: HeadLoss(
            replace(head, l1=L1 if head.task == "age" else 0.0),
            torch.ones(len(head.labels)),
            torch.zeros(len(head.labels)),
        )
        for head in recipe.heads
        if head.task in given.heads
    }
    for task, loss in losses.items():
        kind = torch.float32 if task == "age" else torch.int64
        truth = {part: torch.from_numpy(getattr(faces.targets, task)).to(kind) for part, faces in parts.items()}
        before = network.heads[task]
        after = _fitted(views, truth["train"], loss, before.out_features)
        print(task, *(f"{_figure(task, head(held), truth['val']):.4f}" for head in (before, after)))
        tensors |= {f"heads.{task}.{name}": value for name, value in after.state_dict().items()}
    given.out.mkdir()
    save_file(tensors, given.out / "best.safetensors", metadata=about)


@torch.no_grad()
def _features(network: nn.Module, faces: Labelled, draw: np.random.Generator | None) -> Tensor:
    """draw: for views that differ a little; None for the faces as they are."""
    found = []
    for start in range(0, len(faces.rows), 64):
        crops = faces.crops(start, min(start + 64, len(faces.rows)))
        crops = [crop if draw is None else _varied(crop, draw) for crop in crops]
        found.append(network(torch.from_numpy(preprocess(crops, IMAGENET)))[0])
    return torch.cat(found)


def _varied(crop: Image, draw: np.random.Generator) -> Image:
    """Turned, moved, scaled, mirrored, in other light; now and then grey or of low resolution."""
    side = crop.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), draw.uniform(-8, 8), draw.uniform(0.93, 1.1))
    turn[:, 2] += draw.uniform(-0.04, 0.04, 2) * side
    varied = cv2.warpAffine(crop, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    light: Floats = varied.astype(np.float32) * draw.uniform(0.75, 1.25) + draw.uniform(-20, 20)
    varied = np.clip(light, 0, 255).astype(np.uint8)
    if draw.random() < 0.5:
        varied = varied[:, ::-1].copy()
    if draw.random() < 0.2:
        varied = cv2.cvtColor(cv2.cvtColor(varied, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if draw.random() < 0.2:
        small = int(draw.integers(side // 3, side * 3 // 4))
        varied = cv2.resize(cv2.resize(varied, (small, small), interpolation=cv2.INTER_AREA), (side, side))
    return np.asarray(varied, np.uint8)


def _fitted(views: Tensor, truth: Tensor, loss: HeadLoss, classes: int) -> nn.Linear:
    """views: (faces, views, features). A linear layer on standardised features, given back for features as they are."""
    mean, spread = views.mean((0, 1)), views.std((0, 1)) + 1e-3
    layer, dropout = nn.Linear(views.shape[2], classes), nn.Dropout(DROPOUT)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=RATE, weight_decay=DECAY)
    steps = len(views) // BATCH
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(views))
        for step in range(steps):
            rows = order[step * BATCH : (step + 1) * BATCH]
            seen = (views[rows, torch.randint(0, views.shape[1], (BATCH,))] - mean) / spread
            optimizer.zero_grad()
            loss(layer(dropout(seen)), truth[rows]).backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        weight = layer.weight / spread
        layer.bias -= weight @ mean
        layer.weight.copy_(weight)
    return layer


@torch.no_grad()
def _figure(task: str, logits: Tensor, truth: Tensor) -> float:
    """Mean absolute error in years, or the share that is right."""
    if task == "age":
        years = torch.arange(logits.shape[1], dtype=logits.dtype)
        return float(((torch.softmax(logits, 1) * years).sum(1) - truth).abs().mean())
    return float((logits.argmax(1) == truth).float().mean())


if __name__ == "__main__":
    main()
