"""Workers on a Ray cluster (extra [ray]): actors, each on some node of it, with a share of its cores and GPUs.

Plain actors and not Ray Data, since a batch must outlive any clip. There, one that kills its actor is tried again for
ever or, with retries capped, ends the whole data set; no item has a time limit; and who stops reading loses the items
in hand (docs/howto/ray.md says what was tried). Here Ray never restarts anything: the supervisor replaces what died and
counts whose fault it was, as it does on one machine.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeVar

from fer_video.errors import OptionError, WorkerError, printable
from fer_video.jobs.actor import LAST_WORDS, Actor
from fer_video.jobs.engine import Work, stamp_of
from fer_video.jobs.supervisor import Ending, Message, Supervisor, Task, Worker
from fer_video.models.cores import available_cores
from fer_video.version import __version__

__all__ = ["RayOptions", "RayWorkers"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_STORE_BYTES = 200 << 20  # of a cluster made here: only results pass through it, and only the large ones
_LISTEN_S = 1.0  # at most, so that whoever asks to stop is heard while no worker is there
_KNOCK_S = 10.0
_ROOM_S = 20.0  # without any worker, before somebody is told why
_BROUGHT = ("FERVID_", "OPENCV_", "ORT_")  # of the environment
_MOST_SAID = 120  # characters of what Ray says
_SAME = "install the same fervid on every node"
_JOIN = "see that `ray status` works on this machine, or take --engine local"


@dataclass(frozen=True, slots=True)
class RayOptions:
    """Where the workers run, and what each of them has to itself. Raises OptionError.

    Attributes:
        address: Address of the cluster, host:port. "local": start one on this machine. None: $RAY_ADDRESS, or the
            cluster that this machine is part of, or else "local".
        cpus: CPU cores, and threads, of each worker.
        gpus: GPUs of each worker. Under 1: that share of one.
    """

    address: str | None = None
    cpus: int = 1
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.cpus < 1:
            raise OptionError(f"a worker needs 1 CPU or more, not {self.cpus}")
        if not 0 <= self.gpus < 1000 or (self.gpus > 1 and self.gpus % 1):
            raise OptionError(f"a worker has 0 to 1 GPU, or several whole ones, not {self.gpus:g}")

    @property
    def room(self) -> str:
        return f"{self.cpus} CPU" + (f" and {self.gpus:g} GPU" if self.gpus else "")


class _RayWorker(Worker):
    """An actor, and the messages it is about to say."""

    def __init__(self, actor: Any, stream: Any) -> None:
        super().__init__()
        self.actor, self.stream = actor, stream
        self.node: str | None = None  # id of where it is, once it has said so
        self._problem: Exception | None = None  # what Ray said when it was gone

    def _send(self, task: Task) -> None:
        is_there = stamp_of(task.clip, content=False) is not None
        self.stream = self.actor.do.remote(task.number, task.clip, is_there)

    def hear(self) -> Message | None:
        """The next message, which is there; None when none will come any more. Raises WorkerError."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            message: Message = ray.get(next(self.stream))
        except RayTaskError as error:  # the work cannot even be unpickled there
            raise WorkerError(f"a node cannot do this work: {_said(error)}; {_SAME}") from error
        except RayError as error:
            self._problem = error
            return None
        if message[0] == "node":
            self.node = message[1]
        elif message[0] in LAST_WORDS:
            self.stream = None
        return message

    def end(self) -> Ending:
        import ray

        ray.kill(self.actor, no_restart=True)
        if self._problem is None:
            return Ending("by force")
        return Ending(_said(self._problem), _is_lost(self._problem, self.node))


class RayWorkers(Supervisor[T, _RayWorker]):
    """See the module. workers: how many at most; None: as many as there is room for now. timeout_s: of one clip.

    Where Ray is connected already, that cluster is taken. Raises OptionError, WorkerError.
    """

    def __init__(
        self,
        work: Work[T],
        workers: int | None = None,
        timeout_s: float | None = None,
        options: RayOptions | None = None,
    ) -> None:
        if workers is not None and workers < 1:
            raise OptionError(f"workers must be 1 or more, not {workers}")
        super().__init__(workers or 1, timeout_s)
        self._work, self._options = work, options or RayOptions()
        self._is_ours = _connect(self._options.address)
        self._most = workers or _room(self._options)
        self._alone_since: float | None = None  # time.monotonic() since when there is no worker

    def close(self) -> None:
        import ray

        if ray.is_initialized():  # not after an interruption of this very function
            super().close()
        if self._is_ours:
            ray.shutdown()

    def _start(self) -> _RayWorker:
        import ray

        options = self._options
        brought = {name: value for name, value in os.environ.items() if name.startswith(_BROUGHT)}
        if not options.gpus:  # who has reserved none must not take some that others have
            brought["CUDA_VISIBLE_DEVICES"] = ""
        level = logging.getLogger("fer_video").getEffectiveLevel()
        kind: Any = ray.remote(Actor)
        actor = kind.options(
            num_cpus=options.cpus, num_gpus=options.gpus, max_restarts=0, max_task_retries=0,
            scheduling_strategy="SPREAD",
        ).remote(brought, str(Path.cwd()), __version__, level)  # fmt: skip
        return _RayWorker(actor, actor.start.remote(self._work, options.cpus))

    def _listen(self, most_s: float | None) -> Iterator[tuple[_RayWorker, Message | None]]:
        import ray

        patience_s = _LISTEN_S if most_s is None else min(most_s, _LISTEN_S)
        by_stream = {worker.stream: worker for worker in self._workers if worker.stream is not None}
        if not by_stream:
            time.sleep(patience_s)
            return
        ready, _ = ray.wait(list(by_stream), timeout=patience_s)
        for stream in ready:
            yield by_stream[stream], by_stream[stream].hear()
        self._say_when_alone()

    def _say_when_alone(self) -> None:
        """Nothing wrong while a cluster grows, but then nothing happens, and for ever where it does not grow."""
        import ray

        now = time.monotonic()
        if any(worker.ready for worker in self._workers):
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
        elif now - self._alone_since > _ROOM_S:
            there = ray.cluster_resources()
            has = f"{there.get('CPU', 0):g} CPU and {there.get('GPU', 0):g} GPU"
            self._log(
                logging.WARNING,
                __name__,
                f"no worker has started: each needs {self._options.room} on one node, the cluster has {has} in all, "
                "or others use it; waiting for room",
            )


def _connect(address: str | None) -> bool:
    """Whether a cluster was made or joined here, which must be left in the end. Raises OptionError, WorkerError."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    named = address or os.environ.get("RAY_ADDRESS")
    if named not in (None, "auto", "local"):
        _knock(named)
    try:
        import ray
    except ImportError as error:
        raise OptionError("--engine ray needs Ray: pip install 'fervid[ray]'") from error

    if ray.is_initialized():
        return False
    # Ray puts the working directory of who joins first among the places from which workers import. It may hold
    # anything, a cv2.py that came with the videos too, and what the interpreter is in is trusted already.
    with _own_sigterm(), chdir(sys.prefix):
        try:
            _init(address)
        except Exception as error:  # of many kinds, Exception itself where a node is slow to start
            log.debug("no Ray", exc_info=True)
            where = "no Ray cluster can be made here" if named == "local" else f"{named or 'Ray'}: cannot be joined"
            raise WorkerError(f"{where}: {_said(error)}; {_JOIN}") from error
    return True


def _knock(address: str) -> None:
    """Ray tries for minutes to reach a cluster that is not there. Raises OptionError."""
    if "://" in address:
        raise OptionError(f"{address}: Ray Client is not supported; run fervid on a node of the cluster")
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise OptionError(f"{address}: no Ray cluster answers there ({error}); see `ray status` on its head") from error


def _init(address: str | None) -> None:
    import ray

    # Workers' words come as messages, and nobody has asked for a dashboard.
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    own = {"num_cpus": available_cores(), "object_store_memory": _STORE_BYTES, "include_dashboard": False}
    if address in (None, "local"):
        try:
            ray.init(address, **own, **quiet)
        except ValueError:  # there is a cluster, whose size is not to be chosen here
            log.debug("no cluster is made", exc_info=True)
        else:
            return
    ray.init(address, **quiet)


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """ray.init puts a handler of its own there."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _room(options: RayOptions) -> int:
    """For how many workers there is room in an idle cluster of the present size; 1 at least, since it may grow."""
    import ray

    room = 0
    for node in ray.nodes():
        if node["Alive"]:
            there = node["Resources"]
            fit = int(there.get("CPU", 0) / options.cpus)
            if options.gpus:
                fit = min(fit, int(there.get("GPU", 0) / options.gpus + 1e-6))
            room += fit
    return max(room, 1)


def _is_lost(problem: Exception, node: str | None) -> bool:
    """Whether a worker went with its machine, or cannot be reached: then its clip is not to blame."""
    import ray
    from ray.exceptions import ActorDiedError

    if not isinstance(problem, ActorDiedError):
        return True
    return node is not None and node not in {each["NodeID"] for each in ray.nodes() if each["Alive"]}


def _said(error: Exception) -> str:
    """Ray's messages are long. What happened stands at the end, what it may have been after that."""
    last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    return printable(shorten(last.rpartition("exit detail: ")[2], _MOST_SAID, placeholder=" …"))
