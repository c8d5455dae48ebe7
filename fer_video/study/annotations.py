"""What people marked in a clip, with a start, an end and a name: tables, and tiers of ELAN and Praat -> intervals."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_video.errors import InputError, OptionError
from fer_video.files import read_limited
from fer_video.media.timecode import seconds_of
from fer_video.study.clips import ClipIndex
from fer_video.study.said import first_of
from fer_video.types import ClipResult

__all__ = ["ANNOTATION_SUFFIXES", "Annotations", "Interval", "read_annotations", "refuse_empty"]

_MOST_BYTES = 64 << 20
_ROUNDED_S = 0.01  # between an end and a duration: both may be rounded
_TABLES = (".csv", ".tsv", ".txt")
ANNOTATION_SUFFIXES = (".eaf", ".textgrid", *_TABLES)
# What the columns of a table may be called, the first that is there counts. BIDS has onset, duration and trial_type.
_COLUMNS: Mapping[str, Sequence[str]] = {
    "start": ("start", "start_s", "begin", "onset"),
    "end": ("end", "end_s", "offset"),
    "duration": ("duration", "duration_s"),
    "name": ("name", "label", "event", "code", "emotion", "trial_type"),
    "tier": ("tier", "coder"),
    "clip": ("path", "clip", "file", "video", "stem"),
}


@dataclass(frozen=True, slots=True)
class Interval:
    """Something marked from start_s on and before end_s, seconds."""

    start_s: float
    end_s: float
    name: str
    tier: str = ""  # of which tier, or by which coder; "" where there are none


class Annotations:
    """Of one clip, of each clip by its name, or of all clips alike. What was for no clip is in `unmatched`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._all: list[Interval] = []
        self._index: ClipIndex[str] = ClipIndex()
        self._of_clip: dict[str, list[Interval]] = {}  # as the clip is named there
        self._left: set[str] = set()
        self._tiers: dict[str, None] = {}  # those that were seen so far, in order
        self._is_players = False  # times are those of a player, not from the first frame

    def of(self, result: ClipResult) -> list[Interval]:
        """In order, in seconds from the first frame of the clip. Raises InputError for a file that is damaged."""
        found = list(self._all)
        for name in dict.fromkeys(self._index.find(result.path)):
            self._left.discard(name)
            found += self._of_clip[name] if name in self._of_clip else _read_tiers(Path(name))
        if self._is_players:
            offset_s = result.timing.offset_s
            found = [Interval(each.start_s - offset_s, each.end_s - offset_s, each.name, each.tier) for each in found]
        self._tiers |= dict.fromkeys(each.tier for each in found)
        return sorted(found, key=lambda each: (each.start_s, each.end_s))

    def events(self, result: ClipResult, tiers: Sequence[str]) -> list[Interval]:
        """Those of these tiers, or of the only one. Raises OptionError where there are several to choose from."""
        found = self.of(result)
        known = self._known()
        if not tiers and len(known) > 1:
            raise OptionError(f"{self.path}: has several tiers; choose with --tier from {_named(known)}")
        return [each for each in found if not tiers or each.tier in tiers]

    def check_tiers(self, tiers: Sequence[str]) -> None:
        """Whether each of them is in a table or a file of one clip, or was in one of the files of a folder that were
        read so far. Raises OptionError for one that is not."""
        known = self._known()
        missing = [tier for tier in tiers if tier not in known]
        if not missing or not known:
            return
        if known == [""]:
            raise OptionError(f"{self.path}: has no column tier, so there is no tier {missing[0]}; leave out --tier")
        raise OptionError(f"{self.path}: has no tier {missing[0]}; choose with --tier from {_named(known)}")

    def _known(self) -> list[str]:
        rows = (each.tier for some in (self._all, *self._of_clip.values()) for each in some)
        return list(dict.fromkeys([*self._tiers, *rows]))

    def why_one_clip(self) -> str | None:
        """What to do before it can be the codes of several clips; None where each of them names its clip."""
        if not self._all:
            return None
        if self._is_players:
            return f"{self.path}: is about one clip, and there are several; give a folder of such files"
        return f"{self.path}: rows without a clip, and there are several clips; name it in a column path"

    def unmatched(self) -> str | None:
        """One sentence on what was for no clip."""
        if not self._left:
            return None
        return f"{self.path}: {len(self._left)} in it match no clip: {first_of(sorted(self._left))}"

    def _add(self, clip: str, interval: Interval) -> None:
        if clip not in self._of_clip:
            self._index.add(clip, self.path.parent, clip)
            self._left.add(clip)
        self._of_clip.setdefault(clip, []).append(interval)


def _named(tiers: Sequence[str]) -> str:
    return ", ".join(tier or "(rows without one)" for tier in tiers)


def read_annotations(path: Path) -> Annotations:
    """A table, an .eaf or a .TextGrid; or a folder of the latter two, called as the clips are.

    Times of .eaf and .TextGrid are those of a player, those of tables are seconds from the first frame of the clip.
    Raises InputError, and OptionError without the package that reads the format.
    """
    suffix, found = path.suffix.lower(), Annotations(path)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in (".eaf", ".textgrid"))
        if not files:
            raise InputError(f"{path}: no .eaf and no .TextGrid in this folder")
        for file in files:
            found._index.add(file.stem, path, str(file))
        found._left, found._is_players = set(map(str, files)), True
    elif suffix in _TABLES:
        for clip, interval in _read_table(path):
            if clip:
                found._add(clip, interval)
            else:
                found._all.append(interval)
    elif suffix in _TIERS:
        found._all, found._is_players = _read_tiers(path), True
        if not found._all:
            raise InputError(f"{path}: nothing is marked in it")
    else:
        raise InputError(f"{path}: is not one of {', '.join(ANNOTATION_SUFFIXES)}")
    return found


def _read_table(path: Path) -> Iterator[tuple[str, Interval]]:
    try:
        text = read_limited(path, _MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8; save it as CSV UTF-8") from error
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    places: dict[str, int] | None = None
    try:
        for cells in reader:
            if places is None:
                places = _places(path, cells)
            elif any(cells):
                yield _row(path, reader.line_num, {key: cells[i] for key, i in places.items() if i < len(cells)})
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: is not CSV: {error}") from error
    if places is None or reader.line_num < 2:
        raise InputError(f"{path}: holds no row below its header")


def _places(path: Path, header: Sequence[str]) -> dict[str, int]:
    lower = [name.strip().lower() for name in header]
    places = {
        key: next(lower.index(name) for name in names if name in lower)
        for key, names in _COLUMNS.items()
        if set(names) & set(lower)
    }
    missing = [key for key in ("start", "name") if key not in places]
    if "end" not in places and "duration" not in places:
        missing.insert(1, "end")
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; it needs start, end (or duration) and name")
    return places


def _row(path: Path, line: int, cells: Mapping[str, str]) -> tuple[str, Interval]:
    try:
        start_s = seconds_of(cells.get("start", ""))
        until = cells.get("end") or ""
        end_s = seconds_of(until) if until.strip() else start_s + seconds_of(cells.get("duration", ""))
    except OptionError as error:
        raise InputError(f"{path}: line {line}: {error}") from error
    name = cells.get("name", "").strip()
    if until.strip() and cells.get("duration", "").strip():
        _check_duration(path, line, end_s - start_s, cells["duration"])
    if end_s < start_s or not name:
        raise InputError(f"{path}: line {line}: ends before it starts" if name else f"{path}: line {line}: has no name")
    return cells.get("clip", "").strip(), Interval(start_s, end_s, name, cells.get("tier", "").strip())


def _check_duration(path: Path, line: int, length_s: float, said: str) -> None:
    try:
        duration_s = seconds_of(said)
    except OptionError as error:
        raise InputError(f"{path}: line {line}: {error}") from error
    if abs(length_s - duration_s) > _ROUNDED_S:
        raise InputError(
            f"{path}: line {line}: lasts {length_s:g} s from its start to its end, and {duration_s:g} s by its duration"
        )


def refuse_empty(tiers: Sequence[str]) -> None:
    """Raises OptionError."""
    if not all(each.strip() for each in tiers):
        raise OptionError("tier: an empty name; give the name of a tier, or leave it out")


def _read_tiers(path: Path) -> list[Interval]:
    read_limited(path, _MOST_BYTES)  # a pipe, or a file that is far too long, is refused here
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
            found = list(_TIERS[path.suffix.lower()](path))
    except ImportError as error:
        raise OptionError(f"{path}: needs pympi-ling and praatio: pip install 'fervid[annotations]'") from error
    except Exception as error:
        raise InputError(f"{path}: cannot be read; check that its program opens it ({error})") from error
    return [each for each in found if each.name]


def _read_eaf(path: Path) -> Iterator[Interval]:
    from pympi.Elan import Eaf

    file: Any = Eaf(str(path))
    for tier in file.get_tier_names():
        for start_ms, end_ms, name, *_ in file.get_annotation_data_for_tier(tier):
            yield Interval(start_ms / 1000, end_ms / 1000, (name or "").strip(), tier)


def _read_textgrid(path: Path) -> Iterator[Interval]:
    from praatio import textgrid

    file: Any = textgrid.openTextgrid(str(path), includeEmptyIntervals=False, duplicateNamesMode="rename")
    for tier in file.tiers:
        for entry in tier.entries if isinstance(tier, textgrid.IntervalTier) else ():
            yield Interval(float(entry.start), float(entry.end), entry.label.strip(), tier.name)


_TIERS: Mapping[str, Callable[[Path], Iterator[Interval]]] = {".eaf": _read_eaf, ".textgrid": _read_textgrid}
