"""Measures fervid on this machine and writes docs/performance.md.

    python benchmarks/performance.py CLIP [--peers PYTHON] [--out FILE]

CLIP is a real video of about 20 seconds with one face. PYTHON is an interpreter in whose environment
benchmarks/peers.py can run what others do; without it they are left out. Everything is measured in whole processes,
one after the other, while nothing else should run; figures are medians, and ratios are of one run. Needs the extra
[test].
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import onnxruntime
from clips import faces_clip, loop, resized

from fer_video.models import find_model, open_session
from fer_video.models.graph import prepare

ROOT = Path(__file__).parent.parent
FERVID = [sys.executable, "-m", "fer_video.cli"]
PEERS = ROOT / "benchmarks" / "peers.py"
PEER_NAMES = {"emotieff": "the EmotiEffLib way: MTCNN, EfficientNet-B0 at 224", "fer": "the package `fer`"}
PEER_FRAMES = 100


def run(*command: str | Path) -> tuple[float, float]:
    """Wall seconds and peak MiB of one process."""
    began = time.perf_counter()
    process = subprocess.Popen([str(each) for each in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} failed")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def bench(clip: Path, *options: str) -> dict[str, Any]:
    command = [*FERVID, "bench", str(clip), "--format", "json", "-q", *options]
    done: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return done


def peer(python: str, name: str, clip: Path) -> dict[str, Any] | str:
    """What it measured, or why it could not."""
    command = [python, str(PEERS), name, str(clip), "--frames", str(PEER_FRAMES)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    return [f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows)] + [""]


def engine(clip: Path) -> tuple[list[str], float]:
    rows, fps = [], []
    for name, options in (("key frames (default)", ()), ("every frame", ("--detect", "every"))):
        measured = bench(clip, *options)
        fps.append(measured["fps"])
        stages = ", ".join(f"{stage} {share:.0%}" for stage, share in measured["share"].items())
        rows.append(
            (
                name, f"{measured['fps']:.0f}", f"{measured['decode_fps']:.0f}", f"{measured['inference_fps']:.0f}",
                f"{measured['limit_fps']:.0f}", f"{measured['efficiency']:.0%}", stages,
            )
        )  # fmt: skip
    head = ("detector looks at", "frames/s", "decoding alone", "networks alone", "limit", "efficiency", "stages' work")
    said = f"{measured['frames']} frames of {measured['width']} x {measured['height']}, every one read."
    return ["## End to end", "", said, "", *table(head, rows)], fps[0]


def peers(python: str, clip: Path, own: float) -> list[str]:
    rows: list[tuple[object, ...]] = [("fervid", f"{own:.1f}", "")]
    for name, described in PEER_NAMES.items():
        found = peer(python, name, clip)
        if isinstance(found, str):
            rows.append((described, "not measured", found.replace("|", " ")))
        else:
            rows.append((described, f"{found['fps']:.2f}", f"fervid is {own / found['fps']:.1f} times as fast"))
    said = f"The same clip; of the others the first {PEER_FRAMES} frames."
    return ["## Beside others", "", said, "", *table(("what", "frames/s", ""), rows)]


def scaling(folder: Path, clip: Path) -> list[str]:
    lines = ["## Faces in a frame", "", "Drawn clips of 1280 x 720, 90 frames, faces of 85 to 125 pixels.", ""]
    costs = {count: bench(faces_clip(folder / f"{count}.mp4", count)) for count in (1, 5, 20)}
    one = costs[1]["fps"]
    rows: list[Sequence[object]] = [
        (count, f"{each['faces'] / each['frames']:.2f}", f"{each['fps']:.0f}", f"{one / each['fps']:.2f}")
        for count, each in costs.items()
    ]
    lines += table(("faces drawn", "found a frame", "frames/s", "cost, one face = 1"), rows)
    lines += ["## Size of the frame", "", "The first 90 frames of the clip, scaled; every one read.", ""]
    rows = []
    for width, height in ((640, 360), (1920, 1080), (3840, 2160)):
        each = bench(resized(clip, folder / f"{height}.mp4", width, height, 90))
        shown = f"{each['width']} x {each['height']}"
        rows.append((shown, f"{each['fps']:.1f}", f"{each['decode_fps']:.1f}", f"{each['efficiency']:.0%}"))
    return lines + table(("frame", "frames/s", "decoding alone", "efficiency"), rows)


def length(folder: Path, clip: Path) -> list[str]:
    with av.open(clip) as opened:
        seconds = float(opened.duration or 0) / 1e6
    rows, peaks = [], []
    for minutes in (0.5, 30.0):
        long = folder / f"long{minutes}{clip.suffix}"
        loop(clip, long, max(round(minutes * 60 / seconds), 1))
        took, peak = run(*FERVID, "predict", long, "--format", "json", "-q")
        peaks.append(peak)
        rows.append((f"{minutes:g} min", f"{took:.1f} s", f"{peak:.0f} MiB"))
    said = f"The clip again and again, default options. The difference in peak memory is {peaks[1] - peaks[0]:.0f} MiB."
    return ["## Length", "", said, "", *table(("clip", "time, with loading", "peak memory"), rows)]


def optimised_before(folder: Path) -> tuple[float, float]:
    """Milliseconds to start both networks as fervid does, and from graphs that ONNX Runtime optimised and wrote before:
    what a cache of those would save."""
    usual_s = later_s = 0.0
    for task in ("face-detector", "emotion-backbone"):
        spec = find_model(task, None)  # type: ignore[arg-type]
        written = str(folder / f"{task}.onnx")
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath, options.log_severity_level = written, 4
        onnxruntime.InferenceSession(prepare(spec.path.read_bytes(), spec)[0], options)
        plain = onnxruntime.SessionOptions()
        plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        usual_s += median_s(lambda spec=spec: open_session(spec, "cpu"))
        later_s += median_s(lambda name=written, plain=plain: onnxruntime.InferenceSession(name, plain))
    return 1000 * usual_s, 1000 * later_s


def median_s(work: Callable[[], object], runs: int = 15) -> float:
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def start(folder: Path, clip: Path) -> list[str]:
    help_s, cold_s = (
        statistics.median(run(*FERVID, *command)[0] for _ in range(7))
        for command in (("--help",), ("predict", clip, "--end", "3"))
    )
    usual_ms, later_ms = optimised_before(folder)
    rows = [
        ("`fervid --help`", f"{help_s:.2f} s"),
        ("three seconds of the clip, to the end", f"{cold_s:.2f} s"),
        ("of that, starting both networks (file read, hash checked)", f"{usual_ms:.0f} ms"),
        ("the same from graphs optimised before, unchecked", f"{later_ms:.0f} ms"),
    ]
    return ["## From a cold start", "", *table(("what", "time"), rows)]


def key_frames(clip: Path) -> list[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "keyframes.py"), str(clip)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    said = (
        "Against looking at every frame: line is what fervid does, hold keeps a face where it was, flow carries it "
        "along by optical flow (`benchmarks/keyframes.py`). Milliseconds a frame are the detector's and the method's, "
        "on one thread."
    )
    return ["## Key frames", "", said, "", "```", *printed.replace(str(clip), clip.name).splitlines(), "```", ""]


def machine() -> list[str]:
    try:
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        name = names[0].partition(": ")[2]
    except (OSError, IndexError):
        name = platform.processor()
    versions = ", ".join(f"{each} {importlib.metadata.version(each)}" for each in ("onnxruntime", "numpy"))
    opencv = subprocess.check_output([sys.executable, "-c", "import cv2; print(cv2.__version__)"], text=True).strip()
    where = f"{os.cpu_count()} cores of {name}, {platform.system()}, Python {platform.python_version()}"
    return [
        "# Performance", "",
        "Written by `python benchmarks/performance.py`, which says what is measured and how; run it on your machine. "
        "`fervid bench CLIP` measures a clip of yours.", "",
        f"{where}, {versions}, OpenCV {opencv}.", "",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "performance.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, clip = Path(name), given.clip
        lines, fps = engine(clip)
        lines = [*machine(), *lines]
        if given.peers:
            lines += peers(given.peers, clip, fps)
        lines += [*scaling(folder, clip), *length(folder, clip), *start(folder, clip), *key_frames(clip)]
    given.out.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
