"""Temporary folders, and files that are not whole yet: what exists only while work is going on.

A process that is killed cannot clean up. So whoever works holds a lock, which ends with the process, and the next one
removes what nobody holds.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fer_video.errors import OutputError

__all__ = ["hold", "is_old", "no_place", "scratch_folder", "sweep_parts"]

_PREFIX = "fervid-"
_LOCK = ".lock"
_YOUNG_S = 60.0  # what another process may have made and not locked yet
_PART = re.compile(r"\.(.+)\.[a-z0-9_]{8}\.part")  # as tempfile.mkstemp names them for files.open_output


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """A new folder that only this user may read, gone when the block ends.

    Raises OutputError.
    """
    import filelock

    try:
        _sweep_folders()
        made = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{purpose}-", ignore_cleanup_errors=True)
    except OSError as error:
        raise no_place(error) from error
    with made as name, filelock.FileLock(Path(name, _LOCK)):
        yield Path(name)


def no_place(error: OSError) -> OutputError:
    """What is said where temporary files cannot be made."""
    return OutputError(f"no temporary file can be made: {error.strerror}; set TMPDIR to a folder for them")


@functools.cache
def _sweep_folders() -> None:
    """Once a process. Films of people must not lie about."""
    import filelock

    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            found = folder.lstat()
            mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
            if mine and folder.is_dir() and not folder.is_symlink() and is_old(found):
                with filelock.FileLock(folder / _LOCK, timeout=0):
                    pass  # whoever held it is dead, and nobody else ever comes to a folder of this name
                shutil.rmtree(folder)
        except (OSError, filelock.Timeout):  # in use, or gone meanwhile
            continue


def hold(handle: int) -> bool:
    """Lock an open file for as long as it is open; False where somebody else has it, or the file system has no locks.

    On Windows an open file cannot be removed anyway: always True.
    """
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return True
    except OSError:
        return False
    return True


def sweep_parts(path: Path) -> None:
    """Remove what was to become this file, where whoever wrote it is dead."""
    for left in _parts(path.parent).pop(path.name[:100], ()):
        with suppress(OSError), left.open("rb") as file:
            if is_old(os.fstat(file.fileno())) and hold(file.fileno()):
                left.unlink()


@functools.cache
def _parts(folder: Path) -> dict[str, list[Path]]:
    """Read once a process: a batch writes thousands of files into one folder."""
    found: dict[str, list[Path]] = {}
    with suppress(OSError):
        for entry in os.scandir(folder):
            if (name := _PART.fullmatch(entry.name)) and entry.is_file(follow_symlinks=False):
                found.setdefault(name[1], []).append(Path(entry.path))
    return found


def is_old(found: os.stat_result) -> bool:
    """Whether it was made so long ago that whoever made it has locked it, or is done with it."""
    return time.time() - found.st_mtime > _YOUNG_S
