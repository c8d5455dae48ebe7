"""`fervid predict`."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
from fer_video.cli.main import warn
from fer_video.cli.options import analyzer_options, device_options, face_options, input_argument, output_options
from fer_video.cli.progress import BatchProgress

if TYPE_CHECKING:
    from fer_video.types import ClipResult
    from fer_video.write import Writer

__all__ = ["predict"]


@click.command()
@input_argument
@output_options
@face_options
@device_options
@click.option("-q", "--quiet", is_flag=True, help="No progress, no warnings; errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Say on stderr what runs; in tables, what ran.")
@click.pass_context
def predict(ctx: click.Context, /, inputs: tuple[str, ...], quiet: bool, verbose: bool, **given: Any) -> None:
    """Read the emotions in videos and pictures.

    INPUT is a video, a picture, a folder (searched through), a quoted pattern such as 'takes/**/*.mp4', or - for
    a list of paths on stdin, one a line.

    \b
    fervid predict clip.mp4
    fervid predict recordings/ --format csv --rows frames --out frames.csv
    find . -name '*.mkv' | fervid predict - --format jsonl | jq .clip.emotion
    """
    from fer_video.analyzer import Analyzer
    from fer_video.inputs import expand_inputs

    found = expand_inputs(_read_list(inputs))
    options = analyzer_options(given)
    with ExitStack() as stack:
        file = stack.enter_context(_destination(given["out"], given["format_name"]))
        analyzer = Analyzer(options)
        if verbose:
            _say_what_runs(analyzer.ran)
        single = len(inputs) == 1 and found.paths == inputs
        writer = stack.enter_context(_writer(given, file, analyzer.emotions, single=single, verbose=verbose))
        failures = len(found.errors)
        for name, error in found.errors:
            warn(f"error: {error}")
            writer.write(analyzer.failed(name, error))
        progress = stack.enter_context(BatchProgress(len(found.paths), quiet=quiet))
        for result in analyzer.analyze_many(found.paths, progress.update):
            progress.finish(result)
            failures += result.status == "failed"
            if result.status == "failed" or (result.status == "partial" and not quiet):
                progress.say(_trouble(result))
            writer.write(result)
    ctx.exit(1 if failures else 0)


def _read_list(inputs: tuple[str, ...]) -> Iterator[str]:
    """The inputs, with - replaced by the lines of stdin. Bytes that are no text survive as in arguments."""
    for name in inputs:
        if name == "-":
            text = sys.stdin.buffer.read().decode(sys.getfilesystemencoding(), "surrogateescape")
            yield from (line for line in (each.rstrip("\r") for each in text.split("\n")) if line)
        else:
            yield name


@contextmanager
def _destination(out: str | None, format_name: str) -> Iterator[TextIO]:
    from fer_video.write import open_output

    if out is None or out == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            if format_name == "table":  # in the terminal's own encoding, whatever cannot be shown escaped
                sys.stdout.reconfigure(errors="backslashreplace")
            else:  # UTF-8 and plain line ends on every system, as in a file
                sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        yield sys.stdout
        return
    with open_output(Path(out)) as file:
        yield file


def _writer(given: dict[str, Any], file: TextIO, emotions: tuple[str, ...], *, single: bool, verbose: bool) -> Writer:
    from fer_video.write import make_writer

    extra: dict[str, bool] = {}
    if given["format_name"] == "json":
        extra = {"single": single}
    elif given["format_name"] == "table":
        encoding = (file.encoding or "").lower().replace("-", "")
        extra = {"colour": _colour(file), "ascii_only": not encoding.startswith("utf"), "verbose": verbose}
    return make_writer(given["format_name"], given["rows"], file, emotions, attributes=given["attributes"], **extra)


def _colour(file: TextIO) -> bool:
    return file.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _say_what_runs(ran: Any) -> None:
    for role in ("detector", "backbone"):
        model = ran[role]
        warn(f"{role} {model['name']} (sha256 {model['sha256'][:12]}) on {model['provider']}")


def _trouble(result: ClipResult) -> str:
    if result.status == "failed":
        return f"error: {result.error}"
    return f"warning: {result.path}: partial: {result.error}"
