"""The journal of a batch: JSON Lines, one line per finished file, only appended to. The last line of a path counts.

Each line is on the disk before the next file is said to be done. A line that was cut off by a kill or a power cut is
taken away when the journal is opened again, and so are lines that something damaged, which is said.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fer_video.closing import Closing
from fer_video.errors import OutputError
from fer_video.files import open_output, parse_json
from fer_video.jobs.engine import Stamp
from fer_video.types import Status

__all__ = ["Entry", "Journal", "read_journal"]

log = logging.getLogger(__name__)

_STATUSES = ("ok", "partial", "failed")
_AGAIN = "again"  # of a line that takes back those before it: the file is about to be done once more


@dataclass(frozen=True, slots=True)
class Entry:
    """One finished file."""

    path: str  # as it was named
    size: int | None  # bytes, before the work began; None for what is no file, and so is the next
    mtime_ns: int | None  # last change, nanoseconds of the epoch
    sha256: str | None  # of the content; None where it cannot be read
    options: str  # hash of all that decides the result but the file
    status: Status
    error: str | None
    seconds: float
    frames: int  # looked at

    @property
    def stamp(self) -> Stamp | None:
        if self.size is None or self.mtime_ns is None:
            return None
        return Stamp(self.size, self.mtime_ns, self.sha256)


class Journal(Closing):
    """Opened to go on with. A context manager.

    Raises OutputError when it cannot be written, or holds what is no journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        found = _read(path)
        self._entries = found.entries
        if found.damaged:
            log.warning("%s: %s; what they said is done again", path, found.damage)
            with open_output(path, binary=True) as file:
                file.writelines(found.lines)
        try:
            self._file = path.open("ab")
            self._file.truncate(sum(map(len, found.lines)))
        except OSError as error:
            raise _unwritable(path, error) from error

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Path -> its last line."""
        return self._entries

    def append(self, entry: Entry) -> None:
        """On the disk when this returns. Raises OutputError."""
        self._write(asdict(entry))
        self._entries.pop(entry.path, None)
        self._entries[entry.path] = entry

    def take_back(self, path: str) -> None:
        """Before a finished file is done again: its output is then no longer what its line says. Raises OutputError."""
        self._write({"path": path, "status": _AGAIN})
        self._entries.pop(path, None)

    def _write(self, value: dict[str, Any]) -> None:
        """ASCII, since a file name may hold bytes that are no text."""
        try:
            self._file.write(json.dumps(value).encode("ascii") + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def close(self) -> None:
        """What could not be written was said when it was written."""
        with suppress(OSError):
            self._file.close()


def read_journal(path: Path) -> Mapping[str, Entry]:
    """Path -> its last line; nothing where there is no journal. Changes nothing. Raises OutputError."""
    return _read(path).entries


@dataclass(frozen=True, slots=True)
class _Found:
    entries: dict[str, Entry]
    lines: list[bytes]  # the good ones, with their ends
    damaged: list[int]  # numbers of lines, from 1

    @property
    def damage(self) -> str:
        first = ", ".join(map(str, self.damaged[:5]))
        many = f" and {len(self.damaged) - 5} more" if len(self.damaged) > 5 else ""
        return f"damaged in line {first}{many}"


def _read(path: Path) -> _Found:
    """Raises OutputError for a file that cannot be read, or in which nothing is a journal's."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return _Found({}, [], [])
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror}; choose another place") from error
    *lines, _ = data.split(b"\n")  # what follows the last line end was cut off, or is nothing
    found = _Found({}, [], [])
    for number, line in enumerate(lines, 1):
        try:
            value = parse_json(line)
            entry = None if value.get("status") == _AGAIN else _entry(value)
            found.entries.pop(value["path"], None)  # the order is that of the last lines
        except (ValueError, TypeError, KeyError, AttributeError):
            if number < len(lines):  # a power cut may leave anything in the last one
                found.damaged.append(number)
            continue
        if entry is not None:
            found.entries[entry.path] = entry
        found.lines.append(line + b"\n")
    if found.damaged and not found.lines:
        raise OutputError(f"{path}: line {found.damaged[0]} is not a journal's; move the file away to begin anew")
    return found


def _entry(value: Any) -> Entry:
    entry = Entry(**value)
    numbers = (entry.size, entry.mtime_ns, entry.frames, entry.seconds)
    texts = (entry.path, entry.options, entry.status, entry.error or "", entry.sha256 or "")
    if entry.status not in _STATUSES or not all(isinstance(text, str) for text in texts):
        raise ValueError("not an entry")
    if not all(number is None or isinstance(number, int | float) for number in numbers):
        raise ValueError("not an entry")
    return entry


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written: {error.strerror or error}; choose another place")
