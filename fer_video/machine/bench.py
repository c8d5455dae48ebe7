"""How fast fervid is on a clip and this machine, and how fast it could be: everything measured in one go.

Measured beside the whole are decoding alone, and the networks alone, on the very pictures and crops that the clip gave
them, spread over the cores as well as can be. No program that decodes and runs these networks is faster than the slower
of the two; and where both need the same cores, none is faster than the work of both spread over them. That is the
limit, and efficiency is how near the whole comes to it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median, median_low
from typing import Any

from fer_video.analyzer import Analyzer
from fer_video.engine.networks import make_networks
from fer_video.engine.pipeline import Pipeline
from fer_video.errors import FervidError, InputError, OptionError
from fer_video.faces.detectors import Detector
from fer_video.media.decode import open_source
from fer_video.models.backbone import Backbone, Embedded
from fer_video.models.cores import available_cores
from fer_video.options import AnalyzerOptions
from fer_video.types import Face, Image, Picture

__all__ = ["PEERS", "BenchOptions", "Measured", "Peer", "bench", "compare"]

PEERS = ("emotieff", "fer")  # of benchmarks/peers.py, which says what they are

_MOST_BYTES = 256 << 20  # of what the networks are shown again; enough for many seconds of small clips


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What is measured, and how often.

    Attributes:
        analyzer: Options of the analysis that is measured.
        runs: Number of runs. Of their times, the median counts.
    """

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
    efficiency: float  # end to end of the limit, the median over the runs
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
        self.kept: list[list[Image | Picture]] = []
        self._bytes = 0

    def detect(self, images: Sequence[Image | Picture]) -> list[list[Face]]:
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
    networks = _Networks(path, options.analyzer)
    runs = []
    for run in range(options.runs):
        say(f"run {run + 1} of {options.runs}: end to end, decoding alone, the networks alone")
        runs.append(_run(path, analyzer, networks))
        if not min(runs[-1].whole.wall_s, runs[-1].least_s) > 0:
            raise FervidError("the clock of this machine stands still; nothing can be measured")
    frames = result.frames_sampled
    whole_s = [run.whole.wall_s for run in runs]
    typical = runs[whole_s.index(median_low(whole_s))]
    with open_source(path) as source:
        info = source.info
    return Measured(
        path=os.fspath(path),
        width=info.width,
        height=info.height,
        frames=frames,
        faces=networks.faces,
        cores=available_cores(),
        fps=frames / median(whole_s),
        stage_s=typical.stage_s,
        share={name: value / sum(typical.stage_s.values()) for name, value in typical.stage_s.items()},
        decode_fps=frames / median(run.decode.wall_s for run in runs),
        inference_fps=frames / median(run.networks.wall_s for run in runs),
        limit_fps=frames / median(run.least_s for run in runs),
        efficiency=median(run.least_s / run.whole.wall_s for run in runs),
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


@dataclass(frozen=True, slots=True)
class _Run:
    """Everything once, one after the other: a machine that is faster or slower for a minute is so for all of it."""

    whole: _Cost
    stage_s: dict[str, float]
    decode: _Cost
    networks: _Cost

    @property
    def least_s(self) -> float:
        """No program that decodes and runs these networks needs less."""
        both_s = (self.decode.work_s + self.networks.work_s) / available_cores()
        return max(self.decode.wall_s, self.networks.wall_s, both_s)


def _run(path: str | os.PathLike[str], analyzer: Analyzer, networks: _Networks) -> _Run:
    before = dict(analyzer.busy_s)
    whole = _cost(lambda: analyzer.analyze(path))
    stage_s = {name: value - before.get(name, 0.0) for name, value in analyzer.busy_s.items()}
    with open_source(path) as source:
        decode = _cost(lambda: sum(1 for _ in source.frames(analyzer.options.sampling)))
    return _Run(whole, stage_s, decode, networks.cost())


class _Networks:
    """What the networks need for a clip, each on one core, as many at a time as there are cores.

    What does not fit in memory is reckoned from what does.
    """

    def __init__(self, path: str | os.PathLike[str], options: AnalyzerOptions) -> None:
        self._detector, self._backbone = make_networks(replace(options, threads=1))
        looking, reading = _Looking(self._detector), _Reading(self._backbone, options.attributes)
        pipeline = Pipeline(looking, reading, options.max_lost_s, options.key_s)
        with open_source(path) as source, closing(pipeline.observe(source.frames(options.sampling))) as seen:
            self.faces = sum(observation.face is not None for observation in seen)
        size, crops = self._backbone.batch, reading.kept
        self._pictures = looking.kept
        self._crops = [crops[start : start + size] for start in range(0, len(crops), size)]
        self._more_looks = looking.looked_at / max(sum(map(len, looking.kept)), 1)
        self._more_faces = self.faces / max(len(crops), 1)

    def cost(self) -> _Cost:
        with ThreadPoolExecutor(available_cores()) as pool:
            detecting = _cost(lambda: list(pool.map(self._detector.detect, self._pictures)))
            embedding = _cost(lambda: list(pool.map(self._backbone.embed, self._crops)))
        return detecting * self._more_looks + embedding * self._more_faces


def compare(path: str | os.PathLike[str], frames: int = 100, python: str = sys.executable) -> list[Peer]:
    """Measure the peers on the first frames of a clip, each in a process of its own.

    python: the interpreter in whose environment they are installed.

    Raises OptionError outside of a checkout: they are not installed with fervid.
    """
    script = Path(__file__).parents[2] / "benchmarks" / "peers.py"
    if not script.is_file():
        raise OptionError("what others do is measured by benchmarks/peers.py of a checkout; this is not one")
    return [_peer([python, str(script), name, os.fspath(path), "--frames", str(frames)], name) for name in PEERS]


def _peer(command: Sequence[str], name: str) -> Peer:
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
