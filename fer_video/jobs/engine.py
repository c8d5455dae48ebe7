"""The contract between the work on a clip and the processes that do it.

    Work      what is done with one clip; is sent to where that happens, and loads its models there
    Engine    does a Work on many clips: in this process, in others of this machine, or on other machines
    Outcome   what became of one clip

An engine only gives outcomes. Journals and outputs are written by whoever drives it (jobs/batch.py), so that every
engine has the same ones.
"""

from __future__ import annotations

import math
import stat
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from fer_video.closing import Closing
from fer_video.errors import fault_of
from fer_video.files import content_hash
from fer_video.media.address import shown

__all__ = ["Do", "Engine", "InProcess", "Outcome", "Report", "Seen", "Stamp", "Work", "attempt", "stamp_of"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# Called for each frame that was looked at: the time reached in the clip, and its announced duration, in seconds.
Seen = Callable[[float, float | None], None]
# One clip -> its value. Raises InputError when the clip is what is wrong.
Do = Callable[[str, Seen], T]
# Called now and then: number of the clip, frames looked at so far, time reached, announced duration in seconds.
Report = Callable[[int, int, float, float | None], None]


class Work(Protocol[T_co]):
    """What is done with each clip. Can be pickled, and so can its values."""

    def start(self, threads: int | None) -> Do[T_co]:
        """Load the models; called once where the work is done. threads: the share of the cores, None: all of them.

        Raises ModelError, OptionError.
        """
        ...


@dataclass(frozen=True, slots=True)
class Stamp:
    """By what a file is known again."""

    size: int  # bytes
    mtime_ns: int  # time of the last change, nanoseconds of the epoch
    sha256: str | None  # of the content; None where it cannot be read, or was not asked for


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What became of one clip: a value, or an error."""

    number: int  # of the clip in what was given to `run`
    value: T | None
    error: str | None = None  # one line for the user, beginning with the clip's path
    seconds: float = 0.0  # that it took
    stamp: Stamp | None = None  # of the file before the work began; None where there is no file


class Engine(Closing, Generic[T]):
    """A context manager; leaving it ends at once whatever is still being done."""

    @abstractmethod
    def run(self, clips: Sequence[str], report: Report | None = None) -> Iterator[Outcome[T]]:
        """One outcome a clip, as they come, in any order. Models stay loaded for the next `run`.

        A clip that fails, or kills or outlasts what works on it, is an outcome with an error; the rest goes on.

        Raises ModelError, OptionError, OutputError, WorkerError: nothing can go on after these.
        """

    @abstractmethod
    def stop(self) -> None:
        """Finish the clips in hand and take no more: `run` then ends. May be called from a signal handler."""

    def close(self) -> None:
        """End whatever is still being done."""


class InProcess(Engine[T]):
    """In this process, one clip after the other, in order."""

    def __init__(self, work: Work[T], threads: int | None = None) -> None:
        self._work, self._threads, self._stopped = work, threads, False
        self._do: Do[T] | None = None

    def run(self, clips: Sequence[str], report: Report | None = None) -> Iterator[Outcome[T]]:
        for number, clip in enumerate(clips):
            if self._stopped:
                return
            if self._do is None:
                self._do = self._work.start(self._threads)
            yield attempt(self._do, number, clip, report)

    def stop(self) -> None:
        self._stopped = True


def attempt(do: Do[T], number: int, clip: str, report: Report | None = None) -> Outcome[T]:
    """Do one clip where the models are. What is wrong with the clip becomes its outcome, what is wrong with the
    whole job (ModelError, OptionError, OutputError) is raised."""
    frames = 0

    def seen(time_s: float, duration_s: float | None) -> None:
        nonlocal frames
        frames += 1
        if report is not None:
            report(number, frames, time_s, duration_s)

    started, stamp = time.perf_counter(), stamp_of(clip)  # before: a file that changes meanwhile is a changed one
    value, problem = None, None
    try:
        value = do(clip, seen)
    except Exception as error:  # noqa: BLE001  raised again where it concerns them all
        problem = str(fault_of(shown(clip), error))
    return Outcome(number, value, problem, time.perf_counter() - started, stamp)


def stamp_of(clip: str, *, content: bool = True, most_s: float = math.inf) -> Stamp | None:
    """None for what is no file. content: read it, for its hash, unless that takes more than most_s seconds."""
    path = Path(clip)
    try:
        found = path.stat()
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None
    if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for a writer
        return None
    try:
        return Stamp(found.st_size, found.st_mtime_ns, content_hash(path, most_s) if content else None)
    except OSError:
        return Stamp(found.st_size, found.st_mtime_ns, None)
