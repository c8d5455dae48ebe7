"""A training as a file: weights, averaged weights, optimizer and position. safetensors, never a pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fer_video.errors import OptionError
from fer_video.files import open_output

__all__ = [
    "Progress",
    "load_tensors",
    "optimizer_tensors",
    "read_checkpoint",
    "restore_optimizer",
    "write_checkpoint",
    "write_tensors",
]


@dataclass
class Progress:
    """Where a training stands: everything else follows from the recipe's seed."""

    stage: int = 0
    step: int = 0  # of the stage, the next one to be made
    total: int = 0  # steps made in all stages
    best: float = float("-inf")  # score of the best measurement so far
    losses: dict[str, list[float]] = field(default_factory=dict)  # sum and number since the last measurement

    def means(self) -> dict[str, float]:
        """Of the losses since the last measurement."""
        return {task: total / count for task, (total, count) in self.losses.items()}


def write_tensors(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Whole or not at all. Raises OutputError."""
    data = save({name: value.contiguous() for name, value in tensors.items()}, {"fervid": json.dumps(facts)})
    with open_output(path, binary=True) as file:
        file.write(data)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and what was written beside them, {} for a file that fervid did not write. Raises OptionError."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get("fervid", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118  not a dict
    except (OSError, SafetensorError, ValueError) as error:
        raise OptionError(f"{path}: not a safetensors file that can be read ({error})") from error


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimizer remembers, as tensors by parameter number and name."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": torch.as_tensor(value) for index, of in state.items() for name, value in of.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    whole = optimizer.state_dict()
    optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})


def write_checkpoint(
    path: Path,
    network: dict[str, Tensor],
    averaged: dict[str, Tensor] | None,
    optimizer: torch.optim.Optimizer | None,
    progress: Progress,
    made_of: dict[str, Any],
) -> None:
    """made_of: recipe and hashes of the data and the start, to be compared when the training goes on."""
    tensors = {f"model.{name}": value for name, value in network.items()}
    tensors |= {f"ema.{name}": value for name, value in (averaged or {}).items()}
    if optimizer is not None:
        tensors |= {f"optimizer.{name}": value for name, value in optimizer_tensors(optimizer).items()}
    write_tensors(path, tensors, {"progress": asdict(progress), "made_of": made_of})


def read_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], Progress, dict[str, Any]]:
    """({"model", "ema", "optimizer"} -> tensors, where it stands, what it was made of). Raises OptionError."""
    tensors, facts = load_tensors(path)
    if "progress" not in facts or "made_of" not in facts:
        raise OptionError(f"{path}: not a checkpoint of fervid backbone train")
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "ema": {}, "optimizer": {}}
    for key, value in tensors.items():
        part, name = key.split(".", 1)
        parts[part][name] = value
    return parts, Progress(**facts["progress"]), facts["made_of"]
