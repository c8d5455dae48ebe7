"""Files damaged in known ways: the same seed gives the same damage. Run it by hand for many:

    PYTHONPATH=tests/helpers python -m mutants 1000 [seed]

Each file is decoded in another process, which must end in time, say nothing of its own, and meet no exception that is
not one of errors.py. Prints what went wrong, and how many of the files gave all, some or none of their frames.
"""

from __future__ import annotations

import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from films import Film, bars, film, write_packets

__all__ = ["CLIPS", "damaged", "make_clips", "mutant"]

CLIPS = {
    "h264.mp4": Film(gop=12), "h264.ts": Film(gop=12), "h264.mkv": Film(gop=12), "h264.flv": Film(gop=12),
    "fields.ts": Film("mpeg2video", interlaced=True, options={"b": "1M"}), "mpeg2.mpg": Film("mpeg2video"),
    "mpeg4.avi": Film("mpeg4", options={"bf": "2"}), "mjpeg.avi": Film("mjpeg", "yuvj420p"), "vp8.webm": Film("libvpx"),
    "vp9.webm": Film("libvpx-vp9", options={"cpu-used": "8", "lag-in-frames": "0"}), "ffv1.mkv": Film("ffv1"),
    "hevc.mp4": Film("libx265", options={"x265-params": "log-level=none"}),
    "prores.mov": Film("prores_ks", "yuv422p10le"),
    "wmv2.wmv": Film("wmv2"), "flv1.flv": Film("flv"), "a.gif": Film("gif", "rgb8"), "a.apng": Film("apng", "rgb24"),
    "a.mxf": Film("mpeg2video", options={"b": "1M"}), "a.mjpeg": Film("mjpeg", "yuvj420p"),
    "turned.mp4": Film(turn=[0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30]),
}  # fmt: skip
FRAMES, TIMEOUT_S = 24, 30.0


def make_clips(folder: Path) -> list[Path]:
    paths = [film(folder / name, bars(FRAMES, 160, 96), how) for name, how in CLIPS.items()]
    sizes = [(160, 96), (96, 160), (320, 192)]
    parts = [bars(FRAMES // 3, *size) for size in sizes]
    return [*paths, write_packets(folder / "sizes.mkv", parts, [40 * i for i in range(FRAMES)])]


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four kinds of damage, at the beginning (where headers are) as often as anywhere else."""
    broken = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        limit = min(len(broken), 600) if rng.random() < 0.5 else len(broken)
        at, length = int(rng.integers(0, max(limit, 1))), int(rng.integers(1, 400))
        kind = int(rng.integers(0, 8))
        if kind == 0:
            for place in rng.integers(0, max(limit, 1), int(rng.integers(1, 40))):
                broken[place : place + 1] = bytes([broken[place] ^ 1 << int(rng.integers(0, 8))] if len(broken) else [])
        elif kind == 1:
            broken[at : at + length] = bytes(length)
        elif kind == 2:
            del broken[at : at + length]
        elif kind == 3:
            broken[at:at] = broken[max(at - length, 0) : at]
        elif kind == 4:
            broken[at:at] = rng.bytes(length)
        elif kind == 5:
            del broken[int(len(broken) * rng.uniform(0.1, 1)) :]
        elif kind == 6:  # a number that claims a lot
            broken[at : at + 4] = bytes([rng.choice([0x7F, 0xFF, 0x00])]) + b"\xff\xff\xff"
        else:
            other = int(rng.integers(0, max(len(broken) - length, 1)))
            one, two = broken[at : at + length], broken[other : other + length]
            broken[at : at + len(two)], broken[other : other + len(one)] = two, one
    return bytes(broken)


def mutant(clips: list[Path], number: int, seed: int, folder: Path) -> Path:
    """The file of a number: always the same for a seed."""
    rng = np.random.default_rng((seed, number))
    clip = clips[number % len(clips)]
    path = folder / f"{number:05}-{clip.name}"
    path.write_bytes(damaged(clip.read_bytes(), rng))
    return path


_READ = """
import os, sys
from fer_video.errors import FervidError
from fer_video.media.decode import open_source
from fer_video.media.sampling import Sampling
for line in sys.stdin:
    frames = 0
    try:
        with open_source(line.rstrip("\\n")) as source:
            for frame in source.frames(Sampling(fps=None)):
                frames += bool(frame.image.size)
            said = "partial" if source.ended_early else "ok"
    except FervidError as error:
        said = "failed" if "\\n" not in str(error) else "UNFORESEEN lines"
    except Exception as error:
        said = f"UNFORESEEN {type(error).__name__}: {error}".replace("\\n", " ")
    memory = 0
    if os.path.exists("/proc/self/status"):  # ru_maxrss begins with the memory of the starter
        memory = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) // 1024
    print(said, frames, memory, sep="\\t", flush=True)
"""


def results(paths: list[Path]) -> Iterator[tuple[Path, str, int, int, float]]:
    """For each file: what came of it, how many frames, MB of memory so far, seconds."""
    process: subprocess.Popen[str] | None = None
    with tempfile.TemporaryFile("w+") as errors:
        for path in paths:
            if process is None:
                arguments = [sys.executable, "-c", _READ]
                process = subprocess.Popen(
                    arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
                )
            assert process.stdin is not None
            assert process.stdout is not None
            began_s = time.monotonic()
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            line = _line_in_time(process)
            spent_s = time.monotonic() - began_s
            if line is None:
                yield path, f"HANG or CRASH (exit code {process.poll()})", 0, 0, spent_s
                _end(process)
                process = None
                continue
            said, frames, memory = line.rstrip("\n").split("\t")
            yield path, said, int(frames), int(memory), spent_s
        if process is not None:
            _end(process)
        errors.seek(0)
        stray = errors.read()
    if stray:
        yield Path(), f"STRAY OUTPUT {stray[:500]!r}", 0, 0, 0.0


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    with process:  # closes its pipes and waits
        pass


def _line_in_time(process: subprocess.Popen[str]) -> str | None:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], TIMEOUT_S)
    return (process.stdout.readline() or None) if ready else None


def main() -> None:
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    tally: Counter[str] = Counter()
    longest_s, most_mb = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        clips = make_clips(Path(folder))
        files = (mutant(clips, number, seed, Path(folder)) for number in range(count))
        for path, said, frames, memory, spent_s in results(list(files)):
            tally[said if said in ("ok", "partial", "failed") else "WRONG"] += 1
            tally["frames"] += frames
            longest_s, most_mb = max(longest_s, spent_s), max(most_mb, memory)
            if said not in ("ok", "partial", "failed"):
                sys.stdout.write(f"{path.name}: {said}\n")
    sys.stdout.write(f"{dict(tally)}, at most {longest_s:.1f} s and {most_mb} MB\n")
    sys.exit(bool(tally["WRONG"]))


if __name__ == "__main__":
    main()
