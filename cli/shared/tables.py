"""`fervid predict` into one table that is not text, Parquet or XLSX; and the summary of the people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

import click
from fer_video.cli.shared.command import is_typed
from fer_video.cli.shared.options import TABLE_FORMATS
from fer_video.cli.shared.output import put_table

from fer_video.errors import OutputError

if TYPE_CHECKING:
    from fer_video.results.rows import RowShape
    from fer_video.types import ClipResult

__all__ = ["SummaryRows", "check_summary_output", "check_table_output", "table_output"]


class SummaryRows:
    """`fervid predict --rows summary`: the table that `fervid summarize --by person` makes of the same clips."""

    def __init__(self, out: str | None) -> None:
        from fer_video.study.summarize import Summarizer, SummaryOptions

        self._out, self._summarizer = out, Summarizer(SummaryOptions("person"))

    def write(self, result: ClipResult) -> None:
        self._summarizer.add(result)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Not after an error: there is then no table."""
        with self._summarizer.table() as table:
            if error is None:
                put_table(table, None if self._out == "-" else self._out)


def check_summary_output(ctx: click.Context, given: dict[str, Any]) -> None:
    """Before the work. Raises UsageError for a format that holds something else, OptionError, OutputError."""
    from fer_video.study.tables import check_table

    if is_typed(ctx, "format_name") and given["format_name"] not in ("csv", *TABLE_FORMATS):
        raise click.UsageError(f"--rows summary is a table: csv, parquet or xlsx, not {given['format_name']}")
    out = given["out"]
    if out not in (None, "-"):
        check_table(Path(out))
        if not Path(out).absolute().parent.is_dir():
            raise OutputError(f"{out}: cannot be written there; give the name of a file in a folder that exists")
    elif given["format_name"] in TABLE_FORMATS:
        raise click.UsageError(f"--format {given['format_name']} is no text for a terminal; give --out FILE")


def check_table_output(out: str | None, format_name: str) -> None:
    """Before the work. Raises UsageError without a file, OptionError without the package that writes the format."""
    if format_name not in TABLE_FORMATS:
        return
    if out is None or out == "-":
        raise click.UsageError(f"--format {format_name} is no text for a terminal; give --out FILE")
    from fer_video.study.tables import check_table

    check_table(Path("table").with_suffix(f".{format_name}"))


@contextmanager
def table_output(given: dict[str, Any], shape: Callable[[], RowShape]) -> Iterator[IO[str]]:
    """A file for the rows, one a line of JSON, that becomes the table when the block ends; not by an exception.

    Raises OutputError, also where there is no place for the table, before the work.
    """
    from fer_video.files import open_output
    from fer_video.results.rows import column_names
    from fer_video.results.writers.parquet import write_parquet
    from fer_video.scratch import scratch_folder
    from fer_video.study.tables import Table, to_xlsx

    out = Path(given["out"])
    with scratch_folder("rows") as folder:
        piece = folder / "rows.jsonl"
        with open_output(out, binary=True) as target:
            with piece.open("w", encoding="utf-8") as rows:
                yield rows
            if given["format_name"] == "parquet":
                write_parquet(target, [piece], given["rows"], shape())
                return
            with Table() as table, piece.open(encoding="utf-8") as lines:
                table.columns = column_names(given["rows"], shape())
                for line in lines:
                    table.add(json.loads(line))
                to_xlsx(table, target, out)
