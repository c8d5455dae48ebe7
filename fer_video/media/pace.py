"""A limit on slowness: a server that sends a byte now and then must not keep a reader for ever."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

__all__ = ["Pace", "PacedHTTP", "PacedHTTPS"]


class Pace:
    """Cuts the connection once fewer than least_bytes have come within `seconds`. For `with`.

    `slow` says afterwards that it did.
    """

    def __init__(self, seconds: float, least_bytes: int) -> None:
        self._seconds, self._least = seconds, least_bytes
        self._socket: socket.socket | None = None
        self.slow = False

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def follow(self, connection: socket.socket) -> None:
        """Watch this one from now on."""
        self._socket = connection

    def came(self, count: int) -> None:
        """So many more bytes of the file."""
        self._bytes += count
        # Not at every block: each beginning costs a thread.
        if self._bytes >= self._least and time.monotonic() - self._since_s > self._seconds / 2:
            self._timer.cancel()
            self._begin()

    def _begin(self) -> None:
        self._bytes, self._since_s = 0, time.monotonic()
        self._timer = threading.Timer(self._seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        self.slow = True
        if self._socket is not None:
            with suppress(OSError):  # closed meanwhile
                self._socket.shutdown(socket.SHUT_RDWR)


def _following(make: Callable[..., Any], pace: Pace) -> Callable[..., Any]:
    def connection(*given: Any, **named: Any) -> Any:
        made = make(*given, **named)
        connect = made.connect

        def connected() -> None:
            connect()
            pace.follow(made.sock)

        made.connect = connected
        return made

    return connection


class _Paced(urllib.request.AbstractHTTPHandler):
    """What both kinds of connection have in common."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace

    def do_open(self, http_class: Any, req: urllib.request.Request, **named: Any) -> Any:
        return super().do_open(_following(http_class, self._pace), req, **named)


class PacedHTTP(_Paced, urllib.request.HTTPHandler):
    """http:// whose connections a Pace watches."""


class PacedHTTPS(_Paced, urllib.request.HTTPSHandler):
    """https:// likewise."""
