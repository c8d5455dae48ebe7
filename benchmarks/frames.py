"""Why frames are decoded and scaled as they are: threads of the decoder, and ways to shrink a picture.

    python benchmarks/frames.py clip.mp4

The clip is also decoded scaled to other sizes. Times are the least of several runs, in milliseconds a frame or a
picture; of decoding with the processor time of all threads beside it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from clips import resized as clip_of_size

from fer_video.media.resize import resized
from fer_video.models.cores import available_cores

_SIZES = ((640, 360), (960, 540), (1280, 720), (1920, 1080))
_FRAMES, _RUNS = 90, 5


def main(path: Path) -> None:
    cores = available_cores()
    print(f"decoding, ms a frame: wall (processor time of all threads); 1 thread and {cores}")
    with tempfile.TemporaryDirectory() as folder:
        for width, height in _SIZES:
            clip = clip_of_size(path, Path(folder, f"{height}.mp4"), width, height, _FRAMES)
            one, many = (decoding(clip, threads) for threads in (1, cores))
            print(f"  {width:4} x {height:4}   {one[0]:5.2f} ({one[1]:5.2f})   {many[0]:5.2f} ({many[1]:5.2f})")
    cv2.setNumThreads(1)
    print("shrinking, ms a picture: INTER_AREA, fer_video.media.resize, INTER_LINEAR alone")
    for (width, height), scale in (*((size, 0.4) for size in _SIZES), ((240, 240), 0.4), ((300, 300), 0.32)):
        picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        to = (round(width * scale), round(height * scale))
        area, bilinear = (
            least_ms(lambda how=how, picture=picture, to=to: cv2.resize(picture, to, interpolation=how))
            for how in (cv2.INTER_AREA, cv2.INTER_LINEAR)
        )
        ours = least_ms(lambda picture=picture, to=to: resized(picture, *to))
        print(f"  {width:4} x {height:4} to {to[0]:3} x {to[1]:3}   {area:6.3f}   {ours:6.3f}   {bilinear:6.3f}")


def decoding(path: Path, threads: int) -> tuple[float, float]:
    """Milliseconds a frame: wall, processor."""
    found = []
    for _ in range(_RUNS):
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
        wall, work, frames = time.perf_counter(), time.process_time(), 0
        while capture.grab():
            capture.retrieve()
            frames += 1
        found.append(((time.perf_counter() - wall) / frames * 1e3, (time.process_time() - work) / frames * 1e3))
        capture.release()
    return min(found)


def least_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_RUNS * 4):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times) * 1e3


if __name__ == "__main__":
    main(Path(sys.argv[1]))
