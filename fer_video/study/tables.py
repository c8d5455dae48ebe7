"""Rows of any length -> CSV, Parquet or an XLSX workbook (extra [tables]), in flat memory."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

from fer_video.closing import Closing
from fer_video.errors import OptionError, OutputError
from fer_video.files import open_output
from fer_video.results.writers.csv import safe_cell
from fer_video.scratch import no_place

__all__ = ["TABLE_SUFFIXES", "Table", "check_table", "to_xlsx", "write_csv", "write_table"]

_DIGITS = 6  # behind the point: microseconds, millionths of probability, as in all other formats
_AT_ONCE = 4096  # rows in memory
_MOST_XLSX = (1 << 20) - 1  # rows of a sheet below its header
Row = Mapping[str, Any]


class Table(Closing):
    """Rows kept in a temporary file, since their columns are known only at the end. A context manager.

    columns: names in order, to be set when they are known. Rows need not have all of them, and each is text, or else
    numbers.
    """

    def __init__(self) -> None:
        """Raises OutputError."""
        try:
            self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  closed by close()
        except OSError as error:
            raise no_place(error) from error
        self.columns: list[str] = []
        self.types: dict[str, type] = {}
        self._rows = 0

    def add(self, row: Row) -> None:
        rounded = {name: round(value, _DIGITS) if isinstance(value, float) else value for name, value in row.items()}
        self._file.write(json.dumps(rounded) + "\n")
        self._rows += 1
        for name, value in row.items():
            if value is not None and self.types.setdefault(name, type(value)) is not type(value):
                self.types[name] = float  # whole numbers and others

    def __len__(self) -> int:
        return self._rows

    def __iter__(self) -> Iterator[Row]:
        self._file.seek(0)
        yield from map(json.loads, self._file)

    def close(self) -> None:
        self._file.close()


def write_table(table: Table, path: Path) -> None:
    """Whole or not at all. Raises OptionError, OutputError."""
    check_table(path)
    _WRITERS[path.suffix.lower()](table, path)


def check_table(path: Path) -> None:
    """Raises OptionError for a suffix that is not known, and without the package that the format needs."""
    suffix = path.suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise OptionError(f"{path}: not a kind of table; name it {', '.join(TABLE_SUFFIXES)}")
    try:
        if suffix == ".parquet":
            import pyarrow.parquet  # noqa: F401
        elif suffix == ".xlsx":
            import xlsxwriter  # noqa: F401
    except ImportError as error:
        needed = {".parquet": "pyarrow", ".xlsx": "XlsxWriter"}[suffix]
        raise OptionError(f"{path}: needs {needed}: pip install 'fervid[tables]'") from error


def write_csv(table: Table, file: IO[str]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(safe_cell, table.columns))
    for row in table:
        writer.writerow([safe_cell(row.get(name)) for name in table.columns])


def _to_csv(table: Table, path: Path) -> None:
    with open_output(path) as file:
        write_csv(table, file)


def _to_parquet(table: Table, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    schema = pa.schema([(name, kinds[table.types.get(name, float)]) for name in table.columns])
    rows = iter(table)
    with open_output(path, binary=True) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while some := list(islice(rows, _AT_ONCE)):
            columns = [pa.array([_cell(row.get(each.name)) for row in some], each.type) for each in schema]
            writer.write_table(pa.table(columns, schema=schema))


def _to_xlsx(table: Table, path: Path) -> None:
    with open_output(path, binary=True) as file:
        to_xlsx(table, file, path)


def to_xlsx(table: Table, file: IO[bytes], path: Path) -> None:
    """Numbers as numbers, and text as text whatever it begins with: no cell is a formula or a link.

    path: of the file, for errors. Raises OutputError for more rows than a sheet holds.
    """
    import xlsxwriter

    if len(table) > _MOST_XLSX:
        raise OutputError(
            f"{path}: {len(table)} rows are more than a sheet holds ({_MOST_XLSX}); write .csv or .parquet"
        )
    book = xlsxwriter.Workbook(file, {"constant_memory": True})
    sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
    sheet.freeze_panes(1, 0)
    for column, name in enumerate(table.columns):
        sheet.write_string(0, column, name, bold)
    for place, row in enumerate(table, 1):
        for column, name in enumerate(table.columns):
            value = _cell(row.get(name))
            if isinstance(value, str):
                sheet.write_string(place, column, value)
            elif value is not None:
                sheet.write_number(place, column, value)
    book.close()


def _cell(value: Any) -> Any:
    """File names may hold bytes that are no text."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value


_WRITERS: dict[str, Callable[[Table, Path], None]] = {".csv": _to_csv, ".parquet": _to_parquet, ".xlsx": _to_xlsx}
TABLE_SUFFIXES: Sequence[str] = tuple(_WRITERS)
