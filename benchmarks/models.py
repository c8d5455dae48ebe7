"""What networks cost on a CPU: processor time of one thread, so that other work on the machine disturbs little.

    python benchmarks/models.py [BACKBONE...] [--detectors DETECTOR...]

Backbones and detectors are given as to `fervid predict`. A backbone reads batches of 8 faces; a detector looks at one
frame of 1280 x 720 for faces of 40 pixels. Rounds go over all of them in turn; the least of each is printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from fer_video.faces.detectors import DetectorOptions, make_detector
from fer_video.models import find_model, open_session
from fer_video.models.backbone import Backbone

ROUNDS, FACES = 15, 8


def reading(name: str | None) -> tuple[str, Callable[[], object], int]:
    backbone = Backbone(open_session(find_model("emotion-backbone", name), "cpu", threads=1))
    crops = list(np.random.default_rng(0).integers(0, 255, (FACES, backbone.size, backbone.size, 3), np.uint8))
    return f"{backbone.spec.name} ({backbone.size} px)", lambda: backbone.embed(crops), FACES


def finding(name: str | None) -> tuple[str, Callable[[], object], int]:
    detector = make_detector(open_session(find_model("face-detector", name), "cpu", threads=1), DetectorOptions())
    frame = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    return detector.session.spec.name, lambda: detector.detect([frame]), 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbones", nargs="*")
    parser.add_argument("--detectors", nargs="*", default=[])
    given = parser.parse_args()
    jobs = [reading(name) for name in (None, *given.backbones)] + [finding(name) for name in (None, *given.detectors)]
    best = [float("inf")] * len(jobs)
    for _, work, _ in jobs:
        work()
    for _ in range(ROUNDS):
        for i, (_, work, _) in enumerate(jobs):
            started = time.process_time()
            work()
            best[i] = min(best[i], time.process_time() - started)
    for (name, _, count), seconds in zip(jobs, best, strict=True):
        print(f"{name:<40} {1000 * seconds / count:8.1f} ms of one core a {'face' if count > 1 else 'frame'}")


if __name__ == "__main__":
    main()
