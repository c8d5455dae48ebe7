"""Names that a user gives to people: a CSV with a number of the table, or a clip and its person, and a name."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_video.errors import InputError
from fer_video.files import read_limited
from fer_video.study.people import Appearance, Found

__all__ = ["NameRow", "named_places", "read_names"]

_MOST_BYTES = 16 << 20
_LONGEST = 200  # characters of a name
_NAME_COLUMNS = ("identity", "name")


@dataclass(frozen=True, slots=True)
class NameRow:
    """One line of the file. path: of a clip, whose person is meant; None: person is a number of the table."""

    line: int
    path: str | None
    person: int
    name: str


def read_names(path: Path) -> list[NameRow]:
    """A CSV with the columns person and identity (or name), and path where persons of clips are meant. Lines without a
    name are passed over, so that the table itself can be filled in.

    Raises InputError.
    """
    try:
        text = read_limited(path, _MOST_BYTES).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = reader.fieldnames or []
        column = next((name for name in _NAME_COLUMNS if name in columns), None)
        if "person" not in columns or column is None:
            raise InputError(f"{path}: needs the columns person and identity in its first line (and path, for clips)")
        rows = []
        for row in reader:
            if None in row or None in row.values():
                cells = len([cell for cell in row.values() if isinstance(cell, str)]) + len(row.get(None, ()))
                held = f"{cells} cell" if cells == 1 else f"{cells} cells"
                raise InputError(
                    f"{path}: line {reader.line_num}: {held} where the header has {len(columns)}; a name with a comma "
                    "needs quotes"
                )
            name = (row[column] or "").strip()
            if name:
                rows.append(_row(path, reader.line_num, row.get("path") or None, row["person"], name))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text in UTF-8; save it as CSV UTF-8") from error
    except csv.Error as error:
        raise InputError(f"{path}: is no CSV: {error}") from error
    if not rows:
        raise InputError(f"{path}: gives nobody a name; fill in the column {column}")
    return rows


def _row(path: Path, line: int, clip: str | None, person: str | None, name: str) -> NameRow:
    if not (person or "").strip().isascii() or not (person or "").strip().isdigit() or len(person or "") > 9:
        raise InputError(f"{path}: line {line}: person is {person or 'empty'!r}, not a number")
    if len(name) > _LONGEST or not name.isprintable():
        raise InputError(f"{path}: line {line}: a name is a line of up to {_LONGEST} characters")
    return NameRow(line, clip, int(person or ""), name)


def named_places(
    rows: Sequence[NameRow], people: Sequence[Found], appearances: Sequence[Appearance], file: Path
) -> dict[int, str]:
    """Place of an appearance -> its name. A name for the person of a clip counts more than one for a number.

    people: without these names. Raises InputError for somebody who is not there, and for two names of one person.
    """
    places = {(each.file, each.clip, each.person.id): place for place, each in enumerate(appearances)}
    of_number = {
        each.number: [places[seen.file, seen.clip, seen.person.id] for seen in each.appearances] for each in people
    }
    by_number: dict[int, str] = {}
    by_clip: dict[int, str] = {}
    for row in rows:
        if row.path is None:
            meant, names = of_number.get(row.person, []), by_number
            who = f"there is no person {row.person}"
        else:
            meant, names = _of_clip(row.path, row.person, appearances), by_clip
            who = f"{row.path} has no person {row.person}"
        if not meant:
            raise InputError(f"{file}: line {row.line}: {who}")
        _give(names, meant, row, file)
    return by_number | by_clip


def _of_clip(path: str, person: int, appearances: Sequence[Appearance]) -> list[int]:
    """By the clip's path as its result has it, or the end of it where that is enough."""
    of_person = [place for place, each in enumerate(appearances) if each.person.id == person]
    exact = [place for place in of_person if appearances[place].path == path]
    ending = [
        place
        for place in of_person
        if Path(appearances[place].path).parts[-len(Path(path).parts) :] == Path(path).parts
    ]
    return exact or ending


def _give(names: dict[int, str], meant: Sequence[int], row: NameRow, file: Path) -> None:
    if row.path is not None and len(meant) > 1:
        raise InputError(f"{file}: line {row.line}: {len(meant)} clips are called {row.path}; write more of the path")
    for place in meant:
        if names.setdefault(place, row.name) != row.name:
            raise InputError(
                f"{file}: line {row.line}: the same person is called {names[place]} above and {row.name} here"
            )
