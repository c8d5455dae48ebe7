"""How well people are told apart on labelled pictures, and the threshold that follows from it.

    python benchmarks/identity.py FOLDER|FILE.zip

The data has one folder per person with pictures of the person's face. Prints the equal error rate of single crops, and
the precision and recall of the clustering: pairs of tracks that are rightly joined, of all that are joined and of all
that should be. A track is made of 1, 2, 3 or 5 different pictures of a person drawn at random, and of mixed numbers; 5
is the most that fervid takes of a track. Tracks of a video are less hard, since their crops resemble each other. The
threshold is the lowest one at which at least 99 in 100 joined pairs are right for every number from two pictures on.

Then names from a gallery (fervid people --gallery): half of the people are in it, and tracks of all are named where the
match is clear. And how alike the pictures of two people are at most as pictures (fer_video/faces/seen.py).
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.faces.clusters import cluster
from fer_video.faces.detectors import DetectorOptions, make_detector
from fer_video.faces.identity import track_embedding
from fer_video.faces.recognize import Recognizer
from fer_video.faces.seen import SAME_PICTURE, thumbnails_of
from fer_video.models import find_model, open_session
from fer_video.study.gallery import clear_match
from fer_video.types import Floats

LENGTHS: dict[str, tuple[int, ...]] = {"1": (1,), "2": (2,), "3": (3,), "5": (5,), "mixed": (1, 2, 3, 5)}
THRESHOLDS = np.arange(0.30, 0.601, 0.02)
DRAWS, PRECISION = 5, 0.99

Names = npt.NDArray[np.str_]


def embedded(folder: Path) -> tuple[Floats, Names, Floats]:
    """(n, D) embeddings of the largest face in each picture, whose they are, and thumbnails of the crops."""
    detector = make_detector(open_session(find_model("face-detector")), DetectorOptions(min_face_px=20))
    recognizer = Recognizer(find_model("face-recognition"), open_session)
    rows, names, crops, pictures = [], [], [], sorted(path for path in folder.rglob("*") if path.is_file())
    for path in pictures:
        image = cv2.imread(str(path))
        found = [] if image is None else detector.detect([np.asarray(image, np.uint8)])[0]
        largest = max(found, key=lambda face: face.side, default=None)
        if largest is not None and largest.landmarks is not None:
            crops.append(recognizer.crop(np.asarray(image, np.uint8), largest.landmarks))
            rows.append(recognizer.embed(crops[-1:])[0])
            names.append(path.parent.name)
    print(f"{len(rows)} of {len(pictures)} pictures with a face, {len(set(names))} people")
    return np.stack(rows), np.array(names), thumbnails_of(crops)


def equal_error_rate(embeddings: Floats, names: Names) -> tuple[float, float]:
    """Of single crops: the rate, and the cosine at which as many of one person are parted as of two are joined."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    pairs = np.triu_indices(len(unit), 1)
    cosines, same = (unit @ unit.T)[pairs], (names[:, None] == names[None])[pairs]
    levels = np.linspace(-0.2, 1, 1201)
    parted = np.array([(cosines[same] < level).mean() for level in levels])
    joined = np.array([(cosines[~same] >= level).mean() for level in levels])
    best = int(np.abs(parted - joined).argmin())
    return float(parted[best] + joined[best]) / 2, float(levels[best])


def tracks(embeddings: Floats, names: Names, lengths: tuple[int, ...], seed: int) -> tuple[Floats, Names]:
    rng, vectors, whose = np.random.default_rng(seed), [], []
    for name in np.unique(names):
        left = list(rng.permutation(np.flatnonzero(names == name)))
        while left:
            length = int(rng.choice(lengths))
            rows, left = left[:length], left[length:]
            if len(rows) >= min(length, 2):
                vectors.append(track_embedding(embeddings[rows]).vector)
                whose.append(name)
    return np.stack(vectors), np.array(whose)


def precision_and_recall(vectors: Floats, whose: Names, threshold: float) -> tuple[float, float]:
    groups = np.array(cluster(vectors, [], threshold))
    pairs = np.triu_indices(len(vectors), 1)
    joined, same = (groups[:, None] == groups[None])[pairs], (whose[:, None] == whose[None])[pairs]
    right = float((joined & same).sum())
    return right / max(float(joined.sum()), 1.0), right / max(float(same.sum()), 1.0)


def gallery_figures(embeddings: Floats, names: Names, pictures: int, length: int, same: float) -> list[float]:
    """pictures: per name in the gallery. length: pictures in a track that is to be named. In per cent: tracks of people
    in the gallery that get the right name, a wrong one, and tracks of others that get any."""
    right = wrong = named = known = others = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        people = rng.permutation(np.unique(names))
        inside, gallery, probes = people[: len(people) // 2].tolist(), [], []
        for name in people:
            rows = rng.permutation(np.flatnonzero(names == name)).tolist()
            if name in inside:
                gallery.append(track_embedding(embeddings[rows[:pictures]]).vector)
                rows = rows[pictures:]
            while len(rows) >= length:
                probes.append((name, track_embedding(embeddings[rows[:length]]).vector))
                rows = rows[length:]
        vectors = np.stack(gallery)
        for name, vector in probes:
            match = clear_match(vectors @ vector, same)
            known, others = known + (name in inside), others + (name not in inside)
            right += match is not None and inside[match] == name
            wrong += match is not None and name in inside and inside[match] != name
            named += match is not None and name not in inside
    return [100 * right / known, 100 * wrong / known, 100 * named / others]


def report(folder: Path) -> None:
    embeddings, names, crops = embedded(folder)
    rate, level = equal_error_rate(embeddings, names)
    print(f"single crops: equal error rate {rate:.1%} at a cosine of {level:.2f}\n")
    print("threshold   precision / recall in per cent, by pictures in a track")
    print(" " * 10 + "".join(f"{name:>12}" for name in LENGTHS))
    chosen = None
    for threshold in THRESHOLDS:
        cells = {}
        for name, lengths in LENGTHS.items():
            draws = [
                precision_and_recall(*tracks(embeddings, names, lengths, seed), threshold) for seed in range(DRAWS)
            ]
            cells[name] = np.mean(draws, axis=0)
        if chosen is None and all(cell[0] >= PRECISION for name, cell in cells.items() if name != "1"):
            chosen = threshold
        row = (f"{cell[0] * 100:.1f} / {cell[1] * 100:.1f}" for cell in cells.values())
        print(f"{threshold:<10.2f}" + "".join(f"{cell:>14}" for cell in row))
    now = find_model("face-recognition").identity.same
    print(f"\nchosen: {'none' if chosen is None else f'{chosen:.2f}'}; the manifest has {now:.2f}")
    print(f"\ngallery of {len(set(names)) // 2} names, per cent of the tracks: right, wrong, name for somebody else")
    for pictures in (1, 3, 5):
        for length in (1, 3, 5):
            cells = gallery_figures(embeddings, names, pictures, length, now)
            said = ", ".join(f"{cell:.1f}" for cell in cells)
            print(f"{pictures} pictures per name, {length} in a track: {said}")
    alike = np.where(names[:, None] == names[None], -1.0, crops @ crops.T)
    print(f"\ncrops of two people, as pictures: at most {alike.max():.3f}; the same picture from {SAME_PICTURE} on")


def main() -> None:
    source = Path(sys.argv[1])
    if source.is_dir():
        report(source)
        return
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(source) as file:
            file.extractall(folder)
        report(Path(folder))


if __name__ == "__main__":
    main()
