"""Pictures of faces, cut from the clip, and a photo as a page shows it."""

from __future__ import annotations

import base64
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise, takewhile
from pathlib import Path

import cv2
import numpy as np

from fer_video.media.decode import open_source
from fer_video.media.sampling import Sampling
from fer_video.types import Frame, Image, Observation

__all__ = ["cut_faces", "cut_out", "data_uri", "first_picture"]

_SIDE, _AROUND, _QUALITY = 144, 1.35, 82  # pixels; of the box's longer side; JPEG
_LONGEST, _PHOTO_QUALITY = 1600, 85  # pixels of a photo's longer side; JPEG

_JUMP_S, _ROUNDING_S = 20.0, 1e-3  # to look for a key frame takes longer than to decode so much

Key = tuple[int, int]  # frame, person


def cut_faces(clip: Path, wanted: Iterable[Observation]) -> dict[Key, bytes]:
    """(frame, person) -> JPEG. Long stretches without any are skipped where the file allows it. Raises InputError."""
    ordered = sorted((seen for seen in wanted if seen.person is not None), key=lambda seen: seen.time_s)
    pictures: dict[Key, bytes] = {}
    jumps = True
    while ordered:
        count = _before_gap(ordered) if jumps else len(ordered)
        run, ordered = ordered[:count], ordered[count:]
        start_s = run[0].time_s - _ROUNDING_S if run[0].time_s > _JUMP_S else 0.0
        with open_source(clip) as source:
            for frame in source.frames(Sampling(fps=None, start_s=start_s, end_s=run[-1].time_s + _ROUNDING_S)):
                pictures |= _cut(frame, run)
            # A file that is decoded from its first frame whatever the start is read once more, not once per run.
            jumps = start_s == 0 or source.sought
    return pictures


def _before_gap(ordered: Sequence[Observation]) -> int:
    """How many there are before the first long stretch without any."""
    gaps = (i for i, (one, other) in enumerate(pairwise(ordered), 1) if other.time_s - one.time_s > _JUMP_S)
    return next(gaps, len(ordered))


def _cut(frame: Frame, run: Sequence[Observation]) -> dict[Key, bytes]:
    first = bisect_left(run, frame.time_s - _ROUNDING_S, key=lambda seen: seen.time_s)
    found = {}
    for seen in takewhile(lambda each: each.time_s <= frame.time_s + _ROUNDING_S, run[first:]):
        if seen.frame == frame.index and seen.face is not None and seen.person is not None:
            found[seen.frame, seen.person] = _jpeg(cut_out(frame.image, seen.face.box, _SIDE), _QUALITY)
    return found


def first_picture(clip: Path) -> bytes | None:
    """A photo as a JPEG that is not larger than a page needs. Raises InputError."""
    with open_source(clip) as source:
        for frame in source.frames(Sampling(fps=None)):
            height, width = frame.image.shape[:2]
            scale = min(_LONGEST / max(height, width), 1.0)
            size = (max(round(width * scale), 1), max(round(height * scale), 1))
            return _jpeg(np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)), _PHOTO_QUALITY)
    return None


def data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def cut_out(image: Image, box: tuple[float, float, float, float], pixels: int) -> Image:
    """A square around a face's box; what would lie outside of the frame repeats its edge."""
    x, y, side = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, max(box[2] - box[0], box[3] - box[1], 1.0) * _AROUND
    scale = pixels / side
    shift = np.array([[scale, 0, pixels / 2 - scale * x], [0, scale, pixels / 2 - scale * y]])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    square = cv2.warpAffine(image, shift, (pixels, pixels), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(square, np.uint8)


def _jpeg(image: Image, quality: int) -> bytes:
    _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return jpeg.tobytes()
