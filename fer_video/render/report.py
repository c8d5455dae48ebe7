"""A result -> one HTML file that opens offline: video, people, timelines, moments, segments, run details, downloads.

Everything that comes from outside (names, labels, messages) is hostile: the templates escape it, the data lie in the
page as compressed bytes, and the page's own policy lets no script run but those that came with fervid, and nothing
be fetched but the video.
"""

from __future__ import annotations

import base64
import io
import json
import mimetypes
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from fer_video.errors import InputError, OptionError, printable
from fer_video.render.columns import columns_of, packed
from fer_video.render.crops import cut_faces, data_uri, first_picture
from fer_video.render.made import how_made
from fer_video.render.moments import Moment, Shown, best_shown, moments_of
from fer_video.render.page import asset, check_report, looks_of, write_page
from fer_video.results.rows import Rows, RowShape, segmenting
from fer_video.results.writers import make_writer
from fer_video.types import ClipResult, Observation, Person

__all__ = ["ReportOptions", "check_report", "write_report"]

_MOST_CHARTS = 24  # people with a card and a timeline: those longest in sight
_MOST_EMBEDDED = 256 << 20  # bytes: browsers give up on longer data addresses
_MOST_WHOLE = 20_000  # rows: a page with more has no JSON of all frames, and makes its CSV from rounded numbers
_SCRIPTS = tuple(f"report-{name}.js" for name in ("data", "player", "strips", "charts", "list", "main"))


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What of the video goes into a report.

    Attributes:
        video: "link": the page points to the video file; "embed": the page contains it; "none": no video.
        crops: Include pictures of the faces.
    """

    video: Literal["link", "embed", "none"] = "link"
    crops: bool = True


def write_report(
    result: ClipResult, out: Path, clip: Path | None, options: ReportOptions | None = None, *, index: bool = False
) -> bytes | None:
    """result: with observations. clip: the video, None where it is not at hand: then neither video nor crops.

    index: the page has a list of clips (index.html) beside it, and says so.
    Gives a JPEG of the main person, for such a list. Raises InputError, OptionError, OutputError.
    """
    options = options or ReportOptions()
    log = result.observations
    if log is None:
        raise InputError(f"{result.path}: its result has no frames to report")
    main = result.clip.person if result.clip else None
    people = sorted(result.people, key=lambda person: (person.id != main, -person.frames, person.id))[:_MOST_CHARTS]
    is_picture = result.duration_s is None and result.frames_sampled <= 1
    shown, moments = best_shown(log, people), [] if is_picture else moments_of(result, people)
    pictures: Mapping[tuple[int, int], bytes] = {}
    if options.crops and clip is not None:
        several = [each.seen for faces in shown.values() for each in faces]
        pictures = cut_faces(clip, [*several, *(each.seen for each in moments)])
    photo = first_picture(clip) if is_picture and clip is not None and options.video != "none" else None
    value = result.without_embeddings().to_dict()  # pages are sent to others
    answered = dict.fromkeys([*log.emotions, *(label for each in people for label in each.probabilities)])
    looks = looks_of(
        [*answered, *(segment.emotion for each in people for segment in each.segments or () if segment.emotion)]
    )
    columns = columns_of(log)
    whole = len(log) <= _MOST_WHOLE
    values = {
        "title": printable(Path(result.path).name),
        "path": printable(result.path),
        "result": value,
        "people": _cards(people, value, shown, pictures),
        "more_people": len(result.people) - len(people),
        "names": {person.id: person.identity for person in result.people},
        "moments": [_thumbnail(each, pictures) for each in moments],
        "video": None if is_picture else _video_address(clip, out, options),
        "photo": photo and data_uri(photo),
        "is_picture": is_picture,
        "span_s": result.duration_s or max((person.end_s for person in people), default=0.0),
        **looks,
        "columns": columns,
        "answers": packed(_json(value)),
        "json_data": packed(_json(result.without_embeddings().to_dict(frames=True))) if whole else None,
        "csv_data": packed(_csv(result, "frames")) if whole else None,
        "segments_csv": packed(_csv(result, "segments")),
        "settings": {
            "labels": list(log.emotions), "order": list(looks["colours"]), **looks, **columns.header,
            "picture": is_picture,
            "name": printable(Path(result.path).stem) or "clip",
        },
        "licence": asset("vendor/uPlot-LICENSE.txt"),
        "segments_how": segmenting(result)[1],
        "made": how_made(result.ran),
        "today": f"{datetime.now(UTC):%Y-%m-%d}",
        "index": index,
    }  # fmt: skip
    scripts = [asset(name) for name in ("vendor/uPlot.iife.min.js", "pages.js", *_SCRIPTS)]
    styles = [asset("vendor/uPlot.min.css"), asset("pages.css"), asset("report.css")]
    write_page("report.html", out, scripts, styles, values)
    return _main_picture(result, shown, pictures)


def _cards(
    people: Sequence[Person],
    value: Mapping[str, Any],
    shown: Mapping[int, list[Shown]],
    pictures: Mapping[tuple[int, int], bytes],
) -> list[dict[str, Any]]:
    objects = {each["id"]: each for each in value["people"]}
    return [
        {
            "card": objects[person.id],
            "name": _name(person),
            "faces": [
                {"emotion": each.emotion, "share": each.share, "time_s": each.seen.time_s,
                 "picture": _picture(each.seen, pictures)}
                for each in shown[person.id]
            ],
        }
        for person in people
    ]  # fmt: skip


def _name(person: Person) -> str:
    return f"Person {person.id}" if person.identity is None else f"{printable(person.identity)}, person {person.id}"


def _thumbnail(moment: Moment, pictures: Mapping[tuple[int, int], bytes]) -> dict[str, Any]:
    return {"moment": moment, "picture": _picture(moment.seen, pictures)}


def _picture(seen: Observation, pictures: Mapping[tuple[int, int], bytes]) -> str | None:
    jpeg = pictures.get((seen.frame, seen.person or 0))
    return None if jpeg is None else data_uri(jpeg)


def _main_picture(
    result: ClipResult, shown: Mapping[int, list[Shown]], pictures: Mapping[tuple[int, int], bytes]
) -> bytes | None:
    person = result.clip.person if result.clip else None
    seen = (each.seen for each in shown.get(person or 0, []))
    return next(
        (pictures[each.frame, each.person or 0] for each in seen if (each.frame, each.person) in pictures), None
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True, allow_nan=False).encode()


def _csv(result: ClipResult, rows: Rows) -> bytes:
    assert result.observations is not None
    file, log = io.StringIO(), result.observations
    shape = RowShape(
        log.emotions, attributes=log.has_attributes, affect=log.has_affect,
        identity=any(person.identity is not None for person in result.people),
    )  # fmt: skip
    with make_writer("csv", rows, file, shape) as writer:
        writer.write(result)
    return file.getvalue().encode("utf-8", "backslashreplace")


def _video_address(clip: Path | None, out: Path, options: ReportOptions) -> str | None:
    if clip is None or options.video == "none" or not clip.is_file():
        return None
    if options.video == "link":
        try:
            near = os.path.relpath(clip.resolve(), out.resolve().parent)
        except ValueError:  # another drive
            return clip.resolve().as_uri()
        # Quoted and from "./" on, no name can be taken for a scheme, a query or a fragment.
        return "./" + quote(os.fsencode(Path(near).as_posix()))
    if clip.stat().st_size > _MOST_EMBEDDED:
        raise OptionError(f"{clip}: too large to embed (over {_MOST_EMBEDDED >> 20} MB); link it instead")
    kind = mimetypes.guess_type(clip.name)[0] or "video/mp4"
    return f"data:{kind};base64,{base64.b64encode(clip.read_bytes()).decode()}"
