"""The training itself: stages of steps, evaluated and saved after each epoch, and resumed where it was stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fer_video.errors import FervidError, OptionError
from fer_video.files import content_hash
from fer_video.interrupt import first_interrupt
from fer_video.models.cores import available_cores
from fer_video.training import curves
from fer_video.training.batches import Batch, Part, batches
from fer_video.training.checkpoint import (
    Progress,
    load_tensors,
    read_checkpoint,
    restore_optimizer,
    write_checkpoint,
    write_tensors,
)
from fer_video.training.data import Labels, Prepared, decode, read_labels
from fer_video.training.figures import score
from fer_video.training.losses import HeadLoss, losses_for, total_loss
from fer_video.training.measure import measure, mixed_precision
from fer_video.training.network import Network, build, load_weights
from fer_video.training.optim import Averaged, learning_rate, make_optimizer, sharpness_aware_step
from fer_video.training.place import BEST, LAST, begin, check_place, check_same, claimed, need_room
from fer_video.training.recipe import Recipe, Stage
from fer_video.training.teachers import check_teachers, open_teachers, taught

__all__ = ["Event", "TrainOptions", "train"]


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Where a recipe runs, and what it starts from.

    Attributes:
        cache: Folder for decoded pictures.
        start: Weights to start from, a safetensors file. None: random weights.
        teachers: Backbones whose answers are learned from too, as names or ONNX files.
        resume: Continue the run in the folder.
        device: Device for torch: "cpu" or "cuda".
        threads: Threads of torch. None: one per core.
        workers: Threads that prepare batches.
        checkpoint_s: Seconds between checkpoints. There is also one after each epoch.
    """

    cache: Path
    start: Path | None = None
    teachers: tuple[str, ...] = ()
    resume: bool = False
    device: str = "cpu"
    threads: int | None = None
    workers: int = 1
    checkpoint_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Event:
    """What a watcher is told: after each step, each measurement, and what else there is to say."""

    kind: str  # "step", "measured" or "said"
    stage: str = ""
    step: int = 0  # steps made of the whole training
    steps: int = 0  # of the whole training
    pictures: int = 0  # of this step
    figures: Mapping[str, float] | None = None  # step: mean losses; measured: on the validation parts
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

    The folder gets recipe.json, skipped.csv, log.txt, curves.csv, curves.png (with matplotlib), last.safetensors (to
    go on from) and best.safetensors (averaged weights, to export). Ctrl-C ends the step in hand, leaves a checkpoint
    and raises KeyboardInterrupt.

    Raises OptionError, InputError or OutputError before the first picture is decoded for all that can be known then.
    """
    check_place(out, options.resume)
    torch.set_num_threads(options.threads or available_cores())
    labels = read_labels(recipe, data, options.cache)
    network = _network(recipe, labels, options, watch)
    teachers = open_teachers(options.teachers)
    check_teachers(recipe, teachers)
    made_of = {
        "recipe": {**recipe.to_dict(), "directory": ""},
        "data": labels.digest,
        "start": content_hash(options.start) if options.start else None,
        "teachers": [teacher.session.sha256 for teacher in teachers],
    }
    if options.resume:
        check_same(out, read_checkpoint(out / LAST)[2], made_of)
    need_room(out, sum(value.numel() * value.element_size() for value in network.state_dict().values()))
    with claimed(out):
        prepared = decode(labels, options.cache, reading)
        if not options.resume:
            begin(out, recipe, prepared.skipped)
        parts = taught(prepared.train, recipe, teachers, out, reading)
        return _Run(recipe, prepared, network, out, options, watch, made_of, parts).go()


def _network(recipe: Recipe, labels: Labels, options: TrainOptions, watch: Watch) -> Network:
    """Built, on its device, with the weights it starts from. Raises OptionError."""
    if options.device == "cuda" and not torch.cuda.is_available():
        raise OptionError("device cuda is not available to torch; install a torch for it, or use --device cpu")
    torch.manual_seed(recipe.seed)
    network = build(recipe.architecture, labels.heads, recipe.dropout, recipe.drop_path).to(options.device)
    anew = list(network.heads)
    if options.start is not None:
        tensors, facts = load_tensors(options.start)
        anew = load_weights(network, tensors, str(options.start), labels.heads, facts.get("heads"))
        watch(Event("said", message=f"started from {options.start}; new heads: {', '.join(anew) or 'none'}"))
    if options.start is None and recipe.stages[0].train == "heads":
        watch(Event("said", message="warning: the first stage trains heads on a backbone of random weights"))
    return network


class _Run:
    def __init__(
        self,
        recipe: Recipe,
        prepared: Prepared,
        network: Network,
        out: Path,
        options: TrainOptions,
        watch: Watch,
        made_of: dict[str, Any],
        parts: tuple[Part, ...],
    ) -> None:
        self.recipe, self.prepared, self.network, self.out = recipe, prepared, network, out
        self.options, self.made_of, self._watch = options, made_of, watch
        self.device = torch.device(options.device)
        self.parts = parts
        self.losses: dict[str, HeadLoss] = {
            task: replace(loss, weights=loss.weights.to(self.device), adjustment=loss.adjustment.to(self.device))
            for task, loss in losses_for(prepared.heads, self.parts).items()
        }
        self.averaged = Averaged(self.network, recipe.ema) if recipe.ema else None
        self.at = Progress()
        self.rows: list[dict[str, float | str]] = []
        self.epochs = [self._epoch(stage) for stage in recipe.stages]  # steps an epoch
        self.steps = [
            max(1, round(stage.epochs * every)) for stage, every in zip(recipe.stages, self.epochs, strict=True)
        ]
        self.saved = time.monotonic()

    def _parts(self, stage: Stage) -> list[Part]:
        """Those with a label that the stage learns from."""
        tasks: tuple[str, ...] = stage.tasks or tuple(self.losses)
        return [part for part in self.parts if any(part.targets.known(task).any() for task in tasks)]

    def _epoch(self, stage: Stage) -> int:
        pictures = self.recipe.epoch or sum(len(part.rows) for part in self._parts(stage))
        return max(1, round(pictures / stage.batch))

    def watch(self, event: Event) -> None:
        if event.kind != "step":
            figures = ", ".join(f"{name} {value:.4f}" for name, value in (event.figures or {}).items())
            with (self.out / "log.txt").open("a", encoding="utf-8") as file:
                said = event.message or f"{event.stage}, step {event.step} of {event.steps}: {figures}"
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {said}\n")
        self._watch(event)

    def go(self) -> dict[str, float]:
        with first_interrupt(lambda: None) as stop:  # between two steps, so that what is kept is always a whole one
            remembered = self._restored() if self.options.resume else self._begun()
            for index in range(self.at.stage, len(self.recipe.stages)):
                stage = self.recipe.stages[index]
                optimizer = make_optimizer(self.network, stage)
                if remembered:
                    restore_optimizer(optimizer, remembered)
                    remembered = {}
                self._stage(stage, optimizer, stop)
        best = max((row for row in self.rows if row["size"] == self.recipe.size), key=lambda row: float(row["score"]))
        return {name: float(value) for name, value in best.items() if "." in name and not name.startswith("loss")}

    def _begun(self) -> dict[str, Tensor]:
        skipped = self.prepared.skipped
        if skipped:
            said = f"{len(skipped)} pictures are left out: {self.out / 'skipped.csv'} says which and why"
            self.watch(Event("said", message=said))
        self._save(None)
        return {}

    def _restored(self) -> dict[str, Tensor]:
        """Back to where the run was; gives what its optimizer remembers."""
        tensors, self.at, _ = read_checkpoint(self.out / LAST)
        self.network.load_state_dict(tensors["model"])
        if self.averaged is not None:
            self.averaged.load(tensors["ema"])
        self.rows = curves.read_curves(self.out / "curves.csv", self.at.total)
        return tensors["optimizer"]

    def _stage(self, stage: Stage, optimizer: torch.optim.AdamW, stop: Callable[[], bool]) -> None:
        index = self.at.stage
        steps, every, seed = self.steps[index], self.epochs[index], (self.recipe.seed, index)
        ahead = range(self.at.step, steps)
        for batch in batches(self._parts(stage), stage, self.recipe.augment, seed, ahead, self.options.workers):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(stage, self.at.step / steps)
            # A step's own seed: dropout and dropped paths do not depend on what came before it either.
            torch.manual_seed(hash((*seed, self.at.step)) & 0x7FFFFFFF)
            self._train_mode(stage)
            self._step(batch, stage, optimizer)
            ends = self.at.step == steps
            epoch_ends = ends or self.at.step % every == 0
            if epoch_ends:
                self._measured(stage)
            if ends:
                self.at = replace(self.at, stage=index + 1, step=0, losses={})
            if epoch_ends or stop() or time.monotonic() - self.saved > self.options.checkpoint_s:
                self._save(None if ends else optimizer)
            if stop() and not (ends and index + 1 == len(self.recipe.stages)):
                raise KeyboardInterrupt

    def _train_mode(self, stage: Stage) -> None:
        self.network.train()
        if stage.train == "heads":
            self.network.backbone.eval()  # statistics of normalisations stay, as the weights do

    def _step(self, batch: Batch, stage: Stage, optimizer: torch.optim.AdamW) -> None:
        inputs = torch.from_numpy(batch.inputs).to(self.device, memory_format=torch.channels_last)
        tasks: tuple[str, ...] = stage.tasks or tuple(self.losses)
        each: dict[str, float] = {}

        def gradients() -> None:
            with mixed_precision(self.device):
                _, logits = self.network(inputs)
            loss, found = total_loss(logits, batch.targets, self.losses, tasks)
            if loss is None:  # not one picture of the batch has a label for the stage's heads
                return
            if not math.isfinite(float(loss.detach())):
                raise FervidError(
                    f"stage {stage.name}, step {self.at.step}: the loss is not finite; lower the stage's lr and train "
                    f"into another --out, with --start {self.out / BEST} if there is one"
                )
            loss.backward()  # type: ignore[no-untyped-call]
            each.update(each or found)

        optimizer.zero_grad()
        gradients()
        trained = [each for group in optimizer.param_groups for each in group["params"]]
        if stage.optimizer == "sam" and each:
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
            found, temperature = measure(self.network, self.prepared.val, stage.size, self.device)
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
            heads = [{"task": head.task, "labels": list(head.labels)} for head in self.prepared.heads]
            state = self.averaged.state if self.averaged is not None else self.network.state_dict()
            facts = {"recipe": self.recipe.to_dict(), "heads": heads, "figures": found, "temperature": temperature}
            write_tensors(self.out / BEST, dict(state), facts)
            self.at.best = total
        self.at.losses = {}
        self.watch(Event("measured", stage.name, self.at.total, sum(self.steps), figures=found))

    @contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        if self.averaged is None:
            yield
            return
        own = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        try:
            self.network.load_state_dict(self.averaged.state)
            yield
        finally:
            self.network.load_state_dict(own)

    def _save(self, optimizer: torch.optim.AdamW | None) -> None:
        """optimizer: None between two stages, the next of which begins with a new one."""
        state = self.averaged.state if self.averaged is not None else None
        write_checkpoint(self.out / LAST, self.network.state_dict(), state, optimizer, self.at, self.made_of)
        self.saved = time.monotonic()


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


def _draw(path: Path, rows: list[dict[str, float | str]]) -> None:
    try:
        curves.draw_curves(path, rows)
    except ImportError:  # the CSV says the same; the picture needs the extra [plot], which [train] brings
        return
