"""One progress bar on stderr for a batch of clips."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fer_video.cli.main import warn

__all__ = ["BatchProgress"]


class BatchProgress:
    """Counts files, and parts of one while it is worked on. Shown only on a terminal and not when quiet.

    Messages go through `say`, and whatever else is printed meanwhile inside `aside`, so that they do not tear the bar.
    """

    def __init__(self, files: int, *, quiet: bool) -> None:
        from tqdm import tqdm

        self._done = 0
        self._bar: Any = tqdm(
            total=files,
            unit="file",
            disable=True if quiet or sys.stderr is None else None,  # None: tqdm looks whether stderr is a terminal
            bar_format="{l_bar}{bar}| {n:.1f}/{total} [{elapsed}<{remaining}]",
            leave=False,
        )

    def update(self, time_s: float, duration_s: float | None) -> None:
        """Reached this far in the file in hand."""
        part = min(time_s / duration_s, 1.0) if duration_s else 0.0
        self._bar.update(self._done + part - self._bar.n)

    def finish(self, _: object = None) -> None:
        """One more file is done."""
        self._done += 1
        self._bar.update(self._done - self._bar.n)

    def say(self, message: str) -> None:
        with self.aside():
            warn(message)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The bar is out of the way."""
        self._bar.clear()
        yield
        self._bar.refresh()

    def __enter__(self) -> BatchProgress:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()
