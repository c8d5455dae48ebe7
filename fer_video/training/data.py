"""The sources of a recipe, read, checked and split: what is trained on and what is measured on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fer_video.datasets.faces import FaceDataset, load_faces
from fer_video.errors import InputError, OptionError
from fer_video.training.batches import Part
from fer_video.training.pictures import Pictures, load_pictures
from fer_video.training.recipe import Head, Recipe, Source
from fer_video.training.targets import Indices, targets_of

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """All that a training reads."""

    heads: tuple[Head, ...]  # the recipe's, with the people of the identity head
    train: tuple[Part, ...]  # one a source, in the recipe's order
    val: tuple[Part, ...]
    skipped: tuple[tuple[str, str, str], ...]  # (source, name, reason)

    @property
    def pictures(self) -> int:
        return sum(len(part.rows) for part in self.train)


def prepare(
    recipe: Recipe, data: Mapping[str, Path], cache: Path, progress: Callable[[str, int, int], None] | None = None
) -> Prepared:
    """data: source -> path, before what the recipe says. progress: source, pictures read, of how many.

    Raises OptionError or InputError for all that is wrong with the data, before anything is trained.
    """
    unknown = set(data) - {source.name for source in recipe.sources}
    if unknown:
        names = ", ".join(source.name for source in recipe.sources)
        raise OptionError(f"no source {sorted(unknown)[0]!r} in the recipe; it has {names}")
    datasets = [_dataset(recipe, source, data) for source in recipe.sources]
    people = sorted({sample.person for each in datasets for sample in each.part("train").samples if sample.person})
    heads = tuple(replace(head, labels=tuple(people)) if head.task == "identity" else head for head in recipe.heads)
    for source, dataset in zip(recipe.sources, datasets, strict=True):
        targets_of(dataset, heads, people, source.only)  # labels out of range are found before pictures are read
    _check_labels(heads, recipe.sources, datasets, people)
    train, val, skipped = [], [], []
    for source, dataset in zip(recipe.sources, datasets, strict=True):
        watch = None if progress is None else _named(progress, source.name)
        pictures = load_pictures(dataset, source, cache, watch)
        skipped += [(source.name, name, reason) for name, reason in pictures.skipped]
        train.append(_part(pictures, "train", heads, people, source))
        val.append(_part(pictures, "val", heads, people, source))
    if not all(len(part.rows) for part in train):
        empty = next(source.name for source, part in zip(recipe.sources, train, strict=True) if not len(part.rows))
        raise InputError(f"source {empty}: nothing is left to train on")
    return Prepared(heads, tuple(train), tuple(val), tuple(skipped))


def _dataset(recipe: Recipe, source: Source, data: Mapping[str, Path]) -> FaceDataset:
    path = data.get(source.name) or (recipe.directory / source.path if source.path else None)
    if path is None:
        raise OptionError(f"where is {source.name}? give --data {source.name}=PATH (layout {source.layout})")
    dataset = load_faces(path, source.layout).split(source.validation)
    return replace(dataset, samples=tuple(each for each in dataset.samples if each.part != "test"))


def _check_labels(
    heads: Sequence[Head], sources: Sequence[Source], datasets: Sequence[FaceDataset], people: Sequence[str]
) -> None:
    for head in heads:
        known = [
            targets_of(dataset.part("train"), heads, people, source.only).known(head.task).any() or
            (head.task == "emotion" and source.pseudo_emotion)
            for source, dataset in zip(sources, datasets, strict=True)
        ]  # fmt: skip
        if not any(known):
            raise OptionError(
                f"the head {head.task} has no label in any source; leave it out or add a source with some"
            )
        if head.task == "identity" and len(people) < 2:
            raise OptionError("the head identity needs pictures of two people or more")


def _part(pictures: Pictures, part: str, heads: Sequence[Head], people: Sequence[str], source: Source) -> Part:
    rows: Indices = np.flatnonzero([sample.part == part for sample in pictures.dataset.samples])
    targets = targets_of(pictures.dataset, heads, people, source.only).take(rows)
    return Part(pictures, rows, targets, source.ratio)


def _named(progress: Callable[[str, int, int], None], name: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(name, done, total)
