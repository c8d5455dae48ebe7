"""Worker processes on this machine: each loads the models once; one that dies or hangs is replaced.

A worker has one clip at a time. Dead without an answer, or over the time limit, it is replaced and the clip tried once
more; then the clip has failed. What a worker logs comes through its pipe; what native code in it prints is kept aside
and its last line quoted when it dies, so that workers never write over each other or into a progress bar.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TypeVar

from fer_video.address import shown
from fer_video.errors import InputError, OptionError, WorkerError
from fer_video.jobs.engine import Engine, Outcome, Report, Work, stamp_of
from fer_video.jobs.worker import serve
from fer_video.models.session import available_cores

__all__ = ["LocalWorkers"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_TRIES = 2  # of a clip that kills its worker: the first may have died for another reason
_STILLBORN = 3  # workers in a row that die before they are ready: more will do the same
_TAIL = 2000  # bytes of what a worker printed that are looked at


@dataclass(slots=True)
class _Task:
    number: int
    clip: str
    tries: int = 0


class _Worker:
    """A process, the pipe to it, and the clip it has in hand."""

    def __init__(self, process: SpawnProcess, pipe: Connection, printed: Path | None) -> None:
        self.process, self.pipe, self._printed = process, pipe, printed
        self.ready = False
        self.task: _Task | None = None
        self.since = 0.0  # time.monotonic() when it got the task

    def give(self, task: _Task) -> None:
        self.task, self.since = task, time.monotonic()
        try:
            self.pipe.send((task.number, task.clip))
        except OSError:
            log.debug("a worker died while idle", exc_info=True)  # its pipe says so to whoever reads it next

    def end(self) -> str:
        """Kill it if need be; how it ended, with its last words."""
        self.process.kill()  # SIGTERM it does not hear, see worker.py
        self.process.join()
        self.pipe.close()
        words = ""
        if self._printed is not None and self._printed.exists():
            lines = self._printed.read_bytes()[-_TAIL:].decode(errors="backslashreplace").strip().splitlines()
            words = f": {lines[-1]}" if lines else ""
            self._printed.unlink()
        return f"{_ending(self.process.exitcode)}{words}"


class LocalWorkers(Engine[T]):
    """See the module. workers: how many at most; each has its share of the cores. timeout_s: of one clip.

    Raises OptionError.
    """

    def __init__(self, work: Work[T], workers: int, timeout_s: float | None = None) -> None:
        if workers < 1:
            raise OptionError(f"workers must be 1 or more, not {workers}")
        if timeout_s is not None and not timeout_s > 0:
            raise OptionError(f"the timeout must be more than 0 seconds, not {timeout_s:g}")
        self._work, self._timeout_s = work, timeout_s
        self._most = min(workers, 4 * available_cores())
        self._threads = max(1, available_cores() // self._most)
        # Not fork: it would copy the threads' locks of ONNX Runtime and OpenCV in whatever state they are.
        self._context = multiprocessing.get_context("spawn")
        self._folder = tempfile.TemporaryDirectory(prefix="fervid-workers-")
        self._workers: list[_Worker] = []
        self._waiting: deque[_Task] = deque()
        self._started = self._stillborn = 0
        self._stopped = False
        self._warned: set[str] = set()

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
        self._waiting.append(_Task(number, clip))

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
            time.sleep(most_s or 0)
            return []
        outcomes: list[Outcome[T]] = []
        by_pipe = {worker.pipe: worker for worker in self._workers}
        for pipe in wait(list(by_pipe), self._patience_s(most_s)):
            outcomes += self._hear(by_pipe[pipe], report)  # type: ignore[index]
        return outcomes + self._end_late()

    def stop(self) -> None:
        self._stopped = True

    def close(self) -> None:
        self._end_workers()
        self._folder.cleanup()

    def _end_workers(self) -> None:
        for worker in self._workers:
            worker.process.kill()  # all at once, then wait for each
        while self._workers:
            self._workers.pop().end()

    def _hand_out(self) -> None:
        if self._stopped:
            return
        free = [worker for worker in self._workers if worker.task is None]
        for _ in range(min(len(self._waiting) - len(free), self._most - len(self._workers))):
            self._workers.append(self._start())
        for worker in free:
            if worker.ready and self._waiting:
                worker.give(self._waiting.popleft())

    def _start(self) -> _Worker:
        self._started += 1
        level = logging.getLogger("fer_video").getEffectiveLevel()
        # Native code's messages are for those who debug, who want them as they come.
        printed = None if level <= logging.DEBUG else Path(self._folder.name, str(self._started))
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=serve, args=(theirs, self._work, self._threads, level, printed), daemon=True
        )
        process.start()
        theirs.close()  # so that the end of the worker is the end of the pipe
        return _Worker(process, ours, printed)

    def _patience_s(self, most_s: float | None) -> float | None:
        """Until the next time limit, or most_s."""
        limits = [] if most_s is None else [most_s]
        if self._timeout_s is not None:
            now = time.monotonic()
            limits += [max(w.since + self._timeout_s - now, 0) for w in self._workers if w.task is not None]
        return min(limits, default=None)

    def _hear(self, worker: _Worker, report: Report | None) -> list[Outcome[T]]:
        try:
            kind, *what = worker.pipe.recv()
        except (EOFError, OSError):
            return self._bury(worker)
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

    def _bury(self, worker: _Worker, reason: str | None = None) -> list[Outcome[T]]:
        """reason: why it is ended; None for one that ended by itself. Its clip waits again, or has failed."""
        self._workers.remove(worker)
        ending = worker.end()
        if not worker.ready:
            self._stillborn += 1
            if self._stillborn == _STILLBORN:
                raise WorkerError(f"workers die as they start: {ending}; try fewer --workers, and fervid doctor")
        task = worker.task
        if task is None:
            return []
        task.tries += 1
        if task.tries < _TRIES:
            log.info("%s: %s; it is tried once more", shown(task.clip), reason or f"its worker died, {ending}")
            self._waiting.appendleft(task)
            return []
        reason = f"{reason}, twice" if reason else f"its worker died twice, {ending}; it may be broken, or need memory"
        error = InputError(f"{shown(task.clip)}: {reason}")
        return [Outcome(task.number, None, str(error), time.monotonic() - worker.since, stamp_of(task.clip))]


def _ending(exitcode: int | None) -> str:
    if exitcode is None or exitcode >= 0:
        return f"with exit code {exitcode}"
    try:
        return f"by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"by signal {-exitcode}"
