"""`fervid predict`."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from fer_video.cli.shared.batch import batch_folder, check_suffix, predict_batch
from fer_video.cli.shared.batch_options import batch_options
from fer_video.cli.shared.command import command
from fer_video.cli.shared.inputs import read_list
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import (
    TABLE_FORMATS,
    analyzer_options,
    debug_option,
    device_options,
    face_options,
    input_argument,
    model_options,
    output_options,
    sampling_options,
)
from fer_video.cli.shared.progress import BatchProgress
from fer_video.cli.shared.tables import SummaryRows, check_summary_output, check_table_output, table_output

from fer_video.errors import OptionError, OutputError

if TYPE_CHECKING:
    from fer_video.analyzer import Analyzer
    from fer_video.results.writers import RowShape, Writer
    from fer_video.types import ClipResult

__all__ = ["predict"]


@command()
@input_argument
@output_options
@model_options
@sampling_options
@face_options
@batch_options
@device_options
@click.option("-q", "--quiet", is_flag=True, help="Show errors only: no progress, no warnings.")
@click.option("-v", "--verbose", is_flag=True, help="Also name the models, the device and finished clips.")
@debug_option
@click.pass_context
def predict(ctx: click.Context, /, inputs: tuple[str, ...], quiet: bool, verbose: bool, **given: Any) -> None:
    """Read the emotions in videos and pictures.

    INPUT is a video, a picture, a folder, a quoted pattern such as 'takes/**/*.mp4', an address (https://, s3://,
    gs://), or - to read a list of these from stdin, one per line. Folders are searched with their subfolders.

    \b
    fervid predict clip.mp4
    fervid predict recordings/ --format csv --rows frames --out frames.csv
    fervid predict recordings/ --out results/ --workers 4
    find . -name '*.mkv' | fervid predict - --format jsonl | jq .clip.emotion
    """
    from fer_video.analyzer import Analyzer
    from fer_video.files import refuse_same
    from fer_video.media.inputs import expand_inputs
    from fer_video.results.writers import CLIP_FORMATS

    found = expand_inputs(read_list(inputs))
    if not found.paths and not found.errors:
        raise OptionError("no inputs: the list on stdin is empty")
    several = len(found.paths) + len(found.errors) > 1
    if (folder := batch_folder(ctx, given, several=several)) is not None:
        ctx.exit(predict_batch(ctx, folder, found, given, quiet=quiet, verbose=verbose))
    options = analyzer_options(given)
    if given["rows"] == "summary":
        check_summary_output(ctx, given)
    else:
        check_table_output(given["out"], given["format_name"])
    if given["format_name"] in CLIP_FORMATS and several:
        raise click.UsageError(f"--format {given['format_name']} is a file about one clip; name one")
    if given["out"] not in (None, "-"):
        refuse_same(Path(given["out"]), found.paths)
        check_suffix(ctx, Path(given["out"]))
    interrupted, failures = False, len(found.errors)
    with ExitStack() as stack:
        analyzer: Analyzer | None = None
        file: IO[str] | None = None
        if given["rows"] != "summary" and given["format_name"] in TABLE_FORMATS:
            file = stack.enter_context(table_output(given, lambda: _shape(given, analyzer)))
        elif given["rows"] != "summary":
            file = stack.enter_context(_destination(given["out"], given["format_name"]))
        analyzer = Analyzer(options)
        if verbose:
            _say_what_runs(analyzer.ran)
        single = len(inputs) == 1 and found.paths == inputs
        progress = stack.enter_context(BatchProgress(len(found.paths), quiet=quiet))
        writer: Writer | SummaryRows
        if file is None:
            writer = stack.enter_context(SummaryRows(given["out"]))
        else:
            writer = stack.enter_context(_writer(given, file, analyzer, single=single, verbose=verbose))
        for name, error in found.errors:
            progress.say(f"error: {error}")
            writer.write(analyzer.failed(name, error))
        done = 0
        try:
            for result in analyzer.analyze_many(found.paths, progress.update):
                failures += result.status == "failed"
                if result.status == "failed" or (result.status == "partial" and not quiet):
                    progress.say(_trouble(result))
                with progress.aside():
                    writer.write(result)
                done += 1
                progress.finish(result)
        except KeyboardInterrupt:
            if not done:  # nothing to keep; what stood in the output before stays
                raise
            interrupted = True
    _write_provenance(given, analyzer)
    if interrupted:
        raise KeyboardInterrupt
    ctx.exit(1 if failures else 0)


def _write_provenance(given: dict[str, Any], analyzer: Analyzer) -> None:
    """Beside a CSV, which has no place for what it was made with."""
    from fer_video.results.provenance import write_provenance
    from fer_video.results.rows import column_names

    out = None if given["out"] in (None, "-") else Path(given["out"])
    if given["rows"] == "summary" or given["format_name"] != "csv":
        return
    if out is not None and out.is_file() and not out.is_relative_to("/dev"):
        write_provenance(out, column_names(given["rows"], _shape(given, analyzer)), analyzer.ran)


@contextmanager
def _destination(out: str | None, format_name: str) -> Iterator[IO[str]]:
    from fer_video.files import open_output

    if out is None or out == "-":
        if sys.stdout is None:
            raise OutputError("stdout is closed; give --out FILE")
        if isinstance(sys.stdout, io.TextIOWrapper):
            if format_name == "table":  # in the terminal's own encoding, whatever cannot be shown escaped
                sys.stdout.reconfigure(errors="backslashreplace")
            else:  # UTF-8 and plain line ends on every system, as in a file
                sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        yield sys.stdout
        return
    with open_output(Path(out)) as file:
        yield file


def _writer(given: dict[str, Any], file: IO[str], analyzer: Analyzer, *, single: bool, verbose: bool) -> Writer:
    from fer_video.results.writers import CLIP_FORMATS, make_writer
    from fer_video.results.writers.parquet import RowLinesWriter

    shape = _shape(given, analyzer)
    extra: dict[str, Any] = {}
    if given["format_name"] in TABLE_FORMATS:
        return RowLinesWriter(file, given["rows"], shape)
    if given["format_name"] == "json":
        extra = {"single": single, "frames": given["frames"]}
    elif given["format_name"] in CLIP_FORMATS and given["out"] not in (None, "-"):
        extra = {"folder": Path(given["out"]).parent}
    elif given["format_name"] == "jsonl":
        extra = {"frames": given["frames"]}
    elif given["format_name"] == "table":
        encoding = (getattr(file, "encoding", None) or "").lower().replace("-", "")
        extra = {
            "colour": _colour(file),
            "ascii_only": not encoding.startswith("utf"),
            "verbose": verbose,
            "group": given["group"],
            "width": shutil.get_terminal_size().columns,
            "reasons": file is not sys.stdout,  # errors are on stderr already
        }
    return make_writer(given["format_name"], given["rows"], file, shape, **extra)


def _shape(given: dict[str, Any], analyzer: Analyzer | None) -> RowShape:
    from fer_video.results.writers import RowShape

    assert analyzer is not None
    return RowShape(analyzer.emotions, analyzer.labels, given["attributes"], analyzer.has_affect)


def _colour(file: IO[str]) -> bool:
    return file.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _say_what_runs(ran: Any) -> None:
    for role in ("detector", "backbone"):
        model = ran[role]
        warn(f"{role} {model['name']} (sha256 {model['sha256'][:12]}) on {model['provider']}")
    for role in ("clip_model", "group_model"):
        if ran[role]:
            warn(f"{role.replace('_', ' ')} {ran[role]['name']} (sha256 {ran[role]['sha256'][:12]})")


def _trouble(result: ClipResult) -> str:
    if result.status == "failed":
        return f"error: {result.error}"
    return f"warning: {result.path}: partial: {result.error}"
