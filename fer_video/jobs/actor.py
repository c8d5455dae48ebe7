"""Inside a Ray actor: loads the models, analyses one clip at a time. See cluster.py.

A node of a cluster is another machine: what this one takes for granted (environment, working directory, version) is
brought along or compared, and a clip that only the coordinator can see is said to be just that.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from fer_video.errors import InputError, WorkerError
from fer_video.jobs.engine import Do, Outcome, Work, attempt
from fer_video.jobs.supervisor import Message
from fer_video.jobs.worker import Speaker, fatal, forward_log
from fer_video.version import __version__

__all__ = ["LAST_WORDS", "Actor"]

log = logging.getLogger(__name__)

LAST_WORDS = ("ready", "done", "fatal")  # kinds of messages with which a method ends
_SHARE = "clips must lie on a file system that all nodes share, under the same name"


class Actor:
    """Methods give messages (supervisor.py) as they are said; the first is ("node", id).

    environment: of the coordinator, what matters to OpenCV and fervid. It is set before the work is unpickled, since
    OpenCV reads it when it is loaded, which is why the work is not given here. folder: that relative names start from.
    """

    def __init__(self, environment: Mapping[str, str], folder: str, version: str, level: int) -> None:
        os.environ.update(environment)
        self._folder, self._version = folder, version
        self._said: SimpleQueue[Message] = SimpleQueue()
        self._speaker = Speaker(self._said.put)
        self._name = socket.gethostname()
        self._do: Do[Any] | None = None
        forward_log(self._speaker, level)
        try:
            os.chdir(folder)
            self._at_home = True
        except OSError:
            self._at_home = False

    def start(self, work: Work[Any], threads: int) -> Iterator[Message]:
        def act() -> Message:
            if self._version != __version__:
                raise WorkerError(f"has fervid {__version__}, the coordinator {self._version}; install the same")
            self._do = work.start(threads)
            return ("ready",)

        import ray

        yield ("node", ray.get_runtime_context().get_node_id())
        yield from self._as_said(act)

    def do(self, number: int, clip: str, is_there: bool) -> Iterator[Message]:
        """is_there: whether the coordinator finds the clip."""
        yield from self._as_said(lambda: ("done", self._outcome(number, clip, is_there)))

    def _outcome(self, number: int, clip: str, is_there: bool) -> Outcome[Any]:
        assert self._do is not None
        if is_there and not self._at_home and not Path(clip).is_absolute():
            error = InputError(
                f"{clip}: {self._name} has no folder {self._folder}, from which the name starts; {_SHARE}"
            )
            return Outcome(number, None, str(error))
        outcome = attempt(self._do, number, clip, self._speaker.report)
        if is_there and outcome.value is None and outcome.stamp is None:
            return replace(outcome, error=str(InputError(f"{clip}: {self._name} does not find it; {_SHARE}")))
        return outcome

    def _as_said(self, act: Callable[[], Message]) -> Iterator[Message]:
        """What is said while `act` runs, and last what it gives. An error in it is named after this machine."""

        def run() -> None:
            try:
                last = act()
            except Exception as error:
                log.debug("stopped by", exc_info=True)
                known = fatal(error)
                last = ("fatal", type(known)(f"{self._name}: {known}"))
            self._speaker.say(*last)

        threading.Thread(target=run, daemon=True).start()
        while True:
            message = self._said.get()
            yield message
            if message[0] in LAST_WORDS:
                return
