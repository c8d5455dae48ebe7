"""The names that a user gives -> files: folders, patterns and lists become paths, and failures are reported."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from fer_video.errors import InputError
from fer_video.media.address import scheme_of
from fer_video.media.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural

__all__ = ["Inputs", "expand_inputs", "walk"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """paths: the files and addresses, in order, each once. errors: what was named and leads to nothing, and why."""

    paths: tuple[str, ...]
    errors: tuple[tuple[str, InputError], ...]


def expand_inputs(named: Iterable[str]) -> Inputs:
    """Files stand for themselves, whatever their suffix; folders for the videos and pictures in and below them,
    by suffix and in natural order (clip2 before clip10); a name with * ? or [ that is no file, for what it
    matches (** crosses folders). Links to folders are not followed, so that a loop cannot trap it.

    Addresses likewise, as far as remote.expand_address can. Raises OptionError when the package for them is missing.
    """
    paths: dict[str, str] = {}
    errors: list[tuple[str, InputError]] = []
    for name in named:
        try:
            found = list(_expand(name, errors))
        except InputError as error:
            errors.append((name, error))
        else:
            for path in found:
                # abspath, since resolving links would change names
                paths.setdefault(path if scheme_of(path) else os.path.abspath(path), path)  # noqa: PTH100
    return Inputs(tuple(paths.values()), tuple(errors))


def _expand(name: str, errors: list[tuple[str, InputError]]) -> Iterator[str]:
    if not name:
        raise InputError("an empty name; give a file, a folder or a pattern")
    if scheme_of(name):
        from fer_video.media.remote import expand_address  # late, as in fetch.local_copy

        yield from expand_address(name, _is_clip)
    elif os.path.isdir(name):  # noqa: PTH112  unlike Path.is_dir it never raises
        before, found = len(errors), False
        for path in walk(name, errors):
            found = True
            yield path
        if not found and len(errors) == before:
            raise InputError(f"{name}: no video or picture in this folder; docs/media.md lists the suffixes")
    elif glob.has_magic(name) and not os.path.lexists(name):
        matches = sorted(_matches(name), key=natural)
        if not matches:
            raise InputError(f"{name}: matches no file; check the pattern and the folder")
        # A pattern names files; a folder it happens to match is not searched, ** is there for that.
        files = [match for match in matches if not Path(match).is_dir()]
        if not files:
            raise InputError(f"{name}: matches only folders; name them without a pattern, or write {name}/**")
        yield from files
    else:
        yield name


def _matches(pattern: str) -> list[str]:
    """Like the shell's: names that begin with a dot only where the pattern says so."""
    parts = Path(pattern).parts
    if "**" not in parts:
        return glob.glob(pattern)  # noqa: PTH207  what it gives begins as the pattern does, with ./ too
    # glob's own ** goes through links, and where two of them lead back it never ends.
    first = parts.index("**")
    rest = (*parts[first:], "*") if parts[-1] == "**" else parts[first:]
    shown = tuple(part for part in rest if part[0] == ".")
    found: dict[str, None] = {}
    for root in glob.glob(str(Path(*parts[:first]))) if first else [""]:  # noqa: PTH207
        for match in Path(root).glob(str(Path(*rest))):
            below = match.relative_to(root).parts
            if not any(part[0] == "." and not any(fnmatch(part, each) for each in shown) for part in below):
                found[str(match)] = None
    return list(found)


def walk(folder: str, errors: list[tuple[str, InputError]]) -> Iterator[str]:
    """The videos and pictures in and below a folder. errors: takes what cannot be read."""

    def unreadable(error: OSError) -> None:
        why = f"{error.filename}: folder cannot be read: {error.strerror}; check its permissions"
        errors.append((str(error.filename), InputError(why)))

    for root, folders, files in os.walk(folder, onerror=unreadable):
        folders.sort(key=natural)
        for file in sorted(files, key=natural):
            if _is_clip(file):
                yield str(Path(root, file))


def _is_clip(file: str) -> bool:
    return Path(file).suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES and not file.startswith(".")
