"""The one module that talks to the network: bytes of a web address -> a file that grows until it is whole."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import fer_video
from fer_video.errors import ModelError

__all__ = ["DownloadOptions", "Progress", "download"]

# Called with the bytes that are here and those of the whole file, None while that is not known.
Progress = Callable[[int, int | None], None]

_CHUNK: Final = 1 << 16
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})  # worth another try
_LONGEST_WAIT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How patient a download is."""

    timeout_s: float = 30.0  # without a byte
    attempts: int = 5  # in a row that bring nothing
    wait_s: float = 0.5  # before the second attempt; twice as long before each further one
    most_bytes: int = 1 << 30  # refused beyond


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to web addresses only, and not from https to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and (scheme != "http" or req.type == "https"):
            raise ModelError(f"{req.full_url}: leads to {newurl}, which is refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(url: str, part: Path, size: int | None, options: DownloadOptions, progress: Progress) -> None:
    """Fetch an address into `part`. What is in it already is kept and continued (Range), also after a failure.

    size: of the whole file in bytes, None where it is not known. Proxies are those of the environment. Nothing is
    verified here. Raises ModelError when it is not to be had; `part` then keeps what came.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ModelError(f"{url}: not a web address")
    failures, wait_s = 0, options.wait_s
    while True:
        before = _length(part)
        try:
            if _fetch(url, part, size, options, progress):
                return
            problem: Exception = OSError("the connection was cut")
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in _PASSING:
                raise ModelError(f"{url}: {error.code} {error.reason}") from error
            problem, wait_s = error, max(wait_s, _asked_to_wait(error))
        except (OSError, http.client.HTTPException) as error:
            problem = error
        failures += 1
        if _length(part) > before:
            failures, wait_s = 0, options.wait_s
        if failures >= options.attempts:
            raise ModelError(
                f"{url}: cannot be downloaded: {_reason(problem)}; try again (it goes on where it stopped), or get "
                "the file elsewhere and give it with --from FILE"
            ) from problem
        time.sleep(min(wait_s, _LONGEST_WAIT_S))
        wait_s *= 2


def _fetch(url: str, part: Path, size: int | None, options: DownloadOptions, progress: Progress) -> bool:
    """One request. Whether the file is whole after it."""
    have = _length(part)
    if size is not None and have >= size:
        return True  # whole, or too long: whoever verifies it says which
    request = urllib.request.Request(url, headers={"User-Agent": f"fervid/{fer_video.__version__}"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    opener = urllib.request.build_opener(_Redirects)
    try:
        response = opener.open(request, timeout=options.timeout_s)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        error.close()  # nothing there to continue with: begin anew
        part.unlink()
        return False
    with response:
        continues = response.status == 206 and _starts_at(response.headers.get("Content-Range"), have)
        have = have if continues else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length and length.isdecimal() else None
        limit = options.most_bytes if size is None else size
        if total is not None and total > limit:
            raise ModelError(f"{url}: has {total} bytes where at most {limit} are expected")
        with part.open("ab" if continues else "wb") as file:
            while chunk := response.read1(_CHUNK):
                have += len(chunk)
                if have > limit:
                    raise ModelError(f"{url}: gives more than the {limit} bytes that are expected")
                file.write(chunk)
                progress(have, total)
    return have == total if total is not None else True


def _starts_at(content_range: str | None, position: int) -> bool:
    """Of `bytes 100-199/200`."""
    return (content_range or "").removeprefix("bytes ").partition("-")[0] == str(position)


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _asked_to_wait(error: urllib.error.HTTPError) -> float:
    value = error.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0


def _reason(problem: Exception) -> str:
    """What the operating system, the server or the name lookup said."""
    if isinstance(problem, urllib.error.HTTPError):
        return f"{problem.code} {problem.reason}"
    inner = problem.reason if isinstance(problem, urllib.error.URLError) else problem
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner) or type(inner).__name__
