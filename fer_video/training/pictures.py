"""Pictures of a source -> square uint8 crops in a file, decoded once."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.datasets.samples import FaceDataset, FaceSample
from fer_video.errors import FervidError, InputError, OutputError
from fer_video.faces.align import crop_face
from fer_video.faces.detectors import Detector, DetectorOptions, make_detector
from fer_video.media.said import parts_fit
from fer_video.models import CropSpec, find_model, open_session
from fer_video.models.cores import available_cores
from fer_video.training.recipe import Source, Surround
from fer_video.training.stored import Stored, make_stored, open_stored
from fer_video.training.surround import surrounded
from fer_video.types import Face, Image

__all__ = ["Pictures", "cache_key", "load_pictures", "need_room"]

_VERSION = 1  # of what is done to a picture here; a new one makes old caches void
_DETECT_SIDE = 192  # a picture is brought to this size before its face is looked for
_DETECT_EDGE = 0.25  # and its edge pixels are repeated around it: faces that fill a picture are found better


@dataclass(frozen=True)
class Pictures:
    """The pictures of a dataset that could be read, in its order."""

    dataset: FaceDataset  # its samples are those of `images`, row by row
    kept: npt.NDArray[np.int64]  # their rows in the dataset that was asked for
    images: Stored | npt.NDArray[np.uint8]  # (n, size, size, 3) BGR
    margin: float  # the crop is the middle 1 / margin of an image
    skipped: tuple[tuple[str, str], ...]  # (name, reason), of labels and of pictures
    masked: float = 0.0  # above 0: faces cut out along their outline; side of the picture made of one, in units of it
    surround: Surround = field(default_factory=Surround)

    def picture(
        self, row: int, rng: np.random.Generator | None = None, other: Callable[[], Image] | None = None
    ) -> Image:
        """(S, S, 3) BGR with the margin; of a masked face, in front of something.

        rng, other: what draws the surround, and other pictures for it. None: by the row, of these pictures, always the
        same.
        """
        image = self.images[row]
        if not self.masked:
            return image
        rng = rng or np.random.default_rng(row)
        return surrounded(image, self.masked, self.surround, rng, other or partial(self._any, rng))

    def _any(self, rng: np.random.Generator) -> Image:
        return self.images[int(rng.integers(len(self.images)))]


def load_pictures(
    dataset: FaceDataset, source: Source, cache: Path, progress: Callable[[int, int], None] | None = None
) -> Pictures:
    """Find the crops of a dataset in the cache folder, or make them there.

    progress: called with how many are done, and of how many. Unreadable and faceless pictures are left out and
    listed; raises InputError when that leaves none, OutputError when the disk has not enough room.
    """
    path = _place(dataset, source, cache)
    found = open_stored(path, len(dataset.samples))
    if found is None:
        need_room(cache, [(dataset, source)])
        _make(dataset, source, path, progress or (lambda done, total: None))
        found = open_stored(path, len(dataset.samples))
    if found is None:
        raise InputError(f"{path}: does not fit its list; is another fervid writing it? try again")
    images, failed = found
    kept = np.array([row for row in range(len(dataset.samples)) if row not in failed], np.int64)
    listed = [(dataset.samples[row].name, reason) for row, reason in failed.items()]
    if not len(kept):
        name, reason = listed[0]
        raise InputError(f"{dataset.path}: not one of {len(listed)} pictures can be used; the first: {name}: {reason}")
    used = replace(dataset, samples=tuple(dataset.samples[row] for row in kept))
    margin = 1.0 if source.crop == "whole" else source.margin
    masked = source.factor * source.margin if source.crop == "masked" else 0.0
    return Pictures(used, kept, images, margin, (*dataset.skipped, *listed), masked, source.surround)


def need_room(cache: Path, wanted: Sequence[tuple[FaceDataset, Source]]) -> None:
    """Raises OutputError when the crops that are not in the cache yet do not fit onto its disk."""
    missing = sum(
        len(dataset.samples) * source.size**2 * 3
        for dataset, source in wanted
        if not _place(dataset, source, cache).is_file()
    )
    if not missing:
        return
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{cache}: cannot be made: {error.strerror}; choose another --cache") from error
    free = shutil.disk_usage(cache).free
    if free < missing * 1.05:
        raise OutputError(
            f"{cache}: {missing / 1e9:.1f} GB are needed for the decoded pictures and {free / 1e9:.1f} GB are free; "
            "make room or choose another --cache"
        )


def _place(dataset: FaceDataset, source: Source, cache: Path) -> Path:
    return cache / f"{source.name}-{cache_key(dataset, source)}.npy"


def cache_key(dataset: FaceDataset, source: Source) -> str:
    """Of all that decides what is in the cache."""
    facts: list[Any] = [_VERSION, source.crop, source.size]
    if source.crop in ("detect", "box"):
        facts += [source.factor, source.margin]
    if source.crop == "detect":
        facts.append(find_model("face-detector").sha256)
    digest = hashlib.sha256(json.dumps(facts).encode())
    for sample in dataset.samples:
        name = sample.name.encode("utf-8", "surrogateescape")
        digest.update(name + repr((sample.box, dataset.tree.stamp(sample.name))).encode() + b"\0")
    return digest.hexdigest()[:16]


def _make(dataset: FaceDataset, source: Source, path: Path, progress: Callable[[int, int], None]) -> None:
    facts = {"source": source.name, "path": str(dataset.path)}
    make_stored(path, source.size, len(dataset.samples), lambda row: _crops(dataset, source, row), facts, progress)


def _crops(dataset: FaceDataset, source: Source, first: int) -> Iterator[Image | str]:
    """The crop of each sample from a row on, or why it has none.

    Threads serve: decoding and detection let go of the GIL.
    """
    detector = None
    if source.crop == "detect":
        detector = make_detector(open_session(find_model("face-detector"), "cpu", threads=1), _OPTIONS)

    def one(sample: FaceSample) -> Image | str:
        try:
            return _crop(dataset, sample, source, detector)
        except (FervidError, cv2.error) as error:  # cv2: a picture that claims to be larger than OpenCV reads
            return str(error) if isinstance(error, FervidError) else "cannot be decoded"

    chunk = 512  # a map takes all its arguments at once; this keeps what is in flight small
    with ThreadPoolExecutor(available_cores()) as pool:
        for start in range(first, len(dataset.samples), chunk):
            yield from pool.map(one, dataset.samples[start : start + chunk])


def _crop(dataset: FaceDataset, sample: FaceSample, source: Source, detector: Detector | None) -> Image | str:
    data = dataset.tree.read(sample.name)
    if not data:
        return "is empty or not there"
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if parts_fit(data) else None
    if image is None:
        return "cannot be decoded"
    image = np.asarray(image, np.uint8)
    if source.crop in ("whole", "masked"):
        return np.asarray(cv2.resize(image, (source.size, source.size), interpolation=cv2.INTER_AREA), np.uint8)
    if source.crop == "box":
        if sample.box is None:
            return "has no box in the labels"
        face = Face(sample.box, 1.0)
    else:
        found = _find_face(image, detector) if detector else None
        if found is None:
            return "no face found"
        face = found
    return crop_face(image, face, source.size, CropSpec(factor=source.factor * source.margin))


_OPTIONS = DetectorOptions(min_face_px=40, min_score=0.3)


def _find_face(image: Image, detector: Detector) -> Face | None:
    """The largest face. It may reach over the picture's edge."""
    height, width = image.shape[:2]
    scale = _DETECT_SIDE / max(height, width)
    edge = round(_DETECT_SIDE * _DETECT_EDGE)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    padded = np.asarray(cv2.copyMakeBorder(small, edge, edge, edge, edge, cv2.BORDER_REPLICATE), np.uint8)
    faces = detector.detect([padded])[0]
    if not faces:
        return None
    largest = max(faces, key=lambda face: face.width * face.height)
    x1, y1, x2, y2 = ((value - edge) / scale for value in largest.box)
    return Face((x1, y1, x2, y2), largest.score)
