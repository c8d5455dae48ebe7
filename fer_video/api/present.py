"""A result -> a data frame, or a file of any format that has a writer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from fer_video.errors import OptionError
from fer_video.files import open_output
from fer_video.results.rows import ROWS, Rows, RowShape, column_names, flat_rows
from fer_video.results.writers import CLIP_FORMATS, make_writer
from fer_video.scratch import scratch_folder
from fer_video.study.summarize import Summarizer, SummaryOptions
from fer_video.study.tables import Table, write_table
from fer_video.types import ClipResult

__all__ = ["KINDS", "SUFFIXES", "frame_of", "save", "to_frame"]

KINDS = (*ROWS, "summary")
_COUNTS = ("person", "track", "frame", "frames")  # whole numbers, also in columns with empty cells


def to_frame(result: ClipResult, rows: str = "frames") -> Any:
    """See ClipResult.to_frame."""
    with _table(result, rows) as table:
        return frame_of(table, table.columns)


def frame_of(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """A DataFrame with these columns. Raises OptionError without pandas."""
    try:
        import pandas as pd
    except ImportError as error:
        raise OptionError("data frames need pandas: pip install 'fervid[tables]'") from error
    frame = pd.DataFrame.from_records(list(rows), columns=list(columns))
    empty = {name: float for name in frame.columns if len(frame) and frame[name].isna().all()}
    return frame.astype(empty | {name: "Int64" for name in _COUNTS if name in frame.columns})


def _table(result: ClipResult, rows: str) -> Table:
    if rows not in KINDS:
        raise OptionError(f"rows must be one of {', '.join(KINDS)}, not {rows!r}")
    if rows == "frames" and result.observations is None and result.status != "failed":
        raise OptionError(f"{result.path}: was read from a file without frames; make it with fervid predict --frames")
    if rows == "summary":
        summarizer = Summarizer(SummaryOptions("person"))
        summarizer.add(result)
        return summarizer.table()
    table, kind = Table(), cast(Rows, rows)
    table.columns = column_names(kind, _shape(result))
    for row in flat_rows(result, kind):
        table.add(row)
    return table


def _shape(result: ClipResult) -> RowShape:
    log = result.observations
    answered = next((tuple(each.probabilities) for each in result.people), ())
    emotions = answered if log is None else log.emotions
    attributes = any(each.attributes is not None for each in result.people)
    return RowShape(emotions, answered, attributes, any(each.affect is not None for each in result.people))


def save(result: ClipResult, path: str | os.PathLike[str], rows: str = "frames") -> None:
    """See ClipResult.save."""
    out = Path(path)
    writer = _WRITERS.get(out.suffix.lower())
    if writer is None:
        raise OptionError(f"{out}: not a format that can be written; name it {', '.join(SUFFIXES)}")
    writer(result, out, rows)


def _objects(result: ClipResult, out: Path, rows: str) -> None:
    del rows  # all of it
    name = "json" if out.suffix.lower() == ".json" else "jsonl"
    extra: dict[str, Any] = {"frames": result.observations is not None} | ({"single": True} if name == "json" else {})
    with open_output(out) as file, make_writer(name, "clips", file, _shape(result), **extra) as writer:
        writer.write(result)


def _rows(result: ClipResult, out: Path, rows: str) -> None:
    with _table(result, rows) as table:
        write_table(table, out)


def _parquet(result: ClipResult, out: Path, rows: str) -> None:
    """With the types that `fervid predict --format parquet` gives the same columns."""
    from fer_video.results.writers.parquet import RowLinesWriter, write_parquet

    if rows == "summary":
        return _rows(result, out, rows)
    with _table(result, rows), scratch_folder("rows") as folder:  # the table is made for its checks
        piece, kind = folder / "piece", cast(Rows, rows)
        with piece.open("w", encoding="utf-8") as file:
            RowLinesWriter(file, kind, _shape(result)).write(result)
        return write_parquet(out, [piece], kind, _shape(result))


def _segments(result: ClipResult, out: Path, rows: str) -> None:
    del rows
    name = out.suffix.lower()[1:]
    with open_output(out) as file, make_writer(name, "clips", file, _shape(result), folder=out.parent) as writer:
        writer.write(result)


def _plot(result: ClipResult, out: Path, rows: str) -> None:
    del rows
    from fer_video.render.figure import check_drawing
    from fer_video.render.plot import plot_clip

    check_drawing(out)
    plot_clip(result, out)


def _report(result: ClipResult, out: Path, rows: str) -> None:
    del rows
    from fer_video.render.report import check_report, write_report

    check_report()
    clip = Path(result.path)
    write_report(result, out, clip if clip.is_file() else None)


_WRITERS: dict[str, Callable[[ClipResult, Path, str], None]] = {
    ".json": _objects,
    ".jsonl": _objects,
    ".ndjson": _objects,
    ".csv": _rows,
    ".parquet": _parquet,
    ".xlsx": _rows,
    **{f".{name}": _segments for name in CLIP_FORMATS},
    ".png": _plot,
    ".svg": _plot,
    ".pdf": _plot,
    ".html": _report,
}
SUFFIXES: Sequence[str] = tuple(_WRITERS)
