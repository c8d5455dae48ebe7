"""Pictures of faces, cut from the clip, and a photo as a page shows it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from fer_video.media.decode import open_source
from fer_video.media.sampling import Sampling
from fer_video.types import Image, Observation

__all__ = ["cut_faces", "cut_out", "data_uri", "first_picture"]

_SIDE, _AROUND, _QUALITY = 144, 1.35, 82  # pixels; of the box's longer side; JPEG
_LONGEST, _PHOTO_QUALITY = 1600, 85  # pixels of a photo's longer side; JPEG

Key = tuple[int, int]  # frame, person


def cut_faces(clip: Path, wanted: Iterable[Observation]) -> dict[Key, bytes]:
    """(frame, person) -> JPEG. Reads the clip up to the last of them. Raises InputError."""
    in_frame: dict[int, dict[int, Observation]] = {}
    for seen in wanted:
        if seen.person is not None:
            in_frame.setdefault(seen.frame, {})[seen.person] = seen
    pictures: dict[Key, bytes] = {}
    if not in_frame:
        return pictures
    end_s = max(seen.time_s for several in in_frame.values() for seen in several.values()) + 1e-3
    with open_source(clip) as source:
        for frame in source.frames(Sampling(fps=None, end_s=end_s)):
            for person, seen in in_frame.get(frame.index, {}).items():
                assert seen.face is not None
                pictures[frame.index, person] = _jpeg(cut_out(frame.image, seen.face.box, _SIDE), _QUALITY)
    return pictures


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
