"""Which rows and files of the user's are about which clip: by path, or else by name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from fer_video.media.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES

__all__ = ["ClipIndex"]

T = TypeVar("T")


class ClipIndex(Generic[T]):
    """Finds what is about a clip by its path, or else by the end of the path, its name, or its name without suffix."""

    def __init__(self) -> None:
        self._index: tuple[dict[str, list[T]], ...] = ({}, {}, {}, {})  # as _keys

    def add(self, clip: str, folder: Path, item: T) -> None:
        """clip: as the user names it, its path counted from here or from a folder."""
        for index, keys in zip(self._index, _keys_of_name(clip, folder), strict=True):
            for key in keys:
                index.setdefault(key, []).append(item)

    def find(self, clip: str) -> Sequence[T]:
        """All that was added in the best of the ways that find something. clip: as it is called in its result."""
        return next(self._found(clip), ())

    def weaker(self, clip: str) -> Iterator[T]:
        """What is about the clip too, by ways that say less than the best one."""
        found = self._found(clip)
        best = next(found, ())
        yield from (each for items in found for each in items if each not in best)

    def _found(self, clip: str) -> Iterator[Sequence[T]]:
        """The best way first."""
        for index, keys in zip(self._index, _keys(clip), strict=True):
            for key in keys:
                if key in index:
                    yield index[key]


def _keys(clip: str) -> tuple[list[str], ...]:
    """What a clip may be called: its path, the end of its path, its name, its name without suffix."""
    path = Path(clip)
    ends = ["/".join(path.parts[start:]) for start in range(1, len(path.parts) - 1)]
    return [_absolute(clip)], ends, [path.name], [path.stem]


def _keys_of_name(name: str, folder: Path) -> tuple[set[str], ...]:
    """A path with folders in it is not taken for a mere name."""
    path = Path(name)
    whole = {_absolute(name), _absolute(folder / path)}
    if len(path.parts) > 1:
        return whole, {path.as_posix()}, set(), set()
    stems = {path.name, path.stem} if path.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES else {path.name}
    return whole, set(), {path.name}, stems


def _absolute(path: str | Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100  resolving links would change names
