"""FER+ (Barsoum et al., ICMI 2016): 48x48 grey faces with the votes of ten annotators, in its official layout.

    FER2013Train|FER2013Valid|FER2013Test/ferNNNNNNN.png and label.csv in each: name, box, ten vote counts

A folder or a zip of it; a zip is read in place.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.errors import InputError
from fer_video.types import Image

__all__ = ["EMOTIONS", "FerPlusSample", "read_ferplus"]

EMOTIONS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
_FOLDERS = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}


@dataclass(frozen=True, slots=True)
class FerPlusSample:
    """One picture and what its annotators said."""

    name: str  # of the file
    votes: npt.NDArray[np.int64]  # (10,): EMOTIONS, then unknown, then "not a face"
    data: bytes  # the PNG file

    @property
    def cleaned(self) -> npt.NDArray[np.int64]:
        """(10,) votes without single ones, which its authors take for slips."""
        return np.where(self.votes > 1, self.votes, 0)

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

    def image(self) -> Image:
        """(48, 48, 3) uint8. Raises InputError when the file cannot be decoded."""
        image = cv2.imdecode(np.frombuffer(self.data, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise InputError(f"{self.name}: not a picture that can be decoded")
        return np.asarray(image, np.uint8)


def read_ferplus(path: Path, part: Literal["train", "valid", "test"]) -> Iterator[FerPlusSample]:
    """The pictures of a part that its label.csv names and that are there, in its order.

    Raises InputError when the part or its labels are missing.
    """
    read = _zip_reader(path) if path.is_file() else _folder_reader(path)
    folder = _FOLDERS[part]
    labels = read(f"{folder}/label.csv")
    if labels is None:
        raise InputError(f"{path}: no {folder}/label.csv in it; is this FER+ in its official layout?")
    for row in csv.reader(io.StringIO(labels.decode("utf-8"))):
        data = read(f"{folder}/{row[0]}")
        if data is not None:
            yield FerPlusSample(row[0], np.array(row[2:12], np.int64), data)


class _zip_reader:  # noqa: N801  a function that remembers the open archive
    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: not a zip file that can be read") from error
        self._names = set(self._archive.namelist())

    def __call__(self, name: str) -> bytes | None:
        return self._archive.read(name) if name in self._names else None


class _folder_reader:  # noqa: N801  as above
    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, name: str) -> bytes | None:
        file = self._path / name
        return file.read_bytes() if file.is_file() else None
