"""Emotions that other networks predict: soft labels beside those of annotators (arXiv 1503.02531).

A teacher is any emotion backbone that fervid can run. It sees each training picture as inference would cut it and
mirrored; of several teachers the mean counts. Pictures without a label of emotion, such as UTKFace's, get the teachers'
alone where their source asks for it (`pseudo_emotion`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_video.errors import OptionError
from fer_video.files import open_output
from fer_video.models import find_model, open_session
from fer_video.models.backbone import Backbone
from fer_video.training.augment import plain
from fer_video.training.batches import Part
from fer_video.training.recipe import Recipe, Source
from fer_video.types import Floats

__all__ = ["check_teachers", "open_teachers", "taught"]

_BATCH = 256
_FILE = "teachers.npz"


def check_teachers(recipe: Recipe, teachers: Sequence[Backbone]) -> None:
    """Raises OptionError where a recipe needs teachers and has none, or has ones that it does not listen to."""
    asks = [source.name for source in recipe.sources if source.pseudo_emotion]
    if asks and not teachers:
        raise OptionError(f"source {asks[0]}: pseudo_emotion needs a network that reads emotions; give --teacher")
    if recipe.teaching and not teachers:
        raise OptionError("teaching needs a network that reads emotions; give --teacher")
    if teachers and not (asks or recipe.teaching):
        raise OptionError("the recipe has no teaching and no source with pseudo_emotion; leave --teacher out")
    head = recipe.head("emotion")
    for teacher in teachers:
        other = [label for label in teacher.emotions if head is None or label not in head.labels]
        if other:
            raise OptionError(
                f"teacher {teacher.spec.name} gives {other[0]}, which the recipe's emotion head does not have"
            )


def open_teachers(names: Sequence[str]) -> list[Backbone]:
    """By the name of a model, or an ONNX file. Raises ModelError."""
    return [Backbone(open_session(find_model("emotion-backbone", name), "cpu")) for name in names]


def taught(
    parts: Sequence[Part], recipe: Recipe, teachers: Sequence[Backbone], folder: Path,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Part, ...]:  # fmt: skip
    """The training parts with the teachers' emotions mixed into their targets, by the recipe.

    folder: of the run, where these are kept, so that a resumed run need not ask again.
    """
    head = recipe.head("emotion")
    if not teachers or head is None:
        return tuple(parts)
    kept = _read(folder / _FILE, parts)
    if kept is None:
        kept = [
            _shares(teachers, part, head.labels, source.name, progress) if _listens(source, recipe) else None
            for source, part in zip(recipe.sources, parts, strict=True)
        ]
        arrays: dict[str, Any] = {f"part{i}": each for i, each in enumerate(kept) if each is not None}
        with open_output(folder / _FILE, binary=True) as file:
            np.savez(file, **arrays)
    return tuple(
        part if said is None else _with_emotion(part, _mixed(part, said, recipe, source))
        for source, part, said in zip(recipe.sources, parts, kept, strict=True)
    )


def _with_emotion(part: Part, emotion: Floats) -> Part:
    return replace(part, targets=replace(part.targets, emotion=emotion))


def _listens(source: Source, recipe: Recipe) -> bool:
    own = not source.only or "emotion" in source.only
    return source.pseudo_emotion or (own and recipe.teaching > 0)


def _mixed(part: Part, said: Floats, recipe: Recipe, source: Source) -> Floats:
    emotion = part.targets.emotion.copy()
    known = part.targets.known("emotion")
    emotion[known] = (1 - recipe.teaching) * emotion[known] + recipe.teaching * said[known]
    if source.pseudo_emotion:
        emotion[~known] = said[~known]
    return emotion


def _shares(
    teachers: Sequence[Backbone], part: Part, labels: Sequence[str], name: str,
    progress: Callable[[str, int, int], None] | None,
) -> Floats:  # fmt: skip
    """(n, labels) float32, the mean over teachers and mirrored crops."""
    found = np.zeros((len(part.rows), len(labels)), np.float32)
    for start in range(0, len(part.rows), _BATCH):
        stop = min(start + _BATCH, len(part.rows))
        pictures = [part.pictures.picture(int(row)) for row in part.rows[start:stop]]
        for teacher in teachers:
            columns = [labels.index(label) for label in teacher.emotions]
            crops = [plain(picture, teacher.size, part.pictures.margin) for picture in pictures]
            for seen in (crops, [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]):
                found[start:stop, columns] += teacher.embed(seen).probabilities["emotion"]
        if progress is not None:
            progress(f"teachers on {name}", stop, len(part.rows))
    found /= 2 * len(teachers)
    return found


def _read(path: Path, parts: Sequence[Part]) -> list[npt.NDArray[np.float32] | None] | None:
    """What was kept of the same run; None where there is nothing that fits."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = [stored.get(f"part{i}") for i in range(len(parts))]
    except (OSError, ValueError, KeyError):
        return None
    fits = all(each is None or len(each) == len(part.rows) for each, part in zip(found, parts, strict=True))
    return found if fits else None
