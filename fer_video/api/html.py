"""A result as a notebook shows it: the answer, and a band of time for each person. Names and labels are escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from fer_video.errors import printable
from fer_video.render.palette import colour_of
from fer_video.types import ClipResult, Person, Prediction

__all__ = ["html_of"]

_MOST_PEOPLE = 8  # those longest in sight
_WIDTH, _HEIGHT = 480, 16  # of a band, in pixels


def html_of(result: ClipResult) -> str:
    """A few lines of HTML without script, style sheets or links."""
    lines = [f"<b>{_text(result.path)}</b>"]
    if result.status != "ok":
        lines.append(f"{result.status}: {_text(result.error or '')}")
    if result.status == "failed":
        return _div(lines)
    lines[0] += f" &nbsp; {_answer(result.clip)}"
    counts = f"{result.frames_sampled} frames analysed, {result.frames_with_face} with a face"
    lines.append(counts if result.duration_s is None else f"{result.duration_s:.1f} s, {counts}")
    shown = sorted(result.people, key=lambda person: -person.frames)[:_MOST_PEOPLE]
    lines += [_person(result, each) for each in sorted(shown, key=lambda person: person.id)]
    if len(result.people) > len(shown):
        lines.append(f"and {len(result.people) - len(shown)} more people")
    labels = {segment.emotion for each in shown for segment in each.segments or () if segment.emotion}
    if labels and result.duration_s:
        lines.append(_legend(sorted(labels)))
    return _div(lines)


def _div(lines: Iterable[str]) -> str:
    inside = "".join(f"<div>{line}</div>" for line in lines)
    return f'<div style="font-family: sans-serif; line-height: 1.5">{inside}</div>'


def _answer(answer: Prediction | None) -> str:
    if answer is None:
        return "no face found"
    return f"{_text(answer.emotion or 'uncertain')} {answer.confidence:.0%}"


def _person(result: ClipResult, person: Person) -> str:
    said = f"person {person.id}: {_text(person.emotion or 'uncertain')} {person.confidence:.0%}"
    if not result.duration_s or not person.segments:
        return said
    whole = max(result.duration_s, person.end_s)
    bands = []
    for segment in person.segments:
        start, end = (_WIDTH * time_s / whole for time_s in (segment.start_s, segment.end_s))
        name = segment.emotion or "uncertain"
        title = f"{_text(name)} {segment.confidence:.0%}, {segment.start_s:.1f} to {segment.end_s:.1f} s"
        fill = colour_of(name) if segment.emotion else "none"
        bands.append(
            f'<rect x="{start:.1f}" y="0.5" width="{max(end - start, 1):.1f}" height="{_HEIGHT - 1}" fill="{fill}" '
            f'stroke="#777777" stroke-width="0.5"><title>{title}</title></rect>'
        )
    frame = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#EEEEEE"/>'
    picture = f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{said}">{frame}{"".join(bands)}</svg>'
    return f"{picture} {said}"


def _legend(labels: Iterable[str]) -> str:
    return " &nbsp; ".join(f'<span style="color: {colour_of(label)}">&#9632;</span> {_text(label)}' for label in labels)


def _text(value: str) -> str:
    return escape(printable(value))
