"""The folder of a run: its files, and whether a training may begin or resume there."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fer_video.errors import OptionError, OutputError
from fer_video.files import open_output
from fer_video.training.recipe import Recipe

__all__ = ["BEST", "LAST", "begin", "check_place", "check_same", "claimed", "need_room"]

LAST, BEST = "last.safetensors", "best.safetensors"


def check_place(out: Path, resume: bool) -> None:
    """Raises OptionError where a training can neither begin nor go on."""
    if resume and not (out / LAST).is_file():
        raise OptionError(f"{out}: no {LAST} to go on from; leave --resume out")
    if not resume and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError(f"{out}: is not an empty folder; give --resume to go on with it, or another --out")


@contextmanager
def claimed(out: Path) -> Iterator[None]:
    """Two runs never write into one folder. Raises OutputError where one is at work there, or none can be."""
    lock = FileLock(out.parent / f".{out.name}.lock", timeout=0)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise OutputError(f"{out}: another training is at work there; choose another --out") from error
    except OSError as error:
        raise OutputError(f"{out}: cannot be made: {error.strerror}; choose another --out") from error
    try:
        yield
    finally:
        lock.release()


def check_same(out: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """before: what the checkpoint says it was made of. Raises OptionError that says what is another now."""
    for what, value in json.loads(json.dumps(now)).items():
        if before.get(what) != value:
            raise OptionError(f"{out}: was trained with another {what}; use that one, or another --out")


def need_room(out: Path, weights: int) -> None:
    """weights: bytes of the network. Raises OutputError: weights, averaged ones and two moments of the optimizer go
    into one file, the best weights into another, and each is written anew before the old one goes."""
    parent = next(each for each in (out, *out.resolve().parents) if each.exists())
    free = shutil.disk_usage(parent).free
    if free < weights * 10:
        raise OutputError(f"{out}: {weights / 1e8:.2f} GB are needed for checkpoints and {free / 1e9:.2f} GB are free")


def begin(out: Path, recipe: Recipe, skipped: Sequence[tuple[str, str, str]]) -> None:
    """Make the folder and write down what is trained on. Raises OutputError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be made: {error.strerror}; choose another --out") from error
    with open_output(out / "recipe.json") as file:
        json.dump(recipe.to_dict(), file, indent=1)
    with open_output(out / "skipped.csv") as file:
        csv.writer(file, lineterminator="\n").writerows([("source", "name", "reason"), *skipped])
