"""A folder that files come into: each file is analysed once it is complete, with the journal of a batch."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fer_video.errors import InputError, OptionError
from fer_video.jobs.batch import Batch
from fer_video.jobs.engine import Stamp, stamp_of
from fer_video.jobs.journal import Entry
from fer_video.jobs.workers import LocalWorkers
from fer_video.media.inputs import walk
from fer_video.types import ClipResult

__all__ = ["Settling", "WatchOptions", "watch"]


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """When a folder is checked, and when a file in it is complete. Raises OptionError.

    Attributes:
        interval_s: Seconds between two checks of the folder.
        settle_s: Seconds for which the size and time of a complete file have not changed. Files are checked, since
            events of the file system do not come over a network, and none says that a camera has finished.
    """

    interval_s: float = 1.0
    settle_s: float = 3.0

    def __post_init__(self) -> None:
        if not (0 < self.interval_s <= 3600 and 0 <= self.settle_s <= 86400):
            raise OptionError("the interval must be over 0 and up to 3600 seconds, settling 0 to 86400")


class Settling:
    """Which files of a folder have stopped changing. Each is given once, and again when it has changed since."""

    def __init__(self, folder: Path, settle_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._settle_s, self._clock = folder, settle_s, clock
        self._seen: dict[str, tuple[Stamp, float]] = {}  # how it was, and since when it has been so
        self._given: dict[str, Stamp] = {}

    def look(self) -> tuple[list[str], list[InputError]]:
        """The files that have settled since the last look, in natural order, and folders that cannot be read."""
        errors: list[tuple[str, InputError]] = []
        now, before, settled = self._clock(), self._seen, []
        self._seen = {}
        for path in walk(str(self._folder), errors):
            stamp = stamp_of(path, content=False)
            if stamp is None or stamp.size == 0:  # gone again, or only begun
                continue
            was, since = before.get(path, (stamp, now))
            self._seen[path] = stamp, since if was == stamp else now
            if now - self._seen[path][1] >= self._settle_s and self._given.get(path) != stamp:
                self._given[path] = stamp
                settled.append(path)
        return settled, [error for _, error in errors]


def watch(
    batch: Batch,
    engine: LocalWorkers[ClipResult],
    folder: Path,
    options: WatchOptions,
    stopping: Callable[[], bool],
    complain: Callable[[InputError], None],
) -> Iterator[Entry]:
    """The entry of each file that is done, until somebody wants to stop; the files in hand are then finished.

    complain: called once for each folder that cannot be read. Raises as Batch.run; InputError when the folder is gone.
    """
    settling, numbers = Settling(folder, options.settle_s), itertools.count()
    settled: dict[str, None] = {}  # and not submitted yet
    submitted: dict[int, str] = {}
    complained: set[str] = set()
    looked, unjoined = -options.interval_s, True
    while not stopping() or engine.in_hand:
        if not stopping() and time.monotonic() - looked >= options.interval_s:
            looked = time.monotonic()
            if not folder.is_dir():
                raise InputError(f"{folder}: is no folder any more; start again when it is back")
            more, errors = settling.look()
            settled |= dict.fromkeys(more)
            for error in errors:
                if str(error) not in complained:
                    complained.add(str(error))
                    complain(error)
            # One that changed while it is worked on waits until it has been recorded as it was.
            ready = [clip for clip in settled if clip not in submitted.values()]
            for clip, _ in batch.plan(ready).todo:
                batch.begin(clip)
                number = next(numbers)
                submitted[number] = clip
                engine.submit(number, clip)
            settled = {clip: None for clip in settled if clip not in ready}
        for outcome in engine.wait(most_s=max(looked + options.interval_s - time.monotonic(), 0.01)):
            unjoined = True
            yield batch.record(submitted.pop(outcome.number), outcome)
        if unjoined and not submitted:
            unjoined = False
            batch.join()
