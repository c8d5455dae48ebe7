"""What workers gain: the same batch with 1, 2, … of them, in turn, over several rounds.

    python benchmarks/batches.py CLIP... [--copies 12] [--workers 1 2] [--rounds 3] [--fps 10]

Each run is a `fervid predict` of its own, with the loading of models, over so many copies of each clip; the least time
of each number of workers is printed, with the processor time it took. A single worker has as many threads as there
are cores: where processor time is near cores x time already, another worker has nothing left to gain.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fer_video.models.cores import available_cores


def run(clips: Path, out: Path, workers: int, fps: float) -> tuple[float, float]:
    """Seconds, and seconds of processor time."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "fer_video.cli", "predict", str(clips), "--out", str(out), "-q"]
    subprocess.run([*command, "--workers", str(workers), "--fps", str(fps)], check=True)
    took, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--copies", type=int, default=12)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fps", type=float, default=10)
    given = parser.parse_args()
    print(f"{available_cores()} cores, load {os.getloadavg()[0]:.1f} before")
    best: dict[int, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as work:
        clips = Path(work, "clips")
        clips.mkdir()
        for number in range(given.copies):
            for clip in given.clips:
                shutil.copy(clip, clips / f"{number}-{clip.name}")
        for turn in range(given.rounds):
            for workers in given.workers:
                took = run(clips, Path(work, f"out-{turn}-{workers}"), workers, given.fps)
                best[workers] = min(best.get(workers, took), took)
    first = best[given.workers[0]][0]
    for workers, (took, busy) in best.items():
        print(
            f"{workers:3} workers: {took:7.1f} s, {busy:7.1f} s of processor time "
            f"({busy / took:.2f} cores), {first / took:.2f} times as fast as {given.workers[0]}"
        )


if __name__ == "__main__":
    main()
