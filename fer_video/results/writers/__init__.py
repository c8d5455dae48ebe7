"""In: clip results. Out: text. One writer class per format, each a context manager over an open text file.

with make_writer("csv", "frames", file, RowShape(analyzer.emotions)) as writer:
    for result in analyzer.analyze_many(paths):
        writer.write(result)
"""

from __future__ import annotations

from typing import IO, Any

from fer_video.results.rows import ROWS, Rows, RowShape
from fer_video.results.writers.base import OneClipWriter, Writer
from fer_video.results.writers.captions import SrtWriter, VttWriter
from fer_video.results.writers.csv import CsvWriter
from fer_video.results.writers.json import JsonLinesWriter, JsonWriter
from fer_video.results.writers.table import TableWriter
from fer_video.results.writers.tiers import EafWriter, TextGridWriter

__all__ = ["CLIP_FORMATS", "FORMATS", "ROWS", "RowShape", "Rows", "Writer", "make_writer"]

FORMATS: dict[str, type[Writer]] = {
    "table": TableWriter,
    "json": JsonWriter,
    "jsonl": JsonLinesWriter,
    "csv": CsvWriter,
}
# One file a clip, made of its segments
CLIP_FORMATS: dict[str, type[OneClipWriter]] = {
    "vtt": VttWriter,
    "srt": SrtWriter,
    "eaf": EafWriter,
    "textgrid": TextGridWriter,
}


def make_writer(format_name: str, rows: Rows, file: IO[str], shape: RowShape, **options: Any) -> Writer:
    """The writer of a format. Options are the writer's own."""
    return (FORMATS | CLIP_FORMATS)[format_name](file, rows, shape, **options)
