"""The sources of a recipe, read, checked and split into training and validation parts.

First the labels, with everything that can be wrong about them; only then are pictures decoded, which takes long.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fer_video.datasets.faces import load_faces
from fer_video.datasets.samples import FaceDataset
from fer_video.errors import InputError, OptionError
from fer_video.training.batches import Part
from fer_video.training.pictures import cache_key, load_pictures, need_room
from fer_video.training.recipe import Head, Recipe, Source
from fer_video.training.targets import Indices, Targets, smoothed, targets_of

__all__ = ["Labels", "Prepared", "decode", "read_labels"]


@dataclass(frozen=True)
class Labels:
    """All that is known before a picture is read."""

    heads: tuple[Head, ...]  # the recipe's, with the people of the identity head
    sources: tuple[Source, ...]
    datasets: tuple[FaceDataset, ...]  # one a source, split
    targets: tuple[Targets, ...]  # of them, row by row
    digest: str  # of the pictures, their crops and the people: another one is another training


@dataclass(frozen=True)
class Prepared:
    """All that a training reads."""

    heads: tuple[Head, ...]
    train: tuple[Part, ...]  # one a source, in the recipe's order
    val: tuple[Part, ...]
    skipped: tuple[tuple[str, str, str], ...]  # (source, name, reason)


def read_labels(recipe: Recipe, data: Mapping[str, Path], cache: Path) -> Labels:
    """data: source -> path, before what the recipe says.

    Raises OptionError, InputError or OutputError for all that is wrong with labels, splits and room for pictures.
    """
    unknown = set(data) - {source.name for source in recipe.sources}
    if unknown:
        names = ", ".join(source.name for source in recipe.sources)
        raise OptionError(f"no source {sorted(unknown)[0]!r} in the recipe; it has {names}")
    datasets = [_dataset(recipe, source, data) for source in recipe.sources]
    datasets = _apart(datasets)
    people = sorted(
        {
            _who(source, sample.person)
            for source, dataset in zip(recipe.sources, datasets, strict=True)
            if not source.only or "identity" in source.only
            for sample in dataset.part("train").samples
            if sample.person
        }
    )
    heads = tuple(replace(head, labels=tuple(people)) if head.task == "identity" else head for head in recipe.heads)
    targets = [
        smoothed(targets_of(dataset, heads, people, source.only, source.name), source.smoothing)
        for source, dataset in zip(recipe.sources, datasets, strict=True)
    ]
    _check_labels(heads, recipe.sources, datasets, targets)
    need_room(cache, [(dataset, source) for source, dataset in zip(recipe.sources, datasets, strict=True)])
    digest = hashlib.sha256("\n".join(people).encode())
    for source, dataset in zip(recipe.sources, datasets, strict=True):
        digest.update(cache_key(dataset, source).encode())
        digest.update("".join(str(sample.part) for sample in dataset.samples).encode())
    return Labels(heads, recipe.sources, tuple(datasets), tuple(targets), digest.hexdigest())


def decode(labels: Labels, cache: Path, progress: Callable[[str, int, int], None] | None = None) -> Prepared:
    """progress: source, pictures read, of how many. Raises InputError when nothing usable is left of a source."""
    train: list[Part] = []
    val: list[Part] = []
    skipped: list[tuple[str, str, str]] = []
    for source, dataset, targets in zip(labels.sources, labels.datasets, labels.targets, strict=True):
        watch = None if progress is None else _named(progress, source.name)
        pictures = load_pictures(dataset, source, cache, watch)
        skipped += [(source.name, name, reason) for name, reason in pictures.skipped]
        kept = targets.take(pictures.kept)
        for part, parts in (("train", train), ("val", val)):
            rows: Indices = np.flatnonzero([sample.part == part for sample in pictures.dataset.samples])
            parts.append(Part(pictures, rows, kept.take(rows), source.ratio, source.balance))
        if not len(train[-1].rows):
            raise InputError(f"source {source.name}: nothing is left to train on")
    return Prepared(labels.heads, tuple(train), tuple(val), tuple(skipped))


def _dataset(recipe: Recipe, source: Source, data: Mapping[str, Path]) -> FaceDataset:
    path = data.get(source.name) or (recipe.directory / source.path if source.path else None)
    if path is None:
        raise OptionError(f"where is {source.name}? give --data {source.name}=PATH (layout {source.layout})")
    dataset = load_faces(path, source.layout).split(source.validation)
    if source.crop == "box" and not any(sample.box for sample in dataset.samples):
        raise OptionError(f"source {source.name}: crop is box, and its labels have no boxes; use detect or whole")
    return replace(dataset, samples=tuple(each for each in dataset.samples if each.part != "test"))


def _apart(datasets: Sequence[FaceDataset]) -> list[FaceDataset]:
    """The same file in two sources is not trained on in one and measured on in the other."""
    trained = {(each.path.resolve(), s.name) for each in datasets for s in each.part("train").samples}
    return [
        replace(each, samples=tuple(
            s for s in each.samples if s.part == "train" or (each.path.resolve(), s.name) not in trained
        ))
        for each in datasets
    ]  # fmt: skip


def _who(source: Source, person: str | None) -> str:
    """Subject 1 of one dataset is nobody of another."""
    return f"{source.name}/{person}"


def _check_labels(
    heads: Sequence[Head], sources: Sequence[Source], datasets: Sequence[FaceDataset], targets: Sequence[Targets]
) -> None:
    parts = [np.array([sample.part for sample in dataset.samples]) for dataset in datasets]
    measured = False
    for head in heads:
        known = [each.known(head.task) for each in targets]
        trained = any(
            (rows & (part == "train")).any() or (head.task == "emotion" and source.pseudo_emotion)
            for rows, part, source in zip(known, parts, sources, strict=True)
        )
        if not trained:
            raise OptionError(
                f"the head {head.task} has no label in any source; leave it out or add a source with some"
            )
        if head.task == "identity":
            if len(head.labels) < 2:
                raise OptionError("the head identity needs pictures of two people or more")
            measured |= any((part == "val").sum() > 1 for part in parts)
        else:
            measured |= any((rows & (part == "val")).any() for rows, part in zip(known, parts, strict=True))
    if not measured:
        raise OptionError("no labelled picture is for validation: raise a source's validation, or name a part for it")


def _named(progress: Callable[[str, int, int], None], name: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(name, done, total)
