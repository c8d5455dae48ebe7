"""JSON and JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

from fer_video.results.rows import Rows, RowShape, clip_object, failed_row, flat_rows
from fer_video.results.writers.base import Writer
from fer_video.types import ClipResult

__all__ = ["JsonLinesWriter", "JsonWriter", "dump", "for_reading"]


def _objects(result: ClipResult, rows: Rows, *, frames: bool) -> Iterator[dict[str, Any]]:
    if rows == "clips":
        yield clip_object(result, frames=frames)
    elif result.status == "failed":
        yield failed_row(result)
    else:
        yield from flat_rows(result, rows)


def dump(value: Any, indent: int | None = None) -> str:
    """Readable UTF-8, or plain ASCII where a file name holds bytes that are no text."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, indent=indent)
    return text


def for_reading(value: dict[str, Any]) -> str:
    """A clip is read by people, so it is indented; its frames are too many for that and take a line each."""
    if "frames" not in value:
        return dump(value, indent=2)
    frames = ",\n    ".join(map(dump, value["frames"]))
    head = dump({name: each for name, each in value.items() if name != "frames"}, indent=2)
    return f'{head.removesuffix("}").rstrip()},\n  "frames": [\n    {frames}\n  ]\n}}'


class JsonLinesWriter(Writer):
    """One object a line: a clip, or a row.

    frames: clips also hold every sampled frame and the faces in it.
    """

    def __init__(self, file: IO[str], rows: Rows, shape: RowShape, *, frames: bool = False) -> None:
        super().__init__(file, rows, shape)
        self._frames = frames

    def text(self, result: ClipResult) -> str:
        return "".join(f"{dump(value)}\n" for value in _objects(result, self.rows, frames=self._frames))


class JsonWriter(Writer):
    """One document: an array of clips or of rows.

    single: the clip's object itself instead of an array; for a caller that knows there is exactly one.
    frames: as for JSON Lines.
    """

    def __init__(
        self, file: IO[str], rows: Rows, shape: RowShape, *, single: bool = False, frames: bool = False
    ) -> None:
        super().__init__(file, rows, shape)
        self._frames = frames
        self._array = rows != "clips" or not single
        self._empty = True

    def head(self) -> str:
        return "[" if self._array else ""

    def text(self, result: ClipResult) -> str:
        written = for_reading if self.rows == "clips" else dump
        pieces = [written(value) for value in _objects(result, self.rows, frames=self._frames)]
        if not self._array:
            return pieces[0]
        lead = "" if self._empty or not pieces else ","
        self._empty &= not pieces
        return lead + "".join(f"{',' if i else ''}\n{piece}" for i, piece in enumerate(pieces))

    def tail(self) -> str:
        return "\n]\n" if self._array else "\n"
