"""How face detectors compare: what they find and miss, how steady and how large their boxes are, what they cost.

    python benchmarks/detectors.py CLIP|PICTURE ... [--faces FILE.zip] [--detectors NAME,NAME] [--frames N] [--count N]

The reference is the first detector at full size (faces from 16 pixels). "missed" counts its faces of 40 pixels and
more and a score of 0.7 where a detector has none; "more" counts faces of the detector where the reference has none at
all of 0.3. "jitter" is how far the centre and the longer side of a box are from the mean of those in the frames before
and after, as a share of the side: nearly none for a face at rest or in steady motion. "side" and "down" compare the
boxes: median ratio of the longer sides, and by how much of a side the centre is lower. "ms": processor time a frame,
one thread.

--faces is a zip of pictures with one face each; scenes of a known number of faces are drawn of them: as they are, dark,
turned by 30 and 60 degrees, a crowd of 40 pixels small ones, and one face that fills 1920 x 1080 and 3840 x 2160.
"""

from __future__ import annotations

import argparse
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from fer_video.faces.detectors import Detector, DetectorOptions, make_detector, select_faces
from fer_video.faces.track import affinity, assign, boxes_of
from fer_video.media.decode import Sampling, open_source
from fer_video.models import find_model, open_session
from fer_video.types import Face, Image

SURE, MAYBE, SAME = 0.7, 0.3, 0.3
OPTIONS = DetectorOptions()
Boxes = np.ndarray


def made(name: str, options: DetectorOptions = OPTIONS) -> Detector:
    return make_detector(open_session(find_model("face-detector", name), "cpu", threads=1), options)


def pairs(first: list[Face], second: list[Face]) -> list[tuple[int, int]]:
    return assign(affinity(boxes_of(first), boxes_of(second)), SAME)


@dataclass
class Row:
    """What one detector did on one clip."""

    detector: Detector
    faces: int = 0
    missed: int = 0
    more: int = 0
    spent: float = 0.0
    places: list[tuple[float, float]] = field(default_factory=list)  # ratio of sides, how much lower
    past: list[list[Face]] = field(default_factory=list)
    unsteady: list[float] = field(default_factory=list)

    def look(self, image: Image, sure: list[Face], maybe: list[Face]) -> None:
        began = time.process_time()
        every = self.detector.detect([image])[0]
        self.spent += time.process_time() - began
        found = select_faces(every, OPTIONS)
        same = pairs(sure, every)  # a box of 39 pixels is not a face missed
        self.faces += len(found)
        self.missed += len(sure) - len(same)
        self.more += len(found) - len(pairs(found, maybe))
        for i, j in same:
            a, b = sure[i], every[j]
            self.places.append((b.side / a.side, (b.center[1] - a.center[1]) / a.side))
        self._keep(found)

    def _keep(self, found: list[Face]) -> None:
        self.past = [*self.past[-2:], found]
        if len(self.past) == 3 and len({len(each) for each in self.past}) == 1:
            before, now, after = self.past
            for i, j in pairs(now, before):
                for k, m in pairs(now, after):
                    if i == k:
                        values = [(*face.center, face.side) for face in (before[j], now[i], after[m])]
                        off = np.subtract(values[1], np.add(values[0], values[2]) / 2)
                        self.unsteady.append(float(np.abs(off).mean()) / now[i].side)

    def line(self, frames: int) -> str:
        ratio, down = np.median(self.places, axis=0) if self.places else (np.nan, np.nan)
        jitter = 100 * np.mean(self.unsteady) if self.unsteady else np.nan
        return (
            f"  {self.detector.session.spec.name:<14} faces {self.faces:5}  missed {self.missed:4}  "
            f"more {self.more:4}  jitter {jitter:5.2f} %  side {ratio:5.3f}  down {down:+6.3f}  "
            f"{1000 * self.spent / frames:6.2f} ms"
        )


def images_of(path: Path) -> Iterator[Image]:
    with open_source(path) as source:
        for frame in source.frames(Sampling(fps=None)):
            yield frame.image


def clip(path: Path, names: list[str], frames: int) -> None:
    reference = made(names[0], DetectorOptions(min_face_px=16, min_score=MAYBE))
    rows, seen = [Row(made(name)) for name in names], 0
    for image in islice(images_of(path), frames):
        maybe = reference.detect([image])[0]
        sure = [face for face in select_faces(maybe, OPTIONS) if face.score >= SURE]
        seen += 1
        for row in rows:
            row.look(image, sure, maybe)
    print(f"{path.name}, {seen} frames")
    for row in rows:
        print(row.line(seen), flush=True)


# ---- drawn scenes


def scenes(pictures: list[Image]) -> Iterator[tuple[str, list[tuple[Image, int]]]]:
    """(name, pictures with the number of faces in each)."""
    rng = np.random.default_rng(0)
    yield "as they are", [(on_canvas(each, 640, 360, 200), 1) for each in pictures]
    yield "dark", [((on_canvas(each, 640, 360, 200) * 0.12).astype(np.uint8), 1) for each in pictures]
    for angle in (30, 60):
        matrix = cv2.getRotationMatrix2D((320, 180), angle, 1)
        turned = [cv2.warpAffine(on_canvas(each, 640, 360, 200), matrix, (640, 360)) for each in pictures]
        yield f"turned by {angle}", [(each, 1) for each in turned]
    for size in (90, 64):
        crowds = [crowd([pictures[i] for i in rng.choice(len(pictures), 40)], size) for _ in range(len(pictures) // 40)]
        yield f"crowds, pictures of {size} pixels", [(each, 40) for each in crowds]
    for width, height in ((1920, 1080), (3840, 2160)):
        yield f"filling {width} x {height}", [(on_canvas(each, width, height, height), 1) for each in pictures[:40]]


def on_canvas(picture: Image, width: int, height: int, side: int) -> Image:
    canvas = np.full((height, width, 3), 90, np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    canvas[top : top + side, left : left + side] = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)
    return canvas


def crowd(pictures: list[Image], size: int) -> Image:
    """Eight by five of them in 1280 x 720."""
    canvas = np.full((720, 1280, 3), 90, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = 30 + 135 * (i // 8), 30 + 155 * (i % 8)
        canvas[top : top + size, left : left + size] = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return canvas


def drawn(path: Path, names: list[str], count: int) -> None:
    with zipfile.ZipFile(path) as archive:
        files = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        chosen = np.random.default_rng(0).choice(files, count, replace=False)
        pictures = [cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR) for name in chosen]
    detectors = [made(name, DetectorOptions(min_face_px=24)) for name in names]
    for what, shown in scenes([np.asarray(each, np.uint8) for each in pictures]):
        print(f"{what}: {sum(number for _, number in shown)} faces")
        for detector in detectors:
            found = [len(select_faces(detector.detect([image])[0], detector.options)) for image, _ in shown]
            hit = sum(min(a, number) for a, (_, number) in zip(found, shown, strict=True))
            false = sum(max(a - number, 0) for a, (_, number) in zip(found, shown, strict=True))
            print(f"  {detector.session.spec.name:<14} found {hit:5}  too many {false:4}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--detectors", default="centerface,yunet-2023mar")
    parser.add_argument("--frames", type=int, default=10**9)
    parser.add_argument("--count", type=int, default=400)
    given = parser.parse_args()
    names = given.detectors.split(",")
    for path in given.clips:
        clip(path, names, given.frames)
    if given.faces:
        drawn(given.faces, names, given.count)


if __name__ == "__main__":
    main()
