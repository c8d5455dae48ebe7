"""CSV (RFC 4180, header line, UTF-8) that spreadsheets cannot be tricked with."""

from __future__ import annotations

import csv
from typing import Any, TextIO

from fer_video.types import ClipResult
from fer_video.write.base import Rows, Writer
from fer_video.write.rows import column_names, flat_rows

__all__ = ["CsvWriter", "safe_cell"]

# Spreadsheets run a cell that starts with one of these as a formula; tab and return are skipped before it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CsvWriter(Writer):
    """One row a clip, a person, or a sampled frame and face; empty cells for None."""

    def __init__(self, file: TextIO, rows: Rows, emotions: tuple[str, ...], *, attributes: bool = False) -> None:
        super().__init__(file, rows, emotions, attributes=attributes)
        names = column_names(rows, emotions, attributes=attributes)
        self._csv = csv.DictWriter(file, names, lineterminator="\n")

    def begin(self) -> None:
        self._csv.writeheader()

    def write(self, result: ClipResult) -> None:
        for row in flat_rows(result, self.rows):
            self._csv.writerow({name: safe_cell(value) for name, value in row.items()})
        self.file.flush()


def safe_cell(value: Any) -> Any:
    """Numbers as they are; text that a spreadsheet would run gets a quote before it; no broken encodings."""
    if not isinstance(value, str):
        return value
    text = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return f"'{text}" if text.startswith(_FORMULA) else text
