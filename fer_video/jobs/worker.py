"""Inside a worker process: loads the models, analyses clips as they come through the pipe, ends with the pipe.

What workers say is in supervisor.py.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from fer_video.errors import FervidError, WorkerError, unexpected
from fer_video.interrupt import ends
from fer_video.jobs.engine import Work, attempt
from fer_video.jobs.supervisor import Message

__all__ = ["Speaker", "fatal", "forward_log", "serve"]

log = logging.getLogger(__name__)

_REPORT_S = 0.2  # least time between two reports of progress


def serve(pipe: Connection, work: Work[Any], threads: int, level: int, printed: Path | None) -> None:
    """The process's main function. printed: file that takes what native code prints; None: stderr as it is."""
    # A terminal's signals and a scheduler's go to all processes; the supervisor decides what they mean.
    for each in ends():
        signal.signal(each, signal.SIG_IGN)
    if printed is not None:
        _keep_aside(printed)
    speaker = Speaker(_sender(pipe))
    tasks: SimpleQueue[tuple[int, str]] = SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, tasks), daemon=True).start()
    forward_log(speaker, level)
    try:
        do = work.start(threads)
        speaker.say("ready")
        while True:
            number, clip = tasks.get()
            if printed is not None:
                os.ftruncate(2, 0)  # last words are about the clip in hand
            speaker.say("done", attempt(do, number, clip, speaker.report))
    except Exception as error:
        log.debug("stopped by", exc_info=True)
        speaker.say("fatal", fatal(error))


def fatal(error: Exception) -> FervidError:
    """What is said of an error after which nothing can go on."""
    return error if isinstance(error, FervidError) else WorkerError(unexpected(error))


class Speaker:
    """Sends messages, whole ones from whatever thread."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send, self._lock, self._last = send, threading.Lock(), 0.0

    def say(self, kind: str, *what: Any) -> None:
        with self._lock:
            self._send((kind, *what))

    def report(self, number: int, frames: int, time_s: float, duration_s: float | None) -> None:
        now = time.monotonic()
        if now - self._last >= _REPORT_S:
            self._last = now
            self.say("seen", number, frames, time_s, duration_s)


def forward_log(speaker: Speaker, level: int) -> None:
    """Log records go where the user's terminal is looked after. level: of fervid's own."""
    logging.basicConfig(handlers=[_Forward(speaker)], format="%(message)s", level=logging.WARNING, force=True)
    logging.getLogger("fer_video").setLevel(level)


class _Forward(logging.Handler):
    def __init__(self, speaker: Speaker) -> None:
        super().__init__()
        self._speaker = speaker

    def emit(self, record: logging.LogRecord) -> None:
        self._speaker.say("log", record.levelno, record.name, self.format(record))


def _sender(pipe: Connection) -> Callable[[Message], None]:
    def send(message: Message) -> None:
        try:
            pipe.send(message)
        except OSError:  # the supervisor is gone
            os._exit(1)

    return send


def _listen(pipe: Connection, tasks: SimpleQueue[tuple[int, str]]) -> None:
    """A thread of its own: in the middle of a long clip, too, the process must not outlive its supervisor."""
    while True:
        try:
            tasks.put(pipe.recv())
        except (EOFError, OSError):
            os._exit(1)


def _keep_aside(printed: Path) -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    file = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    os.close(file)
