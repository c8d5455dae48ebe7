"""Which file in a folder of results is of which clip: named like the clip, and with a hash where two names collide.

Kept beside the journal, for a clip keeps its name whatever is done later. A line is on the disk before the file is.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from fer_video.errors import OutputError
from fer_video.files import parse_json, safe_name

__all__ = ["Names", "hashed"]

_LONGEST = 60
_DEVICES = {"con", "prn", "aux", "nul", *(f"{name}{i}" for name in ("com", "lpt") for i in range(1, 10))}  # of Windows


def hashed(name: str, path: str) -> str:
    """A name that no other clip has."""
    digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{safe_name(name, _LONGEST)}-{digest[:16]}"


class Names:
    """Path of a clip -> name of its file, without suffix."""

    def __init__(self, file: Path) -> None:
        """Lines that were cut off or damaged are passed over: their clips are done again."""
        self._file = file
        self._names: dict[str, str] = {}
        try:
            lines = file.read_bytes().splitlines()
        except OSError:  # there is none yet, or nobody may read it: whoever writes says so
            lines = []
        for line in lines:
            try:
                value = parse_json(line)
                path, name = value["path"], value["name"]
            except (ValueError, KeyError, TypeError):
                continue
            if isinstance(path, str) and isinstance(name, str) and name == safe_name(name, 2 * _LONGEST):
                self._names[path] = name
        self._used = {name.casefold() for name in self._names.values()}

    def get(self, path: str) -> str | None:
        return self._names.get(path)

    def __contains__(self, name: object) -> bool:
        """Whether a clip's file is called that, in whatever case: some systems do not tell them apart."""
        return isinstance(name, str) and name.casefold() in self._used

    def claim(self, path: str, folder: Path, suffix: str) -> str:
        """The clip's name from now on. A file that is there and no clip's stays what it is. Raises OutputError."""
        if (known := self.get(path)) is not None:
            return known
        name = safe_name(Path(path).stem, _LONGEST)
        reserved = name.split(".")[0].casefold() in _DEVICES
        if reserved or name in self or (folder / f"{name}{suffix}").exists():
            name = hashed(Path(path).stem, path)
        line = json.dumps({"path": path, "name": name}).encode("ascii")
        try:
            with self._file.open("ab") as file:
                file.write(b"\n" + line + b"\n")  # what was cut off before must not spoil it
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"{self._file}: cannot be written: {error.strerror}; choose another place") from error
        self._names[path] = name
        self._used.add(name.casefold())
        return name
