"""A result -> one HTML file that opens offline: video, timelines, people, segments, run details, downloads.

Everything that comes from outside (names, labels, messages) is hostile: the templates escape it, the data lie in the
page as compressed bytes, and the page's own policy lets no script run but the two that came with fervid, and nothing
be fetched but the video.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import mimetypes
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from fer_video.errors import InputError, OptionError, OutputError, printable
from fer_video.files import open_output
from fer_video.render.crops import Crop, best_crops
from fer_video.render.palette import colours_of, text_on
from fer_video.results.rows import segmenting
from fer_video.results.writers import RowShape, make_writer
from fer_video.types import ClipResult

if TYPE_CHECKING:
    import jinja2

__all__ = ["IndexRow", "ReportOptions", "check_report", "page_name", "write_index", "write_report"]

_PAGES = Path(__file__).parent / "pages"
_MOST_CHARTS = 24  # people with a card and a timeline: those longest in sight
_MOST_EMBEDDED = 256 << 20  # bytes: browsers give up on longer data addresses


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What of the video goes into a report.

    Attributes:
        video: "link": the page points to the video file; "embed": the page contains it; "none": no video.
        crops: Include pictures of the faces.
    """

    video: Literal["link", "embed", "none"] = "link"
    crops: bool = True


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One clip of a batch. page: file name of its report, None for a clip that failed."""

    result: ClipResult
    page: str | None


def check_report() -> None:
    """Before the work: raises OptionError without Jinja."""
    try:
        import jinja2 as _  # noqa: F401
    except ImportError as error:
        raise OptionError("reports need Jinja: pip install 'fervid[report]'") from error


def write_report(
    result: ClipResult, out: Path, clip: Path | None, options: ReportOptions | None = None, *, index: bool = False
) -> None:
    """result: with observations. clip: the video, None where it is not at hand: then neither video nor crops.

    index: the page has a list of clips (index.html) beside it, and says so.

    Raises InputError, OptionError, OutputError.
    """
    options = options or ReportOptions()
    if result.observations is None:
        raise InputError(f"{result.path}: its result has no frames to report")
    people = sorted(result.people, key=lambda person: -person.frames)[:_MOST_CHARTS]
    people.sort(key=lambda person: person.id)
    crops: Mapping[int, list[Crop]] = {}
    if options.crops and clip is not None:
        crops = best_crops(clip, result.observations, people)
    value = result.without_embeddings().to_dict(frames=True)  # pages are sent to others
    objects = {each["id"]: each for each in value["people"]}
    cards = [{"card": objects[person.id], "crops": crops.get(person.id, [])} for person in people]
    labels = list(result.observations.emotions)
    answered = dict.fromkeys([*labels, *(label for each in people for label in each.probabilities)])
    colours = colours_of(answered)
    ink = {label: text_on(colour) for label, colour in colours.items()}
    settings = {"labels": labels, "colours": colours, "ink": ink}
    script, chart = _asset("report.js"), _asset("vendor/uPlot.iife.min.js")
    styles = [_asset("vendor/uPlot.min.css"), _asset("report.css")]
    html = _environment().get_template("report.html").render(
        title=printable(Path(result.path).name),
        path=printable(result.path),
        result=value,
        people=cards,
        more_people=len(result.people) - len(people),
        video=None if result.duration_s is None else _video_address(clip, out, options),
        is_picture=result.duration_s is None,
        colours=colours,
        ink=ink,
        json_data=_packed(json.dumps(value, ensure_ascii=True, allow_nan=False)),
        csv_data=_packed(_frames_csv(result)),
        settings=settings,
        policy=_policy([chart, script], styles),
        styles=styles,
        scripts=[chart, script],
        licence=_asset("vendor/uPlot-LICENSE.txt"),
        segments_how=segmenting(result)[1],
        index=index,
    )  # fmt: skip
    _write(html, out)


def write_index(rows: Sequence[IndexRow], out: Path) -> None:
    """The searchable list of a batch. Raises OptionError, OutputError."""
    script, style = _asset("index.js"), _asset("report.css")
    listed = [
        {"value": row.result.without_embeddings().to_dict(), "path": printable(row.result.path), "page": row.page}
        for row in rows
    ]
    labels = {row.result.clip.emotion for row in rows if row.result.clip and row.result.clip.emotion}
    html = _environment().get_template("index.html").render(
        rows=listed, labels=sorted(labels), policy=_policy([script], [style]), styles=[style], scripts=[script],
    )  # fmt: skip
    _write(html, out)


def page_name(number: int, path: str) -> str:
    """A file name for a clip's report, whatever the clip is called."""
    return f"{number:04}-{re.sub(r'[^A-Za-z0-9]+', '-', Path(path).stem)[:40].strip('-') or 'clip'}.html"


def _environment() -> jinja2.Environment:
    check_report()
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["printable"] = lambda value: printable(str(value))
    environment.filters["percent"] = lambda value: f"{value:.0%}"
    return environment


def _asset(name: str) -> str:
    return (_PAGES / name).read_text(encoding="utf-8")


def _policy(scripts: Iterable[str], styles: Iterable[str]) -> str:
    """Content-Security-Policy: only these very texts run, and nothing is fetched but the video beside the page."""

    def hashes(texts: Iterable[str]) -> str:
        digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; img-src data:; "
        "media-src 'self' file: data:; base-uri 'none'; form-action 'none'"
    )


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode("utf-8", "backslashreplace"), mtime=0)).decode()


def _frames_csv(result: ClipResult) -> str:
    assert result.observations is not None
    file, log = io.StringIO(), result.observations
    with make_writer(
        "csv", "frames", file, RowShape(log.emotions, attributes=log.has_attributes, affect=log.has_affect)
    ) as writer:
        writer.write(result)
    return file.getvalue()


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


def _write(html: str, out: Path) -> None:
    try:
        with open_output(out) as file:
            file.write(html)
    except UnicodeEncodeError as error:
        raise OutputError(f"{out}: a name in it is no valid text") from error
