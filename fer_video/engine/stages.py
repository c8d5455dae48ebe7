"""Stages that work at the same time, each in a thread of its own, on items that stay in order.

    with Stages() as stages:
        chunks = stages.ahead("decode", read(path))
        found = stages.ahead("detect", (detect(chunk) for chunk in chunks))
        for item in found:
            ...

OpenCV and ONNX Runtime let go of Python's lock while they work, so threads are enough. Each stage is at most a few
items ahead of the next; where the next one is behind, it can take over some of its work, so that no core rests. What a
stage raises is raised where its items are asked for; leaving the block, for whatever reason, ends all stages.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

__all__ = ["Spare", "Stages"]

T = TypeVar("T")
_LOOK_UP_S = 0.5  # how often a waiting thread looks up: where a wait cannot be interrupted, Ctrl-C is seen then


_OPEN: weakref.WeakSet[Stages] = weakref.WeakSet()


def _end_all() -> None:
    for stages in list(_OPEN):
        stages.end()


atexit.register(_end_all)


class _StoppedError(Exception):
    """Says to a stage that nobody wants its items any more."""


class _Waiting(Generic[T]):
    """What a stage has made and the next one has not taken yet."""

    def __init__(self) -> None:
        self.items: deque[T] = deque()
        self.error: BaseException | None = None
        self.ended = False


@dataclass(frozen=True, slots=True)
class Spare(Generic[T]):
    """Work of the next stage, done by one that would have to wait for it."""

    stage: str  # whose work it is
    work: Callable[[T], T]  # gives the item as it is to be handed on; in two threads at a time


class Stages:
    """See the module.

    busy_s: gets, for each stage by name, the seconds it worked, without those it waited for others; what is done in the
    block itself counts as the stage `own`.
    """

    def __init__(self, busy_s: dict[str, float] | None = None, own: str = "rest") -> None:
        self.busy_s = {} if busy_s is None else busy_s
        self._own, self._began_s = own, 0.0
        self._changed = threading.Condition()
        self._stopped = False
        self._threads: list[threading.Thread] = []
        self._waited = threading.local()

    def __enter__(self) -> Self:
        self._began_s, self._waited.s = time.perf_counter(), 0.0
        _OPEN.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._worked(self._own, self._began_s)
        self.end()

    def end(self) -> None:
        """Stop all stages and wait for them. Also done when the interpreter ends while somebody holds a stream open:
        libraries abort the process when it is taken down under threads that still work in them.
        """
        _OPEN.discard(self)
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        # They end what they have in hand: a decoder must not be freed while it decodes.
        for thread in self._threads:
            while thread.is_alive():
                thread.join(_LOOK_UP_S)

    def ahead(self, name: str, items: Iterator[T], most: int = 1, spare: Spare[T] | None = None) -> Iterator[T]:
        """The same items, made while the caller is busy with earlier ones. most: made and not yet taken.

        spare: what to do with an item for which there is no room, since the next stage is behind.
        """
        waiting: _Waiting[T] = _Waiting()
        thread = threading.Thread(target=self._work, args=(name, items, waiting, most, spare), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self._take(waiting)

    def _take(self, waiting: _Waiting[T]) -> Iterator[T]:
        while True:
            with self._changed:
                self._wait(lambda: waiting.items or waiting.ended)
                if not waiting.items:
                    if waiting.error is not None:
                        raise waiting.error
                    return
                item = waiting.items.popleft()
                self._changed.notify_all()
            yield item

    def _work(self, name: str, items: Iterator[T], waiting: _Waiting[T], most: int, spare: Spare[T] | None) -> None:
        began_s, self._waited.s = time.perf_counter(), 0.0
        try:
            for item in items:
                # Read without the lock: late by one item is no harm.
                if spare is not None and len(waiting.items) >= most:
                    item = self._help(spare, item)
                with self._changed:
                    waiting.items.append(item)
                    self._changed.notify_all()
                    del item  # it is the next stage's: a chunk of frames should not live longer than it must
                    self._wait(lambda: len(waiting.items) < most + (spare is not None))
        except _StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001  raised again where the items are asked for
            waiting.error = error
        finally:
            if isinstance(items, Generator):
                items.close()  # here, since what it holds belongs to this thread
            with self._changed:
                self._worked(name, began_s)
                waiting.ended = True
                self._changed.notify_all()

    def _help(self, spare: Spare[T], item: T) -> T:
        began_s = time.perf_counter()
        done = spare.work(item)
        spent_s = time.perf_counter() - began_s
        self._waited.s += spent_s  # it is not this stage's own work
        with self._changed:
            self.busy_s[spare.stage] = self.busy_s.get(spare.stage, 0.0) + spent_s
        return done

    def _wait(self, until: Callable[[], object]) -> None:
        """With the lock held. Raises _StoppedError when all is over."""
        began_s = time.perf_counter()
        while not self._stopped and not until():
            self._changed.wait(_LOOK_UP_S)
        self._waited.s += time.perf_counter() - began_s
        if self._stopped:
            raise _StoppedError

    def _worked(self, name: str, began_s: float) -> None:
        """Count what this thread did since."""
        worked_s = time.perf_counter() - began_s - self._waited.s
        self.busy_s[name] = self.busy_s.get(name, 0.0) + worked_s
