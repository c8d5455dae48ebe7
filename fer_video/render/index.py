"""The list of a batch's reports: who shows what in which clip, and which clips could not be analysed."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fer_video.errors import InputError, printable
from fer_video.files import read_limited
from fer_video.render.crops import data_uri
from fer_video.render.page import asset, looks_of, write_page
from fer_video.types import ClipResult, Person

__all__ = ["IndexRow", "page_name", "read_sheet", "write_index"]

_CELLS = 60  # of a clip's strip
_MOST_SHOWN = 300  # rows at first: laying out thousands takes a browser seconds
_SIDE, _QUALITY = 64, 75  # pixels of a picture; JPEG
_UNCERTAIN = "uncertain"
_PNG, _MOST_SHEET = b"\x89PNG\r\n\x1a\n", 32 << 20  # bytes
_KINDS = ("video", "photo", "partial", "no face", "failed")


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One clip of a batch. page: file name of its report, None for a clip that failed. picture: a JPEG of a face."""

    result: ClipResult
    page: str | None
    picture: bytes | None = None

    def slim(self) -> IndexRow:
        """Without what the list does not show: a batch has many."""
        small = None if self.picture is None else _smaller(self.picture)
        return replace(self, result=replace(self.result, observations=None, tracks=()), picture=small)

    @property
    def kind(self) -> str:
        """failed, partial, no face, photo or video: the first that is true."""
        if self.result.status == "failed":
            return "failed"
        if not self.result.people:
            return "no face"
        if self.result.status == "partial":
            return "partial"
        return "photo" if self.result.duration_s is None else "video"


def read_sheet(path: Path) -> bytes:
    """A contact sheet: a PNG. Raises InputError for anything else."""
    data = read_limited(path, _MOST_SHEET)
    if not data.startswith(_PNG):
        raise InputError(f"{path}: is no PNG picture; make one with fervid people RESULTS --sheet people.png")
    return data


def write_index(rows: Sequence[IndexRow], out: Path, sheet: bytes | None = None) -> None:
    """The searchable list of a batch. sheet: a PNG with all people. Raises OptionError, OutputError."""
    kinds = Counter(row.kind for row in rows)
    emotions = Counter(row.result.clip.emotion or _UNCERTAIN for row in rows if row.result.clip)
    shown = (segment.emotion for row in rows for person in row.result.people for segment in person.segments or ())
    labels = dict.fromkeys([*(label for row in rows for label in _answered(row.result)), *filter(None, shown)])
    labels = dict.fromkeys([*labels, *emotions])
    looks = looks_of(label for label in labels if label != _UNCERTAIN)
    order = list(labels)
    values = {
        "rows": [_listed(row, order) for row in rows],
        "kinds": [(kind, _counted(kinds[kind], kind)) for kind in _KINDS if kinds[kind]],
        "emotions": sorted(emotions.items(), key=lambda item: -item[1]),
        "total_s": sum(row.result.duration_s or 0.0 for row in rows),
        "people": sum(len(row.result.people) for row in rows),
        "most": _MOST_SHOWN,
        "sheet": None if sheet is None else f"data:image/png;base64,{base64.b64encode(sheet).decode()}",
        "settings": {**looks, "order": order, "most": _MOST_SHOWN},
        **looks,
    }
    write_page(
        "index.html", out, [asset("pages.js"), asset("index.js")], [asset("pages.css"), asset("index.css")], values
    )


def page_name(number: int, path: str) -> str:
    """A file name for a clip's report, whatever the clip is called."""
    return f"{number:04}-{re.sub(r'[^A-Za-z0-9]+', '-', Path(path).stem)[:40].strip('-') or 'clip'}.html"


def _counted(count: int, kind: str) -> str:
    return f"{count} {kind}{'s' if count > 1 and kind in ('video', 'photo') else ''}"


def _answered(result: ClipResult) -> Sequence[str]:
    return () if result.clip is None else list(result.clip.probabilities)


def _listed(row: IndexRow, order: Sequence[str]) -> dict[str, Any]:
    result = row.result
    main = next((each for each in result.people if result.clip and each.id == result.clip.person), None)
    shares = {} if main is None or result.duration_s is None else main.time_shares
    return {
        "path": printable(result.path),
        "name": printable(Path(result.path).name),
        "page": row.page,
        "picture": None if row.picture is None else data_uri(row.picture),
        "kind": row.kind,
        "error": printable(result.error) if result.error else None,
        "clip": result.clip,
        "shares": [(label, share) for label, share in shares.items() if share >= 0.005][:3],
        "people": len(result.people),
        "duration_s": result.duration_s,
        "cells": None if main is None or result.duration_s is None else _cells(main, result.duration_s, order),
    }


def _cells(person: Person, duration_s: float, order: Sequence[str]) -> str:
    """The emotion that lasts longest in each part of the clip, as its number in `order`; -1 where nobody is seen."""
    width_s = max(duration_s, 1e-9) / _CELLS
    longest = [0.0] * _CELLS
    cells = [-1] * _CELLS
    edges = [i * width_s for i in range(_CELLS + 1)]
    for segment in person.segments or ():
        label = segment.emotion or _UNCERTAIN
        first = min(max(int(segment.start_s / width_s), 0), _CELLS - 1)
        last = min(max(int(segment.end_s / width_s), first), _CELLS - 1)
        for cell, (start_s, end_s) in enumerate(list(pairwise(edges))[first : last + 1], first):
            lasts = max(min(segment.end_s, end_s) - max(segment.start_s, start_s), 1e-3)
            if lasts > longest[cell]:
                longest[cell] = lasts
                cells[cell] = order.index(label) if label in order else -1
    return " ".join(map(str, cells))


def _smaller(jpeg: bytes) -> bytes | None:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        return None
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
