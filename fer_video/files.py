"""Files that appear whole or not at all, and what is in them as a hash."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from fer_video.errors import InputError, OutputError

__all__ = ["cache_dir", "content_hash", "open_output", "refuse_pipe", "refuse_same", "safe_stem"]


@contextmanager
def open_output(path: Path, *, binary: bool = False) -> Iterator[IO[Any]]:
    """A file that takes its name when the block ends: temporary file beside it, fsync, replace.

    Text is UTF-8 with the line ends that are written.

    Not when it ends by an exception: what stood there before stays. The temporary file is made at once, so that a
    place that cannot be written is known before any work.

    Raises OutputError.
    """
    text: Any = {} if binary else {"encoding": "utf-8", "newline": ""}
    try:
        if path.is_dir():
            raise OutputError(f"{path}: is a folder; give the name of a file")
        if path.exists() and not path.is_file():  # a pipe or a device such as /dev/null must not be replaced
            with path.open("wb" if binary else "w", **text) as device:
                yield device
            return
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}; choose another place") from error
    path = path.resolve()  # a link keeps pointing where it did
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}; choose another place") from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb" if binary else "w", **text) as file:
            try:
                yield file
            finally:
                file.flush()
                os.fsync(handle)
        _publish(temporary, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}; choose another place") from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _publish(temporary: Path, path: Path) -> None:
    if path.exists():
        temporary.chmod(path.stat().st_mode & 0o777)  # as private as what it replaces
    else:
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes files that only their owner may read
    temporary.replace(path)


def refuse_pipe(path: Path) -> None:
    """Raises InputError for a pipe or a device: opening one would wait for a writer."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path}: is a pipe or a device; save the video to a file first")


def refuse_same(out: Path, inputs: Iterable[str]) -> None:
    """Raises OutputError when the output is one of the inputs, by whatever name."""
    if not out.is_file():
        return
    for path in inputs:
        if Path(path).exists() and out.samefile(path):
            raise OutputError(f"{out}: is one of the inputs; choose another name")


def content_hash(path: Path) -> str:
    """sha256 of a file's bytes; of a folder, of the names and bytes of the files in it, in order of the names."""
    if not path.is_dir():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()):
        if file.is_file():
            digest.update(os.fsencode(file.name) + b"\0" + bytes.fromhex(content_hash(file)))
    return digest.hexdigest()


def cache_dir() -> Path:
    """Where fervid keeps what it can make again: $FERVID_CACHE, or a folder of the user's cache."""
    if given := os.environ.get("FERVID_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "fervid"


def safe_stem(stem: str) -> str:
    """Of a file name that every system takes."""
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "_" for char in stem)
    return kept[:80].lstrip(".-") or "clip"
