"""Workers, on this machine or elsewhere: each loads the models once; one that dies or hangs is replaced.

A worker has one clip at a time. Dead without an answer, or over the time limit, it is replaced and the clip tried once
more; then the clip has failed. A machine that goes away is not the clip's fault, and costs it nothing but time.

Workers say messages, each a tuple: ("ready",), ("seen", number, frames, time_s, duration_s),
("log", level, logger, text), ("done", Outcome), ("fatal", error). Others are for the kind of supervisor they have.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fer_video.errors import InputError, OptionError, WorkerError
from fer_video.jobs.engine import Engine, Outcome, Report, Stamp, stamp_of
from fer_video.media.address import shown

__all__ = ["Ending", "Message", "Supervisor", "Task", "Worker"]

log = logging.getLogger(__name__)

T = TypeVar("T")
Message = tuple[Any, ...]

_TRIES = 2  # of a clip that kills its worker: the first may have died for another reason
_LOSSES = 5  # of a clip whose machine goes away each time: then it may well be what takes it down
_STILLBORN = 3  # workers in a row that die before they are ready: more will do the same
_LONGEST_WAIT_S = 3600.0  # at a time: systems refuse to wait for weeks
_REST_S = 1.0  # after a machine went away with a worker that was not ready: others may be about to go with it


@dataclass(slots=True)
class Task:
    """A clip that waits or is worked on."""

    number: int
    clip: str
    tries: int = 0  # that ended with its worker
    losses: int = 0  # that ended with the machine


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker ended: "by SIGSEGV: last words". lost: its machine went away, or cannot be reached."""

    how: str
    lost: bool = False


class Worker(ABC):
    """Somebody who works, and the clip in hand."""

    def __init__(self) -> None:
        self.ready = False
        self.task: Task | None = None
        self.since = 0.0  # time.monotonic() when it got the task

    def give(self, task: Task) -> None:
        self.task, self.since = task, time.monotonic()
        self._send(task)

    @abstractmethod
    def _send(self, task: Task) -> None:
        """Never raises: what is wrong with a worker is found out when it is listened to."""

    @abstractmethod
    def end(self) -> Ending:
        """Kill it if need be."""


W = TypeVar("W", bound=Worker)


class Supervisor(Engine[T], Generic[T, W]):
    """See the module. most: workers at a time. timeout_s: of one clip.

    Raises OptionError.
    """

    def __init__(self, most: int, timeout_s: float | None) -> None:
        if timeout_s is not None and not timeout_s > 0:
            raise OptionError(f"the timeout must be more than 0 seconds, not {timeout_s:g}")
        self._most, self._timeout_s = most, timeout_s
        self._workers: list[W] = []
        self._waiting: deque[Task] = deque()
        self._stillborn = 0
        self._rest_until = 0.0  # time.monotonic() before which no worker is started
        self._stopped = False
        self._warned: set[str] = set()

    @abstractmethod
    def _start(self) -> W:
        """One more worker; need not wait until it is ready."""

    @abstractmethod
    def _listen(self, most_s: float | None) -> Iterable[tuple[W, Message | None]]:
        """What some of the workers say, None: one has died. Waits for it, for at most so long. None: for ever."""

    def run(self, clips: Sequence[str], report: Report | None = None) -> Iterator[Outcome[T]]:
        for number, clip in enumerate(clips):
            self.submit(number, clip)
        try:
            while self.in_hand or (self._waiting and not self._stopped):
                yield from self.wait(report)
        finally:
            self._waiting.clear()
            if self.in_hand:  # nobody waits for these any more
                self._end_workers()

    def submit(self, number: int, clip: str) -> None:
        """One more clip, for whoever calls `wait` instead of `run`."""
        self._waiting.append(Task(number, clip))

    @property
    def in_hand(self) -> int:
        """Clips being worked on."""
        return sum(worker.task is not None for worker in self._workers)

    @property
    def idle(self) -> int:
        """Clips that could be submitted and begun at once."""
        return max(self._most - self.in_hand - len(self._waiting), 0)

    def wait(self, report: Report | None = None, most_s: float | None = None) -> list[Outcome[T]]:
        """Hand out clips, then wait for something to happen, or for most_s seconds. Raises as `run`."""
        self._hand_out()
        if not self._workers:
            rest_s = max(self._rest_until - time.monotonic(), 0)
            time.sleep(rest_s if most_s is None else most_s)
            return []
        outcomes: list[Outcome[T]] = []
        for worker, message in self._listen(self._patience_s(most_s)):
            outcomes += self._bury(worker) if message is None else self._hear(worker, message, report)
        return outcomes + self._end_late()

    def stop(self) -> None:
        self._stopped = True

    def close(self) -> None:
        self._end_workers()

    def _end_workers(self) -> None:
        while self._workers:
            self._workers.pop().end()

    def _hand_out(self) -> None:
        if self._stopped:
            return
        free = [worker for worker in self._workers if worker.task is None]
        resting = time.monotonic() < self._rest_until
        for _ in range(min(len(self._waiting) - len(free), self._most - len(self._workers))):
            if not resting and (self._stillborn < _STILLBORN or not self._workers):
                self._workers.append(self._start())
        for worker in free:
            if worker.ready and self._waiting:
                worker.give(self._waiting.popleft())

    def _patience_s(self, most_s: float | None) -> float | None:
        """Until the next time limit, or most_s."""
        limits = [] if most_s is None else [most_s]
        if self._timeout_s is not None:
            now = time.monotonic()
            limits += [max(w.since + self._timeout_s - now, 0) for w in self._workers if w.task is not None]
        return min((min(each, _LONGEST_WAIT_S) for each in limits), default=None)

    def _hear(self, worker: W, message: Message, report: Report | None) -> list[Outcome[T]]:
        kind, *what = message
        if kind == "ready":
            worker.ready, self._stillborn = True, 0
        elif kind == "seen" and report is not None:
            report(*what)
        elif kind == "log":
            self._log(*what)
        elif kind == "fatal":
            raise what[0]
        elif kind == "done":
            worker.task = None
            return list(what)
        return []

    def _log(self, level: int, name: str, text: str) -> None:
        """Each worker warns for itself; once is enough."""
        if level < logging.WARNING or text not in self._warned:
            logging.getLogger(name).log(level, "%s", text)
        if level >= logging.WARNING:
            self._warned.add(text)

    def _end_late(self) -> list[Outcome[T]]:
        if self._timeout_s is None:
            return []
        now, limit = time.monotonic(), self._timeout_s
        late = [worker for worker in self._workers if worker.task is not None and now - worker.since >= limit]
        return [outcome for worker in late for outcome in self._bury(worker, f"took longer than {limit:g} s")]

    def _bury(self, worker: W, reason: str | None = None) -> list[Outcome[T]]:
        """reason: why it is ended; None for one that ended by itself. Its clip waits again, or has failed."""
        self._workers.remove(worker)
        ending = worker.end()
        if not worker.ready and ending.lost:
            self._rest_until = time.monotonic() + _REST_S
        elif not worker.ready:
            self._count_stillborn(ending)
        task = worker.task
        if task is None:
            return []
        if reason is None and ending.lost:
            task.losses += 1
        else:
            task.tries += 1
        if task.tries < _TRIES and task.losses < _LOSSES:
            log.info("%s: %s; it is tried once more", shown(task.clip), reason or f"its worker died, {ending.how}")
            self._waiting.appendleft(task)
            return []
        error = InputError(f"{shown(task.clip)}: {_verdict(task, reason, ending)}")
        return [Outcome(task.number, None, str(error), time.monotonic() - worker.since, _stamp(task))]

    def _count_stillborn(self, ending: Ending) -> None:
        """Raises WorkerError when nobody is left who works; while somebody does, no more are started."""
        self._stillborn += 1
        if self._stillborn < _STILLBORN:
            return
        text = f"workers die as they start: {ending.how}"
        if not any(worker.ready for worker in self._workers):
            raise WorkerError(f"{text}; try fewer --workers, and fervid doctor")
        self._log(logging.WARNING, __name__, f"{text}; going on with those there are")


def _stamp(task: Task) -> Stamp | None:
    """Not of the content: a file that a worker could not read in time would hold up everybody here."""
    return stamp_of(task.clip, content=False)


def _verdict(task: Task, reason: str | None, ending: Ending) -> str:
    if task.losses == _LOSSES:
        return f"the machine it was on went away {_LOSSES} times, last {ending.how}"
    if reason is not None:
        return f"{reason}, twice"
    return f"its worker died twice, {ending.how}; it may be broken, or need memory"
