"""CSV (RFC 4180, header line, UTF-8) in which a spreadsheet runs no formula."""

from __future__ import annotations

import csv
import io
from typing import Any

from fer_video.results.rows import column_names, flat_rows
from fer_video.results.writers.base import Writer
from fer_video.types import ClipResult

__all__ = ["CsvWriter", "safe_cell"]

# Spreadsheets run a cell that starts with one of these as a formula; tab and return are skipped before it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CsvWriter(Writer):
    """One row a clip, a person, a segment, or a sampled frame and face; empty cells for None."""

    def head(self) -> str:
        return self._lines([dict(zip(names := column_names(self.rows, self.shape), names, strict=True))])

    def text(self, result: ClipResult) -> str:
        return self._lines([{n: safe_cell(v) for n, v in row.items()} for row in flat_rows(result, self.rows)])

    def _lines(self, rows: list[dict[str, Any]]) -> str:
        text = io.StringIO(newline="")
        # Of an answer without the clip model (too few frames), labels that the model does not know are left out.
        names = column_names(self.rows, self.shape)
        csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n").writerows(rows)
        return text.getvalue()


def safe_cell(value: Any) -> Any:
    """Numbers as they are; text that a spreadsheet would run gets a quote before it; no broken encodings."""
    if not isinstance(value, str):
        return value
    text = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return f"'{text}" if text.startswith(_FORMULA) else text
