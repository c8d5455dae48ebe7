"""Whether bytes are those that a description names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fer_video.errors import ModelError
from fer_video.models.spec import ModelSpec

__all__ = ["Verdict", "verify_bytes", "verify_file"]

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """sha256 of what was looked at, and what is wrong with it."""

    sha256: str
    complaint: str | None  # None: it is what was promised, or nothing was


def verify_bytes(spec: ModelSpec, data: bytes) -> Verdict:
    return _verify(spec, len(data), [data])


def verify_file(spec: ModelSpec, path: Path) -> Verdict:
    """Raises ModelError for a file that cannot be read."""
    try:
        if path.exists() and not path.is_file():
            raise ModelError(f"{path}: is not a regular file")
        return _verify(spec, path.stat().st_size, _chunks(path))
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _verify(spec: ModelSpec, size: int, chunks: Iterable[bytes]) -> Verdict:
    sha256 = hashlib.sha256()
    # Git's id of a file. Nobody has ever found other bytes for a given SHA-1; making a pair of files that agree
    # takes control of both, and these were published before.
    git_blob = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for chunk in chunks:
        sha256.update(chunk)
        if spec.git_blob is not None:
            git_blob.update(chunk)
    for what, is_, expected in (
        ("sha256", sha256.hexdigest(), spec.sha256),
        ("git blob id", git_blob.hexdigest(), spec.git_blob),
    ):
        if expected is not None and is_ != expected:
            return Verdict(sha256.hexdigest(), f"{what} {is_[:12]}… where {expected[:12]}… is expected")
    return Verdict(sha256.hexdigest(), None)
