"""`fervid report`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from fer_video.cli.shared.command import command, option_group
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.inputs import read_list
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import (
    analyzer_options,
    debug_option,
    device_options,
    face_options,
    model_options,
    sampling_options,
)
from fer_video.cli.shared.progress import BatchProgress
from fer_video.cli.shared.results import refuse_analysis_options

from fer_video.errors import InputError, OptionError, OutputError

if TYPE_CHECKING:
    from fer_video.render.report import ReportOptions
    from fer_video.types import ClipResult

__all__ = ["report"]


@command()
@click.argument("inputs", metavar="CLIP|RESULTS...", nargs=-1, required=True, shell_complete=files)
@option_group(
    "Output",
    click.option(
        "--out",
        required=True,
        shell_complete=files,
        metavar="FILE|DIR",
        help="Write the page of one clip to FILE (.html), or the pages of several clips to DIR.",
    ),
    click.option(
        "--video",
        type=click.Choice(("link", "embed", "none")),
        default="link",
        show_default=True,
        metavar="HOW",
        help="Include the video as a link to its file (link), as part of the page (embed), or not at all (none).",
    ),
    click.option("--no-crops", is_flag=True, help="Leave out the pictures of the faces."),
    click.option(
        "--sheet",
        metavar="FILE",
        shell_complete=files,
        help="Show this contact sheet (.png), written by fervid people --sheet, in the list of several clips.",
    ),
)
@model_options
@sampling_options
@face_options
@device_options
@click.option("-q", "--quiet", is_flag=True, help="Show errors only: no progress, no warnings.")
@debug_option
@click.pass_context
def report(
    ctx: click.Context, /, inputs: tuple[str, ...], out: str, video: Any, no_crops: bool, sheet: str | None,
    quiet: bool, **given: Any,
) -> None:  # fmt: skip
    """Make a web page of the results, which needs no network.

    The page shows people first, the video with boxes, timelines of the emotions, moments of note, segments and run
    details, and offers the data for download. RESULTS is the output of fervid predict --frames, or a folder of such
    files, or - for JSON Lines on stdin. A CLIP is analysed first; - also reads a list of clips. Several clips make a
    folder with one page per clip and a searchable index.html.

    \b
    fervid report clip.mp4 --out report.html
    fervid report recordings/ --out reports
    fervid report results/ --out reports
    """
    from fer_video.files import refuse_same
    from fer_video.media.inputs import expand_inputs
    from fer_video.render.index import read_sheet
    from fer_video.render.report import ReportOptions, check_report
    from fer_video.results.documents import STDIN, is_on_stdin
    from fer_video.results.found import holds_results, result_files

    check_report()
    piped = "-" in inputs and is_on_stdin()
    named = list(inputs if piped else read_list(inputs))
    given_results = [name for name in named if Path(name) == STDIN or holds_results(Path(name))]
    files = result_files(given_results)
    found = expand_inputs(name for name in named if name not in given_results)
    if not files and not found.paths and not found.errors:
        raise OptionError("no inputs: the list on stdin is empty")
    if not found.paths and not found.errors:
        refuse_analysis_options(ctx, given)
    one = Path(out).suffix.lower() in (".html", ".htm")
    if sheet is not None and one:
        raise click.UsageError("--sheet belongs to the list of several clips; give the name of a folder as --out")
    pictures = None if sheet is None else read_sheet(Path(sheet))
    refuse_same(Path(out), [*map(str, files), *found.paths])
    for _, error in found.errors:
        warn(f"error: {error}")
    with BatchProgress(len(found.paths), quiet=quiet) as progress:
        results = _results(files, found.paths, given, progress)
        options = ReportOptions(video, not no_crops)
        if one:
            failures = _one(results, Path(out), options)
        else:
            failures = _folder(results, Path(out), options, pictures, progress)
    ctx.exit(1 if failures or found.errors else 0)


def _results(
    files: list[Path], clips: tuple[str, ...], given: dict[str, Any], progress: BatchProgress
) -> Iterator[tuple[ClipResult, Path | None]]:
    """Each result with the clip it is of, None where that is not at hand."""
    from fer_video.media.address import scheme_of
    from fer_video.results.read import stream_results
    from fer_video.types import ClipResult

    for file in files:
        try:
            for result in stream_results(file):
                places = [Path(result.path), file.parent / result.path]
                yield result, _matching(result, next((place for place in places if place.exists()), None), progress)
        except InputError as error:  # one bad file does not stop the others
            yield ClipResult(str(file), "failed", str(error)), None
    if clips:
        from fer_video.analyzer import Analyzer

        for result in Analyzer(analyzer_options(given)).analyze_many(clips, progress.update):
            here = None if scheme_of(result.path) else Path(result.path)
            if here is None and result.status != "failed":
                progress.say(f"warning: {result.path}: is not kept here: its page has neither video nor pictures")
            yield result, here
            progress.finish()


def _matching(result: ClipResult, clip: Path | None, progress: BatchProgress) -> Path | None:
    """A result may name any file; only the clip that it describes goes into a page."""
    from fer_video.render.match import check_match

    try:
        if clip is not None and result.status != "failed":
            check_match(result, clip)
    except InputError as error:
        progress.say(f"warning: its page has neither video nor pictures: {error}")
        return None
    return clip


def _one(results: Iterator[tuple[ClipResult, Path | None]], out: Path, options: ReportOptions) -> int:
    from fer_video.render.report import write_report

    several = list(results)
    if len(several) != 1:
        raise OptionError(f"{out}: is one page for {len(several)} clips; give the name of a folder")
    result, clip = several[0]
    if result.status == "failed":
        raise InputError(result.error or f"{result.path}: could not be analysed")
    write_report(result, out, clip, options)
    return 0


def _folder(
    results: Iterator[tuple[ClipResult, Path | None]],
    out: Path,
    options: ReportOptions,
    sheet: bytes | None,
    progress: BatchProgress,
) -> int:
    """A page a clip, and the index last: also after Ctrl-C, of what was done."""
    from fer_video.render.index import IndexRow, page_name, write_index
    from fer_video.render.report import write_report

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be made: {error.strerror}; choose another place") from error
    rows: list[IndexRow] = []
    try:
        for number, (result, clip) in enumerate(results, 1):
            page: str | None = page_name(number, result.path)
            picture: bytes | None = None
            try:
                if result.status == "failed":
                    raise InputError(result.error or f"{result.path}: could not be analysed")
                picture = write_report(result, out / str(page), clip, options, index=True)
            except InputError as error:
                progress.say(f"error: {error}")
                result, page = replace(result, status="failed", error=str(error)), None
            rows.append(IndexRow(result, page, picture).slim())
    finally:
        if rows:
            write_index(rows, out / "index.html", sheet)
    return sum(row.page is None for row in rows)
