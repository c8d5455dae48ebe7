"""What a user names -> files of results: files, folders, and - for stdin. What is no result is told from what is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from fer_video.errors import InputError
from fer_video.media.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural
from fer_video.results.documents import MAKE, RESULT_SUFFIXES, STDIN

__all__ = ["holds_results", "result_files", "why_no_result"]

_HEAD = 4096  # bytes in which a file of results says what it is, and of which clip
_PATH = re.compile(rb'"path"\s*:\s*("(?:[^"\\]|\\.)*")')
_TABLE_NOTES = "-metadata.json"  # behind the name of a table (results/provenance.py)
_OF_BATCH = "fervid."  # what a batch keeps for itself begins so


def holds_results(path: Path) -> bool:
    """Whether a name is that of a file of results, or of a folder with results and no clips right in it."""
    if not path.is_dir():
        return path.suffix.lower() in RESULT_SUFFIXES
    suffixes = {each.suffix.lower() for each in path.iterdir()}
    return bool(suffixes & RESULT_SUFFIXES) and not suffixes & (VIDEO_SUFFIXES | IMAGE_SUFFIXES)


def result_files(named: Iterable[str], passed_over: list[str] | None = None) -> list[Path]:
    """Files as named; of folders the results right in them, in the order in which predict takes the clips of a folder.

    passed_over: is told why each name that is no result was left out, one sentence each; without it, and where nothing
    else is named, such a name raises InputError.
    """
    files: list[Path] = []
    others: list[str] = []
    for each in map(Path, named):
        if each.is_dir():
            found = [file for file in each.iterdir() if file.is_file() and _is_named_so(file)]
            files += sorted(found, key=_order)
            if not found:
                others.append(f"{each}: no .json or .jsonl in this folder; fervid predict --frames --out makes them")
        elif why := why_no_result(each):
            others.append(why)
        else:
            files.append(each)
    if others and (passed_over is None or not files):
        raise InputError(others[0])
    if passed_over is not None:
        passed_over += others
    return files


def _is_named_so(file: Path) -> bool:
    return file.suffix.lower() in RESULT_SUFFIXES and not file.name.endswith(_TABLE_NOTES)


def why_no_result(path: Path) -> str | None:
    """One sentence on a file that is no result, by its name and how it begins; None for what may be one."""
    if path == STDIN or _is_named_so(path):
        return None
    if path.name.startswith(_OF_BATCH):
        return f"{path}: is kept by a batch for itself and is no result"
    if path.name.endswith(_TABLE_NOTES):
        return f"{path}: says how a table was made and is no result"
    try:
        if not path.is_file():  # whoever opens it says what is wrong
            return None
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except (OSError, ValueError):
        return None
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[")):
        return None
    return f"{path}: is no result, which is a .json or .jsonl file; {MAKE}"


def _order(file: Path) -> tuple[list[tuple[bool, list[tuple[int, str]]]], list[tuple[int, str]]]:
    """By the path of its first clip, as a folder of clips is walked: the files of a folder before its subfolders."""
    parts = Path(_first_clip(file) or file.name).parts
    return [(place < len(parts) - 1, natural(part)) for place, part in enumerate(parts)], natural(file.name)


def _first_clip(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            found = _PATH.search(opened.read(_HEAD))
        path = json.loads(found[1]) if found else None
    except (OSError, ValueError):  # whoever reads it says so
        return None
    return path if isinstance(path, str) else None
