"""Ctrl-C, and a scheduler's SIGTERM, once to end well and twice to end now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["first_interrupt"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
    before = {each: signal.signal(each, hear) for each in _SIGNALS}
    try:
        yield lambda: asked
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
