"""Addresses as inputs: https://, http://, s3:// and gs:// -> a copy on this disk while it is analysed.

    with copy_of("s3://bucket/clip.mp4") as path:
        ...                         # an ordinary file
                                    # and here it is gone

Web addresses are fetched by download.py, objects in buckets through fsspec (s3fs, gcsfs), both with the same patience.
Only what the user named is asked for. One clip at a time lies on the disk, for each process that looks at clips.
"""

from __future__ import annotations

import glob
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from fer_video.errors import InputError, OptionError, printable
from fer_video.files import safe_name
from fer_video.media.address import OBJECT_STORES, WEB, scheme_of, shown
from fer_video.media.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural
from fer_video.media.download import (
    DownloadError,
    DownloadOptions,
    PassingError,
    Progress,
    download,
    length,
    persist,
    writing,
)
from fer_video.scratch import scratch_folder

__all__ = ["PATIENCE", "copy_of", "expand_address"]

# The disk limits what has a length; what has none may be a camera's stream, which never ends.
PATIENCE: Final = DownloadOptions(attempts=3, most_bytes=1 << 60, most_unsized_bytes=2 << 30)
_KEEP_FREE: Final = 512 << 20  # bytes of the disk that are left to everybody else
_BLOCK: Final = 8 << 20  # bytes of an object that are asked for at once

_PACKAGES: Final = {"s3": "s3fs", "gs": "gcsfs"}
# Their errors are no OSErrors, and to name their classes would need them installed.
_LIBRARIES: Final = frozenset({"aiobotocore", "aiohttp", "botocore", "fsspec", "gcsfs", "google", "s3fs"})
_NO_CREDENTIALS: Final = frozenset({"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError"})


@contextmanager
def copy_of(address: str, patience: DownloadOptions = PATIENCE) -> Iterator[Path]:
    """The file of an address, deleted when the block ends.

    What is raised about the copy in the block speaks of the address. Raises InputError when it cannot be had,
    OptionError when the package for such addresses is missing, OutputError without a place for temporary files.
    """
    with scratch_folder("clip") as folder:
        path = folder / _file_name(address)
        _fetch(address, path, patience)
        try:
            yield path
        except InputError as error:
            raise InputError(str(error).replace(printable(str(path)), shown(address))) from error


def expand_address(name: str, wanted: Callable[[str], bool]) -> Iterator[str]:
    """In buckets, a name that ends with / stands for what is in and below it and is `wanted` by its file name, one
    with * ? or [ for what it matches, in natural order. Everything else is one file, and nobody asks for it yet.

    Raises InputError for what leads to nothing, OptionError when the package for such addresses is missing.
    """
    scheme = _checked(name)
    if scheme in WEB:
        if "*" in shown(name):
            raise InputError(f"{shown(name)}: web servers know no patterns; name the files, or list them on stdin")
        yield name
        return
    files, key = _filesystem(scheme), name.partition("://")[2]
    try:
        with _asking():
            if key.endswith("/"):
                found = [each for each in files.find(key) if wanted(each.rpartition("/")[2])]
            elif glob.has_magic(key) and not files.isfile(key):
                found = [each for each, info in files.glob(key, detail=True).items() if info["type"] == "file"]
            else:
                found = [key]
    except (DownloadError, PassingError) as error:
        raise InputError(f"{shown(name)}: cannot be listed: {error}{_advice(error)}") from error
    if not found:
        raise InputError(f"{shown(name)}: {_NOTHING[key.endswith('/')]}")
    yield from (f"{scheme}://{each}" for each in sorted(found, key=natural))


_NOTHING: Final = {
    True: "no video or picture there; docs/media.md lists the suffixes",
    False: "matches no file; check the pattern and the bucket",
}


def _checked(name: str) -> str:
    """The scheme of an address that can be read. Raises InputError for all others."""
    scheme = scheme_of(name)
    if scheme not in WEB | OBJECT_STORES:
        raise InputError(
            f"{shown(name)}: not an address that clips are read from; give https://, s3://, gs:// or a file "
            "(streams are for fervid live)"
        )
    if scheme in OBJECT_STORES and "@" in name.split("/")[2]:
        raise InputError(f"{shown(name)}: buckets take no user and password in the address; see docs/remote.md")
    return scheme


def _fetch(name: str, path: Path, patience: DownloadOptions) -> None:
    scheme = _checked(name)
    room = _Room(path.parent)
    try:
        if scheme in WEB:
            download(name, path, None, patience, room.check)
        else:
            _download_object(_filesystem(scheme), name.partition("://")[2], path, patience, room.check)
    except (DownloadError, PassingError) as error:
        raise InputError(f"{shown(name)}: {error}{_advice(error)}") from error


def _advice(error: Exception) -> str:
    if isinstance(error, PassingError) or (isinstance(error, DownloadError) and error.passing):
        return "; check the address and the network, or try again later"
    status = error.status if isinstance(error, DownloadError) else None
    if status in (404, 410):
        return "; check the address"
    if status in (401, 403):
        return "; check the password or credentials, and whether the address has expired"
    return ""


class _Room:
    """Watches that a disk does not fill up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self, have: int, total: int | None) -> None:
        """Raises DownloadError when what is still to come would leave too little."""
        free = shutil.disk_usage(self._folder).free - _KEEP_FREE
        if (total or have) - have > free:
            size = "" if total is None else f"has {total / 1e6:.0f} MB, and "
            raise DownloadError(
                f"{size}{self._folder.parent} has room for {max(have + free, 0) / 1e6:.0f} MB; free some, or set TMPDIR"
            )


# ---- objects in buckets


def _filesystem(scheme: str) -> Any:
    """fsspec's, by its fixed name for the scheme: no chains, nothing but this store."""
    for library in _LIBRARIES:
        # They log tracebacks of what is said here in a line, and when debugging what they sign and send.
        if (logger := logging.getLogger(library)).level == logging.NOTSET:
            logger.setLevel(logging.CRITICAL)
    try:
        import fsspec

        # Listings that are kept would tell of objects as they were.
        return fsspec.filesystem(scheme, use_listings_cache=False)
    except ImportError as error:
        package = _PACKAGES[scheme]
        raise OptionError(f"{scheme}:// needs {package}: pip install 'fervid[remote]', or {package} alone") from error


def _download_object(files: Any, key: str, part: Path, patience: DownloadOptions, progress: Progress) -> None:
    """An object -> a file, in blocks, and on from where it stopped. Raises DownloadError, PassingError."""
    with _asking():
        before = files.info(key)
    if before["type"] != "file":
        raise DownloadError("is a folder; end it with / for what is in it")
    size = int(before["size"])
    progress(0, size)

    def fetch() -> bool:
        with _asking():
            remote = files.open(key, "rb", block_size=_BLOCK, cache_type="none")
        with remote, writing(part, anew=False) as write:
            have = length(part)
            while have < size:
                with _asking():
                    remote.seek(have)
                    block = remote.read(min(_BLOCK, size - have))
                if not block:
                    raise PassingError("the connection was cut")
                write(block)
                have += len(block)
                progress(have, size)
        return True

    persist(fetch, part, patience)
    with _asking():
        after = files.info(key)
    if _version(after) != _version(before):
        raise DownloadError("was replaced while it was read; try again")


def _version(info: Any) -> tuple[Any, ...]:
    return tuple(info.get(name) for name in ("size", "ETag", "etag", "generation"))


@contextmanager
def _asking() -> Iterator[None]:
    """What fsspec's file systems raise -> DownloadError for what is final, PassingError for the rest."""
    try:
        yield
    except FileNotFoundError as error:
        raise DownloadError("no such object", 404) from error
    except Exception as error:
        kind, reason = type(error), " ".join(str(error).split())
        if kind.__name__ in _NO_CREDENTIALS:
            raise DownloadError("no credentials found; docs/remote.md says where they are looked for") from error
        # gcsfs has no PermissionError: an error with a code, or an OSError of this text
        if isinstance(error, PermissionError) or getattr(error, "code", 0) in (401, 403) or reason[:9] == "Forbidden":
            raise DownloadError("access is refused", 403) from error
        if isinstance(error, ValueError):  # such as a name that no bucket can have
            raise DownloadError(reason) from error
        if not isinstance(error, OSError) and kind.__module__.partition(".")[0] not in _LIBRARIES:
            raise  # a bug
        raise PassingError(reason or kind.__name__) from error


# ---- where the copies lie


def _file_name(name: str) -> str:
    """Of the copy: much like the original, since suffixes tell kinds and features files are named after clips."""
    last = Path(unquote(shown(name)) if scheme_of(name) in WEB else name)
    suffix = last.suffix.lower()
    return safe_name(last.stem) + (suffix if suffix in VIDEO_SUFFIXES | IMAGE_SUFFIXES else "")
