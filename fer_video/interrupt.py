"""Ctrl-C, SIGTERM and SIGHUP: the first one ends the work in order, the second one ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["ends", "first_interrupt", "listen", "silent_start", "was_interrupted"]

_heard = False


@contextmanager
def silent_start() -> Iterator[None]:
    """While modules are loaded, Ctrl-C ends the process at once instead of by an account of which import it was in."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def listen() -> None:
    """Every signal of ends() raises KeyboardInterrupt from now on. Only the main thread can say so."""
    if threading.current_thread() is threading.main_thread():
        for each in ends():
            signal.signal(each, _hear)


def _hear(*_: Any) -> None:
    global _heard
    _heard = True
    raise KeyboardInterrupt


def was_interrupted() -> bool:
    """Whether one was heard since `listen`: what was being loaded then may have made an error of its own of it."""
    return _heard


def ends() -> list[signal.Signals]:
    """The signals that ask to end, without those that whoever started us wants ignored (nohup)."""
    known = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    return [each for each in known if signal.getsignal(each) is not signal.SIG_IGN]


@contextmanager
def first_interrupt(ask: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Calls `ask` when somebody wants to stop; the second time raises KeyboardInterrupt. Gives a function that says
    whether somebody has asked.

    Outside the main thread, which alone hears signals, nobody ever does.
    """
    asked = False

    def hear(*_: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        ask()

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {each: signal.signal(each, hear) for each in ends()}
    try:
        yield lambda: asked
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
