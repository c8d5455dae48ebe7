"""Segments as captions: WebVTT and SubRip, for any player."""

from __future__ import annotations

import html
from collections.abc import Iterator

from fer_video.errors import printable
from fer_video.results.rows import segmenting
from fer_video.results.writers.base import OneClipWriter
from fer_video.types import ClipResult, Segment

__all__ = ["SrtWriter", "VttWriter"]

_SHORTEST_MS = 40  # of a cue: somebody seen in one frame only


def _cues(result: ClipResult) -> Iterator[tuple[int, int, str]]:
    """(start, end, text) in a player's milliseconds, in order of time. With several people the text says who it is."""
    offset_s = result.timing.offset_s
    found = [(segment, person.id) for person in result.people for segment in person.segments or ()]
    for segment, person in sorted(found, key=lambda each: (each[0].start_s, each[1])):
        start_ms = round((segment.start_s + offset_s) * 1000)
        end_ms = max(round((segment.end_s + offset_s) * 1000), start_ms + _SHORTEST_MS)
        whose = f"person {person}: " if len(result.people) > 1 else ""
        yield start_ms, end_ms, f"{whose}{_said(segment)}"


def _said(segment: Segment) -> str:
    return f"{printable(segment.emotion or 'uncertain')} {segment.confidence:.0%}"


def _clock(time_ms: int, point: str) -> str:
    seconds, millis = divmod(time_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{millis:03}"


class VttWriter(OneClipWriter):
    """WebVTT (W3C): one cue per segment, after a note on how the segments were found."""

    def document(self, result: ClipResult) -> str:
        method, how = segmenting(result)
        note = f"NOTE {printable(method)}: {html.escape(printable(how), quote=False)}\n\n" if method else ""
        cues = (
            f"{_clock(start, '.')} --> {_clock(end, '.')}\n{html.escape(said, quote=False)}\n\n"
            for start, end, said in _cues(result)
        )
        return f"WEBVTT\n\n{note}" + "".join(cues)


class SrtWriter(OneClipWriter):
    """SubRip: a numbered cue a segment. The format knows no escapes: < and > of a label are replaced."""

    def document(self, result: ClipResult) -> str:
        plain = str.maketrans("<>", "()")
        return "".join(
            f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{said.translate(plain)}\n\n"
            for number, (start, end, said) in enumerate(_cues(result), 1)
        )
