"""Files of results as plain JSON objects: read within limits of memory, and changed in place, whole or not at all."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from fer_video.errors import InputError
from fer_video.files import open_output, read_limited, refuse_pipe
from fer_video.results.writers.json import dump, for_reading
from fer_video.types import SCHEMA

__all__ = [
    "MAKE",
    "RESULT_SUFFIXES",
    "STDIN",
    "change_documents",
    "check_schema",
    "documents",
    "is_on_stdin",
    "refusing",
]

STDIN = Path("-")

RESULT_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
MAKE = "make one with fervid predict CLIP --frames --out r.json"
_MOST_BYTES = 256 << 20  # of a document
# What Python takes for each object, array and value that these begin; two hours at 30 frames a second are 0.6 GB.
_PARSED_BYTES: Mapping[str, int] = {"{": 232, "[": 88, ",": 48}
_MOST_MEMORY = 900_000_000


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """What is found in a file that is no result becomes an InputError of one line."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no JSON text; {MAKE}") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: is no JSON (line {error.lineno}, column {error.colno}); {MAKE}") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}: not a result of schema {SCHEMA}: {what[:200]}; {MAKE}") from error


def check_schema(value: Any) -> None:
    """Raises ValueError for what is no clip."""
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise ValueError(f'an object without "schema": "{SCHEMA}"')


def documents(path: Path) -> Iterator[Any]:
    """The clips of a .json (one object or an array) or .jsonl file. Of JSON Lines one after the other, so that only
    one of them takes the memory of parsed JSON. STDIN: one or the other, read once.

    Raises InputError, and what `refusing` expects.
    """
    if path == STDIN:
        yield from _from_stdin()
        return
    if not _has_lines(path):
        value = _parse(read_limited(path, _MOST_BYTES).decode("utf-8"))
        yield from value if isinstance(value, list) else [value]
        return
    try:
        refuse_pipe(path)
        with path.open("rb") as file:
            yield from _lines(file, 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened: {error.strerror}") from error


def _lines(file: IO[bytes], first: int) -> Iterator[Any]:
    """first: number of the next line."""
    number = first
    while line := file.readline(_MOST_BYTES + 1):
        if len(line) > _MOST_BYTES:
            raise ValueError(f"a line of more than {_MOST_BYTES} bytes")
        if line.strip():
            try:
                yield _parse(line.decode("utf-8"))
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number} is no JSON") from error
        number += 1


def is_on_stdin() -> bool:
    """Whether stdin begins as JSON does, and not with the name of a file. Leaves it unread."""
    if sys.stdin is None:
        return False
    buffer: Any = sys.stdin.buffer
    if hasattr(buffer, "peek"):
        head = buffer.peek(1)
    else:
        start = buffer.tell()
        head = buffer.read(1)
        buffer.seek(start)
    return bytes(head[:1]) in (b"{", b"[")


def _from_stdin() -> Iterator[Any]:
    if sys.stdin is None:
        raise InputError("stdin is closed; give the results as files")
    file: IO[bytes] = sys.stdin.buffer
    line = file.readline(_MOST_BYTES + 1)
    try:
        value = _parse(line.decode("utf-8"))
    except json.JSONDecodeError:  # not a line of its own: one document
        data = line + file.read(_MOST_BYTES + 1 - len(line))
        if len(data) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES} bytes in one document; give JSON Lines") from None
        value = _parse(data.decode("utf-8")) if data.strip() else []
    yield from value if isinstance(value, list) else [value]
    yield from _lines(file, 2)


def change_documents(path: Path, out: Path, change: Callable[[int, dict[str, Any]], None]) -> None:
    """Write the file anew with its clips as `change` leaves them; all else stays. out: may be the file itself.

    change: is given the number of the clip, from 0, and its object. Raises InputError, OutputError.
    """
    with refusing(path), open_output(out) as file:
        if _has_lines(path):
            for number, value in enumerate(documents(path)):
                change(number, value)
                file.write(dump(value) + "\n")
            return
        value = _parse(read_limited(path, _MOST_BYTES).decode("utf-8"))
        clips = value if isinstance(value, list) else [value]
        for number, each in enumerate(clips):
            change(number, each)
        written = ",".join(f"\n{for_reading(each)}" for each in clips)
        file.write(f"[{written}\n]\n" if isinstance(value, list) else f"{for_reading(value)}\n")


def _has_lines(path: Path) -> bool:
    return path.suffix.lower() in (".jsonl", ".ndjson")


def _parse(text: str) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    needed = sum(text.count(mark) * size for mark, size in _PARSED_BYTES.items())
    if needed > _MOST_MEMORY:
        raise ValueError(
            f"would take {needed / 1e9:.1f} GB of memory; give results of many or long clips as JSON Lines, a file each"
        )
    return json.loads(text, parse_constant=refuse)
