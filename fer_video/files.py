"""Files that are written whole or not at all, and hashes of their content."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from fer_video.errors import InputError, OutputError
from fer_video.scratch import hold, sweep_parts

__all__ = [
    "cache_dir",
    "content_hash",
    "open_output",
    "parse_json",
    "parse_toml",
    "read_limited",
    "refuse_pipe",
    "refuse_same",
    "safe_name",
]

_MOST_DOTS = 200  # in a line of TOML


_STREAMS = {f"{folder}{number}": number for folder in ("/dev/fd/", "/proc/self/fd/") for number in (1, 2)}
_STREAMS |= {"/dev/stdout": 1, "/dev/stderr": 2}


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
        if (stream := _STREAMS.get(str(path))) is not None:  # the shell may have opened it to append, or for others too
            with os.fdopen(os.dup(stream), "wb" if binary else "w", **text) as file:
                yield file
            return
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
    hold(handle)
    sweep_parts(path)
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


def read_limited(path: Path, most: int) -> bytes:
    """The content of a regular file of at most so many bytes.

    Raises InputError for a longer one, for a pipe or a device (which may never end), and for one that cannot be read.
    """
    try:
        refuse_pipe(path)
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(f"{path}: cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > most:
        raise InputError(f"{path}: is longer than {most} bytes, more than such a file can be")
    return data


def parse_json(text: str | bytes) -> Any:
    """Raises ValueError for what is not JSON, or is nested so deeply that it cannot be read."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def parse_toml(data: bytes) -> dict[str, Any]:
    """Raises ValueError for what is not TOML, or would take much time or memory to read."""
    # tomllib keeps each beginning of a dotted key: one of 100 kB would take gigabytes.
    if max((line.count(b".") for line in data.splitlines()), default=0) > _MOST_DOTS:
        raise ValueError(f"a line has more than {_MOST_DOTS} dots")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def refuse_pipe(path: Path) -> None:
    """Raises InputError for a pipe or a device: opening one would wait for a writer."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path}: is a pipe or a device; save what it gives to a file first")


def refuse_same(out: Path, inputs: Iterable[str]) -> None:
    """Raises OutputError when the output is one of the inputs, by whatever name."""
    for path in inputs:
        try:
            same = out.is_file() and Path(path).exists() and out.samefile(path)
        except (OSError, ValueError):  # a name that is too long, or no name: whoever opens it says so
            continue
        if same:
            raise OutputError(f"{out}: is one of the inputs; choose another name")


def safe_name(name: str, most: int = 80) -> str:
    """A file name that every system takes, of at most so many characters. Different names may become the same."""
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "_" for char in name)
    return kept[:most].lstrip(".-") or "clip"


def content_hash(path: Path, most_s: float = math.inf) -> str:
    """sha256 of a file's bytes; of a folder, of the names and bytes of the files in it, in order of the names.

    Raises OSError; TimeoutError, which is one, where reading takes more than most_s seconds.
    """
    if not path.is_dir():
        until, digest = time.monotonic() + most_s, hashlib.sha256()
        with path.open("rb") as stream:
            while part := stream.read(1 << 20):
                digest.update(part)
                if time.monotonic() > until:
                    raise TimeoutError(f"{path}: takes more than {most_s:g} s to read")
        return digest.hexdigest()
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
    try:
        return (Path(base) if base else Path.home() / ".cache") / "fervid"
    except RuntimeError:  # no HOME, and no entry for the user's number, as in some containers
        return Path(os.sep, "nonexistent", "fervid")  # nothing is there; what would be written says to set the variable
