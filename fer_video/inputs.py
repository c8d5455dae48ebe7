"""What a user names -> the files meant: folders, globs and lists become paths, and what cannot be is said."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fer_video.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from fer_video.errors import InputError

__all__ = ["Inputs", "expand_inputs"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """paths: the files, in order, each once. errors: what was named and leads to nothing, and why."""

    paths: tuple[str, ...]
    errors: tuple[tuple[str, InputError], ...]


def expand_inputs(named: Iterable[str]) -> Inputs:
    """Files stand for themselves, whatever their suffix; folders for the videos and pictures in and below them,
    by suffix and in natural order (clip2 before clip10); a name with * ? or [ that is no file, for what it
    matches (** crosses folders). Links to folders are not followed, so that a loop cannot trap it.
    """
    paths: dict[str, None] = {}
    errors: list[tuple[str, InputError]] = []
    for name in named:
        try:
            found = list(_expand(name, errors))
        except InputError as error:
            errors.append((name, error))
        else:
            paths.update(dict.fromkeys(found))
    return Inputs(tuple(paths), tuple(errors))


def _expand(name: str, errors: list[tuple[str, InputError]]) -> Iterator[str]:
    if Path(name).is_dir():
        before, found = len(errors), False
        for path in _walk(name, errors):
            found = True
            yield path
        if not found and len(errors) == before:
            raise InputError(f"{name}: no video or picture in this folder; known suffixes are in the README")
    elif glob.has_magic(name) and not os.path.lexists(name):
        matches = sorted(glob.glob(name, recursive=True), key=_natural)  # noqa: PTH207  Path has no glob of its own parts
        if not matches:
            raise InputError(f"{name}: matches no file; check the pattern and the folder")
        for match in matches:
            # A pattern names files; a folder it happens to match is not searched, ** is there for that.
            if not Path(match).is_dir():
                yield match
    else:
        yield name


def _walk(folder: str, errors: list[tuple[str, InputError]]) -> Iterator[str]:
    def unreadable(error: OSError) -> None:
        why = f"{error.filename}: folder cannot be read: {error.strerror}; check its permissions"
        errors.append((str(error.filename), InputError(why)))

    for root, folders, files in os.walk(folder, onerror=unreadable):
        folders.sort(key=_natural)
        for file in sorted(files, key=_natural):
            if Path(file).suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES and not file.startswith("."):
                yield str(Path(root, file))


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key: runs of digits count as numbers."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
