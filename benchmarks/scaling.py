"""Videos a core-hour, by local workers and by those of a Ray cluster.

    python benchmarks/scaling.py [CLIP...] [--workers 1 2 4] [--ray] [--clips N] [--write]

Each row is a batch of N clips (the named ones in turn, else the example) by workers whose networks have one thread
each; decoding runs beside them, so that a worker may keep more than one core busy. A core-hour is an hour of processor
time of the workers' processes. Loading the models is timed apart: a first batch has one clip a worker, the second is
the one that is measured, on the same workers. --ray: also on a Ray cluster made of this machine. --write: into
docs/scaling-tables.md, between its marks; docs/scaling.md is a summary of it. Run it on an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from fer_video import AnalyzerOptions, ClipResult, __version__
from fer_video.files import open_output
from fer_video.jobs.cluster import RayOptions, RayWorkers
from fer_video.jobs.engine import Do, Engine, Seen
from fer_video.jobs.predict import Predicting
from fer_video.jobs.workers import LocalWorkers
from fer_video.machine.doctor import processor
from fer_video.models import find_model
from fer_video.models.cores import available_cores

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs" / "scaling-tables.md"
BEGIN = "<!-- measured: written by benchmarks/scaling.py --write, do not edit -->\n"
END = "<!-- end of measured -->\n"


@dataclass(frozen=True)
class Timed:
    """The work of predict, with the processor time that each clip took its process, in all threads."""

    work: Predicting

    def start(self, threads: int | None) -> Do[tuple[ClipResult, float]]:
        analyze = self.work.start(threads)

        def do(clip: str, seen: Seen) -> tuple[ClipResult, float]:
            before = time.process_time()
            result = analyze(clip, seen)
            return result, time.process_time() - before

        return do


@dataclass(frozen=True)
class Measured:
    engine: str
    workers: int
    start_s: float  # until each worker has loaded its models and done a clip, less the longest of these clips
    wall_s: float
    core_s: float  # of processor time
    videos: int
    video_s: float  # duration of all videos
    frames: int  # analysed


def measure(engine: Engine[tuple[ClipResult, float]], name: str, workers: int, clips: Sequence[str]) -> Measured:
    started = time.perf_counter()
    first = max(outcome.seconds for outcome in engine.run(clips[:1] * workers))
    start_s = time.perf_counter() - started - first
    started = time.perf_counter()
    values = [outcome.value for outcome in engine.run(clips)]
    wall_s = time.perf_counter() - started
    good = [value for value in values if value is not None and value[0].status == "ok"]
    if len(good) != len(clips):
        raise SystemExit("a clip cannot be read whole; leave it out")
    video_s = sum(result.duration_s or 0 for result, _ in good)
    frames = sum(result.frames_sampled for result, _ in good)
    return Measured(name, workers, start_s, wall_s, sum(core_s for _, core_s in good), len(good), video_s, frames)


def measure_all(clips: Sequence[str], numbers: Sequence[int], with_ray: bool) -> Iterator[Measured]:
    work = Timed(Predicting(AnalyzerOptions(threads=1)))
    for workers in numbers:
        with LocalWorkers(work, workers) as local:
            yield measure(local, "local", workers, clips)
    for workers in numbers if with_ray else ():
        with RayWorkers(work, workers, options=RayOptions("local")) as cluster:
            yield measure(cluster, "ray", workers, clips)


def table(rows: Sequence[Measured]) -> str:
    head = "| engine | workers | videos per hour | cores busy | videos per core-hour | core-seconds per video "
    head += "| ms of a core per frame | start, s |\n|---|---|---|---|---|---|---|---|\n"
    lines = ""
    for row in rows:
        lines += (
            f"| {row.engine} | {row.workers} | {3600 * row.videos / row.wall_s:.0f} | {row.core_s / row.wall_s:.2f} "
            f"| {3600 * row.videos / row.core_s:.0f} | {row.core_s / row.videos:.2f} "
            f"| {1000 * row.core_s / row.frames:.1f} | {row.start_s:.1f} |\n"
        )
    return head + lines


def circumstances(rows: Sequence[Measured], with_ray: bool) -> str:
    row, today = rows[0], datetime.now(UTC).date()
    detector, backbone = find_model("face-detector", None).name, find_model("emotion-backbone", None).name
    software = f"fervid {__version__}, ONNX Runtime {version('onnxruntime')}, Python {platform.python_version()}"
    software += f", Ray {version('ray')}" if with_ray else ""
    return (
        f"Measured on {today.day} {today:%B %Y} with the backbone `{backbone}` and the detector `{detector}`.\n\n"
        f"{row.videos} videos of {row.video_s / row.videos:.1f} s and {row.frames / row.videos:.0f} frames analysed "
        f"in the mean;\n{processor()[0]}, {available_cores()} cores; {software}.\n"
    )


def write(text: str) -> None:
    docs = DOCS.read_text(encoding="utf-8")
    before, begin, rest = docs.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{DOCS}: has no place for it; put back the two marks")
    with open_output(DOCS) as file:
        file.write(before + begin + text + end + after)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("named", nargs="*", metavar="CLIP", default=[str(ROOT / "examples" / "astronaut.mp4")])
    parser.add_argument("--workers", nargs="+", type=int, default=sorted({1, available_cores()}))
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    clips = list(itertools.islice(itertools.cycle(given.named), given.clips))
    rows = []
    for row in measure_all(clips, given.workers, given.ray):
        print(row, flush=True)
        rows.append(row)
    text = f"{circumstances(rows, given.ray)}\n{table(rows)}"
    print(text)
    if given.write:
        write(text)


if __name__ == "__main__":
    main()
