"""FER+ (Barsoum et al., ICMI 2016): 48x48 grey faces with the votes of ten annotators, in its official layout.

    FER2013Train|FER2013Valid|FER2013Test/ferNNNNNNN.png and label.csv in each: name, box, ten vote counts

A folder or a zip of it; a zip is read in place.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.datasets.tree import Tree
from fer_video.errors import InputError
from fer_video.media.said import parts_fit
from fer_video.types import Image

__all__ = ["EMOTIONS", "FerPlusSample", "Part", "Votes", "has_part", "read_ferplus", "read_votes"]

Part = Literal["train", "valid", "test"]

EMOTIONS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
_MOST_VOTES = 1 << 31
_FOLDERS = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}


@dataclass(frozen=True, slots=True)
class Votes:
    """What ten annotators said of one picture."""

    counts: npt.NDArray[np.int64]  # (10,): EMOTIONS, then unknown, then "not a face"

    @property
    def cleaned(self) -> npt.NDArray[np.int64]:
        """(10,) counts without single votes, which the authors of FER+ take for slips."""
        return np.where(self.counts > 1, self.counts, 0)

    @property
    def label(self) -> str | None:
        """The emotion with the most votes; None when unknown or "not a face" wins, or nobody agrees."""
        votes = self.cleaned
        return EMOTIONS[int(votes.argmax())] if votes.any() and votes.argmax() < len(EMOTIONS) else None

    @property
    def has_majority(self) -> bool:
        """Whether the label has more than half of the cleaned votes: the pictures its authors score."""
        votes = self.cleaned
        return self.label is not None and bool(votes.max() * 2 > votes.sum())

    @property
    def distribution(self) -> tuple[float, ...]:
        """Of the cleaned votes over EMOTIONS, sum 1. Only where there is a label."""
        votes = self.cleaned[: len(EMOTIONS)]
        return tuple((votes / votes.sum()).tolist())


@dataclass(frozen=True, slots=True)
class FerPlusSample:
    """One picture and what its annotators said."""

    name: str  # of the file
    votes: Votes
    data: bytes  # the PNG file

    @property
    def label(self) -> str | None:
        return self.votes.label

    @property
    def has_majority(self) -> bool:
        return self.votes.has_majority

    def image(self) -> Image:
        """(48, 48, 3) uint8. Raises InputError when the file cannot be decoded."""
        image = cv2.imdecode(np.frombuffer(self.data, np.uint8), cv2.IMREAD_COLOR) if parts_fit(self.data) else None
        if image is None:
            raise InputError(f"{self.name}: not a picture that can be decoded")
        return np.asarray(image, np.uint8)


def read_ferplus(path: Path, part: Part) -> Iterator[FerPlusSample]:
    """The pictures of a part that its label.csv names and that are there, in its order.

    Raises InputError when the part or its labels are missing.
    """
    tree = Tree(path)
    for name, votes in read_votes(tree, part):
        data = tree.read(name)
        if data is not None:
            yield FerPlusSample(name.rsplit("/", 1)[-1], votes, data)


def read_votes(tree: Tree, part: Part) -> Iterator[tuple[str, Votes]]:
    """(name in the tree, votes) of each line of a part's label.csv.

    Raises InputError when there is none, or for a line that is not one.
    """
    folder = _FOLDERS[part]
    labels = tree.read(f"{folder}/label.csv")
    if labels is None:
        raise InputError(f"{tree.path}: no {folder}/label.csv in it; is this FER+ in its official layout?")
    where = f"{tree.path}: {folder}/label.csv"
    rows = csv.reader(io.StringIO(labels.decode("utf-8", "replace")))
    try:
        for row in rows:
            yield f"{folder}/{row[0] if row else ''}", _votes(row, f"{where}: line {rows.line_num}")
    except csv.Error as error:
        raise InputError(f"{where}: line {rows.line_num} is not CSV ({error})") from error


def _votes(row: list[str], where: str) -> Votes:
    try:
        votes = np.array(row[2:12], np.int64)
    except (ValueError, OverflowError):
        votes = np.zeros(0, np.int64)
    if len(votes) != 10 or votes.min() < 0 or votes.max() > _MOST_VOTES:
        raise InputError(f"{where} should be a name, a box and ten counts")
    return Votes(votes)


def has_part(tree: Tree, part: Part) -> bool:
    """Whether a part is there, going by its labels."""
    return f"{_FOLDERS[part]}/label.csv" in tree
