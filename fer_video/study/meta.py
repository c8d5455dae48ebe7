"""A table of what else is known of each clip (people.csv), such as its subject and condition, found by path or name."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_video.errors import InputError, OptionError
from fer_video.files import read_limited
from fer_video.study.clips import ClipIndex
from fer_video.study.said import first_of

__all__ = ["SUBJECT", "Cells", "Meta", "column_of", "read_meta"]

SUBJECT = "subject"

_KEYS = ("path", "clip", "file", "video", "name", "stem")  # what the column that names the clip may be called
_PERSON = "person"
_MOST_BYTES = 64 << 20
Cells = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Line:
    number: int  # in the file, from 1
    clip: str  # as it is named there
    person: int | None  # None: whoever is in the clip
    cells: Cells


class Meta:
    """Cells for each clip, or for each person in it. Remembers what matched, for `unmatched`."""

    def __init__(self, path: Path, columns: Sequence[str], lines: Sequence[_Line]) -> None:
        self.path, self.columns = path, tuple(columns)
        self._lines = lines
        self._index: ClipIndex[_Line] = ClipIndex()
        for line in lines:
            self._index.add(line.clip, path.parent, line)
        self._subject = next((name for name in self.columns if name.lower() == SUBJECT), None)
        self._clip_of: dict[int, str] = {}  # number of a line -> the clip that it was for
        self._seen: set[int] = set()  # numbers of lines about clips that are there
        self._strangers: dict[int, str] = {}  # number of a line -> that its clip has no such person
        self._weaker: dict[int, tuple[_Line, str]] = {}  # number of a line -> what counts more for the same clip

    def find(self, clip: str, person: int | None) -> Cells | None:
        """The cells of the line for a clip, and of a person in it where the lines name people; None without one.

        A line matches by path, or else by the end of the path, by the name of the file, or by the name without suffix.

        Raises OptionError where two lines match, or a line matches two clips.
        """
        found = [each for each in self._index.find(clip) if each.person is None or each.person == person]
        if len(found) > 1:
            raise self._both(found[0], found[1], clip)
        return self._taken(found[0], clip) if found else None

    def see(self, clip: str, people: Collection[int]) -> bool:
        """Whether a line is about this clip, or somebody in it. people: their numbers. To be told once of each clip."""
        found = self._index.find(clip)
        for line in found:
            if line.person is None or line.person in people:
                self._seen.add(line.number)
            else:
                self._strangers.setdefault(line.number, f"{clip} has no person {line.person}")
        same = {
            Path(clip).name,
            Path(clip).stem,
        }  # a.mov may be a.mp4 where nothing fits better, but is not a second name
        for line in self._index.weaker(clip):
            if Path(line.clip).name in same:
                self._weaker[line.number] = found[0], clip
        return bool(found)

    def check(self) -> None:
        """When all clips were seen. Raises OptionError for a line about a clip that another line says more of, and
        about no other clip."""
        for line in self._lines:
            if line.number not in self._weaker or (self.path.parent / line.clip).exists():  # a clip without a result
                continue
            if line.number not in self._seen | self._clip_of.keys():
                better, clip = self._weaker[line.number]
                raise self._both(better, line, clip)

    def subject(self, cells: Cells) -> str:
        """Of a line; "" where the table has none."""
        return cells.get(self._subject, "") if self._subject else ""

    def _both(self, one: _Line, other: _Line, clip: str) -> OptionError:
        first, second = sorted((one.number, other.number))
        return OptionError(f"{self.path}: lines {first} and {second} both match {clip}; leave one out")

    @property
    def has_people(self) -> bool:
        """Whether lines are about people in the clips."""
        return any(line.person is not None for line in self._lines)

    def _taken(self, line: _Line, clip: str) -> Cells:
        before = self._clip_of.setdefault(line.number, clip)
        if before != clip:
            raise OptionError(
                f"{self.path}: line {line.number} ({line.clip}) matches both {before} and {clip}; write their paths"
            )
        return line.cells

    def unmatched(self) -> str | None:
        """One sentence on the lines that matched no clip, or nobody in it."""
        known = self._seen | self._clip_of.keys()
        left = [line.clip for line in self._lines if line.number not in known | self._strangers.keys()]
        strangers = [said for number, said in self._strangers.items() if number not in known]
        said = [f"{len(left)} of {len(self._lines)} rows match no clip: {first_of(left)}"] if left else []
        said += [first_of(strangers)] if strangers else []
        return f"{self.path}: {'; '.join(said)}" if said else None


def column_of(name: str, known: Sequence[str], what: str) -> str:
    """The column of this name, capital letters or not. Raises OptionError. what: the option that names it."""
    same = [each for each in known if each.lower() == name.lower()]
    if same:
        return same[0]
    alike = difflib.get_close_matches(name.lower(), [each.lower() for each in known], 1)
    meant = next((f"; is it {each}?" for each in known if [each.lower()] == alike), "")
    raise OptionError(f"{what} {name}: no such column; known are {', '.join(known)}{meant}")


def read_meta(path: Path) -> Meta:
    """CSV in UTF-8 with a header, separated by commas, semicolons or tabs. Raises InputError."""
    try:
        text = read_limited(path, _MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8; save it as CSV UTF-8") from error
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        header = [name.strip() for name in next(reader, [])]
        key = _column(path, header)
        person = next((place for place, name in enumerate(header) if name.lower() == _PERSON), None)
        lines = [_line(path, reader.line_num, header, cells, key, person) for cells in reader if any(cells)]
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: is not CSV: {error}") from error
    if not lines:
        raise InputError(f"{path}: holds no row below its header")
    return Meta(path, [name for place, name in enumerate(header) if place not in (key, person)], lines)


def _column(path: Path, header: Sequence[str]) -> int:
    """Where the clip is named."""
    lower = [name.lower() for name in header]
    if not all(lower) or len(set(lower)) < len(lower):
        raise InputError(f"{path}: its header has a column without a name or two of one name; name each once")
    key = next((lower.index(name) for name in _KEYS if name in lower), None)
    if key is None:
        raise InputError(f"{path}: no column names the clips; call it path, or one of {', '.join(_KEYS[1:])}")
    return key


def _line(path: Path, number: int, header: Sequence[str], cells: Sequence[str], key: int, person: int | None) -> _Line:
    if len(cells) != len(header):
        raise InputError(f"{path}: line {number}: {len(cells)} cells where the header has {len(header)}")
    if not (clip := cells[key].strip()):
        raise InputError(f"{path}: line {number}: names no clip in the column {header[key]}")
    who = None if person is None else cells[person].strip()
    if who and not who.isdecimal():
        raise InputError(f"{path}: line {number}: person {who!r} is not a number; people are numbered from 1")
    rest = {name: cells[place].strip() for place, name in enumerate(header) if place not in (key, person)}
    return _Line(number, clip, int(who) if who else None, rest)
