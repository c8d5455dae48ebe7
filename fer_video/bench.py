"""How fast fervid is on a clip and this machine, and how fast it could be: everything measured in one go.

Measured beside the whole are decoding alone, and the networks alone, on the very pictures and crops that the clip gave
them, spread over the cores as well as can be. No program that decodes and runs these networks is faster than the slower
of the two; and where both need the same cores, none is faster than the work of both spread over them. That is the
limit, and efficiency is how near the whole comes to it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import fer_video
from fer_video.analyzer import Analyzer, AnalyzerOptions
from fer_video.backbone import Backbone, Embedded
from fer_video.decode import open_source
from fer_video.detect import Detector
from fer_video.errors import InputError, OptionError
from fer_video.models.session import available_cores
from fer_video.networks import make_networks
from fer_video.pipeline import Pipeline
from fer_video.types import Face, Image

__all__ = ["PEERS", "BenchOptions", "Measured", "Peer", "bench", "compare"]

PEERS = ("emotieff", "fer")  # of benchmarks/peers.py, which says what they are

_MOST_BYTES = 256 << 20  # of what the networks are shown again; enough for many seconds of small clips


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What is run, how often; of the times, the median counts."""

    analyzer: AnalyzerOptions
    runs: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.runs <= 1000:
            raise OptionError(f"runs must be from 1 to 1000, not {self.runs}")


@dataclass(frozen=True, slots=True)
class Measured:
    """Frames a second are of sampled frames."""

    path: str
    width: int  # pixels
    height: int
    frames: int  # sampled
    faces: int  # found in them
    cores: int
    fps: float  # frames a second, end to end, models loaded
    stage_s: dict[str, float]  # seconds each stage worked in the median run; they overlap
    share: dict[str, float]  # of the sum of these
    decode_fps: float  # frames a second of decoding alone
    inference_fps: float  # frames a second of the networks alone, spread over the cores
    limit_fps: float  # the smaller of the two, and of the work of both over the cores
    efficiency: float  # fps / limit_fps
    peak_mib: float | None  # of the whole process so far; None where the system does not tell
    ran: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return {"schema": "fervid-bench/1"} | asdict(self)


@dataclass(frozen=True, slots=True)
class Peer:
    """What another program does on the same clip."""

    name: str  # one of PEERS
    fps: float | None  # frames a second; None: could not be measured
    error: str | None = None  # why


class _Looking(Detector):
    """Keeps what a detector is shown, as far as memory allows."""

    def __init__(self, inner: Detector) -> None:
        super().__init__(inner.session, inner.options)
        self._inner, self.looked_at = inner, 0
        self.kept: list[list[Image]] = []
        self._bytes = 0

    def detect(self, images: Sequence[Image]) -> list[list[Face]]:
        self.looked_at += len(images)
        self._bytes += sum(image.nbytes for image in images)
        if images and (self._bytes <= _MOST_BYTES or not self.kept):
            self.kept.append(list(images))
        return self._inner.detect(images)


class _Reading(Backbone):
    """Keeps the crops that a backbone is shown, as far as memory allows."""

    def __init__(self, inner: Backbone, attributes: bool) -> None:
        super().__init__(inner.session, attributes=attributes, batch=inner.batch)
        self.kept: list[Image] = []

    def embed(self, crops: Sequence[Image]) -> Embedded:
        self.kept += crops[: max(_MOST_BYTES // (self.size**2 * 3) - len(self.kept), 0)]
        return super().embed(crops)


def bench(path: str | os.PathLike[str], options: BenchOptions, say: Callable[[str], None] = lambda _: None) -> Measured:
    """Measure a clip. Raises InputError for one that cannot be read or holds no frame, OptionError, ModelError."""
    analyzer = Analyzer(options.analyzer)
    say("warming up")
    result = analyzer.analyze(path)  # also fills the system's cache of the file
    if not result.frames_sampled:
        raise InputError(f"{os.fspath(path)}: gives no frame to measure")
    whole, stages = [], []
    for run in range(options.runs):
        say(f"end to end, run {run + 1} of {options.runs}")
        before, began = dict(analyzer.busy_s), time.perf_counter()
        analyzer.analyze(path)
        whole.append(time.perf_counter() - began)
        stages.append({name: value - before.get(name, 0.0) for name, value in analyzer.busy_s.items()})
    say("decoding alone")
    decoding = [_decode(path, options.analyzer) for _ in range(options.runs)]
    say("the networks alone")
    faces, running = _inference(path, options)
    frames, cores = result.frames_sampled, available_cores()
    typical = stages[whole.index(statistics.median_low(whole))]
    decode, networks = _median(decoding), _median(running)
    least_s = max(decode.wall_s, networks.wall_s, (decode.work_s + networks.work_s) / cores)
    fps = frames / statistics.median(whole)
    with open_source(path) as source:
        info = source.info
    return Measured(
        path=os.fspath(path),
        width=info.width,
        height=info.height,
        frames=frames,
        faces=faces,
        cores=cores,
        fps=fps,
        stage_s=typical,
        share={name: value / sum(typical.values()) for name, value in typical.items()},
        decode_fps=frames / decode.wall_s,
        inference_fps=frames / networks.wall_s,
        limit_fps=frames / least_s,
        efficiency=fps * least_s / frames,
        peak_mib=_peak_mib(),
        ran=dict(analyzer.ran),
    )


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of a stretch of work, in seconds."""

    wall_s: float
    work_s: float  # of all cores together

    def __mul__(self, times: float) -> _Cost:
        return _Cost(self.wall_s * times, self.work_s * times)

    def __add__(self, other: _Cost) -> _Cost:
        return _Cost(self.wall_s + other.wall_s, self.work_s + other.work_s)


def _cost(work: Callable[[], object]) -> _Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return _Cost(time.perf_counter() - wall, time.process_time() - cpu)


def _median(costs: Sequence[_Cost]) -> _Cost:
    return _Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in ("wall_s", "work_s")))


def _decode(path: str | os.PathLike[str], options: AnalyzerOptions) -> _Cost:
    """Of reading all sampled frames and doing nothing with them."""
    with open_source(path) as source:
        return _cost(lambda: sum(1 for _ in source.frames(options.sampling)))


def _inference(path: str | os.PathLike[str], options: BenchOptions) -> tuple[int, list[_Cost]]:
    """Faces in the clip, and for each run what the networks need for it, each on one core, as many at a time as there
    are cores. What does not fit in memory is reckoned from what does."""
    detector, backbone = make_networks(replace(options.analyzer, threads=1))
    looking, reading = _Looking(detector), _Reading(backbone, options.analyzer.attributes)
    pipeline = Pipeline(looking, reading, options.analyzer.max_lost_s, options.analyzer.key_s)
    with open_source(path) as source, closing(pipeline.observe(source.frames(options.analyzer.sampling))) as seen:
        faces = sum(observation.face is not None for observation in seen)
    crops = reading.kept
    batches = [crops[start : start + backbone.batch] for start in range(0, len(crops), backbone.batch)]
    looks = looking.looked_at / max(sum(map(len, looking.kept)), 1)
    costs = []
    with ThreadPoolExecutor(available_cores()) as pool:
        for _ in range(options.runs):
            detecting = _cost(lambda: list(pool.map(detector.detect, looking.kept)))
            embedding = _cost(lambda: list(pool.map(backbone.embed, batches)))
            costs.append(detecting * looks + embedding * (faces / max(len(crops), 1)))
    return faces, costs


def compare(path: str | os.PathLike[str], frames: int = 100) -> list[Peer]:
    """Measure the peers on the first frames of a clip, each in a process of its own with this interpreter.

    Raises OptionError outside of a checkout: they are not installed with fervid.
    """
    script = Path(fer_video.__file__).parent.parent / "benchmarks" / "peers.py"
    if not script.is_file():
        raise OptionError("what others do is measured by benchmarks/peers.py of a checkout; this is not one")
    return [_peer(script, name, path, frames) for name in PEERS]


def _peer(script: Path, name: str, path: str | os.PathLike[str], frames: int) -> Peer:
    command = [sys.executable, str(script), name, os.fspath(path), "--frames", str(frames)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        return Peer(name, None, (done.stderr.strip().splitlines() or ["it failed without a word"])[-1])
    return Peer(name, float(json.loads(done.stdout.splitlines()[-1])["fps"]))


def _peak_mib() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
