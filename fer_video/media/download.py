"""The bytes of a web address -> a file, in as many attempts as the connection needs."""

from __future__ import annotations

import base64
import http.client
import string
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from fer_video.media.address import WEB, shown
from fer_video.media.pace import Pace, PacedHTTP, PacedHTTPS
from fer_video.version import __version__

__all__ = ["DownloadError", "DownloadOptions", "PassingError", "Progress", "download", "length", "persist", "writing"]

# Called with the bytes that are here and those of the whole file, None while that is not known.
Progress = Callable[[int, int | None], None]

_CHUNK: Final = 1 << 16
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})  # worth another try
_LONGEST_WAIT_S: Final = 30.0
_DIGITS: Final = 20  # of a length; Python refuses to read thousands of them
_SLOW: Final = "cannot be downloaded: fewer than {0.least_bytes} bytes came in {0.pace_s:g} s"
_NO_ADDRESS: Final = "not a web address; check it"  # and nothing of what Python says: it quotes what may be a password


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How long a download is waited for, and how large it may be.

    Attributes:
        timeout_s: Most seconds without a byte.
        pace_s: Seconds in which at least `least_bytes` come, or what is left.
        least_bytes: Fewest bytes within `pace_s`.
        attempts: Most attempts in a row that bring nothing.
        wait_s: Seconds before the second attempt; doubled before each further one.
        most_bytes: Largest file in bytes; a larger one is refused.
        most_unsized_bytes: Largest file in bytes if its length is not announced. None: `most_bytes`.
    """

    timeout_s: float = 30.0
    pace_s: float = 60.0
    least_bytes: int = 30_000
    attempts: int = 5
    wait_s: float = 0.5
    most_bytes: int = 1 << 30
    most_unsized_bytes: int | None = None


class DownloadError(Exception):
    """Why it is not to be had, without the address. status: of HTTP, where that is the reason.

    passing: it may work another time.
    """

    def __init__(self, reason: str, status: int | None = None, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.status, self.passing = status, passing


class PassingError(Exception):
    """Why an attempt did not finish that is worth another one. wait_s: not before so many seconds."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def persist(fetch: Callable[[], bool], part: Path, options: DownloadOptions) -> None:
    """Call `fetch`, which adds to `part` and says whether it is whole now, until it is, with longer and longer pauses.

    Raises DownloadError after `options.attempts` in a row that were interrupted and brought nothing.
    """
    failures, wait_s = 0, options.wait_s
    while True:
        before = length(part)
        problem = PassingError("the connection was cut")
        try:
            if fetch():
                return
        except PassingError as error:
            problem = error
        failures += 1
        if length(part) > before:
            failures, wait_s = 0, options.wait_s
        if failures >= options.attempts:
            raise DownloadError(f"cannot be downloaded: {problem}", passing=True) from problem
        time.sleep(min(max(wait_s, problem.wait_s), _LONGEST_WAIT_S))
        wait_s *= 2


def length(part: Path) -> int:
    """In bytes; 0 for what is not there."""
    return part.stat().st_size if part.exists() else 0


@contextmanager
def writing(part: Path, *, anew: bool) -> Iterator[Callable[[bytes], None]]:
    """A function that adds to `part`. Raises DownloadError: a full disk is no trouble of the network's."""
    try:
        file = part.open("wb" if anew else "ab", buffering=0)  # nothing that closing would still have to write
    except OSError as error:
        raise _unwritable(error) from error

    def write(data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as error:
            raise _unwritable(error) from error

    with file:
        yield write


def _unwritable(error: OSError) -> DownloadError:
    return DownloadError(f"cannot be written: {error.strerror or error}")


def download(url: str, part: Path, size: int | None, options: DownloadOptions, progress: Progress) -> None:
    """Fetch an address into `part`. What is in it already is kept and continued (Range), also after a failure.

    size: of the whole file in bytes, None where it is not known. Proxies are those of the environment; a user and a
    password in the address go to its own host only. Nothing is verified here but the length that was announced.
    Raises DownloadError when it is not to be had; `part` then keeps what came.
    """
    persist(_Web(url, part, size, options, progress), part, options)


class _Web:
    """A web address; each call is one request, for what is not here yet."""

    def __init__(self, url: str, part: Path, size: int | None, options: DownloadOptions, progress: Progress) -> None:
        self._url, self._headers = _without_user(url)
        self._part, self._size, self._options, self._progress = part, size, options, progress
        # Of what is in the part, as far as it came by this object.
        self._version: str | None = None
        self._total: int | None = None

    def __call__(self) -> bool:
        """Whether the file is whole now."""
        have = length(self._part)
        if self._size is not None and have >= self._size:
            return True  # whole, or too long: whoever verifies it says which
        pace = Pace(self._options.pace_s, self._options.least_bytes)
        try:
            with pace, self._open(have, pace) as response:
                whole = self._take(response, have, pace)
        except urllib.error.HTTPError as error:
            error.close()
            if have and error.code == 416:  # nothing there to continue with: begin anew
                self._part.unlink()
                return False
            reason = f"{error.code} {error.reason}"
            if error.code not in _PASSING:
                raise DownloadError(reason, error.code) from error
            raise PassingError(reason, _asked_to_wait(error)) from error
        except (OSError, http.client.HTTPException) as error:
            if not pace.slow:
                raise PassingError(_reason(error)) from error
        if pace.slow:  # to begin again would be as slow
            raise DownloadError(_SLOW.format(self._options), passing=True)
        return whole

    def _open(self, have: int, pace: Pace) -> Any:
        request = urllib.request.Request(self._url, headers={"User-Agent": f"fervid/{__version__}"})
        for name, value in self._headers.items():
            request.add_unredirected_header(name, value)
        if have:
            request.add_header("Range", f"bytes={have}-")
            if self._version:  # the rest of another version would make a file that never was
                request.add_header("If-Range", self._version)
        try:
            return urllib.request.build_opener(_Redirects, PacedHTTP(pace), PacedHTTPS(pace)).open(
                request, timeout=self._options.timeout_s
            )
        except (ValueError, http.client.InvalidURL):
            raise DownloadError(_NO_ADDRESS) from None

    def _take(self, response: Any, have: int, pace: Pace) -> bool:
        continues = response.status == 206 and _starts_at(response.headers.get("Content-Range"), have)
        have = have if continues else 0
        announced = response.headers.get("Content-Length") or ""
        total = have + int(announced) if announced.isdecimal() and len(announced) < _DIGITS else None
        if continues and total != (self._total or total):  # it was replaced meanwhile: begin anew
            self._part.unlink()
            return False
        if not continues:
            self._version, self._total = _version(response.headers), total
        limit = self._limit(total)
        if total is not None and total > limit:
            raise DownloadError(f"has {total} bytes where at most {limit} are expected")
        self._progress(have, total)
        with writing(self._part, anew=not continues) as write:
            while chunk := response.read1(_CHUNK):
                have += len(chunk)
                pace.came(len(chunk))
                if have > limit:
                    raise DownloadError(f"gives more than the {limit} bytes that are expected")
                write(chunk)
                self._progress(have, total)
        return have == total if total is not None else True

    def _limit(self, total: int | None) -> int:
        if self._size is not None:
            return self._size
        unsized = self._options.most_unsized_bytes
        return unsized if total is None and unsized is not None else self._options.most_bytes


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to web addresses only, not from https to http, and with a password only where it was meant for."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in WEB or (scheme == "http" and req.type == "https"):
            raise DownloadError(f"leads to {shown(newurl)}, which is refused")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and (request.type, request.host) == (req.type, req.host):
            for name, value in req.unredirected_hdrs.items():
                if name == "Authorization":
                    request.add_unredirected_header(name, value)
        return request


def _without_user(url: str) -> tuple[str, dict[str, str]]:
    """The address as it is asked for, and the headers that its user and password become."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises where it is none
    except ValueError:
        raise DownloadError(_NO_ADDRESS) from None
    if parts.scheme not in WEB or not parts.hostname:
        raise DownloadError(_NO_ADDRESS)
    user, _, host = parts.netloc.rpartition("@")
    # What people paste has blanks and letters of any script; what is encoded already stays as it is.
    path, query = quote(parts.path, safe=string.punctuation), quote(parts.query, safe=string.punctuation)
    address = parts._replace(netloc=host, path=path, query=query, fragment="").geturl()
    if not user:
        return address, {}
    return address, {"Authorization": f"Basic {base64.b64encode(unquote(user).encode()).decode()}"}


def _version(headers: Any) -> str | None:
    """By which a server knows the file again; weak ones do not promise the same bytes."""
    tag = headers.get("ETag") or ""
    return tag if tag.startswith('"') else None


def _starts_at(content_range: str | None, position: int) -> bool:
    """Of `bytes 100-199/200`."""
    return (content_range or "").removeprefix("bytes ").partition("-")[0] == str(position)


def _asked_to_wait(error: urllib.error.HTTPError) -> float:
    value = error.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0


def _reason(problem: Exception) -> str:
    """What the operating system, the server or the name lookup said."""
    if isinstance(problem, http.client.IncompleteRead):
        return "the connection was cut"
    inner = problem.reason if isinstance(problem, urllib.error.URLError) else problem
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner) or type(inner).__name__
