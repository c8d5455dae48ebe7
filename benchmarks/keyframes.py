"""How few frames the detector may look at: agreement with looking at every frame, and what it costs.

    python benchmarks/keyframes.py CLIP...

For each clip, and for a moving picture of six people, three ways to say where faces are in the frames between:
"line", as fervid does it (fer_video/keyframes.py); "hold", where they were; and "flow", carried along by optical flow
(pyramidal Lucas-Kanade of an 8 x 8 grid with a forward-backward check, a similarity fitted to what is left, the
detector again when that is less than four tenths). Printed are, of frames and faces found by looking at every frame:
the mean overlap (IoU), the share with the same most probable emotion, the share that was missed; the share of frames
looked at; and the detector's and the method's milliseconds a frame on one thread. Needs the extra [test].
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from clips import group_picture

from fer_video.engine.pipeline import chunks
from fer_video.faces.align import crop_face
from fer_video.faces.cuts import CutDetector
from fer_video.faces.detectors import Detector, DetectorOptions, make_detector, select_faces
from fer_video.faces.keyframes import KeyFrames
from fer_video.faces.track import affinity, assign, boxes_of
from fer_video.media.decode import Sampling, open_source
from fer_video.models import find_model, open_session
from fer_video.models.backbone import Backbone
from fer_video.types import Face, Frame

Faces = list[list[Face]]
PATCH, REACH, GRID = 128, 2.0, 8


class Counting(Detector):
    """Counts what it looks at and how long that takes; remembers, so that comparing is quick."""

    def __init__(self, inner: Detector) -> None:
        super().__init__(inner.session, inner.options)
        self.inner, self.images, self.seconds = inner, 0, 0.0

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        began = time.perf_counter()
        found = self.inner.detect(images)
        self.seconds += time.perf_counter() - began
        self.images += len(images)
        return found


def line(frames: list[Frame], detector: Detector, every_s: float) -> Faces:
    keys, cuts = KeyFrames(detector, every_s), CutDetector()
    return [
        faces
        for chunk in chunks(iter(frames))
        for faces in keys.faces(chunk, [cuts.update(frame.image) for frame in chunk], {})
    ]


def hold(frames: list[Frame], detector: Detector, every_s: float) -> Faces:
    found: Faces = []
    for looks, frame in _key_frames(frames, every_s):
        found.append(_look(detector, frame) if looks else found[-1])
    return found


def flow(frames: list[Frame], detector: Detector, every_s: float) -> Faces:
    found: Faces = []
    carriers: list[Carrier] = []
    last_s = 0.0
    cuts = CutDetector()
    for frame in frames:
        carried = None
        if not cuts.update(frame.image) and found and frame.time_s - last_s < every_s - 1e-6:
            carried = [carrier.step(frame.image) for carrier in carriers]
        if carried is None or None in carried:
            carried, last_s = _look(detector, frame), frame.time_s
            carriers = [Carrier(face, frame.image) for face in carried]
        found.append([face for face in carried if face is not None])
    return found


class Carrier:
    """One face's grid of points, followed from frame to frame."""

    def __init__(self, face: Face, image: np.ndarray) -> None:
        x1, y1, x2, y2 = face.box
        self.key = face
        across, down = np.linspace(x1, x2, GRID + 2)[1:-1], np.linspace(y1, y2, GRID + 2)[1:-1]
        self.start = np.stack(np.meshgrid(across, down), -1).reshape(-1, 2).astype(np.float32)
        self.points = self.start.copy()
        self.total = len(self.points)
        self._centre(face, image)

    def _centre(self, face: Face, image: np.ndarray) -> None:
        side = max(face.width, face.height) * REACH
        left, top = (int(max(centre - side / 2, 0)) for centre in face.center)
        self.window = np.s_[top : int(top + side), left : int(left + side)]
        self.origin, self.scale = np.float32((left, top)), np.float32(PATCH / side)
        self.patch = self._cut(image)

    def _cut(self, image: np.ndarray) -> np.ndarray:
        grey = cv2.cvtColor(image[self.window], cv2.COLOR_BGR2GRAY)
        return cv2.resize(grey, None, fx=float(self.scale), fy=float(self.scale), interpolation=cv2.INTER_AREA)

    def step(self, image: np.ndarray) -> Face | None:
        now = self._cut(image)
        before = ((self.points - self.origin) * self.scale)[:, None]
        there, forth, _ = cv2.calcOpticalFlowPyrLK(self.patch, now, before, None, winSize=(13, 13), maxLevel=2)
        back, again, _ = cv2.calcOpticalFlowPyrLK(now, self.patch, there, None, winSize=(13, 13), maxLevel=2)
        good = (forth & again).ravel().astype(bool) & (np.linalg.norm((before - back)[:, 0], axis=1) < 1)
        if good.sum() < 0.4 * self.total:
            return None
        self.points, self.start = there[good, 0] / self.scale + self.origin, self.start[good]
        matrix, _ = cv2.estimateAffinePartial2D(
            self.start, self.points, ransacReprojThreshold=0.03 * PATCH / self.scale
        )
        if matrix is None:
            return None
        size = float(np.hypot(matrix[0, 0], matrix[1, 0])) * np.array((self.key.width, self.key.height)) / 2
        x, y = matrix[:, :2] @ self.key.center + matrix[:, 2]
        height, width = image.shape[:2]
        box = np.clip((x - size[0], y - size[1], x + size[0], y + size[1]), 0, (width, height, width, height))
        face = Face(tuple(box.tolist()), self.key.score)  # type: ignore[arg-type]
        if min(face.width, face.height) < 4:
            return None
        self._centre(face, image)
        return face


def _key_frames(frames: list[Frame], every_s: float) -> Iterator[tuple[bool, Frame]]:
    last_s, cuts = -np.inf, CutDetector()
    for frame in frames:
        looks = cuts.update(frame.image) or frame.time_s - last_s >= every_s - 1e-6
        last_s = frame.time_s if looks else last_s
        yield looks, frame


def _look(detector: Detector, frame: Frame) -> list[Face]:
    return select_faces(detector.detect([frame.image])[0], detector.options)


def compare(frames: list[Frame], found: Faces, truth: Faces, said: list[list[str]], backbone: Backbone) -> str:
    overlaps, same, missed = [], 0, 0
    for frame, faces, true, emotions in zip(frames, found, truth, said, strict=True):
        told = emotions_of(frame, faces, backbone)
        boxes, real = boxes_of(faces), boxes_of(true)
        pairs = {b: a for a, b in assign(affinity(boxes, real), 0.0)}
        for row in range(len(true)):
            if row not in pairs:
                missed += 1
                continue
            overlaps.append(iou(boxes[pairs[row]], real[row]))
            same += told[pairs[row]] == emotions[row]
    total = len(overlaps) + missed
    return f"IoU {np.mean(overlaps):.3f}  same emotion {same / total:7.2%}  missed {missed / total:6.2%}"


def iou(a: np.ndarray, b: np.ndarray) -> float:
    shared = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    return float(shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))


def emotions_of(frame: Frame, faces: list[Face], backbone: Backbone) -> list[str]:
    scores = backbone.embed(
        [crop_face(frame.image, face, backbone.size, backbone.spec.crop) for face in faces]
    ).probabilities["emotion"]
    return [backbone.emotions[i] for i in scores.argmax(axis=1)]


def six_people() -> list[Frame]:
    """Four seconds of a hand-held camera before the group picture that insightface brings."""
    picture = group_picture()
    height, width = picture.shape[:2]
    noise = np.random.default_rng(0)
    frames = []
    for i in range(120):
        t = i / 30
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 4 * np.sin(1.7 * t), 1 + 0.08 * np.sin(1.1 * t))
        matrix[:, 2] += 25 * np.sin(2.3 * t), 12 * np.sin(3.1 * t)
        moved = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        grain = noise.normal(0, 3, moved.shape)
        frames.append(Frame(i, t, np.clip(moved + grain, 0, 255).astype(np.uint8)))
    return frames


def read(path: Path) -> list[Frame]:
    with open_source(path) as source:
        return list(source.frames(Sampling(fps=None)))


def main() -> None:
    cv2.setNumThreads(1)
    detector = Counting(make_detector(open_session(find_model("face-detector", None), "cpu", 1), DetectorOptions()))
    backbone = Backbone(open_session(find_model("emotion-backbone", None), "cpu", 1), batch=8)
    methods: list[tuple[str, Callable[[list[Frame], Detector, float], Faces]]]
    methods = [("line", line), ("hold", hold), ("flow", flow)]
    clips = [(path, read(Path(path))) for path in sys.argv[1:]]
    for name, frames in [*clips, ("six people", six_people())]:
        truth = line(frames, detector, 0.0)
        said = [emotions_of(frame, faces, backbone) for frame, faces in zip(frames, truth, strict=True)]
        faces = sum(map(len, truth))
        print(f"{name}: {len(frames)} frames, {faces} faces with the detector in every frame")
        if not faces:
            continue
        for kind, method in methods:
            for every_s in (0.1, 0.15, 0.2, 0.3, 0.5, 1.0):
                detector.images, detector.seconds = 0, 0.0
                began = time.perf_counter()
                found = method(frames, detector, every_s)
                took = time.perf_counter() - began - detector.seconds
                print(
                    f"  {kind} {every_s:4.2f} s  {compare(frames, found, truth, said, backbone)}  "
                    f"detector in {detector.images / len(frames):6.1%}  "
                    f"{1e3 * detector.seconds / len(frames):5.2f} + {1e3 * took / len(frames):.2f} ms",
                    flush=True,
                )


if __name__ == "__main__":
    main()
