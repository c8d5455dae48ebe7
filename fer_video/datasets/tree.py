"""A folder, or a zip of one that is read without unpacking it: names -> bytes."""

from __future__ import annotations

import os
import threading
import zipfile
from pathlib import Path, PurePosixPath

from fer_video.errors import InputError
from fer_video.files import read_limited, refuse_pipe
from fer_video.media.decode import natural

__all__ = ["Tree"]

# A picture or a table of labels is far smaller; a few bytes of zip may claim to be gigabytes.
_LARGEST_FILE = 256 << 20
# Python unpacks the others a whole input block at a time, whatever that becomes: 4 kB of bz2 may be 6 GB.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Tree:
    """Files below a folder or in a zip, by names with forward slashes. May be read from several threads.

    Raises InputError when it is neither.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._zip: zipfile.ZipFile | None = None
        self._sizes: dict[str, int] = {}
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; check the name")
        if path.is_dir():
            return
        try:
            refuse_pipe(path)
            self._zip = zipfile.ZipFile(path)
            self._sizes = {entry.filename: entry.file_size for entry in self._zip.infolist() if not entry.is_dir()}
        except InputError:
            raise
        except Exception as error:  # zipfile raises a dozen kinds on damaged ones: struct.error, NotImplementedError
            raise InputError(f"{path}: not a zip file that can be read") from error

    def names(self) -> list[str]:
        """All files, in natural order (2 before 10), hidden ones left out."""
        if self._zip is not None:
            found = list(self._sizes)
        else:
            found = [
                (Path(folder) / file).relative_to(self.path).as_posix()
                for folder, _, files in os.walk(self.path)
                for file in files
            ]
        return sorted((name for name in found if not _hidden(name)), key=natural)

    def __contains__(self, name: str) -> bool:
        if self._zip is not None:
            return name in self._sizes
        return _inside(name) and (self.path / name).is_file()

    def stamp(self, name: str) -> tuple[int, int]:
        """Changes when a file does: its size, and its checksum in a zip or its time in a folder; (0, 0) for none."""
        if name not in self:
            return 0, 0
        if self._zip is not None:
            entry = self._zip.getinfo(name)
            return entry.file_size, entry.CRC
        stat = (self.path / name).stat()
        return stat.st_size, stat.st_mtime_ns

    def read(self, name: str) -> bytes | None:
        """None when there is no such file. Raises InputError when it is there and cannot be read."""
        if name not in self:
            return None
        try:
            if self._zip is None:
                return read_limited(self.path / name, _LARGEST_FILE)
            return self._unpacked(self._zip.getinfo(name))
        except InputError:
            raise
        except Exception as error:  # see __init__; zlib.error, and RuntimeError for an encrypted one
            reason = str(error) or type(error).__name__
            raise InputError(f"{self.path}: {name} cannot be read: {reason}") from error

    def _unpacked(self, entry: zipfile.ZipInfo) -> bytes:
        """What an entry says of its size is not believed."""
        assert self._zip is not None
        if entry.compress_type not in _METHODS:
            raise InputError(
                f"{self.path}: {entry.filename} is packed by a method that is not read; pack it again with the usual "
                "one (deflate)"
            )
        if entry.file_size > _LARGEST_FILE:
            raise InputError(f"{self.path}: {entry.filename} claims {entry.file_size} bytes; that is no picture")
        with self._lock, self._zip.open(entry) as file:
            data = file.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise InputError(f"{self.path}: {entry.filename} is larger than {_LARGEST_FILE} bytes; that is no picture")
        return data


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _inside(name: str) -> bool:
    """A name in a table of labels must not lead out of the dataset."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts
