"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from fer_video.errors import OutputError

__all__ = ["open_output"]


@contextmanager
def open_output(path: Path) -> Iterator[TextIO]:
    """A UTF-8 text file that takes its name when the block ends: temporary file beside it, fsync, replace.

    Also when the block ends by Ctrl-C, so that what was done is kept; not after any other exception. The
    temporary file is made at once, so that a place that cannot be written is known before any work.

    Raises OutputError.
    """
    path = path.resolve()  # a link keeps pointing where it did
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give the name of a file")
    if path.exists() and not path.is_file():  # a pipe or a device such as /dev/null must not be replaced
        with path.open("w", encoding="utf-8", newline="") as device:
            yield device
        return
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}; choose another place") from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            try:
                yield file
            finally:
                file.flush()
                os.fsync(handle)
        _publish(temporary, path)
    except KeyboardInterrupt:
        _publish(temporary, path)
        raise
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}; choose another place") from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _publish(temporary: Path, path: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    temporary.chmod(0o666 & ~umask)  # mkstemp makes files that only their owner may read
    temporary.replace(path)
