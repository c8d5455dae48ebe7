"""Ctrl-C between two steps and never within one: what is kept is then always a whole step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["between_steps"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def between_steps() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether somebody wants to stop. A second Ctrl-C stops at once, keeping nothing new.

    Outside the main thread, which alone hears signals, it always says no.
    """
    asked = False

    def hear(*_: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {each: signal.signal(each, hear) for each in _SIGNALS}
    try:
        yield lambda: asked
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
