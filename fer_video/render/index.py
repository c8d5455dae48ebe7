"""The list of a batch's reports."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_video.errors import printable
from fer_video.render.page import asset, write_page
from fer_video.types import ClipResult

__all__ = ["IndexRow", "page_name", "write_index"]


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One clip of a batch. page: file name of its report, None for a clip that failed. picture: a JPEG of a face."""

    result: ClipResult
    page: str | None
    picture: bytes | None = None


def write_index(rows: Sequence[IndexRow], out: Path) -> None:
    """The searchable list of a batch. Raises OptionError, OutputError."""
    listed = [
        {"value": row.result.without_embeddings().to_dict(), "path": printable(row.result.path), "page": row.page}
        for row in rows
    ]
    labels = {row.result.clip.emotion for row in rows if row.result.clip and row.result.clip.emotion}
    write_page("index.html", out, [asset("index.js")], [asset("pages.css")], {"rows": listed, "labels": sorted(labels)})


def page_name(number: int, path: str) -> str:
    """A file name for a clip's report, whatever the clip is called."""
    return f"{number:04}-{re.sub(r'[^A-Za-z0-9]+', '-', Path(path).stem)[:40].strip('-') or 'clip'}.html"
