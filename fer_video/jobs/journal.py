"""The journal of a batch: JSON Lines, one a finished file, only ever appended to. The last line of a path counts.

Each line is on the disk before the next file is said to be done. A line that was cut off by a kill or a power cut is
taken away when the journal is opened again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fer_video.closing import Closing
from fer_video.errors import OutputError
from fer_video.jobs.engine import Stamp
from fer_video.types import Status

__all__ = ["Entry", "Journal", "read_journal"]

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
        self._entries, whole = _read(path)
        try:
            self._file = path.open("ab")
            self._file.truncate(whole)
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
        self._file.close()


def read_journal(path: Path) -> Mapping[str, Entry]:
    """Path -> its last line; nothing where there is no journal. Changes nothing. Raises OutputError."""
    return _read(path)[0]


def _read(path: Path) -> tuple[dict[str, Entry], int]:
    """The entries, and how many bytes are whole lines."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}, 0
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror}; choose another place") from error
    *lines, _ = data.split(b"\n")  # what follows the last line end was cut off, or is nothing
    entries: dict[str, Entry] = {}
    whole = 0
    for number, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
            entry = None if value.get("status") == _AGAIN else _entry(value)
            entries.pop(value["path"], None)  # the order is that of the last lines
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if number == len(lines):  # a power cut may leave anything there
                break
            raise OutputError(f"{path}: line {number} is not a journal's; move the file away to begin anew") from error
        if entry is not None:
            entries[entry.path] = entry
        whole += len(line) + 1
    return entries, whole


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
