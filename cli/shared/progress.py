"""One progress bar on stderr for a batch of clips."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fer_video.cli.shared.messages import warn

__all__ = ["BatchProgress"]


class BatchProgress:
    """Counts files, and parts of one while it is worked on. Shown only on a terminal and not when quiet.

    Messages go through `say`, and whatever else is printed meanwhile inside `aside`, so that they do not tear the bar.
    """

    def __init__(self, files: int, *, quiet: bool) -> None:
        from tqdm import tqdm

        self._done, self._frames = 0, 0
        self._parts: dict[int, tuple[float, int]] = {}  # files in hand: share of it that is done, frames
        self._bar: Any = tqdm(
            total=files,
            unit="file",
            disable=True if quiet or sys.stderr is None else None,  # None: tqdm looks whether stderr is a terminal
            bar_format="{l_bar}{bar}| {n:.1f}/{total}{postfix} [{elapsed}<{remaining}]",
            leave=False,
        )

    def update(self, time_s: float, duration_s: float | None) -> None:
        """Reached this far in the file in hand."""
        self.reached(-1, 0, time_s, duration_s)

    def finish(self, _: object = None) -> None:
        """One more file is done."""
        self.finished(-1, 0)

    def reached(self, number: int, frames: int, time_s: float, duration_s: float | None) -> None:
        """Reached this far in one of several files in hand, so many frames of it."""
        self._parts[number] = min(time_s / duration_s, 1.0) if duration_s else 0.0, frames
        self._show()

    def finished(self, number: int, frames: int) -> None:
        """One of several files in hand is done."""
        self._parts.pop(number, None)
        self._done, self._frames = self._done + 1, self._frames + frames
        self._show()

    def _show(self) -> None:
        frames = self._frames + sum(frames for _, frames in self._parts.values())
        if frames:
            self._bar.set_postfix_str(f"{frames} frames", refresh=False)
        self._bar.update(self._done + sum(part for part, _ in self._parts.values()) - self._bar.n)

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
