"""What telling people apart costs in a film of many cuts: time and memory with and without it, in turn.

    python benchmarks/people.py FOLDER [--minutes 3] [--cuts 50] [--rounds 3]

FOLDER holds short clips; a film is made of them by taking stretches at random, looped and shuffled. Each round runs
`fervid predict` with and without --no-identify. Prints the median times, their ratio and the peak memory of both.
The bar of docs/identity.md is measured with --minutes 30 --cuts 500.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, RATE = 640, 360, 25
SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi")


def stretches(folder: Path) -> list[list[av.VideoFrame]]:
    """All frames of each clip, of one size."""
    clips = []
    for path in sorted(each for each in folder.iterdir() if each.suffix.lower() in SUFFIXES):
        with av.open(str(path)) as source:
            clips.append([frame.reformat(WIDTH, HEIGHT, "yuv420p") for frame in source.decode(video=0)])
    if not clips:
        sys.exit(f"{folder}: holds no videos")
    return clips


def make_film(folder: Path, out: Path, minutes: float, cuts: int) -> None:
    clips, rng = stretches(folder), np.random.default_rng(0)
    count = round(minutes * 60 * RATE)
    borders = [0, *sorted(rng.choice(np.arange(1, count), cuts, replace=False).tolist()), count]
    with av.open(str(out), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, RATE)
        last = -1
        for start, end in pairwise(borders):
            last = int(rng.choice([number for number in range(len(clips)) if number != last or len(clips) == 1]))
            clip = clips[last]
            first = int(rng.integers(len(clip)))
            for place in range(start, end):
                frame = clip[(first + place - start) % len(clip)]
                frame.pts, frame.time_base = place, Fraction(1, RATE)
                frame.pict_type = av.video.frame.PictureType.NONE
                output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


@dataclass(frozen=True)
class Run:
    wall_s: float
    cpu_s: float  # of all cores: less disturbed by whatever else the machine does
    peak_mb: float

    def __str__(self) -> str:
        return f"{self.wall_s:.1f} s, {self.cpu_s:.1f} s of processor time, {self.peak_mb:.0f} MB"


def run(film: Path, *options: str) -> Run:
    command = [sys.executable, "-m", "fer_video.cli", "predict", str(film), "--format", "json", *options]
    began = time.perf_counter()
    child, peak_mb = subprocess.Popen(command, stdout=subprocess.DEVNULL), 0.0
    while True:
        ended, status, used = os.wait4(child.pid, os.WNOHANG)
        if ended:
            break
        peak_mb = max(peak_mb, _peak_so_far(child.pid))
        time.sleep(0.02)
    if status:
        sys.exit(f"predict failed: {status}")
    return Run(time.perf_counter() - began, used.ru_utime + used.ru_stime, peak_mb)


def _peak_so_far(pid: int) -> float:
    """Not what wait4 tells: that counts what this process, from which it was forked, held then."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has just ended, or this is no Linux
        return 0.0
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(found[0]) / 1024 if found else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--film", type=Path, help="keep the film here, or take it from here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        film = given.film or Path(folder) / "film.mp4"
        if not film.exists():
            make_film(given.folder, film, given.minutes, given.cuts)
        rounds = []
        for number in range(given.rounds):
            rounds.append((run(film), run(film, "--no-identify")))
            print(f"{number + 1}: {rounds[-1][0]}; --no-identify {rounds[-1][1]}", flush=True)
    wall = statistics.median(one.wall_s / other.wall_s for one, other in rounds)
    cpu = statistics.median(one.cpu_s / other.cpu_s for one, other in rounds)
    more = statistics.median(one.peak_mb - other.peak_mb for one, other in rounds)
    print(
        f"time {wall - 1:+.1%}, processor time {cpu - 1:+.1%}, memory {more:+.0f} MB (medians of {given.rounds} rounds)"
    )


if __name__ == "__main__":
    main()
