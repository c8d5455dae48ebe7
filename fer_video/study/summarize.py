"""Results of many clips -> a table: a row per clip, person, subject or group of subjects. Defined in docs/study.md."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fer_video.closing import Closing
from fer_video.errors import InputError, OptionError
from fer_video.faces.quality import QUALITIES
from fer_video.study.annotations import Annotations, Interval, refuse_empty
from fer_video.study.baseline import Baseline
from fer_video.study.curves import check_levels
from fer_video.study.figures import LABEL_FIGURES, UNCERTAIN, UNCERTAIN_FIGURES, Figures, Span
from fer_video.study.groups import Groups
from fer_video.study.measured import Measured
from fer_video.study.meta import SUBJECT, Cells, Meta, column_of
from fer_video.study.said import first_of
from fer_video.study.tables import Table
from fer_video.types import ClipResult, Person

__all__ = ["Summarizer", "SummaryOptions"]

EVENT = "event"
_EVENT = (EVENT, "event_start_s", "event_end_s")
_CLIP = ("path", "person", "status")
_MAIN = ("duration_s", "frames_sampled", "start_s", "end_s", "frames", "visibility", "seen_s", "changes",
         "changes_per_min", "emotion", "confidence")  # fmt: skip
_QUALITY = (*QUALITIES, "left_out")
_GROUP = (
    "visibility",
    "seen_s",
    "changes",
    "changes_per_min",
    "quality",
    "left_out",
)  # those whose mean over clips means something
_OURS = re.compile(rf"(?:{'|'.join(LABEL_FIGURES)})_")  # how the columns of an emotion begin
_BOUNDS = ("", "_low", "_high", "_n")


@dataclass(frozen=True, slots=True)
class SummaryOptions:
    """What a row is, and what its figures are made from. Raises OptionError.

    Attributes:
        by: One row per clip (its main person), per person, or per group with the same values in columns of the meta
            table, named with commas between them.
        long: One row per emotion too, instead of columns for each.
        seed: Seed of the bootstrap.
        smooth_s: Seconds over which the curves are smoothed first. None: as they are.
        baseline: A person's own neutral, to which the change is measured.
        tiers: Tiers whose events count. (): the only one.
        min_quality: Levels and changes come from faces of at least this quality, 0 to 1.
    """

    by: str = "clip"
    long: bool = False
    seed: int = 0
    smooth_s: float | None = None
    baseline: Baseline | None = None
    tiers: tuple[str, ...] = ()
    min_quality: float = 0.0

    def __post_init__(self) -> None:
        refuse_empty(self.tiers)
        if not all(self.keys):
            raise OptionError(f"by {self.by!r}: an empty name; give clip, person or columns of the meta table")
        check_levels(self.smooth_s, self.min_quality)
        if len(self.keys) > 1 and {"clip", "person"} & set(self.keys):
            raise OptionError(f"by {self.by}: clip and person stand alone, other columns may be joined by commas")

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.by.split(","))

    @property
    def grouped(self) -> bool:
        return self.by not in ("clip", "person")


class Summarizer(Closing):
    """Takes results one after the other; memory does not grow with their length, and hardly with their number.

    meta: what else is known of the clips. events: each of them in a clip is a row of its own. notes: what the user
    should know of the table, one line each; complete when `table` is done.
    """

    def __init__(self, options: SummaryOptions, meta: Meta | None = None, events: Annotations | None = None) -> None:
        self._keys = _columns(options.keys, meta, events) if options.grouped else ()
        ours = {*_CLIP, *_MAIN, *_QUALITY, "subjects", "clips", "clips_with_face", "label", *LABEL_FIGURES}
        ours |= {*_EVENT} if events is not None else set()
        if meta is not None and (taken := [name for name in meta.columns if name in ours or _OURS.match(name)]):
            raise OptionError(f"{meta.path}: a column of the summary is called {taken[0]} too; rename it")
        self.options, self.meta, self.events = options, meta, events
        self.notes: list[str] = []
        self._table, self._groups = Table(), Groups(options.seed)
        self._labels: dict[str, None] = {}  # in order of appearance
        self._paths: set[str] = set()
        self._missing: list[str] = []  # clips that match no row of the meta table
        self._outside: list[str] = []  # events that are after the end of their clip, or before its start
        self._alone: set[str] = set()  # clips that no subject is known of
        self._counts: Counter[str] = Counter()  # of clips that something is to be noted of

    def add(self, result: ClipResult) -> None:
        """Raises InputError for a clip that was there before, OptionError where the meta table is not clear."""
        if result.path in self._paths:
            raise InputError(f"{result.path}: is in two of the results; the first one counts")
        self._paths.add(result.path)
        measured = Measured(result, self.options.smooth_s, self.options.baseline, self.options.min_quality)
        self._counts["frames"] += result.observations is None and result.status != "failed"
        if self.meta is not None and not self.meta.see(result.path, {each.id for each in result.people}):
            self._missing.append(result.path)
        events: Sequence[Interval | None] = [None] if self.events is None else self._events(result)
        self._counts["events"] += not events
        if result.status != "failed":
            self._outside += [
                f"{each.name} at {each.start_s:g} s in {result.path}"
                for each in events
                if each is not None and measured.is_outside(Span(each.start_s, each.end_s))
            ]
        for person in self._people(result):
            number = None if person is None else person.id
            cells = None if self.meta is None else self.meta.find(result.path, number)
            self._counts["baseline"] += person is not None and not measured.has_baseline(person)
            for event in events:
                span = None if event is None else Span(event.start_s, event.end_s)
                outside = span is not None and measured.is_outside(span)
                figures = Figures() if outside else measured.figures(person, span)
                self._labels |= dict.fromkeys(figures.labels)
                if not self.options.grouped:
                    self._table_row(result, person, figures, cells or {}, event)
                elif outside:
                    continue
                elif cells is not None or self.meta is None:
                    self._group_row(result, person, figures, cells or {}, event)

    def _events(self, result: ClipResult) -> list[Interval]:
        assert self.events is not None
        found = self.events.events(result, self.options.tiers)
        for each in found:
            if each.end_s <= each.start_s:
                raise OptionError(
                    f"{self.events.path}: the event {each.name} at {each.start_s:g} s has no length; give it an end "
                    "after its start"
                )
        return found

    def _people(self, result: ClipResult) -> list[Person | None]:
        """Everybody, also for a meta table that tells people apart, or the main person; None stands for nobody."""
        if self.options.by == "person" or (self.options.grouped and self.meta is not None and self.meta.has_people):
            return [*result.people]
        main = None if result.clip is None else result.clip.person
        return [next((each for each in result.people if each.id == main), None)]

    def _table_row(
        self, result: ClipResult, person: Person | None, figures: Figures, cells: Cells, event: Interval | None
    ) -> None:
        row: dict[str, Any] = {"path": result.path, "person": person and person.id, "status": result.status, **cells}
        if event is not None:
            row |= {EVENT: event.name, "event_start_s": event.start_s, "event_end_s": event.end_s}
        row |= {name: getattr(figures, name) for name in _MAIN}
        self._table.add(row | _qualities(figures) | _by_label(figures))

    def _group_row(
        self, result: ClipResult, person: Person | None, figures: Figures, cells: Cells, event: Interval | None
    ) -> None:
        subject = self.meta.subject(cells) if self.meta is not None else ""
        if not subject:
            self._alone.add(result.path)
            subject = f"\0{result.path}"  # no name of the user's begins like this
        values = {name: getattr(figures, name) for name in _GROUP[:4]} | _qualities(figures) | _by_label(figures)
        if result.status != "failed":
            named = cells if event is None else {**cells, EVENT: event.name}
            key = tuple(named[name] for name in self._keys)
            self._groups.add(key, subject, values, has_face=bool(figures.frames))

    def close(self) -> None:
        """Where there is no table to be had, after an error."""
        self._table.close()

    def table(self) -> Table:
        """All rows, with their columns. To be closed. Fills `notes`. Raises OptionError for a meta table that is not
        clear, and for tiers that are nowhere."""
        if self.meta is not None:
            self.meta.check()
        if self.events is not None:
            self.events.check_tiers(self.options.tiers)
        self._note()
        table = self._grouped() if self.options.grouped else self._table
        bounds = ("",) if not self.options.grouped or self._within else _BOUNDS
        if self.options.grouped:
            first = [*self._keys, *(() if self._within else ("subjects",)), "clips", "clips_with_face"]
            main = [*first, *(f"{name}{bound}" for name in _GROUP for bound in bounds)]
        else:
            known = self.meta.columns if self.meta else ()
            main = [*_CLIP, *known, *(_EVENT if self.events else ()), *_MAIN, *_QUALITY]
        if not self.options.long:
            table.columns = [*main, *(f"{name}{bound}" for name in self._label_columns() for bound in bounds)]
            return table
        with table:
            return self._long(table, main, bounds)

    @property
    def _within(self) -> bool:
        """Rows are about one subject: nobody is left to draw for an interval."""
        return SUBJECT in map(str.lower, self._keys)

    @property
    def _figures(self) -> tuple[str, ...]:
        """Of each emotion."""
        return tuple(name for name in LABEL_FIGURES if name != "change" or self.options.baseline is not None)

    def _label_columns(self) -> list[str]:
        return [
            f"{figure}_{label}"
            for label in self._ordered()
            for figure in (UNCERTAIN_FIGURES if label == UNCERTAIN else self._figures)
        ]

    def _ordered(self) -> list[str]:
        """uncertain comes last."""
        return sorted(self._labels, key=lambda label: label == UNCERTAIN)

    def _grouped(self) -> Table:
        self._table.close()
        table = Table()
        names = [*_GROUP, *self._label_columns()]
        for key, row in self._groups.rows(names, intervals=not self._within):
            table.add(dict(zip(self._keys, key, strict=True)) | row)
        return table

    def _long(self, wide: Table, main: list[str], bounds: tuple[str, ...]) -> Table:
        table = Table()
        for row in wide:
            first = {name: row.get(name) for name in main}
            for label in self._ordered():
                cells = {
                    f"{name}{bound}": row.get(f"{name}_{label}{bound}") for name in self._figures for bound in bounds
                }
                table.add(first | {"label": label} | cells)
        table.columns = [*main, "label", *(f"{name}{bound}" for name in self._figures for bound in bounds)]
        return table

    def _note(self) -> None:
        counts = self._counts
        if counts["frames"]:
            self.notes.append(
                f"{_clips(counts['frames'])} without frames: no mean, sd and peak; make them with predict --frames"
            )
        for table in (self.meta, self.events):
            if table is not None and (said := table.unmatched()):
                self.notes.append(said)
        if self._missing:
            left = ", left out" if self.options.grouped else ""
            self.notes.append(
                f"{_clips(len(self._missing))} without a row in {self.meta and self.meta.path}{left}: "
                f"{first_of(self._missing)}"
            )
        if counts["events"]:
            self.notes.append(f"{_clips(counts['events'])} without an event, left out")
        if self._outside:
            many = "1 event is" if len(self._outside) == 1 else f"{len(self._outside)} events are"
            self.notes.append(
                f"{many} after the end of the clip, or before its start, and "
                f"{'left out' if self.options.grouped else 'without figures'}: {first_of(self._outside)}"
            )
        if counts["baseline"]:
            people = "1 person" if counts["baseline"] == 1 else f"{counts['baseline']} people"
            self.notes.append(f"{people} not seen in the baseline: no change")
        if self._alone and not self._within:
            self.notes.append(f"{_clips(len(self._alone))} without a subject: each counts as a subject of its own")


def _columns(names: Sequence[str], meta: Meta | None, events: Annotations | None) -> tuple[str, ...]:
    """As they are written in the tables. Raises OptionError."""
    known = (*(() if meta is None else meta.columns), *(() if events is None else (EVENT,)))
    for name in names:
        if events is None and name.lower() == EVENT and EVENT not in map(str.lower, known):
            raise OptionError(f"by {name}: no events are given; give --events")
        if not known:
            raise OptionError(f"by {name}: no such column; give --meta")
    return tuple(column_of(name, known, "by") for name in names)


def _qualities(figures: Figures) -> dict[str, float | None]:
    return {**figures.quality, "left_out": figures.left_out}


def _by_label(figures: Figures) -> dict[str, Any]:
    return {
        f"{name}_{label}": getattr(found, name) for label, found in figures.labels.items() for name in LABEL_FIGURES
    }


def _clips(count: int) -> str:
    return f"{count} clip" if count == 1 else f"{count} clips"
