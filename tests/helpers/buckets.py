"""An object store on loopback that speaks as much of S3 as reading takes: HEAD, GET with Range, ListObjectsV2."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from loopback import LoopbackHandler, LoopbackServer

__all__ = ["Store", "storing"]


class Store(LoopbackServer):
    """`objects` by bucket/key; `refused` are the keys that nobody may read.

    `cuts`: of how many GETs of an object only half is sent. `asked`: method and path of each request, `signed`: whether
    it was.
    """

    def __init__(self, objects: dict[str, bytes]) -> None:
        super().__init__(_Handler)
        self.objects, self.refused, self.cuts = objects, set[str](), 0
        self.asked: list[tuple[str, str]] = []
        self.signed: list[bool] = []


class _Handler(LoopbackHandler):
    server: Store

    def do_HEAD(self) -> None:  # noqa: N802  as http.server calls it
        self.do_GET()

    def do_GET(self) -> None:  # noqa: N802  as http.server calls it
        parts = urlsplit(self.path)
        name, query = unquote(parts.path).lstrip("/"), parse_qs(parts.query, keep_blank_values=True)
        self.server.asked.append((self.command, name))
        self.server.signed.append(self.headers["Authorization"] is not None)
        if name in self.server.refused:
            self._error(403, "AccessDenied")
        elif "list-type" in query:
            self._list(name.rstrip("/"), query.get("prefix", [""])[0], query.get("delimiter", [""])[0])
        elif name in {each.partition("/")[0] for each in self.server.objects}:
            self._answer(200, b"", {})
        elif name in self.server.objects:
            self._object(self.server.objects[name])
        else:
            self._error(404, "NoSuchKey")

    def _object(self, content: bytes) -> None:
        tag, size = f'"{hashlib.md5(content).hexdigest()}"', len(content)
        if self.headers["If-Match"] not in (None, tag):
            self._error(412, "PreconditionFailed")
            return
        headers = {"ETag": tag, "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "Accept-Ranges": "bytes"}
        first, last = 0, size - 1
        if asked := self.headers["Range"]:
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            last = min(last, size - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        body = content[first : last + 1]
        cut = self.command == "GET" and self.server.cuts > 0
        self.server.cuts -= cut
        self._answer(206 if asked else 200, body, headers, send=len(body) // 2 if cut else None)

    def _list(self, bucket: str, prefix: str, delimiter: str) -> None:
        keys = [name.partition("/")[2] for name in self.server.objects if name.startswith(f"{bucket}/")]
        found, folders = [], set()
        for key in sorted(key for key in keys if key.startswith(prefix)):
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
                continue
            size = len(self.server.objects[f"{bucket}/{key}"])
            found.append(
                f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                f"<ETag>&quot;x&quot;</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            )
        common = "".join(f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in folders)
        body = (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(found) + len(folders)}</KeyCount>"
            f"<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{''.join(found)}{common}</ListBucketResult>"
        )
        self._answer(200, body.encode(), {"Content-Type": "application/xml"})

    def _error(self, code: int, name: str) -> None:
        body = f'<?xml version="1.0"?><Error><Code>{name}</Code><Message>{name}</Message></Error>'
        self._answer(code, body.encode(), {"Content-Type": "application/xml"})

    def _answer(self, code: int, body: bytes, headers: dict[str, str], send: int | None = None) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:send])
        if send is not None:
            self.close_connection = True


def storing(objects: dict[str, bytes]) -> AbstractContextManager[Store]:
    return Store(objects).running()
