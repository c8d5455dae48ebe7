"""The overlay video, read back by FFmpeg and by OpenCV."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from command import fervid
from conftest import EXAMPLE
from films import write_packets
from media import TICKS, Image, cut_off, encode, rotate_90

from fer_video.errors import InputError, OptionError, OutputError
from fer_video.media.decode import open_source
from fer_video.media.sampling import Sampling
from fer_video.render.draw import text_size
from fer_video.render.overlay import Overlay, OverlayOptions, hide_faces
from fer_video.render.palette import colour_of, person_colour, rgb, text_on
from fer_video.render.playback import Playback
from fer_video.render.strip import TimelineStrip
from fer_video.render.video import RenderOptions, render_video
from fer_video.results.observations import ObservationLog
from fer_video.types import Attributes, ClipResult, Face, Observation, Person

EMOTIONS = ("neutral", "happiness")
BOX = (20.0, 30.0, 60.0, 80.0)


def seen(
    frame: int, time_s: float, box: tuple[float, float, float, float] | None = BOX, person: int = 1
) -> Observation:
    if box is None:
        return Observation(frame, time_s)
    points = np.array([[box[0] + 5 * i, box[1] + 5 * i] for i in range(5)], np.float32)
    return Observation(frame, time_s, person, Face(box, 0.9, points), {"neutral": 0.25, "happiness": 0.75})


def result_with(*observations: Observation, duration_s: float = 1.0, people: int = 1) -> ClipResult:
    log = ObservationLog(EMOTIONS)
    for each in observations:
        log.append(each)
    shares = {"neutral": 0.25, "happiness": 0.75}
    everybody = tuple(Person(i + 1, 0.0, duration_s, 2, "happiness", 0.75, shares) for i in range(people))
    frames = len({each.frame for each in observations})
    return ClipResult(
        "clip.mp4", "ok", duration_s=duration_s, fps=10.0, frames_sampled=frames, people=everybody, observations=log
    )


def grey_clip(path: Path, times_s: list[float], width: int = 160, height: int = 120, **options: Any) -> Path:
    return encode(path, [np.full((height, width, 3), 128, np.uint8)] * len(times_s), times_s, **options)


def add_sound(source: Path, target: Path, codec: str = "aac") -> Path:
    """The same pictures with a tone."""
    with av.open(source) as video, av.open(target, "w") as out:
        pictures = out.add_stream_from_template(video.streams.video[0])
        tone = out.add_stream(codec, rate=16_000, layout="mono")
        for packet in video.demux(video=0):
            if packet.dts is not None:
                packet.stream = pictures
                out.mux(packet)
        wave = np.sin(np.arange(16_000) / 5, dtype=np.float32)[None]
        for i in range(0, 15_360, 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[:, i : i + 1024]), "fltp", "mono")
            frame.sample_rate, frame.pts = 16_000, i
            out.mux(tone.encode(frame))
        out.mux(tone.encode(None))
    return target


def packets(path: Path) -> list[tuple[bytes, float]]:
    with av.open(path) as file:
        return [(bytes(p), float(p.pts * p.time_base)) for p in file.demux(audio=0) if p.dts is not None]


def times_of(path: Path) -> list[float]:
    with av.open(path) as file:
        return [float(frame.time) for frame in file.decode(video=0)]


def picture_at(path: Path, index: int) -> Image:
    with av.open(path) as file:
        for i, frame in enumerate(file.decode(video=0)):
            if i == index:
                return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    raise AssertionError("no such frame")


def colour_at(image: Image, x: int, y: int) -> list[int]:
    blue, green, red = image[y, x].tolist()
    return [red, green, blue]


# ---- who is where


def test_between_two_sightings_a_box_moves() -> None:
    log = ObservationLog(EMOTIONS)
    for each in (seen(0, 0.0, (0, 0, 10, 10)), seen(5, 0.5, (10, 20, 30, 40)), seen(10, 1.0, None)):
        log.append(each)
    playback = Playback(log)
    (found,) = playback.at(0.0)
    assert found.face is not None
    assert found.face.box == (0, 0, 10, 10)
    (between,) = playback.at(0.25)
    assert between.face is not None
    assert between.face.box == (5, 10, 20, 25)
    assert between.face.landmarks is not None
    assert between.face.landmarks[1].tolist() == [10, 15]
    assert [len(playback.at(t)) for t in (-0.1, 0.5, 0.6, 1.0, 1.1)] == [0, 1, 0, 0, 0]


def test_two_people_are_not_mixed_up() -> None:
    log = ObservationLog(EMOTIONS)
    for each in (seen(0, 0.0, BOX, 1), seen(0, 0.0, BOX, 2), seen(1, 0.1, BOX, 2), seen(1, 0.1, BOX, 3)):
        log.append(each)
    assert [each.person for each in Playback(log).at(0.05)] == [2]


def test_faces_are_hidden_while_they_are_lost_and_a_little_longer() -> None:
    log = ObservationLog(EMOTIONS)
    log.append(seen(0, 0.0, None))
    for i in range(10, 15):
        log.append(seen(i, i / 10, (0, 0, 10, 10)) if i in (10, 14) else seen(i, i / 10, None))
    for i in range(15, 30):
        log.append(seen(i, i / 10, None))
    playback = Playback(log)
    assert [playback.to_hide(t) for t in (0.0, 0.7, 1.7, 2.8)] == [[], [], [], []]
    for time_s in (0.8, 1.0, 1.2, 1.6):
        assert playback.to_hide(time_s) == [(0, 0, 10, 10)]
    assert playback.to_hide(3.2) is None  # nobody looked there
    assert Playback(ObservationLog(EMOTIONS)).to_hide(0.0) is None


# ---- what is drawn


def test_the_box_is_drawn_where_the_result_says() -> None:
    image = np.full((360, 640, 3), 128, np.uint8)
    Overlay(640, 360, OverlayOptions(bars=False)).draw(image, [seen(0, 0.0, (100, 120, 200, 240))])
    colour = list(rgb(colour_of("happiness")))
    for x, y in ((100, 180), (200, 180), (150, 240), (150, 120)):
        assert colour_at(image, x, y) == colour
    assert (image[130:230, 110:190] == 128).all()  # the face itself stays clear
    assert (image[260:] == 128).all()


def test_bars_stand_beside_and_not_over_other_faces() -> None:
    def drawn(*others: Observation) -> Image:
        image = np.full((360, 640, 3), 128, np.uint8)
        Overlay(640, 360, OverlayOptions()).draw(image, [seen(0, 0.0, (100, 120, 200, 240)), *others])
        return image

    assert (drawn()[125:140, 210:250] != 128).any()
    beside = drawn(seen(0, 0.0, (220, 120, 320, 240), 2))
    assert (beside[135:225, 230:310] == 128).all()


def test_a_person_has_one_colour_and_the_name_is_on_it() -> None:
    def tag(person: int, names: dict[int, str] | None = None) -> Image:
        image = np.full((360, 640, 3), 128, np.uint8)
        overlay = Overlay(640, 360, OverlayOptions(bars=False), names=names)
        overlay.draw(image, [seen(0, 0.0, (100, 120, 200, 240), person)])
        return image[100:118, 98:400]

    for person in (1, 2, 9):
        assert colour_at(tag(person), 1, 1) == list(rgb(person_colour(person)))
    assert person_colour(9) == person_colour(1)
    assert len({person_colour(person) for person in range(1, 9)}) == 8
    on_name = (tag(2, {2: "Grace Hopper"}) == rgb(person_colour(2))[::-1]).all(axis=2).sum()
    assert on_name > 2 * (tag(2) == rgb(person_colour(2))[::-1]).all(axis=2).sum()


def test_numbers_stand_beside_the_bars_when_asked_for() -> None:
    def panel(numbers: bool) -> Image:
        image = np.full((360, 640, 3), 128, np.uint8)
        Overlay(640, 360, OverlayOptions(numbers=numbers)).draw(image, [seen(0, 0.0, (100, 120, 200, 240))])
        return image[120:160, 205:]

    wide = [int((panel(numbers) != 128).any(axis=(0, 2)).sum()) for numbers in (False, True)]
    assert wide[1] - wide[0] == text_size("100%", 11)[0] + 4  # letters of 11 pixels on 360 lines, and a gap
    bright = [int((panel(numbers)[:, -440 + wide[0] :] > 230).all(axis=2).sum()) for numbers in (False, True)]
    assert bright[1] > bright[0]


def test_attributes_are_under_the_face_of_their_person() -> None:
    def below(box: tuple[float, float, float, float], person: int = 1, *, asked: bool = True) -> Image:
        image = np.full((360, 640, 3), 128, np.uint8)
        guess = Attributes(31.0, 4.0, {"male": 0.25, "female": 0.75}, {"White": 1.0})
        overlay = Overlay(640, 360, OverlayOptions(bars=False, attributes=asked), guesses={1: guess})
        overlay.draw(image, [seen(0, 0.0, box, person)])
        return image

    box = (100.0, 120.0, 200.0, 240.0)
    assert (below(box)[243:258, 99:250] != 128).any()
    assert (below(box, 2)[243:] == 128).all()  # nothing is known of this one
    assert (below(box, asked=False)[243:] == 128).all()
    at_the_end = below((100.0, 220.0, 200.0, 359.0))
    assert (at_the_end[340:358, 110:190] != 128).any()  # in the box, where there is no room below


def test_attributes_that_nobody_estimated_are_said(tmp_path: Path) -> None:
    clip = grey_clip(tmp_path / "a.mp4", [0.0, 0.1])
    options = RenderOptions(OverlayOptions(attributes=True))
    with pytest.raises(OptionError, match="no attributes to draw"):
        render_video(clip, result_with(seen(0, 0.0)), tmp_path / "o.mp4", options)
    assert not (tmp_path / "o.mp4").exists()


def test_a_face_is_uncertain_below_the_least_confidence() -> None:
    sure, unsure = np.zeros((360, 640, 3), np.uint8), np.zeros((360, 640, 3), np.uint8)
    Overlay(640, 360, OverlayOptions(bars=False)).draw(sure, [seen(0, 0.0, (100, 120, 200, 240))])
    Overlay(640, 360, OverlayOptions(bars=False), 0.8).draw(unsure, [seen(0, 0.0, (100, 120, 200, 240))])
    assert (sure != unsure).any()


@pytest.mark.parametrize("box", [(-20, -20, 30, 30), (600, 340, 700, 400), (0, 0, 640, 360), (5, 5, 5, 5)])
def test_boxes_at_the_edge_are_no_trouble(box: tuple[float, float, float, float]) -> None:
    image = np.full((360, 640, 3), 128, np.uint8)
    Overlay(640, 360, OverlayOptions(landmarks=True)).draw(image, [seen(0, 0.0, box)])
    assert (image != 128).any()
    hide_faces(image, [box])


def test_a_hidden_face_keeps_five_colours_across() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (200, 200, 3)).astype(np.uint8)
    before = image.copy()
    hide_faces(image, [(50, 50, 150, 150)])
    assert (image[:19] == before[:19]).all()
    inside = image[25:175, 25:175].astype(float)
    assert np.abs(np.diff(inside, axis=1)).max() <= 4  # noise before, slopes now
    hide_faces(before, None)
    assert np.abs(np.diff(before.astype(float), axis=0)).max() <= 4


def test_the_strip_dims_what_is_to_come_and_shows_gaps() -> None:
    observations = [seen(i, i / 10, BOX if i < 5 else None) for i in range(10)]
    strip = TimelineStrip(result_with(*observations), 640, 360, 1.0)
    early, late = strip.draw(0.0), strip.draw(0.99)
    assert early.shape == late.shape == (strip.height, 640, 3)
    colour, y = list(rgb(colour_of("happiness"))), strip.height - 12
    assert colour_at(late, 200, y) == colour
    assert colour_at(early, 200, y) == [int(v * 0.38) for v in colour]
    assert colour_at(late, 500, y) == [48, 48, 48]  # nobody was seen


@pytest.mark.parametrize("people", [0, 1, 9])
@pytest.mark.parametrize(("width", "height"), [(64, 48), (640, 360), (1080, 1920)])
def test_a_strip_of_any_size(people: int, width: int, height: int) -> None:
    strip = TimelineStrip(result_with(seen(0, 0.0), people=people), width, height, 1.0)
    assert strip.draw(0.5).shape == (strip.height, width, 3)


def test_text_on_colours_can_be_read() -> None:
    def light(colour: str) -> float:
        linear = [((v / 255 + 0.055) / 1.055) ** 2.4 if v > 10 else v / 255 / 12.92 for v in rgb(colour)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for label in ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "délire"):
        one, other = sorted((light(colour_of(label)), light(text_on(colour_of(label)))))
        assert (other + 0.05) / (one + 0.05) >= 4.5, label  # WCAG AA


# ---- the file


def test_times_of_a_variable_frame_rate_are_kept(tmp_path: Path) -> None:
    times_s = [0.0, 0.04, 0.11, 0.5, 0.54, 1.3, 1.34]
    clip = grey_clip(tmp_path / "vfr.mp4", times_s)
    done = render_video(clip, result_with(seen(0, 0.0)), tmp_path / "o.mp4")
    assert times_of(tmp_path / "o.mp4") == pytest.approx(times_s, abs=1 / TICKS)
    assert done.frames == 7


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_the_sound_is_the_same_stream(tmp_path: Path, suffix: str) -> None:
    clip = add_sound(grey_clip(tmp_path / "v.mp4", [i / 10 for i in range(10)]), tmp_path / f"s{suffix}")
    out = tmp_path / f"o{suffix}"
    assert render_video(clip, result_with(seen(0, 0.0)), out).silent == ()
    before, after = packets(clip), packets(out)
    assert [data for data, _ in after] == [data for data, _ in before]
    assert [t for _, t in after] == pytest.approx([t for _, t in before], abs=1e-3)
    with av.open(clip) as one, av.open(out) as other:
        assert abs(one.duration - other.duration) / 1e6 <= 0.1  # a frame


def test_sound_that_the_file_cannot_hold_is_named(tmp_path: Path) -> None:
    clip = add_sound(grey_clip(tmp_path / "v.mp4", [i / 10 for i in range(10)]), tmp_path / "s.mkv", "wavpack")
    assert render_video(clip, result_with(seen(0, 0.0)), tmp_path / "o.mp4").silent == ("wavpack",)
    assert render_video(clip, result_with(seen(0, 0.0)), tmp_path / "o.mkv").silent == ()
    assert packets(tmp_path / "o.mkv")


def test_rotation_is_applied(tmp_path: Path) -> None:
    clip = rotate_90(grey_clip(tmp_path / "v.mp4", [0.0, 0.1]), tmp_path / "turned.mp4")
    render_video(clip, result_with(seen(0, 0.0)), tmp_path / "o.mp4", RenderOptions(timeline=False))
    assert picture_at(tmp_path / "o.mp4", 0).shape == (160, 120, 3)


def test_colours_stay_as_they_were(tmp_path: Path) -> None:
    for space in (1, 5, 2):  # BT.709, BT.601, not said
        path = tmp_path / f"{space}.mp4"
        with av.open(path, "w") as file:
            stream = file.add_stream("libx264", rate=25, width=320, height=240, options={"crf": "5"})
            stream.pix_fmt = "yuv420p"
            codec = stream.codec_context
            codec.colorspace = codec.color_primaries = codec.color_trc = space
            frame = av.VideoFrame(320, 240, "yuv420p")
            for plane, value in zip(frame.planes, (100, 90, 180), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts, frame.time_base = 0, Fraction(1, 25)
            file.mux([*stream.encode(frame), *stream.encode(None)])
        render_video(path, result_with(seen(0, 5.0)), tmp_path / "o.mp4", RenderOptions(quality=5))
        with av.open(tmp_path / "o.mp4") as file:
            assert file.streams.video[0].codec_context.colorspace == space
            frame = next(file.decode(video=0))
            assert [bytes(plane)[100] for plane in frame.planes] == pytest.approx([100, 90, 180], abs=3)


def test_odd_sizes_and_damage(tmp_path: Path) -> None:
    clip = encode(tmp_path / "odd.gif", [np.full((47, 63, 3), 128, np.uint8)] * 5, [i / 10 for i in range(5)], "gif")
    render_video(clip, result_with(seen(0, 0.0)), tmp_path / "o.mp4")
    assert picture_at(tmp_path / "o.mp4", 0).shape[1] == 64
    noise = np.random.default_rng(0).integers(0, 256, (60, 120, 160, 3)).astype(np.uint8)
    whole = encode(tmp_path / "w.mkv", list(noise), [i / 10 for i in range(60)])
    done = render_video(cut_off(whole, tmp_path / "cut.mkv", 0.5), result_with(seen(0, 0.0)), tmp_path / "c.mp4")
    assert done.ended_early
    assert 10 < len(times_of(tmp_path / "c.mp4")) == done.frames < 60


def test_nothing_is_left_of_a_video_that_fails(tmp_path: Path) -> None:
    out, picture = tmp_path / "o.mp4", tmp_path / "p.png"
    cv2.imwrite(str(picture), np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(InputError, match="holds pictures"):
        render_video(picture, result_with(seen(0, 0.0)), out)
    with pytest.raises(InputError, match="no such file"):
        render_video(tmp_path / "none.mp4", result_with(seen(0, 0.0)), out)
    with pytest.raises(OutputError, match="name it"):
        render_video(EXAMPLE, result_with(seen(0, 0.0)), tmp_path / "o.txt")
    with pytest.raises(OptionError, match="quality"):
        RenderOptions(quality=99)
    assert sorted(tmp_path.iterdir()) == [picture]


# ---- the command


def test_the_command_draws_what_the_json_says(tmp_path: Path) -> None:
    result, out = tmp_path / "r.json", tmp_path / "o.mp4"
    assert fervid("predict", EXAMPLE, "--frames", "--out", result).exit_code == 0
    run = fervid("render", EXAMPLE, "--result", result, "--out", out, "--no-bars", "--quality", "10")
    assert (run.exit_code, run.stdout, run.stderr) == (0, "", "")
    with av.open(EXAMPLE) as one, av.open(out) as other:
        assert abs(one.duration - other.duration) / 1e6 <= 1 / 25
    frames = {each["frame"]: each for each in json.loads(result.read_text())["frames"]}
    checked = 0
    for index in (25, 50, 100, 230):
        image = picture_at(out, index)
        (face,) = frames[index]["faces"]
        x1, y1, x2, y2 = (round(value) for value in face["box"])
        for x, y in ((x1, (y1 + y2) // 2), (x2, (y1 + y2) // 2), ((x1 + x2) // 2, y2)):
            wanted = rgb(colour_of(face["emotion"]))
            assert np.abs(np.array(colour_at(image, x, y)) - wanted).max() < 60, (index, x, y)
            checked += 1
    assert checked == 12
    bare, drawn = cv2.VideoCapture(str(EXAMPLE)), picture_at(out, 150)
    for _ in range(151):
        _, original = bare.read()
    bare.release()
    assert not frames[150]["faces"]
    assert np.abs(drawn[:270].astype(int) - original).mean() < 3  # nothing is drawn where nobody is


def test_blur_looks_at_every_frame_and_hides_the_face(face_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    run = fervid("render", face_clip, "--out", out, "--blur-faces", "--no-bars", "--no-timeline")
    assert run.exit_code == 0, run.stderr
    again = fervid("predict", out, "--format", "jsonl", "--every-frame")
    assert json.loads(again.stdout)["frames_with_face"] == 0


def test_between_two_tracks_of_a_person_nothing_is_hidden() -> None:
    """Before and after a cut, say: a patch that wanders from one place to the other would hide somebody else."""
    log = ObservationLog(EMOTIONS)
    for i in range(40):
        found = {0: (BOX, 1), 39: ((50, 50, 60, 60), 2)}.get(i)
        log.append(seen(i, i / 10, None) if found is None else replace(seen(i, i / 10, found[0]), track=found[1]))
    assert [Playback(log).to_hide(t) for t in (0.1, 2.0, 3.85)] == [[BOX], [], [(50, 50, 60, 60)]]
    assert [Playback(log).to_hide(t, {1}) for t in (0.1, 2.0, 3.85)] == [[], [], []]


@pytest.fixture
def two_named(tmp_path: Path) -> tuple[Path, Path]:
    """A grey clip with two lines, each the face of somebody: Anna left, person 2 right. And its result."""
    picture = np.full((120, 160, 3), 90, np.uint8)
    picture[50:70, 39:42] = picture[50:70, 119:122] = 255
    clip = encode(tmp_path / "two.mp4", [picture] * 5, [i / 10 for i in range(5)])
    log = ObservationLog(EMOTIONS)
    for i in range(5):
        log.append(seen(i, i / 10, (30, 50, 50, 70), 1))
        log.append(seen(i, i / 10, (110, 50, 130, 70), 2))
    means = dict.fromkeys(EMOTIONS, 0.5)
    people = tuple(
        Person(n, 0.0, 0.4, 5, EMOTIONS[0], 0.5, means, identity=name) for n, name in ((1, "Anna"), (2, None))
    )
    result = ClipResult(str(clip), "ok", duration_s=0.5, frames_sampled=5, frames_with_face=5, people=people,
                        ran={"fervid": "0.1.0"}, observations=log)  # fmt: skip
    (tmp_path / "r.json").write_text(json.dumps(result.to_dict(frames=True)))
    return clip, tmp_path / "r.json"


@pytest.mark.parametrize(
    ("arguments", "hidden"),
    [
        (["--blur-only", "Anna"], (True, False)),
        (["--blur-except", "Anna"], (False, True)),
        (["--blur-only", "2"], (False, True)),
        (["--blur-only", "Anna", "--blur-only", "2"], (True, True)),
        (["--blur-faces"], (True, True)),
        ([], (False, False)),
    ],
)
def test_named_people_are_blurred_or_spared(
    two_named: tuple[Path, Path], tmp_path: Path, arguments: list[str], hidden: tuple[bool, bool]
) -> None:
    clip, result = two_named
    out = tmp_path / "o.mp4"
    run = fervid(
        "render", clip, "--result", result, "--no-bars", "--no-timeline", "--quality", "1", "--out", out, *arguments
    )
    assert run.exit_code == 0, run.stderr
    picture = picture_at(out, 2)
    assert tuple(bool(picture[60, x].mean() < 210) for x in (40, 120)) == hidden


def test_who_is_blurred_must_be_there(two_named: tuple[Path, Path], tmp_path: Path) -> None:
    clip, result = two_named
    for arguments, said in (
        (["--blur-only", "Ben"], "nobody in the result is called Ben; numbers are 1, 2; names are Anna"),
        (["--blur-except", "3"], "nobody in the result is called 3; numbers are 1, 2; names are Anna"),
        (["--blur-except", ""], "need the name or number of a person, not an empty one"),
        (["--blur-only", "Anna", "--blur-except", "2"], "contradict each other"),
    ):
        run = fervid("render", clip, "--result", result, "--out", tmp_path / "o.mp4", *arguments)
        assert run.exit_code == 2
        assert said in run.stderr
        assert not (tmp_path / "o.mp4").exists()


def test_a_result_is_not_analysed_again(face_clip: Path, tmp_path: Path) -> None:
    result = tmp_path / "r.json"
    assert fervid("predict", face_clip, "--frames", "--fps", "5", "--out", result).exit_code == 0
    run = fervid("render", face_clip, "--result", result, "--fps", "3", "--out", tmp_path / "o.mp4")
    assert run.exit_code == 2
    assert "--fps is for analysing" in run.stderr
    run = fervid("render", face_clip, "--result", result, "--out", face_clip)
    assert run.exit_code == 2
    assert "is one of the inputs" in run.stderr
    assert face_clip.stat().st_size > 1000


def test_without_the_extra_it_says_which() -> None:
    code = "import sys; sys.modules['PIL'] = None; from fer_video.cli import main; main()"
    arguments = [sys.executable, "-c", code, "render", str(EXAMPLE), "--out", "nowhere.mp4"]
    run = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 2
    assert run.stderr.strip().endswith("needs Pillow: pip install 'fervid[video]'")


# ---- what files show


def test_each_frame_is_drawn_in_its_own_size(tmp_path: Path) -> None:
    """White above and red below: upright in both sizes, the narrow one in the middle."""
    wide, narrow = np.zeros((120, 160, 3), np.uint8), np.zeros((160, 80, 3), np.uint8)
    for image in (wide, narrow):
        image[: len(image) // 2], image[len(image) // 2 :] = 255, (0, 0, 255)
    clip = write_packets(tmp_path / "f.mkv", [[wide] * 5, [narrow] * 5], [100 * i for i in range(10)])
    out = tmp_path / "o.mp4"
    render_video(clip, result_with(seen(0, 5.0)), out, RenderOptions(timeline=False, quality=5))
    first, last = picture_at(out, 1), picture_at(out, 8)
    assert first.shape == last.shape == (120, 160, 3)
    for image in (first, last):
        assert np.abs(np.array(colour_at(image, 80, 20)) - 255).max() < 20
        assert np.abs(np.array(colour_at(image, 80, 100)) - (255, 0, 0)).max() < 20
    assert last[:, :40].max() < 20  # beside it


def test_faces_are_hidden_over_a_change_of_size(face_clip: Path, tmp_path: Path, astronaut: Image) -> None:
    wide, narrow = astronaut[:288, 60:444], astronaut[:384, 100:340]
    clip = write_packets(tmp_path / "f.mkv", [[wide] * 12, [narrow] * 12], [50 * i for i in range(24)])
    out = tmp_path / "o.mp4"
    assert fervid("render", clip, "--out", out, "--blur-faces", "--no-bars", "--no-timeline").exit_code == 0
    before = json.loads(fervid("predict", clip, "--format", "jsonl", "--every-frame").stdout)
    after = json.loads(fervid("predict", out, "--format", "jsonl", "--every-frame").stdout)
    assert (before["frames_with_face"], after["frames_with_face"]) == (24, 0)


def test_a_title_that_is_no_valid_text_is_no_trouble(tmp_path: Path) -> None:
    clip = grey_clip(tmp_path / "v.avi", [i / 30 for i in range(5)], codec="mpeg4")
    data = clip.read_bytes()
    title = b"INAM" + (8).to_bytes(4, "little") + b"Caf\xe9 12\0"
    info = b"LIST" + (4 + len(title)).to_bytes(4, "little") + b"INFO" + title
    at = data.index(b"movi") - 8
    changed = bytearray(data[:at] + info + data[at:])
    changed[4:8] = (len(changed) - 8).to_bytes(4, "little")
    clip.write_bytes(changed)
    assert render_video(clip, result_with(seen(0, 0.0)), tmp_path / "o.mp4").frames == 5


def test_metadata_that_are_not_utf_8(tmp_path: Path, face_clip: Path) -> None:
    """A title in Latin-1, as older cameras and editors write it."""
    clip = tmp_path / "old.avi"
    with av.open(str(face_clip)) as source, av.open(str(clip), "w") as target:
        target.metadata["title"] = "TITLE"
        stream = target.add_stream("mpeg4", rate=10)
        stream.width, stream.height = source.streams.video[0].width, source.streams.video[0].height
        stream.pix_fmt = "yuv420p"
        for frame in source.decode(video=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    data = clip.read_bytes()
    assert b"TITLE" in data
    clip.write_bytes(data.replace(b"TITLE", b"\xc9t\xe9 1"))
    run = fervid("render", clip, "--fps", "2", "--out", tmp_path / "o.mp4", "-q")
    assert (run.exit_code, run.stderr) == (0, "")
    with open_source(tmp_path / "o.mp4") as source:
        assert sum(1 for _ in source.frames(Sampling(fps=None))) == 20


def test_hiding_everybody_and_hiding_some_contradict_each_other(face_clip: Path, tmp_path: Path) -> None:
    run = fervid("render", face_clip, "--blur-faces", "--blur-only", "1", "--out", tmp_path / "o.mp4")
    assert run.exit_code == 2
    assert "blur_faces hides everybody" in run.stderr
    assert not (tmp_path / "o.mp4").exists()


def test_drawn_attributes_are_estimated_too(tmp_path: Path, face_clip: Path) -> None:
    plain, drawn = tmp_path / "plain.mp4", tmp_path / "drawn.mp4"
    for out, options in ((plain, ()), (drawn, ("--draw-attributes", "--numbers"))):
        run = fervid("render", face_clip, "--fps", "2", *options, "--out", out)
        assert run.exit_code == 0, run.stderr
    one, other = (picture_at(out, 0).astype(int) for out in (plain, drawn))
    changed = np.abs(one - other).max(axis=2) > 40
    assert changed.sum() > 100
    stored = tmp_path / "r.json"
    assert fervid("predict", face_clip, "--frames", "--fps", "2", "--out", stored).exit_code == 0
    run = fervid("render", face_clip, "--result", stored, "--draw-attributes", "--out", tmp_path / "o.mp4")
    assert (run.exit_code, "no attributes to draw" in run.stderr) == (2, True)
