"""Ctrl-C, SIGTERM and SIGHUP: the first one ends the work in order, the second one ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["ends", "first_interrupt"]


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
