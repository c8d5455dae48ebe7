"""`fervid predict` into one table that is not text: Parquet or XLSX."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from fer_video.cli.shared.options import TABLE_FORMATS

if TYPE_CHECKING:
    from fer_video.results.rows import RowShape

__all__ = ["check_table_output", "table_output"]


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
