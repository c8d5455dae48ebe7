"""The training itself: stages of steps, measured and kept after each epoch; goes on from where it was stopped."""

from __future__ import annotations

import csv
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fer_video.errors import FervidError, OptionError, OutputError
from fer_video.files import open_output
from fer_video.models.session import available_cores
from fer_video.training import curves
from fer_video.training.batches import Batch, Part, batches, plain_batches
from fer_video.training.checkpoint import (
    Progress,
    load_tensors,
    read_checkpoint,
    restore_optimizer,
    write_checkpoint,
    write_tensors,
)
from fer_video.training.data import Prepared, prepare
from fer_video.training.figures import figures, score, verification_auc
from fer_video.training.losses import HeadLoss, losses_for, total_loss
from fer_video.training.network import Network, build, load_weights
from fer_video.training.optim import Averaged, learning_rate, make_optimizer, sharpness_aware_step
from fer_video.training.recipe import Recipe, Stage
from fer_video.types import Floats

__all__ = ["Event", "TrainOptions", "train"]


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Where and on what a recipe is run; nothing here changes what comes out of it, but for rounding."""

    cache: Path  # folder of decoded pictures
    start: Path | None = None  # safetensors to start from
    resume: bool = False  # go on with the run in the folder
    device: str = "cpu"  # or "cuda"
    threads: int | None = None  # None: one a core
    workers: int = 1  # threads that make batches
    checkpoint_s: float = 300.0  # seconds between checkpoints, besides those after each epoch


@dataclass(frozen=True, slots=True)
class Event:
    """What a watcher is told: after each step, each measurement, and of what starts anew."""

    kind: str  # "step", "measured" or "said"
    stage: str = ""
    step: int = 0  # steps made of the whole training
    steps: int = 0  # of the whole training
    pictures: int = 0  # of this step
    figures: Mapping[str, float] | None = None  # step: running losses; measured: on the validation parts
    message: str = ""


Watch = Callable[[Event], None]


def train(
    recipe: Recipe,
    data: Mapping[str, Path],
    out: Path,
    options: TrainOptions,
    watch: Watch = lambda event: None,
    reading: Callable[[str, int, int], None] | None = None,
) -> dict[str, float]:
    """Run a recipe into a folder; gives the figures of the best weights on the validation parts.

    The folder gets recipe.json, skipped.csv, curves.csv, curves.png (with matplotlib), last.safetensors (to go on
    from) and best.safetensors (averaged weights, to export). KeyboardInterrupt leaves a checkpoint and is raised on.

    Raises OptionError, InputError or OutputError before the first step for all that can be known then.
    """
    _check_place(out, options.resume)
    torch.set_num_threads(options.threads or available_cores())
    prepared = prepare(recipe, data, options.cache, reading)
    if options.resume and not _same_recipe(out, recipe):
        raise OptionError(f"{out}: was trained by another recipe; use that one, or another --out")
    run = _Run(recipe, prepared, out, options, watch)
    return run.go()


class _Run:
    def __init__(self, recipe: Recipe, prepared: Prepared, out: Path, options: TrainOptions, watch: Watch) -> None:
        self.recipe, self.prepared, self.out, self.options, self.watch = recipe, prepared, out, options, watch
        self.device = _device(options.device)
        torch.manual_seed(recipe.seed)
        self.network = build(recipe.architecture, prepared.heads, recipe.dropout, recipe.drop_path).to(self.device)
        _need_room(out, self.network)
        if options.start is not None:
            tensors, _ = load_tensors(options.start)
            anew = load_weights(self.network, tensors, str(options.start))
            watch(Event("said", message=f"started from {options.start}; new heads: {', '.join(anew) or 'none'}"))
        elif any(source.pseudo_emotion for source in recipe.sources):
            raise OptionError("pseudo_emotion needs weights to start from; give --start")
        self.parts = _with_pseudo(prepared, recipe, self)
        self.losses: dict[str, HeadLoss] = {
            task: replace(loss, weights=loss.weights.to(self.device), adjustment=loss.adjustment.to(self.device))
            for task, loss in losses_for(prepared.heads, [part.targets for part in self.parts]).items()
        }
        self.averaged = Averaged(self.network, recipe.ema) if recipe.ema else None
        self.at = Progress()
        self.rows: list[dict[str, float | str]] = []
        self.pictures = recipe.epoch or prepared.pictures
        self.steps = [max(1, round(stage.epochs * self.pictures / stage.batch)) for stage in recipe.stages]
        self.saved = time.monotonic()
        out.mkdir(parents=True, exist_ok=True)

    def go(self) -> dict[str, float]:
        remembered = self._restored() if self.options.resume else self._begun()
        for index in range(self.at.stage, len(self.recipe.stages)):
            stage = self.recipe.stages[index]
            optimizer = make_optimizer(self.network, stage)
            if remembered:
                restore_optimizer(optimizer, remembered)
                remembered = {}
            self._stage(stage, optimizer)
        best = max((row for row in self.rows if row["size"] == self.recipe.size), key=lambda row: float(row["score"]))
        return {name: float(value) for name, value in best.items() if "." in name and not name.startswith("loss")}

    def _begun(self) -> dict[str, Tensor]:
        with open_output(self.out / "recipe.json") as file:
            json.dump(self.recipe.to_dict(), file, indent=1)
        with open_output(self.out / "skipped.csv") as file:
            csv.writer(file, lineterminator="\n").writerows([("source", "name", "reason"), *self.prepared.skipped])
        return {}

    def _restored(self) -> dict[str, Tensor]:
        """Back to where the run was; gives what its optimizer remembers."""
        tensors, self.at, _ = read_checkpoint(self.out / "last.safetensors")
        self.network.load_state_dict(tensors["model"])
        if self.averaged is not None:
            self.averaged.load(tensors["ema"])
        self.rows = curves.read_curves(self.out / "curves.csv", self.at.total)
        return tensors["optimizer"]

    def _stage(self, stage: Stage, optimizer: torch.optim.AdamW) -> None:
        index = self.at.stage
        steps, every = self.steps[index], max(1, round(self.pictures / stage.batch))
        seed = (self.recipe.seed, index)
        ahead = range(self.at.step, steps)
        for batch in batches(self.parts, stage, self.recipe.augment, seed, ahead, self.options.workers):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(stage, self.at.step / steps)
            # A step's own seed: dropout and dropped paths do not depend on what came before it either.
            torch.manual_seed(hash((*seed, self.at.step)) & 0x7FFFFFFF)
            self._train_mode(stage)
            try:
                self._step(batch, stage, optimizer)
                ends = self.at.step == steps
                if ends or self.at.step % every == 0:
                    self._measured(stage)
                if ends:
                    break  # the checkpoint after a stage is that of the next one's start
                if self.at.step % every == 0 or time.monotonic() - self.saved > self.options.checkpoint_s:
                    self._save(optimizer)
            except KeyboardInterrupt:
                self._save(optimizer)
                raise
        self.at = replace(self.at, stage=index + 1, step=0, losses={})
        self._save(None)

    def _train_mode(self, stage: Stage) -> None:
        self.network.train()
        if stage.train == "heads":
            self.network.backbone.eval()  # statistics of normalisations stay, as the weights do

    def _step(self, batch: Batch, stage: Stage, optimizer: torch.optim.AdamW) -> None:
        inputs = torch.from_numpy(batch.inputs).to(self.device, memory_format=torch.channels_last)
        tasks: tuple[str, ...] = stage.tasks or tuple(self.losses)
        each: dict[str, float] = {}

        def gradients() -> None:
            with _mixed(self.device):
                _, logits = self.network(inputs)
            loss, found = total_loss(logits, batch.targets, self.losses, tasks)
            if not math.isfinite(float(loss.detach())):
                raise FervidError(
                    f"stage {stage.name}, step {self.at.step}: the loss is not finite; lower its lr, and go on "
                    "from the last checkpoint with --resume"
                )
            loss.backward()  # type: ignore[no-untyped-call]
            each.update(each or found)

        optimizer.zero_grad()
        gradients()
        trained = [each for group in optimizer.param_groups for each in group["params"]]
        if stage.optimizer == "sam":
            with _still_statistics(self.network):
                sharpness_aware_step(trained, stage.rho, gradients)
        if self.recipe.clip_norm:
            nn.utils.clip_grad_norm_(trained, self.recipe.clip_norm)
        optimizer.step()
        self.at.step += 1
        self.at.total += 1
        if self.averaged is not None:
            self.averaged.update(self.network, self.at.total)
        for task, value in each.items():
            total, count = self.at.losses.get(task, (0.0, 0))
            self.at.losses[task] = [total + value, count + 1]
        self.watch(Event("step", stage.name, self.at.total, sum(self.steps), len(batch.inputs), self.at.means()))

    def _measured(self, stage: Stage) -> None:
        with self._averaged_weights():
            # At the stage's own size: a network that was shown 64 pixels is lost at 96 until it is trained there.
            found = measure(self.network, self.prepared.val, stage.size, self.device)
        total = score(found)
        row: dict[str, float | str] = {"stage": stage.name, "steps": float(self.at.total), "size": float(stage.size)}
        row["score"] = total
        row |= {f"loss.{task}": value for task, value in self.at.means().items()}
        row |= found
        self.rows.append(row)
        curves.write_curves(self.out / "curves.csv", self.rows)
        _draw(self.out / "curves.png", self.rows)
        # Only at the size that is exported; of weights for another one there is no best.
        if stage.size == self.recipe.size and total > self.at.best:
            self.at.best = total
            facts = {"recipe": self.recipe.to_dict(), "heads": _heads(self.prepared), "figures": found}
            state = self.averaged.state if self.averaged is not None else self.network.state_dict()
            write_tensors(self.out / "best.safetensors", dict(state), facts)
        self.at.losses = {}
        self.watch(Event("measured", stage.name, self.at.total, sum(self.steps), figures=found))

    @contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        if self.averaged is None:
            yield
            return
        own = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.averaged.state)
        try:
            yield
        finally:
            self.network.load_state_dict(own)

    def _save(self, optimizer: torch.optim.AdamW | None) -> None:
        state = self.averaged.state if self.averaged is not None else None
        empty = torch.optim.AdamW([torch.zeros(1)])
        path = self.out / "last.safetensors"
        write_checkpoint(path, self.network.state_dict(), state, optimizer or empty, self.at, self.recipe.to_dict())
        self.saved = time.monotonic()


def measure(network: Network, parts: tuple[Part, ...], size: int, device: torch.device) -> dict[str, float]:
    """The figures of a network on the validation parts of all sources; of several with the same head, their mean."""
    found: dict[str, list[float]] = {}
    for part in parts:
        if not len(part.rows):
            continue
        outputs = run(network, part, size, device)
        each = figures(outputs, part.targets)
        people = np.array([part.pictures.dataset.samples[row].person or "" for row in part.rows])
        auc = verification_auc(outputs["features"], people) if people.all() and "identity" in network.heads else None
        for name, value in (each | ({"identity.auc": auc} if auc is not None else {})).items():
            found.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in found.items()}


@torch.no_grad()
def run(network: Network, part: Part, size: int, device: torch.device, *, grey: bool = False) -> dict[str, Floats]:
    """Head -> (n, labels) probabilities (of valence_arousal the values), and "features" (n, D), of a part as it is."""
    network.eval()
    rows: dict[str, list[Floats]] = {}
    for batch in plain_batches(part, size, grey=grey):
        inputs = torch.from_numpy(batch.inputs).to(device, memory_format=torch.channels_last)
        with _mixed(device):
            features, logits = network(inputs)
        rows.setdefault("features", []).append(features.float().cpu().numpy())
        for task, values in logits.items():
            said = torch.tanh(values) if task == "valence_arousal" else torch.softmax(values.float(), 1)
            rows.setdefault(task, []).append(said.float().cpu().numpy())
    return {name: np.concatenate(values) for name, values in rows.items()}


def _with_pseudo(prepared: Prepared, recipe: Recipe, run_: _Run) -> tuple[Part, ...]:
    """Emotions of pictures without any, from the starting weights: they see them in grey, as FER+ is, and in the
    training they are seen in colour. That is how what was learned from grey pictures reaches coloured ones."""
    parts = []
    for source, part in zip(recipe.sources, prepared.train, strict=True):
        if source.pseudo_emotion:
            said = run(run_.network, part, recipe.size, run_.device, grey=True)["emotion"]
            unknown = ~part.targets.known("emotion")
            emotion = part.targets.emotion.copy()
            emotion[unknown] = said[unknown]
            part = replace(part, targets=replace(part.targets, emotion=emotion))
        parts.append(part)
    return tuple(parts)


def _heads(prepared: Prepared) -> list[dict[str, Any]]:
    return [{"task": head.task, "labels": list(head.labels)} for head in prepared.heads]


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise OptionError("device cuda is not available to torch; install a torch for it, or use --device cpu")
    return torch.device(name)


@contextmanager
def _mixed(device: torch.device) -> Iterator[None]:
    """bfloat16 where a GPU has it; a CPU gains nothing from it (it was ten times slower without AMX)."""
    wanted = device.type == "cuda" and torch.cuda.is_bf16_supported()
    with torch.autocast(device.type, torch.bfloat16, enabled=wanted):
        yield


@contextmanager
def _still_statistics(network: nn.Module) -> Iterator[None]:
    """Running means and variances do not take in the second pass, which is made at other weights."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    kept = [module.momentum for module in norms]
    for module in norms:
        module.momentum = 0.0
    try:
        yield
    finally:
        for module, momentum in zip(norms, kept, strict=True):
            module.momentum = momentum


def _check_place(out: Path, resume: bool) -> None:
    last = out / "last.safetensors"
    if resume and not last.is_file():
        raise OptionError(f"{out}: no last.safetensors to go on from; leave --resume out")
    if not resume and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError(f"{out}: is not an empty folder; give --resume to go on with it, or another --out")


def _same_recipe(out: Path, recipe: Recipe) -> bool:
    _, _, before = read_checkpoint(out / "last.safetensors")
    own = json.loads(json.dumps(recipe.to_dict()))
    return {**before, "directory": ""} == {**own, "directory": ""}


def _need_room(out: Path, network: nn.Module) -> None:
    """Weights, averaged weights and two moments of the optimizer, in two files of which one is replaced."""
    parent = next(each for each in (out, *out.resolve().parents) if each.exists())
    wanted = sum(value.numel() * value.element_size() for value in network.state_dict().values()) * 10
    free = shutil.disk_usage(parent).free
    if free < wanted:
        raise OutputError(f"{out}: {wanted / 1e9:.2f} GB are needed for checkpoints and {free / 1e9:.2f} GB are free")


def _draw(path: Path, rows: list[dict[str, float | str]]) -> None:
    try:
        curves.draw_curves(path, rows)
    except ImportError:  # the CSV says the same; the picture needs the extra [plot], which [train] brings
        return
