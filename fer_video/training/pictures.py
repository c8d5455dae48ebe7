"""Pictures of a source -> square uint8 crops in a file that is mapped into memory: decoded once, read ever after."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.align import crop_face
from fer_video.datasets.faces import FaceDataset, FaceSample
from fer_video.detect import Detector, DetectorOptions, make_detector
from fer_video.errors import FervidError, InputError, OutputError
from fer_video.files import open_output
from fer_video.models import CropSpec, find_model, open_session
from fer_video.models.session import available_cores
from fer_video.training.recipe import Source
from fer_video.types import Face, Image

__all__ = ["Pictures", "load_pictures"]

_VERSION = 1  # of what is done to a picture here; a new one makes old caches void
_DETECT_SIDE = 192  # a picture is brought to this size before its face is looked for
_DETECT_EDGE = 0.25  # and its edge pixels are repeated around it: faces that fill a picture are found better


@dataclass(frozen=True)
class Pictures:
    """The pictures of a dataset that could be read, in its order."""

    dataset: FaceDataset  # its samples are those of `images`, row by row
    images: npt.NDArray[np.uint8]  # (n, size, size, 3) BGR, mapped
    margin: float  # the crop is the middle 1 / margin of an image
    skipped: tuple[tuple[str, str], ...]  # (name, reason), of labels and of pictures


def load_pictures(
    dataset: FaceDataset, source: Source, cache: Path, progress: Callable[[int, int], None] | None = None
) -> Pictures:
    """Find the crops of a dataset in the cache folder, or make them there.

    progress: called with how many are done, and of how many. Unreadable and faceless pictures are left out and
    listed; raises InputError when that leaves none, OutputError when the disk has not enough room.
    """
    path = cache / f"{source.name}-{_key(dataset, source)}.npy"
    beside = path.with_suffix(".json")
    if not (path.is_file() and beside.is_file()):
        _make(dataset, source, path, progress or (lambda done, total: None))
    failed: dict[str, str] = json.loads(beside.read_text(encoding="utf-8"))["skipped"]
    kept = [sample for sample in dataset.samples if sample.name not in failed]
    if not kept:
        name, reason = next(iter(failed.items()))
        raise InputError(f"{dataset.path}: not one of {len(failed)} pictures can be used; the first: {name}: {reason}")
    images = np.load(path, mmap_mode="r")
    used = FaceDataset(dataset.tree, dataset.layout, dataset.emotions, tuple(kept), dataset.skipped)
    margin = 1.0 if source.crop == "whole" else source.margin
    return Pictures(used, images, margin, (*dataset.skipped, *failed.items()))


def _key(dataset: FaceDataset, source: Source) -> str:
    """Of all that decides what is in the cache."""
    facts = [_VERSION, source.crop, source.factor, source.margin, source.size]
    digest = hashlib.sha256(json.dumps(facts).encode())
    for sample in dataset.samples:
        name = sample.name.encode("utf-8", "surrogateescape")
        digest.update(name + repr((sample.box, dataset.tree.stamp(sample.name))).encode() + b"\0")
    return digest.hexdigest()[:16]


def _make(dataset: FaceDataset, source: Source, path: Path, progress: Callable[[int, int], None]) -> None:
    samples, side = dataset.samples, source.size
    _need_room(path.parent, len(samples) * side * side * 3)
    failed: dict[str, str] = {}
    # Rows are written as they come and the header last, when it is known how many there are.
    with open_output(path, binary=True) as file:
        header = _header(0, side)
        file.write(header)
        kept = 0
        for done, (sample, image) in enumerate(_crops(dataset, source), start=1):
            if isinstance(image, str):
                failed[sample.name] = image
            else:
                file.write(image.tobytes())
                kept += 1
            progress(done, len(samples))
        file.seek(0)
        file.write(_header(kept, side))
    with open_output(path.with_suffix(".json")) as file:
        json.dump({"source": source.name, "path": str(dataset.path), "images": kept, "skipped": failed}, file, indent=1)


def _need_room(folder: Path, wanted: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}; choose another --cache") from error
    free = shutil.disk_usage(folder).free
    if free < wanted * 1.05:
        raise OutputError(
            f"{folder}: {wanted / 1e9:.1f} GB are needed for the decoded pictures and {free / 1e9:.1f} GB are free; "
            "make room or choose another --cache"
        )


def _header(count: int, side: int) -> bytes:
    """Of a .npy file, always of the same length: 128 bytes."""
    shape = f"({count}, {side}, {side}, 3)"
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin-1")


def _crops(dataset: FaceDataset, source: Source) -> Iterator[tuple[FaceSample, Image | str]]:
    """Each sample with its crop, or with why it has none. Threads serve: decoding and detection let go of the GIL."""
    detector = None
    if source.crop == "detect":
        detector = make_detector(open_session(find_model("face-detector"), "cpu", threads=1), _OPTIONS)

    def one(sample: FaceSample) -> Image | str:
        try:
            return _crop(dataset, sample, source, detector)
        except FervidError as error:
            return str(error)

    chunk = 512  # a map takes all its arguments at once; this keeps what is in flight small
    with ThreadPoolExecutor(available_cores()) as pool:
        for start in range(0, len(dataset.samples), chunk):
            samples = dataset.samples[start : start + chunk]
            yield from zip(samples, pool.map(one, samples), strict=True)


def _crop(dataset: FaceDataset, sample: FaceSample, source: Source, detector: Detector | None) -> Image | str:
    data = dataset.tree.read(sample.name)
    if not data:
        return "is empty or not there"
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        return "cannot be decoded"
    image = np.asarray(image, np.uint8)
    if source.crop == "whole":
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
