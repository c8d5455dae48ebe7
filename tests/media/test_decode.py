"""Times, sampling and the ends of real encoded files."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import cut_off, encode, encode_sound_only, number_of, numbered, rotate_90

from fer_video.errors import InputError, OptionError
from fer_video.media.decode import open_source
from fer_video.media.sampling import Sampling

EVERY = Sampling(fps=None)


def times_of(path: Path, sampling: Sampling = EVERY) -> list[float]:
    with open_source(path) as source:
        return [frame.time_s for frame in source.frames(sampling)]


def uneven(count: int) -> list[float]:
    """Gaps of 10 to 200 ms, from 0."""
    gaps = np.random.default_rng(7).uniform(0.01, 0.2, count - 1)
    return [0.0, *np.cumsum(gaps).tolist()]


@pytest.mark.parametrize("name", ["vfr.mp4", "vfr.mov", "vfr.mkv"])
def test_times_are_the_presentation_times(tmp_path: Path, name: str) -> None:
    times = uneven(60)
    path = encode(tmp_path / name, numbered(60), times)
    with open_source(path) as source:
        frames = list(source.frames(EVERY))
        assert source.ended_early is None
        assert source.estimated_times == 0
    assert [frame.time_s for frame in frames] == pytest.approx(times, abs=1e-3)
    assert [frame.index for frame in frames] == list(range(60))
    # x264 reorders frames (B-frames): each picture must come with its own time
    assert [number_of(frame.image) for frame in frames] == list(range(60))


def test_a_delayed_start_counts_from_the_first_frame(tmp_path: Path) -> None:
    path = encode(tmp_path / "late.mp4", numbered(10), [0.7 + i / 10 for i in range(10)])
    assert times_of(path) == pytest.approx([i / 10 for i in range(10)], abs=1e-3)


@pytest.mark.parametrize(
    ("sampling", "indices"),
    [
        (EVERY, list(range(30))),
        (Sampling(fps=30), list(range(30))),
        (Sampling(fps=100), list(range(30))),
        (Sampling(fps=10), list(range(0, 30, 3))),
        (Sampling(fps=15), list(range(0, 30, 2))),
        (Sampling(fps=1), [0]),
        # cells of 1/12 s = 2.5 frames begin at 0, 2.5, 5, 7.5 ...: the first frame at or after each
        (Sampling(fps=12), [0, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25, 28]),
        (Sampling(fps=10, start_s=0.5), [15, 18, 21, 24, 27]),
        (Sampling(fps=10, start_s=0.5, end_s=0.7), [15, 18]),
        (Sampling(fps=None, start_s=0.9), [27, 28, 29]),
        (Sampling(fps=None, stride=7), [0, 7, 14, 21, 28]),
        (Sampling(fps=None, stride=10, start_s=0.5), [20]),
    ],
)
def test_sampling(tmp_path: Path, sampling: Sampling, indices: list[int]) -> None:
    path = encode(tmp_path / "clip.mp4", numbered(30), [i / 30 for i in range(30)])
    with open_source(path) as source:
        frames = list(source.frames(sampling))
    assert [frame.index for frame in frames] == indices
    assert [number_of(frame.image) for frame in frames] == indices


@pytest.mark.parametrize(
    "arguments",
    [
        {"fps": 0},
        {"fps": -1},
        {"fps": float("nan")},
        {"fps": 1e308},
        {"start_s": -1},
        {"stride": 0},
        {"end_s": float("inf")},
    ],
)
def test_senseless_sampling(arguments: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(arguments)).removesuffix("_s")):
        Sampling(**arguments)


def test_end_before_start() -> None:
    with pytest.raises(OptionError, match="end"):
        Sampling(start_s=2, end_s=1)


def test_rotation_is_applied(tmp_path: Path) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32] = 255  # left half white: upright, it is the upper half
    path = rotate_90(encode(tmp_path / "plain.mp4", [image] * 5, [i / 10 for i in range(5)]), tmp_path / "turned.mp4")
    with open_source(path) as source:
        frame = next(source.frames(EVERY))
    assert frame.image.shape == (64, 48, 3)
    assert frame.image[:28].mean() > 200
    assert frame.image[36:].mean() < 50


def test_duration_is_what_was_decoded(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", numbered(30), [i / 10 for i in range(30)])
    with open_source(path) as source:
        list(source.frames(EVERY))
        assert source.duration_s == pytest.approx(3.0, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("clip.mp4", "libx264", {"movflags": "faststart"}),
        ("clip.avi", "mpeg4", {}),
        ("clip.mkv", "libx264", {}),
    ],
)
def test_cut_off_in_the_middle(tmp_path: Path, name: str, codec: str, options: dict[str, str]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (60, 48, 64, 3), np.uint8)
    whole = encode(tmp_path / name, list(noise), [i / 30 for i in range(60)], codec, options)
    with open_source(whole) as source:
        assert len(list(source.frames(EVERY))) == 60
        assert source.ended_early is None
    with open_source(cut_off(whole, tmp_path / f"cut-{name}", 0.5)) as source:
        decoded = len(list(source.frames(EVERY)))
        assert 10 < decoded < 50
        assert source.ended_early is not None
        assert "cut off" in source.ended_early


def test_cut_off_is_not_said_of_a_part_that_is_whole(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (60, 48, 64, 3), np.uint8)
    whole = encode(tmp_path / "w.mp4", list(noise), [i / 30 for i in range(60)], options={"movflags": "faststart"})
    with open_source(cut_off(whole, tmp_path / "cut.mp4", 0.5)) as source:
        assert len(list(source.frames(Sampling(fps=None, end_s=0.2)))) == 6
        assert source.ended_early is None


def test_damaged_packets_do_not_end_the_clip(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (90, 48, 64, 3), np.uint8)
    path = encode(tmp_path / "clip.avi", list(noise), [i / 30 for i in range(90)], "mpeg4")
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 2000] = bytes(2000)
    path.write_bytes(data)
    with open_source(path) as source:
        times = [frame.time_s for frame in source.frames(EVERY)]
    assert times[-1] > 2.5
    assert all(a < b for a, b in itertools.pairwise(times))


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """name -> (file, what the message must say)"""
    clip = encode(folder / "good.mp4", numbered(30), [i / 30 for i in range(30)])
    files = {
        "missing": (folder / "missing.mp4", "no such file"),
        "folder": (folder, "is a folder without pictures"),
        "empty": (folder / "empty.mp4", "empty"),
        "text": (folder / "text.mp4", "not a video"),
        "sound": (encode_sound_only(folder / "sound.mp4"), "only sound"),
        "no index": (cut_off(clip, folder / "headless.mp4", 0.5), "cut off"),
        "text picture": (folder / "text.jpg", "not a picture"),
        "nul": (Path("nul\0.mp4"), "cannot be opened"),
    }
    files["empty"][0].touch()
    files["text"][0].write_text("Dear diary,\n" * 100)
    files["text picture"][0].write_text("Dear diary,\n" * 100)
    return files


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "text", "sound", "no index", "text picture", "nul"])
def test_bad_files_are_named(tmp_path: Path, kind: str) -> None:
    path, says = bad_files(tmp_path)[kind]
    with pytest.raises(InputError) as raised, open_source(path) as source:
        list(source.frames(EVERY))
    message = str(raised.value)
    assert says in message
    assert path.name.split("\0")[0] in message
    assert "\n" not in message
    assert "\0" not in message


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_unreadable_file(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", numbered(3), [0, 0.1, 0.2])
    path.chmod(0)
    user = os.geteuid()
    if user == 0:  # root reads everything: be nobody for a moment
        tmp_path.chmod(0o755)
        os.seteuid(65534)
    try:
        with pytest.raises(InputError, match="cannot be opened"):
            open_source(path)
    finally:
        os.seteuid(user)


def test_picture(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    path = tmp_path / "bild ü.png"
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    with open_source(path) as source:
        frames = list(source.frames(Sampling(start_s=3)))
        assert source.duration_s is None
        assert source.info.fps is None
    assert len(frames) == 1
    assert frames[0].time_s == 0
    assert np.array_equal(frames[0].image, image)


def test_a_picture_is_known_by_its_content(tmp_path: Path) -> None:
    image = np.full((8, 8, 3), 77, np.uint8)
    path = tmp_path / "picture"
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    with open_source(path) as source:
        assert np.array_equal(next(source.frames(EVERY)).image, image)


def test_a_folder_of_frames_is_a_clip(tmp_path: Path) -> None:
    for number, image in enumerate(numbered(12)):
        (tmp_path / f"frame{number}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    with open_source(tmp_path) as source:
        frames = list(source.frames(EVERY))
        assert source.estimated_times == 12
        assert source.duration_s == pytest.approx(12 / 25)
    assert [number_of(frame.image) for frame in frames] == list(range(12))  # frame2 before frame10
    assert [frame.time_s for frame in frames] == pytest.approx([i / 25 for i in range(12)])
    with open_source(tmp_path) as source:
        assert [frame.index for frame in source.frames(Sampling(fps=5))] == [0, 5, 10]


def test_a_start_beyond_the_end_is_said(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", numbered(30), [i / 30 for i in range(30)])
    with open_source(path) as source, pytest.raises(InputError, match=r"clip\.mp4: ends at 1\.00 s"):
        list(source.frames(Sampling(start_s=5)))


def test_a_hole_in_the_middle_is_jumped_and_said(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (90, 48, 64, 3), np.uint8)
    options = {"movflags": "faststart"}
    path = encode(tmp_path / "clip.mp4", list(noise), [i / 30 for i in range(90)], options=options, keyframes=10)
    data = bytearray(path.read_bytes())
    start, end = int(len(data) * 0.4), int(len(data) * 0.7)
    data[start:end] = bytes(end - start)
    path.write_bytes(data)
    with open_source(path) as source:
        times = [frame.time_s for frame in source.frames(EVERY)]
        assert source.ended_early is not None
        assert "damaged" in source.ended_early
    assert times[-1] > 2.8
    assert len(times) < 80


def test_a_tail_of_zeros_is_said(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (90, 48, 64, 3), np.uint8)
    path = encode(tmp_path / "c.mp4", list(noise), [i / 30 for i in range(90)], options={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    data[len(data) // 3 :] = bytes(len(data) - len(data) // 3)
    path.write_bytes(data)
    with open_source(path) as source:
        assert len(list(source.frames(EVERY))) < 60
        assert "decoding ended" in (source.ended_early or "")


@pytest.mark.parametrize("name", [b"bad\xff.mp4", b"noext\xff", b"http:x.mp4", b"-.mp4", b"a\nb.mp4", b"100%d.mp4"])
def test_odd_names(tmp_path: Path, name: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = encode(tmp_path / "clip.mp4", numbered(3), [0, 0.1, 0.2])
    monkeypatch.chdir(tmp_path)
    odd = Path(os.fsdecode(name))
    try:
        odd.write_bytes(whole.read_bytes())
    except OSError:
        pytest.skip("this file system does not take the name")
    assert times_of(odd) == pytest.approx([0, 0.1, 0.2], abs=1e-3)  # relative: an absolute path is no address


def test_a_gif_is_a_video_whatever_its_suffix(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.gif", numbered(5), [i / 10 for i in range(5)], "gif")
    assert len(times_of(path)) == 5
    assert len(times_of(path.rename(tmp_path / "clip"))) == 5
