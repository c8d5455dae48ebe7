"""Times: as a container has them, over clocks that start again, and in step with players."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from command import fervid
from films import Film, bars, film, write_packets
from made import result, written
from media import number_of

from fer_video.clip.segments import WindowOptions, Windows
from fer_video.media.clock import Clock
from fer_video.media.decode import open_source
from fer_video.media.sampling import Sampling
from fer_video.types import Face, Jump, Observation, Timing

EVERY = Sampling(fps=None)
RAPID = Film(options={"crf": "28", "preset": "ultrafast"})


def clocked(stamps: list[float | None], *, joined: bool = False, interval_s: float = 0.04) -> tuple[list[float], Clock]:
    clock = Clock(interval_s, joined)
    return [round(clock.time(stamp), 6) for stamp in stamps], clock


def test_times_count_from_the_first_stamp() -> None:
    times, clock = clocked([4.0, 4.04, 4.1, 9.0])
    assert times == [0, 0.04, 0.1, 5.0]
    assert (clock.origin_s, clock.jumps, clock.estimated) == (4.0, [], 0)


def test_a_repeated_stamp_costs_nothing_after_it() -> None:
    times, clock = clocked([0, 0.04, 0.04, 0.08, 0.12])
    assert times == [0, 0.04, 0.06, 0.08, 0.12]  # half way to where the next one belongs
    assert (clock.estimated, clock.jumps) == (1, [])
    assert clocked([0, 0.04, 10.0, 10.0, 10.08])[0] == [0, 0.04, 10.0, 10.04, 10.08]  # nor is the pause the usual step


@pytest.mark.parametrize(
    ("stamps", "joined", "jump"),
    [
        ([0, 0.04, 0.08, 100, 100.04], True, 99.88),  # the next part of a stream
        ([0, 0.04, 0.08, 1e9, 1e9 + 0.04], False, 1e9 - 0.12),  # nobody waited thirty years
        ([95443.6, 95443.64, 95443.68, 0, 0.04], True, -95443.72),  # 33 bits of 90 kHz are over
        ([50, 50.04, 50.08, 10, 10.04], True, -40.12),  # a recording that starts again
        ([5, 5.04, 5.08, 5.0, 5.04], True, -0.12),  # and one by less than half a second: it is not told
    ],
)
def test_a_jump_costs_nothing_but_itself(stamps: list[float | None], joined: bool, jump: float) -> None:
    times, clock = clocked(stamps, joined=joined)
    assert times == pytest.approx([0, 0.04, 0.08, 0.12, 0.16], abs=0.021)
    assert all(a < b for a, b in pairwise(times))
    if abs(jump) > 0.5:
        assert [(round(each.time_s, 6), round(each.by_s, 2)) for each in clock.jumps] == [(0.12, round(jump, 2))]
    else:
        assert clock.jumps == []


def test_stamps_that_are_missing_or_stand_still() -> None:
    assert clocked([None] * 4)[0] == [0, 0.04, 0.08, 0.12]
    times, clock = clocked([7.0] * 5)
    assert all(a < b for a, b in pairwise(times))
    assert times[-1] == pytest.approx(0.14)
    assert clock.estimated == 4
    assert clock.jumps == []


def test_a_million_frames_of_nonsense_are_told_in_a_hundred_jumps() -> None:
    rng = np.random.default_rng(0)
    clock = Clock(0.04, joined=True)
    times = [clock.time(float(stamp)) for stamp in rng.uniform(-1e9, 1e9, 20_000)]
    assert all(a < b for a, b in pairwise(times))
    assert len(clock.jumps) == 100


def test_a_pause_and_a_repeated_stamp_in_a_file(tmp_path: Path) -> None:
    stamps = [*range(0, 400, 40), 10_400, 10_400, *range(10_480, 10_800, 40)]
    path = write_packets(tmp_path / "f.mkv", [bars(20, 64, 48)], stamps)
    with open_source(path) as source:
        frames = list(source.frames(EVERY))
    assert [number_of(frame.image) for frame in frames] == list(range(20))
    times = [frame.time_s for frame in frames]
    assert times[:11] == pytest.approx([stamp / 1000 for stamp in stamps[:11]])
    assert 10.4 < times[11] < 10.48
    assert times[12:] == pytest.approx([stamp / 1000 for stamp in stamps[12:]])
    assert source.duration_s == pytest.approx(10.8, abs=0.05)


def test_a_header_that_claims_decades_costs_neither_time_nor_memory(tmp_path: Path) -> None:
    stamps = [*range(0, 400, 40), *range(10**12, 10**12 + 400, 40)]
    path = write_packets(tmp_path / "f.mkv", [bars(20, 64, 48)], stamps)
    began_s = time.monotonic()
    run = fervid("predict", path, "--window", "2", "--every-frame", "--format", "jsonl")
    assert run.exit_code == 0, run.stderr
    assert time.monotonic() - began_s < 20
    value = json.loads(run.stdout)
    assert value["duration_s"] == pytest.approx(0.8, abs=0.01)
    assert value["timing"]["jumps"] == [{"time_s": 0.4, "by_s": pytest.approx(1e9 - 0.4)}]


def test_windows_step_over_the_time_in_which_nobody_was_seen() -> None:
    face = Face((0, 0, 10, 10), 0.9)

    def answered(gap_s: float) -> tuple[list[tuple[float, float]], int]:
        windows = Windows(WindowOptions(2.0, 1.0), ("a",), lambda _: np.ones(1))
        for i in range(40):
            person = 1 if i < 20 else 2
            windows.add(Observation(i, i / 10 + (gap_s if i >= 20 else 0), person, face, {"a": 1.0}))
        windows.close()
        return [(s.start_s, s.end_s) for who in (1, 2) for s in windows.segments(who)], windows._next

    near, far = answered(100.0), answered(1e12)
    assert [round(b - a, 3) for a, b in near[0]] == pytest.approx([round(b - a, 3) for a, b in far[0]], abs=1e-3)
    assert near[0][0] == far[0][0] == (0.0, 1.9)


def transport(path: Path, seconds: float, offset_s: float) -> Path:
    """A transport stream whose clock starts somewhere."""
    film(path.with_suffix(".mkv"), bars(round(seconds * 25), 64, 48), RAPID)
    with av.open(path.with_suffix(".mkv")) as file, av.open(path, "w", options={"mpegts_copyts": "1"}) as out:
        stream = out.add_stream_from_template(file.streams.video[0])
        for packet in file.demux(video=0):
            if packet.size:
                packet.stream = stream
                shift = round(offset_s / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                out.mux(packet)
    return path


@pytest.mark.parametrize("second_s", [500.0, 1.0, 95440.0])
def test_streams_that_were_joined(tmp_path: Path, second_s: float) -> None:
    """Two recordings, one file: the second one's clock is another one."""
    one, other = transport(tmp_path / "1.ts", 1, 30.0), transport(tmp_path / "2.ts", 1, second_s)
    (tmp_path / "f.ts").write_bytes(one.read_bytes() + other.read_bytes())
    with open_source(tmp_path / "f.ts") as source:
        frames = list(source.frames(EVERY))
    assert [number_of(frame.image) for frame in frames] == [*range(25), *range(25)]
    assert [frame.time_s for frame in frames] == pytest.approx([i / 25 for i in range(50)], abs=0.022)
    assert len(source.timing.jumps) == 1
    assert source.duration_s == pytest.approx(2.0, abs=0.05)


def test_a_clock_that_wraps_around(tmp_path: Path) -> None:
    """2^33 / 90000 s = 95443.7 s."""
    path = transport(tmp_path / "f.ts", 2, 95442.7)
    with open_source(path) as source:
        frames = list(source.frames(EVERY))
    assert [frame.time_s for frame in frames] == pytest.approx([i / 25 for i in range(50)], abs=0.022)


# ---- from a moment on


@pytest.mark.parametrize("name", ["f.mp4", "f.mkv", "f.ts", "f.avi", "f.webm"])
def test_from_a_moment_on_it_is_the_same(tmp_path: Path, name: str) -> None:
    """The key frame before it is found, and frames keep their numbers and times."""
    codec = {"avi": "mpeg4", "webm": "libvpx-vp9"}.get(name[2:], "libx264")
    options = {"bf": "2"} if codec != "libvpx-vp9" else {"lag-in-frames": "0", "cpu-used": "8"}
    path = film(tmp_path / name, bars(150, 64, 48), Film(codec, gop=12, options=options))
    with open_source(path) as source:
        every = {frame.index: frame for frame in source.frames(EVERY)}
    for start_s in (2.0, 3.3, 5.9):
        with open_source(path) as source:
            frames = list(source.frames(Sampling(fps=None, start_s=start_s)))
        assert [frame.index for frame in frames] == [i for i, each in every.items() if each.time_s >= start_s - 1e-9]
        for frame in frames:
            assert frame.time_s == pytest.approx(every[frame.index].time_s, abs=1e-6)
            assert (frame.image == every[frame.index].image).all()
        assert source.ended_early is None


def test_what_comes_before_the_start_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fer_video.media import decoder

    path = film(tmp_path / "f.mp4", bars(150, 64, 48), Film(gop=12))
    decoded, original = [], decoder.Decoder._described
    monkeypatch.setattr(
        decoder.Decoder,
        "_described",
        lambda self, frame: decoded.append(0) or original(self, frame),  # type: ignore[func-returns-value]
    )
    with open_source(path) as source:
        assert len(list(source.frames(Sampling(fps=None, start_s=5.0)))) == 25
    assert len(decoded) <= 25 + 12 + 1 + 1  # from the key frame on, and the very first one


# ---- players


def late_picture(path: Path, late_s: float) -> Path:
    """Sound from the start, pictures later."""
    with av.open(path, "w") as file:
        tone = file.add_stream("aac", rate=8000, layout="mono")
        stream = file.add_stream("libx264", rate=25, width=64, height=48)
        for i in range(round((late_s + 2) * 8000 / 1024)):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8000, i * 1024
            file.mux(tone.encode(frame))
        for number, image in enumerate(bars(50, 64, 48)):
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            picture.pts = number + round(25 * late_s)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
        file.mux(tone.encode(None))
    return path


@pytest.mark.parametrize("name", ["f.mp4", "f.mkv", "f.ts"])
def test_the_first_picture_may_come_late(tmp_path: Path, name: str) -> None:
    with open_source(late_picture(tmp_path / name, 4.0)) as source:
        frames = list(source.frames(EVERY))
    assert frames[0].time_s == 0
    assert source.timing.offset_s == pytest.approx(4.0, abs=0.13)  # AAC begins a packet early
    assert source.timing.origin_s == pytest.approx(4.0, abs=0.13)


def test_captions_are_in_step_with_a_player() -> None:
    late = replace(result(), timing=Timing(10.0, 4.0, (Jump(1.0, 2.0),)))
    assert "00:00:00,000 --> 00:00:00,100" in written("srt", "clips", result())
    assert "00:00:04,000 --> 00:00:04,100" in written("srt", "clips", late)
    assert "00:00:04.100 --> 00:00:04.200" in written("vtt", "clips", late)
    assert 'TIME_VALUE="4000"' in written("eaf", "clips", late)
    assert "xmax = 4.300" in written("textgrid", "clips", late)
    value = json.loads(written("json", "clips", late, single=True))
    assert value["timing"] == {"origin_s": 10.0, "offset_s": 4.0, "jumps": [{"time_s": 1.0, "by_s": 2.0}]}
    assert value["people"][0]["start_s"] == 0.0  # in the JSON times count from the first frame
