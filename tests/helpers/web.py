"""A web server on loopback that behaves as badly as it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from loopback import LoopbackHandler, LoopbackServer

__all__ = ["Server", "serving"]


class Server(LoopbackServer):
    """`behaviours` are taken one a request, the last one for all further ones; `ranges` are those asked for.

    `tag`: the ETag that is sent, and without which nothing is continued that names another one.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(_Handler)
        self.content = content
        self.behaviours: list[str] = ["good"]
        self.ranges: list[str | None] = []
        self.paths: list[str] = []
        self.passwords: list[str | None] = []  # headers Authorization
        self.tag: str | None = None
        self.released = threading.Event()  # lets stalling answers go on
        self.asked = threading.Event()
        self.lock = threading.Lock()

    def release(self) -> None:
        self.released.set()


class _Handler(LoopbackHandler):
    server: Server

    def do_GET(self) -> None:  # noqa: N802  as http.server calls it
        with self.server.lock:
            todo = self.server.behaviours
            behaviour = todo.pop(0) if len(todo) > 1 else todo[0]
            self.server.ranges.append(self.headers["Range"])
            self.server.paths.append(self.path)
            self.server.passwords.append(self.headers["Authorization"])
        self.server.asked.set()
        self.close_connection = True
        getattr(self, behaviour.replace("-", "_"))()

    # ---- behaviours

    def good(self, change: Callable[[bytes], bytes] = lambda data: data, *, send: float = 1.0) -> None:
        content = change(self.server.content)
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if self.headers["If-Range"] not in (None, self.server.tag):
            start = 0
        if start >= len(content):
            self._head(416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
            return
        rest = content[start:]
        more = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        more |= {"ETag": self.server.tag} if self.server.tag else {}
        self._head(206 if start else 200, {"Content-Length": str(len(rest))} | more)
        self.wfile.write(rest[: int(len(rest) * send)])

    def cut(self) -> None:
        self.good(send=0.5)

    def chunked(self, send: float = 1.0) -> None:
        content = self.server.content
        self._head(200, {"Transfer-Encoding": "chunked"})
        self.wfile.write(b"%x\r\n" % len(content) + content[: int(len(content) * send)])
        if send == 1:
            self.wfile.write(b"\r\n0\r\n\r\n")

    def chunked_cut(self) -> None:
        self.chunked(0.5)

    def stall(self) -> None:
        self.good(send=0.5)
        self.wfile.flush()
        self.server.released.wait(200)

    def silent(self) -> None:
        self.server.released.wait(200)

    def dribble(self) -> None:
        """A byte now and then."""
        self._head(200, {"Content-Length": str(len(self.server.content))})
        self._slowly(self.server.content)

    def dribble_without_length(self) -> None:
        self._head(200, {})
        self._slowly(self.server.content)

    def dribbling_head(self) -> None:
        self._slowly(b"HTTP/1.0 200 OK\r\nX-Long: " + b"x" * 5000)

    def _slowly(self, data: bytes) -> None:
        for value in data:
            if self.server.released.wait(0.02):
                return
            self.wfile.write(bytes([value]))

    def digits(self) -> None:
        self._head(200, {"Content-Length": "9" * 5000})
        self.wfile.write(self.server.content)

    def wrong(self) -> None:
        self.good(lambda data: data[:-1] + bytes([data[-1] ^ 1]))

    def ignores_range(self) -> None:
        self._head(200, {"Content-Length": str(len(self.server.content))})
        self.wfile.write(self.server.content)

    def ignores_range_and_cuts(self) -> None:
        self._head(200, {"Content-Length": str(len(self.server.content))})
        self.wfile.write(self.server.content[: len(self.server.content) // 2])

    def without_length(self) -> None:
        self._head(200, {})
        self.wfile.write(self.server.content)

    def too_long(self) -> None:
        self.good(lambda data: data + b"more")

    def endless(self) -> None:
        self._head(200, {})
        while True:
            self.wfile.write(bytes(1 << 16))

    def redirect(self) -> None:
        self._head(302, {"Location": f"{self.server.url}/elsewhere", "Content-Length": "0"})

    def redirect_to_file(self) -> None:
        self._head(302, {"Location": "file:///etc/passwd", "Content-Length": "0"})

    def redirect_to_another_host(self) -> None:
        port = self.server.server_address[1]
        self._head(302, {"Location": f"http://localhost:{port}/elsewhere?token=hidden", "Content-Length": "0"})

    def missing(self) -> None:
        self._head(404, {"Content-Length": "0"})

    def forbidden(self) -> None:
        self._head(403, {"Content-Length": "0"})

    def busy(self) -> None:
        self._head(503, {"Content-Length": "0", "Retry-After": "0"})

    def _head(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()


def serving(content: bytes) -> AbstractContextManager[Server]:
    return Server(content).running()
