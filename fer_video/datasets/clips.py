"""Layouts of labelled clips: AFEW, VGAF, one folder per class, CSV.

A clip is a video file or a folder of pictures, its frames. Layouts (docs/datasets.md):

    afew      Train_AFEW|Val_AFEW (or train|val) / Angry|Disgust|... / clip.avi
    vgaf      Train|Val / clip.mp4 and Train_labels.txt|Val_labels.txt: "name 1|2|3" a line
    classes   <class> / clip, or <class> / <subject> / clip
    csv       path,label[,subject][,split]; paths relative to the file
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from fer_video.emotions import emotion_name, plain_emotion
from fer_video.errors import InputError
from fer_video.files import refuse_pipe
from fer_video.media.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural, sequence_files

__all__ = ["LAYOUTS", "ClipDataset", "ClipSample", "Layout", "load_clips"]

Layout = Literal["afew", "vgaf", "classes", "csv"]
Split = Literal["train", "val"]

_AFEW = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")  # names of its folders
_AFEW_SPLITS: Mapping[str, Split] = {"train_afew": "train", "val_afew": "val", "train": "train", "val": "val"}
_VGAF = {"1": "positive", "2": "neutral", "3": "negative"}
_VGAF_SPLITS: Mapping[str, Split] = {"Train": "train", "Val": "val"}


@dataclass(frozen=True, slots=True)
class ClipSample:
    """A clip and what is known of it."""

    path: Path
    label: str
    subject: str | None = None  # who is in it, so that nobody is trained on and judged at once
    split: Split | None = None


@dataclass(frozen=True, slots=True)
class ClipDataset:
    """samples in a fixed order; missing: labelled clips that are not there."""

    path: Path
    layout: Layout
    samples: tuple[ClipSample, ...]
    missing: tuple[Path, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(sorted({sample.label for sample in self.samples}))

    @property
    def has_subjects(self) -> bool:
        return bool(self.samples) and all(sample.subject is not None for sample in self.samples)

    def for_training(self) -> ClipDataset:
        """What may be trained on: the training part, or where none is named all that is not for validation.

        Raises InputError when that is nothing.
        """
        named = self.part("train")
        rest = replace(self, samples=tuple(sample for sample in self.samples if sample.split != "val"))
        chosen = named if named.samples else rest
        if not chosen.samples:
            raise InputError(f"{self.path}: all clips are for validation; none is left to train on")
        return chosen

    def part(self, split: Split) -> ClipDataset:
        return replace(self, samples=tuple(sample for sample in self.samples if sample.split == split))


def load_clips(path: Path, layout: Layout | None = None) -> ClipDataset:
    """Read a dataset. layout: None recognises it.

    Raises InputError when nothing is there, the layout is not what was named, or not one clip is found.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; check the name")
    refuse_pipe(path)
    layout = layout or _recognise(path)
    try:
        samples, missing = _READERS[layout](path)
    except (OSError, UnicodeDecodeError) as error:
        where = getattr(error, "filename", None) or path
        why = getattr(error, "strerror", None) or "not text in UTF-8"
        raise InputError(f"{where}: cannot be read: {why}") from error
    odd = [sample for sample in samples if not sample.label.isprintable()]
    if odd:
        raise InputError(f"{path}: the label {odd[0].label!r} of {odd[0].path} is not printable text")
    if not samples:
        gone = f" ({len(missing)} are named and not there, the first is {missing[0]})" if missing else ""
        raise InputError(f"{path}: no clip found in the layout {layout}{gone}; see docs/datasets.md")
    return ClipDataset(path, layout, tuple(samples), tuple(missing))


Read = tuple[list[ClipSample], list[Path]]


def _recognise(path: Path) -> Layout:
    if path.is_file():
        return "csv"
    if any((path / f"{name}_labels.txt").is_file() for name in _VGAF_SPLITS):
        return "vgaf"
    if any(_afew_split(folder) and _afew_classes(folder) for folder in _folders(path)):
        return "afew"
    return "classes"


def _folders(path: Path) -> list[Path]:
    found = [each for each in path.iterdir() if each.is_dir() and not each.name.startswith(".")]
    return sorted(found, key=lambda each: natural(each.name))


def _clips_in(folder: Path) -> Iterator[Path]:
    """The clips right in a folder: videos, single pictures, folders of pictures."""
    for each in sorted(folder.iterdir(), key=lambda each: natural(each.name)):
        if each.name.startswith("."):
            continue
        if sequence_files(each) if each.is_dir() else each.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES:
            yield each


def _afew_split(folder: Path) -> Split | None:
    return _AFEW_SPLITS.get(folder.name.lower())


def _afew_classes(folder: Path) -> list[Path]:
    return [each for each in _folders(folder) if each.name.lower() in _AFEW]


def _read_afew(path: Path) -> Read:
    samples = [
        ClipSample(clip, plain_emotion(emotion.name), split=split)
        for folder in _folders(path)
        if (split := _afew_split(folder))
        for emotion in _afew_classes(folder)
        for clip in _clips_in(emotion)
    ]
    return samples, []


def _read_vgaf(path: Path) -> Read:
    samples, missing = [], []
    for name, split in _VGAF_SPLITS.items():
        labels = path / f"{name}_labels.txt"
        if not labels.is_file():
            continue
        clips = {clip.stem: clip for clip in _clips_in(path / name)} if (path / name).is_dir() else {}
        _, *lines = labels.read_text(encoding="utf-8").splitlines() or [""]
        for number, line in enumerate(lines, start=2):
            if not line.strip():
                continue
            video, label = ([*line.strip().rsplit(None, 1), ""])[:2]
            if label not in _VGAF:
                raise InputError(f"{labels}: line {number}: {line.strip()!r} should be a name and 1, 2 or 3")
            if video in clips:
                samples.append(ClipSample(clips[video], _VGAF[label], split=split))
            else:
                missing.append(path / name / video)
    return samples, missing


def _read_classes(path: Path) -> Read:
    if path.is_file():
        raise InputError(f"{path}: the layout classes is a folder with one folder a class")
    samples: list[ClipSample] = []
    folders = _folders(path)
    if folders and all(folder.name.lower() in (*_AFEW_SPLITS, "test") for folder in folders):
        # parts with classes in them, as in AFEW, under other names of emotions
        for part in folders:
            found, _ = _read_classes(part)
            samples += [replace(sample, split=_afew_split(part)) for sample in found if _afew_split(part)]
        return samples, []
    for folder in folders:
        samples += [ClipSample(clip, emotion_name(folder.name)) for clip in _clips_in(folder)]
        for subject in _folders(folder):
            if not sequence_files(subject):
                samples += [ClipSample(clip, emotion_name(folder.name), subject.name) for clip in _clips_in(subject)]
    return samples, []


def _read_csv(path: Path) -> Read:
    if path.is_dir():
        raise InputError(f"{path}: the layout csv is a file with the columns path,label[,subject][,split]")
    samples: list[ClipSample] = []
    missing: list[Path] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            lacking = [name for name in ("path", "label") if name not in (reader.fieldnames or ())]
            if lacking:
                has = ", ".join(reader.fieldnames or ()) or "nothing"
                raise InputError(f"{path}: no column {' and '.join(lacking)} (it has {has}); see docs/datasets.md")
            for row in reader:
                sample = _csv_sample(path, reader.line_num, row)
                if sample.path.exists():
                    samples.append(sample)
                else:
                    missing.append(sample.path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file in UTF-8 ({error})") from error
    return samples, missing


def _csv_sample(path: Path, line: int, row: Mapping[str, str | None]) -> ClipSample:
    if not row["path"] or not (row["label"] or "").strip():
        raise InputError(f"{path}: line {line}: path and label must not be empty")
    split = (row.get("split") or "").lower() or None
    if split not in (None, "train", "val"):
        raise InputError(f"{path}: line {line}: split {split!r} should be train, val or empty")
    label = emotion_name(row["label"] or "")
    return ClipSample(path.parent / row["path"], label, row.get("subject") or None, split)  # type: ignore[arg-type]


_READERS: Mapping[Layout, Callable[[Path], Read]] = {
    "afew": _read_afew,
    "vgaf": _read_vgaf,
    "classes": _read_classes,
    "csv": _read_csv,
}
LAYOUTS = tuple(_READERS)
