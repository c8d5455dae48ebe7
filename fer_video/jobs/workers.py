"""Worker processes on this machine.

What a worker logs comes through its pipe; what native code in it prints is kept aside and its last line quoted when it
dies, so that workers never write over each other or into a progress bar.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TypeVar

from fer_video.errors import OptionError
from fer_video.jobs.engine import Work
from fer_video.jobs.supervisor import Ending, Message, Supervisor, Task, Worker
from fer_video.jobs.worker import serve
from fer_video.models.cores import available_cores
from fer_video.scratch import scratch_folder

__all__ = ["LocalWorkers"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_TAIL = 2000  # bytes of what a worker printed that are looked at


class _Process(Worker):
    """A process, and the pipe to it."""

    def __init__(self, process: SpawnProcess, pipe: Connection, printed: Path | None) -> None:
        super().__init__()
        self.process, self.pipe, self._printed = process, pipe, printed

    def _send(self, task: Task) -> None:
        try:
            self.pipe.send((task.number, task.clip))
        except OSError:
            log.debug("a worker died while idle", exc_info=True)  # its pipe says so to whoever reads it next

    def end(self) -> Ending:
        self.process.kill()  # SIGTERM it does not hear, see worker.py
        self.process.join()
        self.pipe.close()
        words = ""
        if self._printed is not None and self._printed.exists():
            lines = self._printed.read_bytes()[-_TAIL:].decode(errors="backslashreplace").strip().splitlines()
            words = f": {lines[-1]}" if lines else ""
            self._printed.unlink()
        return Ending(f"{_ending(self.process.exitcode)}{words}")


class LocalWorkers(Supervisor[T, _Process]):
    """See the module. workers: how many at most; each has its share of the cores. timeout_s: of one clip.

    Raises OptionError.
    """

    def __init__(self, work: Work[T], workers: int, timeout_s: float | None = None) -> None:
        if workers < 1:
            raise OptionError(f"workers must be 1 or more, not {workers}")
        super().__init__(min(workers, 4 * available_cores()), timeout_s)
        self._work = work
        self._threads = max(1, available_cores() // self._most)
        # Not fork: it would copy the threads' locks of ONNX Runtime and OpenCV in whatever state they are.
        self._context = multiprocessing.get_context("spawn")
        self._open = ExitStack()
        self._folder = self._open.enter_context(scratch_folder("workers"))
        self._started = 0

    def close(self) -> None:
        super().close()
        self._open.close()

    def _end_workers(self) -> None:
        for worker in self._workers:
            worker.process.kill()  # all at once, then wait for each
        super()._end_workers()

    def _start(self) -> _Process:
        self._started += 1
        level = logging.getLogger("fer_video").getEffectiveLevel()
        # Native code's messages are for those who debug, who want them as they come.
        printed = None if level <= logging.DEBUG else self._folder / str(self._started)
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=serve, args=(theirs, self._work, self._threads, level, printed), daemon=True
        )
        process.start()
        theirs.close()  # so that the end of the worker is the end of the pipe
        return _Process(process, ours, printed)

    def _listen(self, most_s: float | None) -> Iterator[tuple[_Process, Message | None]]:
        by_pipe = {worker.pipe: worker for worker in self._workers}
        for pipe in wait(list(by_pipe), most_s):
            worker = by_pipe[pipe]  # type: ignore[index]
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                message = None
            yield worker, message


def _ending(exitcode: int | None) -> str:
    if exitcode is None or exitcode >= 0:
        return f"with exit code {exitcode}"
    try:
        return f"by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"by signal {-exitcode}"
