"""A labelled picture of a face, and a dataset of them in parts that share no person."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from fer_video.datasets.tree import Tree

__all__ = [
    "ETHNICITIES",
    "FACE_LAYOUTS",
    "GENDERS",
    "OLDEST",
    "FaceDataset",
    "FaceLayout",
    "FaceSample",
    "Part",
]

FaceLayout = Literal["ferplus", "utkface", "affectnet", "people", "classes", "csv"]
Part = Literal["train", "val", "test"]

FACE_LAYOUTS: tuple[FaceLayout, ...] = ("ferplus", "utkface", "affectnet", "people", "classes", "csv")

GENDERS = ("male", "female")  # as UTKFace numbers them
ETHNICITIES = ("White", "Black", "Asian", "Indian", "Others")
OLDEST = 116  # of UTKFace's people


@dataclass(frozen=True, slots=True)
class FaceSample:
    """A picture and what is known of the face in it. None: not known."""

    name: str  # in the dataset's tree
    emotion: tuple[float, ...] | None = None  # share of each of the dataset's emotions, sum 1
    scored: bool = True  # whether the dataset's official protocol counts it when emotions are measured
    age: float | None = None  # years
    gender: str | None = None
    ethnicity: str | None = None
    valence: float | None = None  # -1 to 1
    arousal: float | None = None  # -1 to 1
    person: str | None = None
    part: Part | None = None  # None: the dataset does not say
    box: tuple[float, float, float, float] | None = None  # of the face: x1, y1, x2, y2 in pixels


@dataclass(frozen=True, slots=True)
class FaceDataset:
    """samples in a fixed order; skipped: what was left out and why."""

    tree: Tree
    layout: FaceLayout
    emotions: tuple[str, ...]  # () without labels of emotion
    samples: tuple[FaceSample, ...]
    skipped: tuple[tuple[str, str], ...] = ()  # (name, reason)

    @property
    def path(self) -> Path:
        return self.tree.path

    def split(self, share: float) -> FaceDataset:
        """Every sample with a part: the dataset's own where it names a validation part, or else by hash.

        share: of the samples (of the people, where these are known) that are for validation. The hash is of the
        person's or the file's name alone: the same picture is in the same part in every training and every measurement.
        """
        if any(sample.part == "val" for sample in self.samples):
            samples = [replace(each, part=each.part or "train") for each in self.samples]
        else:
            samples = [
                each
                if each.part == "test"
                else replace(each, part=_drawn(each.person or each.name.rsplit("/", 1)[-1], share))
                for each in self.samples
            ]
        return replace(self, samples=_apart(samples))

    def part(self, part: Part) -> FaceDataset:
        return replace(self, samples=tuple(sample for sample in self.samples if sample.part == part))


def _drawn(name: str, share: float) -> Part:
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return "val" if int.from_bytes(digest[:8]) < share * 2**64 else "train"


def _apart(samples: Sequence[FaceSample]) -> tuple[FaceSample, ...]:
    """Nobody and no picture of the training part is in the validation or test part: they leave the latter."""
    train = [sample for sample in samples if sample.part == "train"]
    trained = {sample.person for sample in train if sample.person is not None}
    names = {sample.name for sample in train}  # a table may list a picture twice, for both parts
    return tuple(
        sample
        for sample in samples
        if sample.part == "train" or (sample.person not in trained and sample.name not in names)
    )
