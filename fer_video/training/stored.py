"""Square crops in a .npy file: written as they are decoded, resumed where that was stopped, read one at a time.

Beside X.npy lies X.json, the list of what could not be used. While a file is being made it is X.part, with a line in
X.lines for every picture that was read, so that the next run goes on after the last one that is in both.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from fer_video.errors import OutputError
from fer_video.files import open_output
from fer_video.types import Image

__all__ = ["Stored", "make_stored", "open_stored"]

_HEADER = 128  # bytes of a .npy header, always as many
_FLUSH = 256  # pictures between two lots of lines


class Stored:
    """(n, side, side, 3) uint8 on disk. Rows are read by position, from any thread: nothing stays in memory."""

    def __init__(self, path: Path) -> None:
        mapped = np.load(path, mmap_mode="r")
        if mapped.ndim != 4 or mapped.dtype != np.uint8:
            raise ValueError(f"{path}: not crops")
        self.shape: tuple[int, ...] = mapped.shape
        self._bytes = int(np.prod(self.shape[1:]))
        self._start = mapped.offset if isinstance(mapped, np.memmap) else _HEADER
        self._file = path.open("rb", buffering=0)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, row: int) -> Image:
        if not 0 <= row < len(self):
            raise IndexError(row)
        data = os.pread(self._file.fileno(), self._bytes, self._start + int(row) * self._bytes)
        return np.frombuffer(data, np.uint8).reshape(self.shape[1:])

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()


def open_stored(path: Path, samples: int) -> tuple[Stored, dict[int, str]] | None:
    """The crops, and row -> why there is none; None where there is nothing, or not what belongs together."""
    try:
        listed = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        failed = {int(row): str(reason) for row, reason in listed["skipped"].items()}
        images = Stored(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return (images, failed) if len(images) == samples - len(failed) else None


def make_stored(
    path: Path, side: int, samples: int, crops: Callable[[int], Iterator[Image | str]], facts: dict[str, Any],
    progress: Callable[[int, int], None],
) -> None:  # fmt: skip
    """crops: the crops from a row on, or why there is none. facts: for the list beside the file.

    Raises OutputError where another fervid is making the same file, or it cannot be written.
    """
    part, lines = path.with_suffix(".part"), path.with_suffix(".lines")
    lock = FileLock(path.with_suffix(".lock"), timeout=0)
    try:
        with lock:
            failed = _append(part, lines, side, samples, crops, progress)
            with open_output(path.with_suffix(".json")) as file:
                json.dump({**facts, "images": samples - len(failed), "skipped": failed}, file, indent=1)
            part.replace(path)
            lines.unlink()
    except Timeout as error:
        raise OutputError(f"{path}: another fervid is making it; wait for that one or use another --cache") from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}; choose another --cache") from error


def _append(
    part: Path, lines: Path, side: int, samples: int, crops: Callable[[int], Iterator[Image | str]],
    progress: Callable[[int, int], None],
) -> dict[int, str]:  # fmt: skip
    """Decode what is not there yet; gives row -> why there is no crop."""
    said = _resumable(part, lines, side * side * 3, samples)
    failed = {row: reason for row, reason in enumerate(said) if reason}
    kept = len(said) - len(failed)
    with part.open("r+b" if part.exists() else "w+b") as file, lines.open("w", encoding="utf-8") as told:
        file.truncate(_HEADER + kept * side * side * 3)
        file.seek(0, os.SEEK_END)
        told.writelines(json.dumps(reason) + "\n" for reason in said)
        fresh: list[str] = []
        try:
            for row, image in enumerate(crops(len(said)), start=len(said)):
                if isinstance(image, str):
                    failed[row] = image
                else:
                    file.write(image.tobytes())
                    kept += 1
                fresh.append(image if isinstance(image, str) else "")
                if len(fresh) == _FLUSH:
                    _settle(file, told, fresh)
                progress(row + 1, samples)
        finally:
            _settle(file, told, fresh)
        file.seek(0)
        file.write(_header(kept, side))
        file.flush()
        os.fsync(file.fileno())
    return failed


def _settle(file: Any, told: Any, fresh: list[str]) -> None:
    """Pictures first, then their lines: a line without its picture would shift all that follow."""
    file.flush()
    told.writelines(json.dumps(reason) + "\n" for reason in fresh)
    told.flush()
    fresh.clear()


def _resumable(part: Path, lines: Path, picture: int, samples: int) -> list[str]:
    """What was said of the first pictures: as many as are whole in both files. "": there is a crop."""
    try:
        whole = lines.read_text(encoding="utf-8").rpartition("\n")[0]
        said = [json.loads(line) for line in whole.splitlines()]
        room = (part.stat().st_size - _HEADER) // picture
    except (OSError, ValueError):
        return []
    if len(said) > samples or not all(isinstance(reason, str) for reason in said):
        return []
    if sum(not reason for reason in said) > room:
        return []
    return said


def _header(count: int, side: int) -> bytes:
    """Of a .npy file, always of the same length."""
    shape = f"({count}, {side}, {side}, 3)"
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(_HEADER - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin-1")
