"""A network of torch over the validation parts -> figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from fer_video.training.batches import Part, plain_batches
from fer_video.training.calibration import fit_temperature, tempered
from fer_video.training.figures import figures, verification_auc
from fer_video.training.network import Network
from fer_video.training.targets import Indices
from fer_video.types import Floats

__all__ = ["measure", "mixed_precision", "run"]

_MOST_FEATURES = 20_000  # pictures whose features are kept for verification: pairs are drawn from them


def measure(network: Network, parts: Sequence[Part], size: int, device: torch.device) -> tuple[dict[str, float], float]:
    """The figures of a network on the validation parts of all sources, of several with the same head their mean; and
    the temperature at which its emotions are best calibrated, with which their calibration error is given."""
    said: list[tuple[Part, dict[str, Floats]]] = []
    found: dict[str, list[float]] = {}
    tasks = [task for task in network.heads if task != "identity"]  # people of the validation part have no class
    for part in parts:
        if not len(part.rows):
            continue
        people = np.array([part.pictures.dataset.samples[row].person or "" for row in part.rows[:_MOST_FEATURES]])
        known = bool(people.all()) and "identity" in network.heads
        outputs = run(network, part, size, device, tasks, features=_MOST_FEATURES if known else 0)
        auc = verification_auc(outputs["features"], people) if known else None
        if auc is not None:
            found.setdefault("identity.auc", []).append(auc)
        said.append((part, outputs))
    temperature = fit_temperature([_scored(part, outputs) for part, outputs in said if "emotion" in outputs])
    for part, outputs in said:
        if "emotion" in outputs:
            outputs["emotion"] = tempered(outputs["emotion"], temperature)
        for name, value in figures(outputs, part.targets).items():
            found.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in found.items()}, temperature


def _scored(part: Part, outputs: dict[str, Floats]) -> tuple[Floats, Indices]:
    """The emotions that count by the dataset's protocol, and the true ones."""
    rows = part.targets.known("emotion") & part.targets.scored
    return outputs["emotion"][rows], part.targets.emotion[rows].argmax(1)


@torch.no_grad()
def run(
    network: Network,
    part: Part,
    size: int,
    device: torch.device,
    tasks: Sequence[str],
    *,
    features: int = 0,
) -> dict[str, Floats]:
    """Head -> (n, labels) probabilities (of valence_arousal the values), of a part as it is, for some tasks.

    features: "features" (up to so many, D) of the first pictures too.
    """
    network.eval()
    rows: dict[str, list[Floats]] = {}
    kept = 0
    for batch in plain_batches(part, size):
        inputs = torch.from_numpy(batch.inputs).to(device, memory_format=torch.channels_last)
        with mixed_precision(device):
            vectors, logits = network(inputs)
        if kept < features:
            rows.setdefault("features", []).append(vectors[: features - kept].float().cpu().numpy())
            kept += len(vectors)
        for task in tasks:
            values = logits[task].float()
            said = torch.tanh(values) if task == "valence_arousal" else torch.softmax(values, 1)
            rows.setdefault(task, []).append(said.cpu().numpy())
    return {name: np.concatenate(values) for name, values in rows.items()}


@contextmanager
def mixed_precision(device: torch.device) -> Iterator[None]:
    """bfloat16 where a GPU has it; a CPU gains nothing from it (it was ten times slower without AMX)."""
    wanted = device.type == "cuda" and torch.cuda.is_bf16_supported()
    with torch.autocast(device.type, torch.bfloat16, enabled=wanted):
        yield
