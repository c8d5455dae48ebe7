"""Segments as tiers of annotation tools: ELAN (.eaf) and Praat (.TextGrid).

Two tiers a person: the emotions, and how sure they are.
"""

from __future__ import annotations

import mimetypes
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from fer_video.errors import printable
from fer_video.results.rows import segmenting
from fer_video.results.writers.base import OneClipWriter
from fer_video.types import ClipResult, Person

__all__ = ["EafWriter", "TextGridWriter"]

_SHORTEST_MS = 40  # of an annotation: somebody seen in one frame only
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_TYPE = "emotion"

Annotation = tuple[int, int, str]  # start and end in milliseconds, text


def _tiers(result: ClipResult) -> Iterator[tuple[str, list[Annotation]]]:
    for person in result.people:
        yield f"person {person.id}", _annotations(person, result.timing.offset_s, confidence=False)
        yield f"person {person.id} confidence", _annotations(person, result.timing.offset_s, confidence=True)


def _annotations(person: Person, offset_s: float, *, confidence: bool) -> list[Annotation]:
    """offset_s: when a player shows the first frame; tools for annotation show a player's times."""
    found = []
    segments = person.segments or ()
    starts_ms = [round((segment.start_s + offset_s) * 1000) for segment in segments]
    for segment, start_ms, next_ms in zip(segments, starts_ms, [*starts_ms[1:], None], strict=True):
        end_ms = max(round((segment.end_s + offset_s) * 1000), start_ms + _SHORTEST_MS)
        if next_ms is not None:
            end_ms = min(end_ms, next_ms)  # the tools refuse a tier whose annotations overlap
        if end_ms <= start_ms:
            continue  # within one millisecond
        said = f"{segment.confidence:.3f}" if confidence else printable(segment.emotion or "uncertain")
        found.append((start_ms, end_ms, said))
    return found


class EafWriter(OneClipWriter):
    """ELAN Annotation Format 3.0, with the clip as its medium."""

    def document(self, result: ClipResult) -> str:
        tiers = list(_tiers(result))
        times = sorted({time for _, entries in tiers for start, end, _ in entries for time in (start, end)})
        slots = {time: f"ts{number}" for number, time in enumerate(times, 1)}
        root = ET.Element(
            "ANNOTATION_DOCUMENT",
            {
                "AUTHOR": "fervid", "DATE": datetime.now(UTC).isoformat(timespec="seconds"), "FORMAT": "3.0",
                "VERSION": "3.0", "xmlns:xsi": _XSI,
                "xsi:noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
            },
        )  # fmt: skip
        header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
        ET.SubElement(header, "MEDIA_DESCRIPTOR", _medium(Path(result.path), self.folder))
        for name, value in zip(("segments", "segments.how"), segmenting(result), strict=True):
            ET.SubElement(header, "PROPERTY", {"NAME": f"fervid.{name}"}).text = printable(value)
        order = ET.SubElement(root, "TIME_ORDER")
        for time, slot in slots.items():
            ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": str(time)})
        number = 0
        for name, entries in tiers:
            tier = ET.SubElement(root, "TIER", {"LINGUISTIC_TYPE_REF": _TYPE, "TIER_ID": name})
            for start, end, said in entries:
                number += 1
                place = {"ANNOTATION_ID": f"a{number}", "TIME_SLOT_REF1": slots[start], "TIME_SLOT_REF2": slots[end]}
                holder = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION", place)
                ET.SubElement(holder, "ANNOTATION_VALUE").text = said
        kind = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": _TYPE, "TIME_ALIGNABLE": "true"}
        ET.SubElement(root, "LINGUISTIC_TYPE", kind)
        ET.indent(root)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _medium(clip: Path, folder: Path) -> dict[str, str]:
    """The clip, as seen from anywhere and from the folder of the .eaf, so that both can be moved together."""
    url = clip.absolute().as_uri()
    kind = mimetypes.guess_type(clip.name)[0] or "video/mp4"
    try:
        way = Path(os.path.relpath(clip.absolute(), folder.absolute())).as_posix()
    except ValueError:  # on another drive of Windows
        way = clip.name
    relative = quote(os.fsencode(way)) if way.startswith("../") else f"./{quote(os.fsencode(way))}"
    return {"MEDIA_URL": url, "MIME_TYPE": kind, "RELATIVE_MEDIA_URL": relative}


class TextGridWriter(OneClipWriter):
    """Praat's long text format. Tiers are without gaps: where nobody was seen the text is empty."""

    def document(self, result: ClipResult) -> str:
        tiers = list(_tiers(result)) or [("nobody", [])]
        ends = [end for _, entries in tiers for _, end, _ in entries]
        whole = max([round(((result.duration_s or 0.0) + result.timing.offset_s) * 1000), _SHORTEST_MS, *ends])
        method, how = segmenting(result)
        if method:
            tiers.append(("method", [(0, whole, printable(f"{method}: {how}"))]))
        lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {_seconds(whole)}"]
        lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
        for number, (name, entries) in enumerate(tiers, 1):
            intervals = list(_without_gaps(entries, whole))
            lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"']
            lines += ["        xmin = 0", f"        xmax = {_seconds(whole)}"]
            lines.append(f"        intervals: size = {len(intervals)}")
            for place, (start, end, said) in enumerate(intervals, 1):
                lines += [f"        intervals [{place}]:", f"            xmin = {_seconds(start)}"]
                text = said.replace('"', '""')
                lines += [f"            xmax = {_seconds(end)}", f'            text = "{text}"']
        return "\n".join(lines) + "\n"


def _without_gaps(annotations: list[Annotation], whole: int) -> Iterator[Annotation]:
    reached = 0
    for start, end, said in annotations:
        if start > reached:
            yield reached, start, ""
        yield start, end, said
        reached = end
    if reached < whole:
        yield reached, whole, ""


def _seconds(time_ms: int) -> str:
    return f"{time_ms // 1000}.{time_ms % 1000:03}"
