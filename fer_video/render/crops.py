"""A few pictures of each person's face, cut from the clip."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fer_video.media.decode import open_source
from fer_video.media.sampling import Sampling
from fer_video.types import Image, Observation, Observations, Person

__all__ = ["Crop", "best_crops", "cut_out"]

_STRETCHES = 3  # of a person's time; the most prominent face of each
_SIDE, _AROUND, _QUALITY = 144, 1.35, 82  # pixels; of the box's longer side; JPEG
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Crop:
    """One picture of a face."""

    time_s: float
    emotion: str | None
    jpeg: bytes

    @property
    def data_uri(self) -> str:
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode()}"


def best_crops(clip: Path, log: Observations, people: Sequence[Person]) -> dict[int, list[Crop]]:
    """Person -> the most prominent faces, in order of time. Reads the clip up to the last of them.

    Raises InputError.
    """
    wanted: dict[int, list[Observation]] = {}
    for seen in _chosen(log, {person.id: person for person in people}):
        wanted.setdefault(seen.frame, []).append(seen)
    crops: dict[int, list[Crop]] = {person.id: [] for person in people}
    if not wanted:
        return crops
    end_s = max(seen.time_s for several in wanted.values() for seen in several) + 1e-3
    with open_source(clip) as source:
        for frame in source.frames(Sampling(fps=None, end_s=end_s)):
            for seen in wanted.get(frame.index, ()):
                assert seen.person is not None
                crops[seen.person].append(Crop(seen.time_s, seen.emotion, _jpeg(frame.image, seen)))
    return crops


def _chosen(log: Observations, people: Mapping[int, Person]) -> list[Observation]:
    best: dict[tuple[int, int], Observation] = {}
    for seen in log:
        if seen.face is None or seen.person is None or seen.person not in people:
            continue
        person = people[seen.person]
        share = (seen.time_s - person.start_s) / max(person.end_s - person.start_s, _ROUNDING_S)
        key = (person.id, min(int(share * _STRETCHES), _STRETCHES - 1))
        held = best.get(key)
        if held is None or held.face is None or seen.face.prominence > held.face.prominence:
            best[key] = seen
    return list(best.values())


def cut_out(image: Image, box: tuple[float, float, float, float], pixels: int) -> Image:
    """A square around a face's box; what would lie outside of the frame repeats its edge."""
    x, y, side = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, max(box[2] - box[0], box[3] - box[1], 1.0) * _AROUND
    scale = pixels / side
    shift = np.array([[scale, 0, pixels / 2 - scale * x], [0, scale, pixels / 2 - scale * y]])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    square = cv2.warpAffine(image, shift, (pixels, pixels), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(square, np.uint8)


def _jpeg(image: Image, seen: Observation) -> bytes:
    assert seen.face is not None
    _, jpeg = cv2.imencode(".jpg", cut_out(image, seen.face.box, _SIDE), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes()
