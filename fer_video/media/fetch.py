"""A path or an address -> a file on this disk, for as long as it is needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fer_video.media.address import scheme_of

__all__ = ["local_copy"]


@contextmanager
def local_copy(source: str | os.PathLike[str]) -> Iterator[Path]:
    """The file of an address, for as long as the block lasts; any other name is the file itself.

    Raises as remote.copy_of.
    """
    name = os.fspath(source)
    if not scheme_of(name):
        yield Path(name)
        return
    from fer_video.media.remote import copy_of  # a web client takes its time to load, and most inputs are files

    with copy_of(name) as path:
        yield path
