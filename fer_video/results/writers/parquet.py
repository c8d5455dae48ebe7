"""Parquet (extra [parquet]): the flat rows, with one type per column, made from pieces of one row per line of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import IO, Any

from fer_video.errors import OptionError
from fer_video.files import open_output
from fer_video.results.columns import COUNTS, TEXTS
from fer_video.results.rows import Rows, RowShape, column_names, flat_rows
from fer_video.results.writers.base import Writer
from fer_video.results.writers.json import dump
from fer_video.types import ClipResult

__all__ = ["RowLinesWriter", "check_parquet", "write_parquet"]

_GROUP_ROWS = 65_536  # rows a row group: what is in memory at once


class RowLinesWriter(Writer):
    """The rows that CSV has, one a line of JSON."""

    def text(self, result: ClipResult) -> str:
        return "".join(f"{dump(row)}\n" for row in flat_rows(result, self.rows))


def check_parquet() -> None:
    """Raises OptionError without pyarrow."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise OptionError("Parquet needs pyarrow: pip install 'fervid[parquet]'") from error


def write_parquet(target: Path | IO[bytes], pieces: Iterable[Path], rows: Rows, shape: RowShape) -> None:
    """The rows in all pieces: a whole file or none, or into an open file. Raises OptionError, OutputError."""
    check_parquet()
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _type_of(name, pa)) for name in column_names(rows, shape)])
    place = open_output(target, binary=True) if isinstance(target, Path) else nullcontext(target)
    with place as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        rows_of_all = _rows_of(pieces)
        while some := list(islice(rows_of_all, _GROUP_ROWS)):
            columns = [pa.array([_text(row.get(each.name)) for row in some], each.type) for each in schema]
            writer.write_table(pa.table(columns, schema=schema))


def _rows_of(pieces: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for piece in pieces:
        with piece.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def _text(value: Any) -> Any:
    """File names may hold bytes that are no text."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value


def _type_of(name: str, pa: Any) -> Any:
    if name in TEXTS:
        return pa.string()
    return pa.int64() if name in COUNTS else pa.float64()
