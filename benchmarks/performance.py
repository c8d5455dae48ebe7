"""Measures fervid on this machine and writes docs/performance-tables.md, of which docs/performance.md is a summary.

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
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import onnxruntime
from clips import faces_clip, loop, resized

from fer_video.machine.bench import compare
from fer_video.machine.doctor import processor
from fer_video.models import find_model, open_session
from fer_video.models.graph import prepare

ROOT = Path(__file__).parent.parent
FERVID = [sys.executable, "-m", "fer_video.cli"]
PEER_NAMES = {"emotieff": "the EmotiEffLib way: MTCNN, EfficientNet-B0 at 224", "fer": "the package `fer`"}
PEER_FRAMES = 100


def run(*command: str | Path) -> tuple[float, float]:
    """Wall seconds and peak MiB of one process."""
    began, peak = time.perf_counter(), 0.0
    process = subprocess.Popen([str(each) for each in command], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, _peak_so_far(process.pid))
        time.sleep(0.02)
    if process.returncode:
        sys.exit(f"{command} failed")
    return time.perf_counter() - began, peak


def _peak_so_far(pid: int) -> float:
    """Not what wait4 tells: that counts what this process, from which it was forked, held then."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has just ended, or this is no Linux
        return math.nan
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(found[0]) / 1024 if found else 0.0


def bench(clip: Path, *options: str) -> dict[str, Any]:
    command = [*FERVID, "bench", str(clip), "--format", "json", "-q", "--runs", "7", *options]
    done: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return done


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    return [f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows)] + [""]


def engine(clip: Path) -> list[str]:
    rows = []
    for name, options in (("key frames (default)", ()), ("every frame", ("--detect", "every"))):
        measured = bench(clip, *options)
        stages = ", ".join(f"{stage} {share:.0%}" for stage, share in measured["share"].items())
        rows.append(
            (
                name, f"{measured['fps']:.0f}", f"{measured['decode_fps']:.0f}", f"{measured['inference_fps']:.0f}",
                f"{measured['limit_fps']:.0f}", f"{measured['efficiency']:.0%}", stages,
            )
        )  # fmt: skip
    head = ("detector runs in", "frames/s", "decoding alone", "networks alone", "limit", "efficiency", "stages' work")
    said = f"{measured['frames']} frames of {measured['width']} x {measured['height']}, every frame analysed."
    return ["## End to end", "", said, "", *table(head, rows)]


def peers(python: str, clip: Path) -> list[str]:
    own = bench(clip)["fps"]
    rows: list[tuple[object, ...]] = [("fervid", f"{own:.1f}", "")]
    for peer in compare(clip, PEER_FRAMES, python):
        described = PEER_NAMES[peer.name]
        if peer.fps is None:
            rows.append((described, "not measured", str(peer.error).replace("|", " ")))
        else:
            rows.append((described, f"{peer.fps:.2f}", f"fervid is {own / peer.fps:.1f} times as fast"))
    said = f"The same clip; the others analysed its first {PEER_FRAMES} frames."
    return ["## Beside others", "", said, "", *table(("what", "frames/s", ""), rows)]


def face_counts(folder: Path) -> list[str]:
    costs = {count: bench(faces_clip(folder / f"{count}.mp4", count)) for count in (1, 5, 20)}
    one = costs[1]["fps"]
    rows = [
        (count, f"{each['faces'] / each['frames']:.2f}", f"{each['fps']:.0f}", f"{one / each['fps']:.2f}")
        for count, each in costs.items()
    ]
    said = "Drawn clips of 1280 x 720, 90 frames, faces of 85 to 125 pixels."
    head = ("faces drawn", "found per frame", "frames/s", "cost, one face = 1")
    return ["## Faces in a frame", "", said, "", *table(head, rows)]


def frame_sizes(folder: Path, clip: Path) -> list[str]:
    rows = []
    for width, height in ((640, 360), (1920, 1080), (3840, 2160)):
        each = bench(resized(clip, folder / f"{height}.mp4", width, height, 90))
        shown = f"{each['width']} x {each['height']}"
        rows.append((shown, f"{each['fps']:.1f}", f"{each['decode_fps']:.1f}", f"{each['efficiency']:.0%}"))
    said = "The first 90 frames of the clip, scaled; every frame analysed."
    head = ("frame", "frames/s", "decoding alone", "efficiency")
    return ["## Size of the frame", "", said, "", *table(head, rows)]


def length(folder: Path, clip: Path) -> list[str]:
    with av.open(clip) as opened:
        seconds = float(opened.duration or 0) / 1e6
    rows, peaks = [], []
    for minutes in (0.5, 30.0):
        long = folder / f"long{minutes}{clip.suffix}"
        times = max(round(minutes * 60 / seconds), 1)
        loop(clip, long, times)
        _, peak = run(*FERVID, "predict", long, "--format", "json", "-q")
        peaks.append(peak)
        rows.append((f"{times * seconds / 60:.1f} min", f"{peak:.0f} MiB"))
    said = f"The clip repeated, default options. The difference in peak memory is {peaks[1] - peaks[0]:.0f} MiB."
    return ["## Length", "", said, "", *table(("clip", "peak memory"), rows)]


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


def printed(script: str, clip: Path) -> list[str]:
    """What another benchmark prints, as it is."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), str(clip)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return ["```", *text.replace(str(clip), clip.name).splitlines(), "```", ""]


def frames(clip: Path) -> list[str]:
    said = (
        "One thread decodes small frames. Pictures are shrunk by halving and then interpolating "
        "(`benchmarks/frames.py`)."
    )
    return ["## Decoding and shrinking", "", said, "", *printed("frames.py", clip)]


def key_frames(clip: Path) -> list[str]:
    said = (
        "Compared with running the detector in every frame (`benchmarks/keyframes.py`). line: the method of fervid; "
        "hold: a face stays where it was; flow: optical flow moves it. The last figures are milliseconds per frame of "
        "the detector and of the method, on one thread."
    )
    return ["## Key frames", "", said, "", *printed("keyframes.py", clip)]


HEAD = """# Performance tables

The tables behind [performance.md](performance.md), as `python benchmarks/performance.py` writes them. The script says
what is measured and how. Each part says when it was measured, with which networks, and on which machine.
"""


def circumstances() -> str:
    """When, with which networks, and where."""
    detector, backbone = (find_model(task, None).name for task in ("face-detector", "emotion-backbone"))  # type: ignore[arg-type]
    versions = ", ".join(f"{each} {importlib.metadata.version(each)}" for each in ("onnxruntime", "numpy", "av"))
    opencv = subprocess.check_output([sys.executable, "-c", "import cv2; print(cv2.__version__)"], text=True).strip()
    where = f"{os.cpu_count()} cores of {processor()[0]}, {platform.system()}, Python {platform.python_version()}"
    today = datetime.now(UTC).date()
    return (
        f"Measured on {today.day} {today:%B %Y} with the backbone `{backbone}` and the detector `{detector}`. {where}, "
        f"{versions}, OpenCV {opencv}."
    )


def stamped(part: list[str]) -> str:
    """The part, with its circumstances below its heading."""
    return "\n".join([*part[:2], circumstances(), "", *part[2:]]) if part else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--only", nargs="+", metavar="PART", help="measure these parts again and keep the others")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "performance-tables.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, clip = Path(name), given.clip
        parts: dict[str, Callable[[], list[str]]] = {
            "engine": lambda: engine(clip),
            "peers": lambda: peers(given.peers, clip) if given.peers else [],
            "faces": lambda: face_counts(folder),
            "sizes": lambda: frame_sizes(folder, clip),
            "frames": lambda: frames(clip),
            "length": lambda: length(folder, clip),
            "start": lambda: start(folder, clip),
            "keyframes": lambda: key_frames(clip),
        }
        before = _parts_of(given.out) if given.only else {}
        texts = {}
        for part, measure in parts.items():
            again = not given.only or part in given.only
            texts[part] = stamped(measure()) if again else before.get(part, "")
    lines = [f"<!-- {part} -->\n{text.strip()}\n" for part, text in texts.items() if text]
    given.out.write_text("\n".join([HEAD, *lines]), encoding="utf-8")


def _parts_of(path: Path) -> dict[str, str]:
    """What was written before, by the comments before the parts."""
    found = re.split(r"<!-- (\w+) -->\n", path.read_text(encoding="utf-8"))[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


if __name__ == "__main__":
    main()
