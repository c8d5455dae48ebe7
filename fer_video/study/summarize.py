"""Results of many clips -> a table: a row per clip, person, subject or group of subjects. Defined in docs/study.md."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from fer_video.errors import InputError, OptionError
from fer_video.study.curves import curves_of
from fer_video.study.figures import LABEL_FIGURES, UNCERTAIN, Figures, figures_of
from fer_video.study.groups import Groups
from fer_video.study.meta import Meta
from fer_video.study.tables import Table
from fer_video.types import ClipResult, Person

__all__ = ["Summarizer", "SummaryOptions"]

SUBJECT = "subject"
_CLIP = ("path", "person", "status")
_MAIN = ("duration_s", "frames_sampled", "start_s", "end_s", "frames", "visibility", "seen_s", "changes",
         "changes_per_min", "emotion", "confidence")  # fmt: skip
_GROUP = ("visibility", "seen_s", "changes", "changes_per_min")  # those whose mean over clips means something
_OURS = re.compile(rf"(?:{'|'.join(LABEL_FIGURES)})_")  # how the columns of an emotion begin
_BOUNDS = ("", "_low", "_high", "_n")


@dataclass(frozen=True, slots=True)
class SummaryOptions:
    """What a row is. Raises OptionError."""

    by: str = "clip"  # clip: its main person; person: everybody; or columns of the meta table, with commas
    long: bool = False  # a row per emotion too, instead of columns for each
    seed: int = 0  # of the bootstrap

    def __post_init__(self) -> None:
        if not all(self.keys):
            raise OptionError(f"by {self.by!r}: an empty name; give clip, person or columns of the meta table")
        if len(self.keys) > 1 and {"clip", "person"} & set(self.keys):
            raise OptionError(f"by {self.by}: clip and person stand alone, other columns may be joined by commas")

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.by.split(","))

    @property
    def grouped(self) -> bool:
        return self.by not in ("clip", "person")


class Summarizer:
    """Takes results one after the other; memory does not grow with their length, and hardly with their number.

    notes: what the user should know of the table, one line each; complete when `table` is done.
    """

    def __init__(self, options: SummaryOptions, meta: Meta | None = None) -> None:
        known = () if meta is None else meta.columns
        for name in options.keys if options.grouped else ():
            if name not in known:
                where = (
                    "give --meta" if meta is None else f"{meta.path} has {', '.join(known) or 'no column but the clip'}"
                )
                raise OptionError(f"by {name}: no such column; {where}")
        ours = {*_CLIP, *_MAIN, "subjects", "clips", "clips_with_face", "label", *LABEL_FIGURES}
        if meta is not None and (taken := [name for name in known if name in ours or _OURS.match(name)]):
            raise OptionError(f"{meta.path}: a column of the summary is called {taken[0]} too; rename it")
        self.options, self.meta = options, meta
        self.notes: list[str] = []
        self._table, self._groups = Table(), Groups(options.seed)
        self._labels: dict[str, None] = {}  # in order of appearance
        self._paths: set[str] = set()
        self._missing: list[str] = []  # clips that match no row of the meta table
        self._alone = self._without_frames = 0

    def add(self, result: ClipResult) -> None:
        """Raises InputError for a clip that was there before, OptionError where the meta table is not clear."""
        if result.path in self._paths:
            raise InputError(f"{result.path}: is in two of the results; the first one counts")
        self._paths.add(result.path)
        curves = curves_of(result)
        self._without_frames += result.observations is None and result.status != "failed"
        if self.meta is not None and not self.meta.names(result.path):
            self._missing.append(result.path)
        for person in self._people(result):
            number = None if person is None else person.id
            cells = None if self.meta is None else self.meta.find(result.path, number)
            figures = figures_of(result, person, None if number is None else curves.get(number))
            self._labels |= dict.fromkeys(figures.labels)
            if not self.options.grouped:
                self._table_row(result, person, figures, cells or {})
            elif cells is not None:
                self._group_row(result, person, figures, cells)

    def _people(self, result: ClipResult) -> list[Person | None]:
        """Everybody, also for a meta table that tells people apart, or the main person; None stands for nobody."""
        if self.options.by == "person" or (self.options.grouped and self.meta is not None and self.meta.has_people):
            return [*result.people]
        main = None if result.clip is None else result.clip.person
        return [next((each for each in result.people if each.id == main), None)]

    def _table_row(self, result: ClipResult, person: Person | None, figures: Figures, cells: Any) -> None:
        row = {"path": result.path, "person": person and person.id, "status": result.status, **cells}
        row |= {"duration_s": result.duration_s, "frames_sampled": result.frames_sampled}
        row |= {name: getattr(figures, name) for name in _MAIN[2:9]}
        row |= {"emotion": person and person.emotion, "confidence": person and person.confidence}
        self._table.add(row | _by_label(figures))

    def _group_row(self, result: ClipResult, person: Person | None, figures: Figures, cells: Any) -> None:
        subject = cells.get(SUBJECT)
        if not subject:
            self._alone += 1
            subject = f"\0{result.path}"  # no name of the user's begins like this
        values = {name: getattr(figures, name) for name in _GROUP} | _by_label(figures)
        if result.status != "failed":
            key = tuple(cells[name] for name in self.options.keys)
            self._groups.add(key, subject, values, has_face=person is not None)

    def table(self) -> Table:
        """All rows, with their columns. To be closed. Fills `notes`."""
        self._note()
        table = self._grouped() if self.options.grouped else self._table
        first = [*self.options.keys, *(() if self._within else ("subjects",)), "clips", "clips_with_face"]
        main: list[str] = [*_CLIP, *(self.meta.columns if self.meta else ()), *_MAIN]
        bounds = ("",) if not self.options.grouped or self._within else _BOUNDS
        if self.options.grouped:
            main = [*first, *(f"{name}{bound}" for name in _GROUP for bound in bounds)]
        if not self.options.long:
            table.columns = [*main, *(f"{name}{bound}" for name in self._label_columns() for bound in bounds)]
            return table
        with table:
            return self._long(table, main, bounds)

    @property
    def _within(self) -> bool:
        """Rows are about one subject: nobody is left to draw for an interval."""
        return SUBJECT in self.options.keys

    def _label_columns(self) -> list[str]:
        return [f"{figure}_{label}" for label in self._ordered() for figure in _figures(label)]

    def _ordered(self) -> list[str]:
        """uncertain comes last."""
        return sorted(self._labels, key=lambda label: label == UNCERTAIN)

    def _grouped(self) -> Table:
        self._table.close()
        table = Table()
        names = [*_GROUP, *self._label_columns()]
        for key, row in self._groups.rows(names, intervals=not self._within):
            table.add(dict(zip(self.options.keys, key, strict=True)) | row)
        return table

    def _long(self, wide: Table, main: list[str], bounds: tuple[str, ...]) -> Table:
        table = Table()
        for row in wide:
            first = {name: row.get(name) for name in main}
            for label in self._ordered():
                cells = {
                    f"{name}{bound}": row.get(f"{name}_{label}{bound}") for name in LABEL_FIGURES for bound in bounds
                }
                table.add(first | {"label": label} | cells)
        table.columns = [*main, "label", *(f"{name}{bound}" for name in LABEL_FIGURES for bound in bounds)]
        return table

    def _note(self) -> None:
        if self._without_frames:
            self.notes.append(
                f"{_clips(self._without_frames)} without frames: no mean, sd and peak; make them with predict --frames"
            )
        if self.meta is not None and (said := self.meta.unmatched()):
            self.notes.append(said)
        if self._missing:
            left = ", left out" if self.options.grouped else ""
            more = f" and {len(self._missing) - 3} more" if len(self._missing) > 3 else ""
            named = f"{', '.join(self._missing[:3])}{more}"
            self.notes.append(
                f"{_clips(len(self._missing))} without a row in {self.meta and self.meta.path}{left}: {named}"
            )
        if self._alone and not self._within:
            self.notes.append(f"{_clips(self._alone)} without a subject: each counts as a subject of its own")


def _figures(label: str) -> tuple[str, ...]:
    """uncertain is no emotion of the frames: it has no levels."""
    return LABEL_FIGURES[4:] if label == UNCERTAIN else LABEL_FIGURES


def _by_label(figures: Figures) -> dict[str, Any]:
    return {
        f"{name}_{label}": value
        for label, found in figures.labels.items()
        for name, value in asdict(found).items()
        if name in _figures(label)
    }


def _clips(count: int) -> str:
    return f"{count} clip" if count == 1 else f"{count} clips"
