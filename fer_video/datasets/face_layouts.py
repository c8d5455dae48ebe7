"""One reader per layout of labelled faces: Tree -> (emotions, samples, what was left out and why)."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fer_video.datasets import ferplus
from fer_video.datasets.samples import ETHNICITIES, GENDERS, OLDEST, FaceSample, Part
from fer_video.datasets.tree import Tree
from fer_video.emotions import plain_emotion
from fer_video.errors import InputError
from fer_video.media.decode import IMAGE_SUFFIXES

__all__ = ["READERS"]

Skipped = list[tuple[str, str]]
Read = tuple[Sequence[str], list[FaceSample], Skipped]

# AffectNet numbers its expressions so; more mean none, uncertain or no face.
_NOT_ANNOTATED = -2.0
_AFFECTNET = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
_PARTS: Mapping[str, Part] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
}  # fmt: skip
_UTKFACE = re.compile(r"(\d{1,4})_(\d{1,4})_(\d{1,4})_\d+\.")


def _pictures(tree: Tree) -> Iterator[str]:
    return (name for name in tree.names() if f".{name.rsplit('.', 1)[-1].lower()}" in IMAGE_SUFFIXES)


def _one_hot(label: str, emotions: Sequence[str]) -> tuple[float, ...]:
    return tuple(float(label == emotion) for emotion in emotions)


def read_ferplus(tree: Tree, _: str) -> Read:
    """Single votes are dropped, and pictures which most call unknown or "not a face" (Barsoum et al., ICMI 2016)."""
    samples: list[FaceSample] = []
    skipped: Skipped = []
    parts: Mapping[ferplus.Part, Part] = {"train": "train", "valid": "val", "test": "test"}
    for folder, part in parts.items():
        if not ferplus.has_part(tree, folder):
            continue
        for name, votes in ferplus.read_votes(tree, folder):
            if votes.label is None:
                skipped.append((name, "no emotion has the most votes"))
            elif name not in tree:
                skipped.append((name, "is not there"))
            else:
                samples.append(FaceSample(name, votes.distribution, votes.has_majority, part=part))
    return ferplus.EMOTIONS, samples, skipped


def read_utkface(tree: Tree, _: str) -> Read:
    samples: list[FaceSample] = []
    skipped: Skipped = []
    for name in _pictures(tree):
        match = _UTKFACE.match(name.rsplit("/", 1)[-1])
        age, gender, race = (int(group) for group in match.groups()) if match else (-1, -1, -1)
        if not (0 <= age <= OLDEST and 0 <= gender < len(GENDERS) and 0 <= race < len(ETHNICITIES)):
            skipped.append((name, "its name is not age_gender_race_date with gender 0 or 1 and race 0 to 4"))
            continue
        samples.append(FaceSample(name, age=float(age), gender=GENDERS[gender], ethnicity=ETHNICITIES[race]))
    return (), samples, skipped


def read_affectnet(tree: Tree, _: str) -> Read:
    names = [name for name in tree.names() if name.lower().endswith(".csv")]
    return _affectnet_tables(tree, names) if names else _affectnet_arrays(tree)


def _affectnet_tables(tree: Tree, tables: Sequence[str]) -> Read:
    """subDirectory_filePath, face_x, face_y, face_width, face_height, ..., expression, valence, arousal."""
    samples: list[FaceSample] = []
    skipped: Skipped = []
    pictures = {name: name for name in _pictures(tree)}
    # Where the pictures stand: Manually_Annotated_Images/12/x.jpg is named 12/x.jpg. The shortest name wins.
    for name in sorted(pictures, key=len):
        pictures.setdefault("/".join(name.split("/")[-2:]), name)
    for table in tables:
        file = table.lower().rsplit("/", 1)[-1]
        part: Part = next((each for word, each in _PARTS.items() if word in file), "train")
        for line, row in _rows(tree, table, ("subDirectory_filePath", "expression")):
            found = pictures.get(row["subDirectory_filePath"])
            where = f"{table}: line {line}"
            number = _number(row["expression"], where)
            if number is None or not 0 <= number < len(_AFFECTNET) or number != int(number):
                skipped.append((where, f"expression {row['expression']} is none of 0 to 7"))
            elif found is None:
                skipped.append((row["subDirectory_filePath"], "is not there"))
            else:
                samples.append(
                    FaceSample(
                        found, _one_hot(_AFFECTNET[int(number)], _AFFECTNET), part=part, box=_table_box(row, where),
                        valence=_feeling(row.get("valence"), where), arousal=_feeling(row.get("arousal"), where),
                    )
                )  # fmt: skip
    return _AFFECTNET, samples, skipped


def _table_box(row: Mapping[str, str], where: str) -> tuple[float, float, float, float] | None:
    given = [_number(row.get(f"face_{side}"), where) for side in ("x", "y", "width", "height")]
    x, y, width, height = (-1.0 if value is None else value for value in given)
    return (x, y, x + width, y + height) if width > 0 and height > 0 else None


def _affectnet_arrays(tree: Tree) -> Read:
    """train_set|val_set / images/N.jpg and annotations/N_exp.npy, N_val.npy, N_aro.npy."""
    samples: list[FaceSample] = []
    skipped: Skipped = []
    for name in _pictures(tree):
        *above, folder, file = name.split("/")
        if folder != "images":
            continue
        beside = "/".join((*above, "annotations", file.rsplit(".", 1)[0]))
        part: Part = "val" if above and "val" in above[-1].lower() else "train"
        number = _array_number(tree, f"{beside}_exp.npy")
        if number is None or not 0 <= number < len(_AFFECTNET):
            skipped.append((name, "no annotation of an expression from 0 to 7 beside it"))
            continue
        valence, arousal = (_array_number(tree, f"{beside}_{kind}.npy") for kind in ("val", "aro"))
        samples.append(
            FaceSample(
                name, _one_hot(_AFFECTNET[int(number)], _AFFECTNET), part=part,
                valence=_feeling(valence, name), arousal=_feeling(arousal, name),
            )
        )  # fmt: skip
    return _AFFECTNET, samples, skipped


def _array_number(tree: Tree, name: str) -> float | None:
    data = tree.read(name)
    if data is None:
        return None
    try:
        # Some copies hold text in the array; never a pickle.
        return float(np.load(io.BytesIO(data), allow_pickle=False))
    except (ValueError, TypeError, EOFError, OSError) as error:
        raise InputError(f"{tree.path}: {name} is not an array of one number") from error


def read_people(tree: Tree, _: str) -> Read:
    samples = [FaceSample(name, person=folders[0], part=part) for name, part, folders in _by_folder(tree) if folders]
    return (), samples, []


def read_classes(tree: Tree, _: str) -> Read:
    """A folder a class; a folder within it is a person."""
    found = [(name, part, folders) for name, part, folders in _by_folder(tree) if folders]
    emotions = sorted({plain_emotion(folders[0]) for _, _, folders in found})
    samples = [
        FaceSample(
            name, _one_hot(plain_emotion(folders[0]), emotions), part=part, person=folders[1] if folders[1:] else None
        )
        for name, part, folders in found
    ]
    return emotions, samples, []


def _by_folder(tree: Tree) -> Iterator[tuple[str, Part | None, list[str]]]:
    """Each picture with the folders it is in, without one that names a part or holds everything."""
    names = list(_pictures(tree))
    tops = {name.split("/")[0] for name in names}
    only = next(iter(tops)) if len(tops) == 1 and all(name.count("/") > 1 for name in names) else None
    for name in names:
        folders = name.split("/")[:-1]
        if only is not None and only.lower() not in _PARTS:
            folders = folders[1:]
        part = _PARTS.get(folders[0].lower()) if folders else None
        yield name, part, folders[1:] if part else folders


def read_csv(tree: Tree, table: str) -> Read:
    rows = list(_rows(tree, table, ("path",)))
    emotions = sorted({plain_emotion(row["label"]) for _, row in rows if row.get("label")})
    samples: list[FaceSample] = []
    skipped: Skipped = []
    for line, row in rows:
        if row["path"] not in tree:
            skipped.append((row["path"], "is not there"))
            continue
        where = f"{tree.path / table}: line {line}"
        part = (row.get("split") or "").lower()
        if part and part not in _PARTS:
            raise InputError(f"{where}: split {part!r} should be train, val, test or empty")
        age = _number(row.get("age"), where)
        if age is not None and not 0 <= age <= OLDEST:
            raise InputError(f"{where}: age {age:g} should lie between 0 and {OLDEST}")
        samples.append(
            FaceSample(
                row["path"], _one_hot(plain_emotion(row["label"]), emotions) if row.get("label") else None, age=age,
                gender=row.get("gender") or None, ethnicity=row.get("ethnicity") or None,
                valence=_feeling(row.get("valence"), where), arousal=_feeling(row.get("arousal"), where),
                person=row.get("subject") or None, part=_PARTS.get(part),
            )
        )  # fmt: skip
    return emotions, samples, skipped


def _rows(tree: Tree, name: str, needed: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    data = tree.read(name)
    if data is None:
        raise InputError(f"{tree.path / name}: no such file; check the name")
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), restval="")
        lacking = [column for column in needed if column not in (reader.fieldnames or ())]
        if lacking:
            has = ", ".join(reader.fieldnames or ()) or "nothing"
            raise InputError(f"{tree.path / name}: no column {' and '.join(lacking)} (it has {has})")
        for row in reader:
            yield reader.line_num, {key: (value or "").strip() for key, value in row.items() if key}
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{tree.path / name}: not a CSV file in UTF-8 ({error})") from error


def _number(text: Any, where: str) -> float | None:
    if text is None or text == "":
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {text!r} should be a number")
    return value


def _feeling(text: str | float | None, where: str) -> float | None:
    """Valence or arousal; AffectNet writes -2 where nothing was annotated."""
    value = _number(text, where)
    if value is None or value == _NOT_ANNOTATED:
        return None
    if not -1 <= value <= 1:
        raise InputError(f"{where}: valence and arousal lie between -1 and 1, not {value:g}")
    return value


READERS: Mapping[str, Callable[[Tree, str], Read]] = {
    "ferplus": read_ferplus,
    "utkface": read_utkface,
    "affectnet": read_affectnet,
    "people": read_people,
    "classes": read_classes,
    "csv": read_csv,
}
