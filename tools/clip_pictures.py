"""The pictures that pseudo-clips are made of, in parts with different pictures: train, choose and report.

FER+ (grey, 48 px): its train part, and two halves of its valid part. Faces in the wild cut out along their outline
(affect7/<class>/N.webp, 120 px): the parts that training a backbone makes by the same hash of the name, so that no
picture of choose and report was seen in training; their black surround is filled with the colours of the outline.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from fer_video.datasets.faces import load_faces
from fer_video.datasets.ferplus import read_ferplus
from fer_video.types import Image

__all__ = ["Part", "Picture", "read_pictures"]

Part = Literal["train", "choose", "report"]
_VALIDATION = 0.1  # share for validation, as in the recipes of the backbones
_DARK = 12  # values up to this are the black surround
_MARGIN = 1.1  # side of the crop over that of the face
MOST = {"train": 400, "choose": 110, "report": 110}  # pictures of a class and source


@dataclass(frozen=True)
class Picture:
    source: str
    name: str
    label: str
    image: Image  # square, as a network is to see it

    @property
    def seed(self) -> int:
        return zlib.crc32(self.name.encode())

    @property
    def fold(self) -> int:
        """0, 1 or 2: pictures of different folds are never in one clip."""
        return self.seed // 7 % 3


def read_pictures(ferplus: Path, affect7: Path, part: Part) -> list[Picture]:
    """In an order that depends on the names alone. Raises InputError."""
    return [*_ferplus(ferplus, part), *_affect7(affect7, part)]


def _half(name: str) -> Part:
    return "choose" if zlib.crc32(name.encode()) % 2 == 0 else "report"


def _ferplus(path: Path, part: Part) -> list[Picture]:
    """Those that more than half of the annotators agree on."""
    found = [each for each in read_ferplus(path, "train" if part == "train" else "valid") if each.has_majority]
    labels = {each.name: each.label or "" for each in found if part == "train" or _half(each.name) == part}
    images = {each.name: each for each in found}
    return [Picture("ferplus", name, labels[name], images[name].image()) for name in _drawn(labels, MOST[part])]


def _affect7(path: Path, part: Part) -> list[Picture]:
    data = load_faces(path, "classes").split(_VALIDATION)
    labels = {}
    for sample in data.part("train" if part == "train" else "val").samples:
        if sample.emotion is not None and (part == "train" or _half(sample.name) == part):
            labels[sample.name] = data.emotions[int(np.argmax(sample.emotion))]
    pictures = []
    for name in _drawn(labels, MOST[part]):
        image = cv2.imdecode(np.frombuffer(data.tree.read(name) or b"", np.uint8), cv2.IMREAD_COLOR)
        pictures.append(Picture("affect7", name, labels[name], _filled(np.asarray(image, np.uint8))))
    return pictures


def _drawn(labels: Mapping[str, str], most: int) -> list[str]:
    """At most so many names of each label, by a hash of the name."""
    counts: dict[str, int] = {}
    kept = []
    for name in sorted(labels, key=lambda each: (zlib.crc32(each.encode()[::-1]), each)):
        counts[labels[name]] = counts.get(labels[name], 0) + 1
        if counts[labels[name]] <= most:
            kept.append(name)
    return kept


def _filled(image: Image) -> Image:
    """With a margin; what is outside of the face's outline takes the colour of the nearest point inside, blurred."""
    edge = round(image.shape[0] * (_MARGIN - 1) / 2)
    canvas = cv2.copyMakeBorder(image, edge, edge, edge, edge, cv2.BORDER_CONSTANT)
    inside = cv2.morphologyEx((canvas.max(axis=2) > _DARK).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    inside = cv2.erode(inside, np.ones((3, 3), np.uint8), iterations=2)
    if not inside.any():
        return np.asarray(canvas, np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(1 - inside, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    colours[nearest[inside > 0]] = canvas[inside > 0]
    around = cv2.GaussianBlur(colours[nearest], (0, 0), 3)
    weight = cv2.GaussianBlur(inside * 255, (0, 0), 1).astype(np.float32)[:, :, None] / 255
    return np.asarray(canvas * weight + around * (1 - weight), np.uint8)
