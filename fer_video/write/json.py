"""JSON and JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

from fer_video.types import ClipResult
from fer_video.write.base import Rows, Writer
from fer_video.write.rows import clip_object, flat_rows

__all__ = ["JsonLinesWriter", "JsonWriter"]


def _objects(result: ClipResult, rows: Rows) -> Iterator[dict[str, Any]]:
    return iter([clip_object(result)]) if rows == "clips" else flat_rows(result, rows)


def _dump(value: Any, indent: int | None = None) -> str:
    """Readable UTF-8, or plain ASCII where a file name holds bytes that are no text."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, indent=indent)
    return text


class JsonLinesWriter(Writer):
    """One object a line: a clip, or a row."""

    def write(self, result: ClipResult) -> None:
        for value in _objects(result, self.rows):
            self.file.write(_dump(value) + "\n")
        self.file.flush()


class JsonWriter(Writer):
    """One document: an array of clips or of rows.

    single: the clip's object itself instead of an array; for a caller that knows there is exactly one.
    """

    def __init__(
        self,
        file: TextIO,
        rows: Rows,
        emotions: tuple[str, ...],
        *,
        attributes: bool = False,
        single: bool = False,
    ) -> None:
        super().__init__(file, rows, emotions, attributes=attributes)
        self._array = rows != "clips" or not single
        self._empty = True

    def begin(self) -> None:
        if self._array:
            self.file.write("[")

    def write(self, result: ClipResult) -> None:
        for value in _objects(result, self.rows):
            if self._array:
                self.file.write("\n" if self._empty else ",\n")
            # A clip is read by people, rows are too many for that.
            self.file.write(_dump(value, indent=2 if self.rows == "clips" else None))
            self._empty = False
        self.file.flush()

    def end(self) -> None:
        self.file.write("\n]\n" if self._array else "\n")
