"""Start-up, speed and memory of `fervid predict`, each as whole processes on this machine.

    python benchmarks/basics.py [CLIP]

Prints medians of several runs: time of `fervid --help`; of a cold start to the answer for three seconds of the clip;
frames a second with every frame, start-up left out; and the peak memory for the clip and for the clip looped to ten
times its length. Without CLIP, examples/astronaut.mp4. Needs the extra [test], which brings the tool that loops.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av

EXAMPLE = Path(__file__).parent.parent / "examples" / "astronaut.mp4"
FERVID = [sys.executable, "-m", "fer_video.cli"]


def run(*command: str | Path) -> tuple[float, float]:
    """Wall seconds and peak MiB of one process."""
    started = time.perf_counter()
    process = subprocess.Popen([str(each) for each in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def median(runs: int, *command: str | Path) -> tuple[float, float]:
    results = [run(*command) for _ in range(runs)]
    return statistics.median(seconds for seconds, _ in results), statistics.median(peak for _, peak in results)


def loop(source: Path, target: Path, times: int) -> int:
    """The video packets of a clip again and again; gives the frames of one round."""
    frames = 0
    with av.open(target, "w") as out:
        stream, shift = None, 0
        for _ in range(times):
            with av.open(source) as clip:
                video = clip.streams.video[0]
                stream = stream or out.add_stream_from_template(video)
                packets = [packet for packet in clip.demux(video) if packet.dts is not None]
                frames = len(packets)
                length = max(packet.pts + packet.duration for packet in packets) - min(p.pts for p in packets)
                for packet in packets:
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                    out.mux(packet)
                shift += length
    return frames


def main(clip: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder, f"long{clip.suffix}")
        frames = loop(clip, long, 10)
        every = ("predict", "--every-frame", "--format", "jsonl", "-q")
        print(f"{clip.name}, {frames} frames, {os.cpu_count()} cores")
        print(f"fervid --help            {median(7, *FERVID, '--help')[0]:6.2f} s")
        print(f"3 s of clip, cold start  {median(5, *FERVID, 'predict', clip, '--end', '3')[0]:6.2f} s")
        short_s, short_mib = median(3, *FERVID, *every, clip)
        long_s, long_mib = median(3, *FERVID, *every, long)
        print(f"every frame              {9 * frames / (long_s - short_s):6.1f} frames/s")
        print(f"peak memory, once        {short_mib:6.1f} MiB")
        print(f"peak memory, ten times   {long_mib:6.1f} MiB   ratio {long_mib / short_mib:.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLE)
