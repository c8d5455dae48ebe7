"""For reading: a short block per clip, or aligned columns of people or frames."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import IO, Any

from fer_video.errors import printable
from fer_video.results.rows import Rows, RowShape, column_names, flat_rows
from fer_video.results.timeline import Timeline
from fer_video.results.writers.base import Writer
from fer_video.types import ClipResult, Person, Prediction

__all__ = ["TableWriter"]

# 256-colour codes, told apart by lightness as well as by hue.
_COLOURS = {
    "neutral": 250,
    "happiness": 220,
    "surprise": 51,
    "sadness": 33,
    "anger": 196,
    "disgust": 70,
    "fear": 135,
    "contempt": 173,
}
_BARS, _ASCII_BARS = "▁▂▃▄▅▆▇█", "_.:-=+*#"
_MAX_NAMED = 6  # people and changes spelled out; more than that is for the machine formats
_MAX_SHARES = 3  # emotions of a person whose share of the time is named
_INDENT = 13  # of the lines about a person
_WIDTH, _NARROWEST, _WIDEST = 80, 40, 120  # of lines, in characters


class TableWriter(Writer):
    """colour: with ANSI colours. ascii_only: for terminals that cannot show block characters. verbose: what ran.

    group: the group's answer leads, not the main person's. width: characters of a line. reasons: why clips failed,
    unless that is said elsewhere. Several clips end with totals.
    """

    def __init__(
        self,
        file: IO[str],
        rows: Rows,
        shape: RowShape,
        *,
        colour: bool = False,
        ascii_only: bool = False,
        verbose: bool = False,
        group: bool = False,
        width: int = _WIDTH,
        reasons: bool = True,
    ) -> None:
        super().__init__(file, rows, shape)
        self._width = min(max(width, _NARROWEST), _WIDEST)
        self._totals = _Totals()
        self._group, self._reasons = group, reasons
        self._colour, self._verbose = colour, verbose
        self._bars, self._gap = (_ASCII_BARS, " ") if ascii_only else (_BARS, "·")

    def text(self, result: ClipResult) -> str:
        self._totals.add(result)
        lines = self._block(result) if self.rows == "clips" else self._columns(result)
        return "".join(f"{line}\n" for line in lines)

    def tail(self) -> str:
        return "".join(f"{line}\n" for line in self._totals.lines())

    # ---- rows == "clips"

    def _block(self, result: ClipResult) -> list[str]:
        name = self._bold(printable(result.path))
        if result.status == "failed":
            return [f"{name}  failed", *([f"  {printable(result.error or '')}"] if self._reasons else []), ""]
        leads = result.group if self._group else result.clip
        lines = [f"{name}  {self._headline(leads)}", f"  {_counts(result)}"]
        if result.status == "partial":
            lines.append(f"  partial: {printable(result.error or '')}")
        if leads is not None:
            others = _runners_up(leads)
            whom = "the group" if leads.person is None else f"person {leads.person}"
            lines.append(f"  by {leads.method} of {whom}{others and f'; next {others}'}")
            lines += textwrap.wrap(leads.how, self._width, initial_indent="  ", subsequent_indent="  ")
        timeline = Timeline(result, self._width - _INDENT)
        shown = sorted(result.people, key=lambda person: person.frames, reverse=True)[:_MAX_NAMED]
        for person in sorted(shown, key=lambda person: person.id):
            lines += self._person(person, timeline)
        if len(result.people) > len(shown):
            lines.append(f"  and {len(result.people) - len(shown)} more people, see --rows people")
        if result.group is not None and (len(result.people) > 1 or self._group):
            lines.append(f"  group      {self._headline(result.group)}{_valence(result.group)}")
        if self._verbose:
            lines += _what_ran(result.ran)
        return [*lines, ""]

    def _headline(self, answer: Prediction | None) -> str:
        if answer is None:
            return "no face found"
        if answer.emotion is None:
            return f"uncertain (at best {answer.confidence:.0%})"
        return self._paint(f"{answer.emotion} {answer.confidence:.0%}", answer.emotion)

    def _person(self, person: Person, timeline: Timeline) -> list[str]:
        emotion = person.emotion or max(person.probabilities, key=person.probabilities.__getitem__)
        said = (
            f"{emotion} {person.confidence:.0%}" if person.emotion else f"uncertain (at best {person.confidence:.0%})"
        )
        lines = [f"  person {person.id:<3} {self._paint(said, emotion)}"]
        if not timeline.is_picture:
            lines[0] += f"  {person.start_s:.1f}-{person.end_s:.1f} s"
            lines += [" " * _INDENT + each for each in self._over_time(person, timeline, emotion)]
        if person.affect is not None:
            lines.append(f"             valence {person.affect.valence:+.2f}, arousal {person.affect.arousal:+.2f}")
        if person.attributes is not None:
            found = person.attributes
            guesses = ", ".join(_top(probabilities) for probabilities in (found.gender, found.ethnicity))
            lines.append(f"             looks {found.age_years:.0f} ± {found.age_std_years:.0f} years, {guesses}")
        return lines

    def _over_time(self, person: Person, timeline: Timeline, emotion: str) -> list[str]:
        """How probable the person's emotion is over the time of the clip, shares of the time, and changes."""
        levels = len(self._bars)
        strip = "".join(
            self._gap
            if cell is None
            else self._paint(self._bars[min(int(cell.of(emotion) * levels), levels - 1)], cell.emotion)
            for cell in timeline.cells(person.id)
        )
        shares = list(person.time_shares.items())
        # The answer weighs how strong an emotion is too, so it need not be the one seen longest: it is always named.
        most = [each for place, each in enumerate(shares) if place < _MAX_SHARES or each[0] == person.emotion]
        if person.emotion is not None and person.emotion not in dict(shares):
            most.append((person.emotion, 0.0))
        named = ", ".join(f"{printable(name)} {share:.0%}" for name, share in most)
        lines = [strip, f"time: {named}"] if shares else [strip]
        segments = person.segments or ()
        # Where somebody was out of sight and comes back as before, a segment begins and nothing changes.
        changed = [each for before, each in pairwise(segments) if each.emotion != before.emotion]
        changes = [
            f"{each.start_s:.1f} s {printable(each.emotion or 'uncertain')}" for each in changed[: _MAX_NAMED - 1]
        ]
        if changes:
            first = printable(segments[0].emotion or "uncertain")
            more = len(changed) - len(changes)
            rest = f", and {more} more {'change' if more == 1 else 'changes'}, see --rows segments" if more else ""
            said = f"changes: {first}, from {', from '.join(changes)}{rest}"
            lines += textwrap.wrap(said, self._width - _INDENT, subsequent_indent="  ")
        return lines

    # ---- rows == "people", "segments" or "frames"

    def _columns(self, result: ClipResult) -> list[str]:
        if result.status == "failed":
            why = f": {printable(result.error or '')}" if self._reasons else ""
            return [f"{printable(result.path)}: failed{why}", ""]
        names = [name for name in column_names(self.rows, self.shape) if name != "path" and not name.startswith("p_")]
        cells = [[_cell(row.get(name)) for name in names] for row in flat_rows(result, self.rows)]
        widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
        lines = [_aligned(row, widths) for row in (names, *cells)]
        return [self._bold(printable(result.path)), *lines, ""]

    def _paint(self, text: str, emotion: str) -> str:
        return f"\x1b[38;5;{_COLOURS.get(emotion, 250)}m{text}\x1b[0m" if self._colour else text

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._colour else text


class _Totals:
    """What several clips came to."""

    def __init__(self) -> None:
        self._statuses: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()

    def add(self, result: ClipResult) -> None:
        self._statuses[result.status] += 1
        if result.status != "failed":
            answer = result.clip and (result.clip.emotion or "uncertain")
            self._answers[answer or "no face"] += 1

    def lines(self) -> list[str]:
        """Nothing for a single clip, whose own lines tell it all."""
        count = self._statuses.total()
        if count < 2:
            return []
        trouble = "".join(f", {self._statuses[each]} {each}" for each in ("partial", "failed") if self._statuses[each])
        answers = ", ".join(f"{printable(name)} {times}" for name, times in self._answers.most_common())
        return [f"{count} clips{trouble}: {answers}" if answers else f"{count} clips{trouble}"]


def _valence(group: Prediction) -> str:
    if group.valence is None or set(group.valence) == set(group.probabilities):
        return ""
    return f", valence {_top(group.valence)}"


def _counts(result: ClipResult) -> str:
    if result.fps is None and result.frames_sampled == 1 and result.duration_s is None:
        count = len(result.people)
        return f"picture, {count} {'person' if count == 1 else 'people'}"
    duration = "" if result.duration_s is None else f"{result.duration_s:.1f} s, "
    return f"{duration}{result.frames_sampled} frames analysed, {result.frames_with_face} with a face"


def _runners_up(answer: Prediction) -> str:
    others = sorted(answer.probabilities.items(), key=lambda item: -item[1])[1:3]
    return ", ".join(f"{name} {value:.0%}" for name, value in others if value >= 0.005)


def _top(probabilities: Mapping[str, float]) -> str:
    label = max(probabilities, key=probabilities.__getitem__)
    return f"{label} {probabilities[label]:.0%}"


def _what_ran(ran: Mapping[str, Any]) -> list[str]:
    detector, backbone = (f"{ran[role]['name']} {ran[role]['sha256'][:12]}" for role in ("detector", "backbone"))
    return [f"  ran fervid {ran['fervid']}, {detector}, {backbone}, {ran['provider']}"]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else printable(str(value))


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  " + "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
