"""What a report is made of: columns, moments, pictures, and the words on how it was made."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import EXAMPLE
from media import encode, number_of, numbered

from fer_video.media import video
from fer_video.media.decode import open_source
from fer_video.media.source import Source
from fer_video.render import crops
from fer_video.render.clock import clock
from fer_video.render.columns import columns_of
from fer_video.render.crops import cut_faces, first_picture
from fer_video.render.made import how_made
from fer_video.render.moments import best_shown, moments_of
from fer_video.render.palette import colour_of, rgb
from fer_video.results.observations import ObservationLog
from fer_video.results.read import read_results
from fer_video.types import ClipResult, Face, Observation, Person, Segment

EMOTIONS = ("neutral", "happiness", "surprise")


def watched(*shares: tuple[float, float, float], sides: tuple[float, ...] = ()) -> ObservationLog:
    """One person, a frame every half second. sides: of the faces."""
    log = ObservationLog(EMOTIONS)
    for i, each in enumerate(shares):
        side = sides[i] if sides else 10.0
        face = Face((0.0, 0.0, side, side), 1.0)
        log.append(Observation(i, i / 2, 1, face, dict(zip(EMOTIONS, each, strict=True))))
    return log


def clip(log: ObservationLog, *segments: Segment) -> ClipResult:
    person = Person(1, 0.0, segments[-1].end_s, len(log), "neutral", 0.5, {}, segments=segments)
    return ClipResult("a.mp4", "ok", duration_s=segments[-1].end_s, people=(person,), observations=log)


# ---- columns


def unpacked(data: str, rows: list[int]) -> list[list[int]]:
    """As report-data.js reads them: running sums of four planes of bytes."""
    content, columns, at = gzip.decompress(base64.b64decode(data)), [], 0
    for count in rows:
        planes = [content[at + k * count : at + (k + 1) * count] for k in range(4)]
        steps = [int.from_bytes(bytes(each), "little", signed=True) for each in zip(*planes, strict=True)]
        columns.append(np.cumsum(steps).tolist() if steps else [])
        at += 4 * count
    assert at == len(content)
    return columns


def test_columns_hold_frames_and_faces_in_the_order_of_people() -> None:
    log = ObservationLog(("sad", "happy"))
    log.append(Observation(2, 0.5, 2, Face((1.25, -2, 3, 4), 0.5), {"sad": 0.25, "happy": 0.75}, track=3))
    log.append(Observation(2, 0.5, 1, Face((5, 6, 7, 8.13), 1.0), {"sad": 1.0, "happy": 0.0}))
    log.append(Observation(9, 1.00001))
    log.append(Observation(12, 1.5, 2, Face((0, 0, 1, 1), 0.25), {"sad": 0.5, "happy": 0.5}, track=3))
    columns = columns_of(log)
    assert columns.header["frames"] == 3
    assert columns.header["faces"] == 3
    number, time, *faces = unpacked(columns.data, [3, 3] + [3] * 10)
    assert number == [2, 9, 12]
    assert [each * columns.header["tick_s"] for each in time] == pytest.approx([0.5, 1.00001, 1.5], abs=1e-9)
    place, person, track, score, x1, y1, _, y2, sad, happy = faces
    assert (place, person, track) == ([0, 0, 2], [1, 2, 2], [1, 3, 3])
    assert (score, x1, y1, y2) == ([1000, 500, 250], [20, 5, 0], [24, -8, 0], [33, 16, 4])  # quarters of a pixel
    assert (sad, happy) == ([1000, 250, 500], [0, 750, 500])


def test_columns_are_bounded() -> None:
    log = watched(*[(0.5, 0.25, 0.25)] * 100)
    columns = columns_of(log, most_faces=30)
    assert columns.kept == 4
    assert columns.header["frames"] == columns.header["faces"] == 25
    assert unpacked(columns.data, [25] * 13)[0] == list(range(0, 100, 4))


def test_columns_of_nothing_and_of_the_end_of_time() -> None:
    assert columns_of(ObservationLog(("sad",))).header["frames"] == 0
    log = ObservationLog(("sad",))
    log.append(Observation(0, 0.0))
    log.append(Observation(2**31 - 1, 999_999_999.0))
    columns = columns_of(log)
    assert unpacked(columns.data, [2, 2] + [0] * 9)[1][1] * columns.header["tick_s"] == pytest.approx(999_999_999)


# ---- moments


def test_the_best_face_of_each_emotion_is_large_and_sure() -> None:
    shares = [(0.9, 0.1, 0.0), (0.6, 0.4, 0.0), (0.1, 0.8, 0.1), (0.1, 0.9, 0.0)]
    log = watched(*shares, sides=(10.0, 20.0, 20.0, 15.0))
    made = clip(log, Segment(0, 0.9, "neutral", 0.7), Segment(0.9, 2.0, "happiness", 0.8))
    (found,) = best_shown(log, made.people).values()
    # 10 x 0.9 < 20 x 0.6, and 20 x 0.8 > 15 x 0.9
    assert [(each.emotion, each.seen.frame) for each in found] == [("happiness", 2), ("neutral", 1)]
    assert [each.share for each in found] == pytest.approx([0.55, 0.45])


def test_who_is_uncertain_has_a_picture_too() -> None:
    log = watched((0.4, 0.3, 0.3), (0.3, 0.4, 0.3), (0.2, 0.7, 0.1))
    made = clip(log, Segment(0, 0.5, None, 0.4), Segment(0.6, 1.0, "happiness", 0.7))
    (found,) = best_shown(log, made.people).values()
    assert [(each.emotion, each.seen.frame) for each in found] == [("uncertain", 0), ("happiness", 2)]


def test_without_segments_the_frames_tell_the_emotions() -> None:
    log = watched((0.9, 0.1, 0.0), (0.1, 0.8, 0.1), (0.1, 0.9, 0.0))
    person = Person(1, 0.0, 1.0, 3, "neutral", 0.5, {})
    (found,) = best_shown(log, [person]).values()
    assert [(each.emotion, each.share, each.seen.frame) for each in found] == [
        ("happiness", pytest.approx(2 / 3), 2), ("neutral", pytest.approx(1 / 3), 0)
    ]  # fmt: skip


def test_moments_are_rare_peaks_and_changes() -> None:
    calm, glad, amazed = (0.9, 0.1, 0.0), (0.2, 0.8, 0.0), (0.1, 0.1, 0.8)
    log = watched(*[calm] * 8, *[amazed] * 2, *[glad] * 10)
    made = clip(log, Segment(0, 4, "neutral", 0.9), Segment(4, 5, "surprise", 0.8), Segment(5, 10, "happiness", 0.7))
    found = [(each.kind, each.time_s, each.before, each.emotion) for each in moments_of(made, made.people)]
    assert ("change", 4.0, "neutral", "surprise") in found
    assert ("change", 5.0, "surprise", "happiness") in found
    peaks = {emotion: time_s for kind, time_s, _, emotion in found if kind == "peak"}
    assert set(peaks) == {"surprise", "happiness"}  # never neutral
    surprise = next(each for each in moments_of(made, made.people) if (each.kind, each.emotion) == ("peak", "surprise"))
    # a second around 4.0 and 4.5 s: one calm frame and two amazed ones, or two amazed and one glad
    assert surprise.confidence == pytest.approx(1.6 / 3)
    assert surprise.time_s in (4.0, 4.5)


def test_one_lasting_expression_has_no_moments() -> None:
    log = watched(*[(0.1, 0.9, 0.0)] * 10)
    made = clip(log, Segment(0, 5, "happiness", 0.9))
    assert moments_of(made, made.people) == []


def test_moments_are_few_and_apart() -> None:
    labels = ["neutral", "happiness", "surprise"]
    shares = [tuple(0.8 if labels[i // 4 % 3] == label else 0.1 for label in labels) for i in range(400)]
    segments = [Segment(i * 2.0, i * 2.0 + 1.5, labels[i % 3], 0.8) for i in range(100)]
    made = clip(watched(*shares), *segments)  # type: ignore[arg-type]
    found = moments_of(made, made.people)
    for kind in ("peak", "change"):
        times_s = [each.time_s for each in found if each.kind == kind]
        assert len(times_s) == 12
        assert min(np.diff(times_s)) >= made.duration_s / 40  # type: ignore[operator]


# ---- pictures


def test_pictures_are_of_the_faces(analysed: Path) -> None:
    (found,) = read_results(analysed)
    assert found.observations is not None
    wanted = [each[0].seen for each in best_shown(found.observations, found.people).values()]
    pictures = cut_faces(EXAMPLE, wanted)
    assert set(pictures) == {(seen.frame, seen.person) for seen in wanted}
    assert len(pictures) == 2
    for jpeg in pictures.values():
        one = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert one is not None
        assert one.shape == (144, 144, 3)
        assert one[72, 72, 2] > one[72, 72, 0] + 20  # skin is red rather than blue


@pytest.mark.parametrize(("can_seek", "times_opened"), [(True, 4), (False, 2)])
def test_long_stretches_are_skipped_where_the_file_allows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_seek: bool, times_opened: int
) -> None:
    """Four runs are four jumps; other files are read for the first run, and once more for all others."""
    path = encode(tmp_path / "n.mp4", numbered(240, 240, 240), [i / 2 for i in range(240)], keyframes=10)
    if not can_seek:
        monkeypatch.setattr(video, "key_frame_before", lambda *_: None)
    opened: list[Source] = []

    def noted(*given: Path) -> Source:
        opened.append(open_source(*given))
        return opened[-1]

    monkeypatch.setattr(crops, "open_source", noted)
    side = 240 / 1.35  # so that a picture is all of the frame
    face = Face((120 - side / 2, 120 - side / 2, 120 + side / 2, 120 + side / 2), 1.0)
    frames = [50, 51, 100, 160, 230]
    found = cut_faces(path, [Observation(i, i / 2, 1, face, {"neutral": 1.0}) for i in reversed(frames)])
    assert [each.sought for each in opened] == [can_seek] * times_opened
    assert sorted(found) == [(frame, 1) for frame in frames]
    for (frame, _), jpeg in found.items():
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert number_of(np.asarray(image, np.uint8)) == frame


def test_a_photo_is_as_large_as_a_page_needs(tmp_path: Path) -> None:
    for size, wanted in (((300, 3200), (150, 1600)), ((40, 30), (40, 30))):
        cv2.imwrite(str(tmp_path / "p.png"), np.full((*size, 3), 90, np.uint8))
        jpeg = first_picture(tmp_path / "p.png")
        assert jpeg is not None
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert image.shape[:2] == wanted


# ---- words


def test_how_it_was_made_is_said_in_words(analysed: Path) -> None:
    (found,) = read_results(analysed)
    words = dict(how_made(found.ran))
    assert words["Face detector"].startswith("yunet-2023mar, on CPUExecutionProvider, SHA-256 63cbccf1dc25930e")
    assert words["Clip model"].startswith("pseudo-clip-8, SHA-256 ")
    assert words["Software"].startswith("fervid ")
    assert ", Python 3." in words["Software"]
    assert ", ONNX Runtime " in words["Software"]
    assert words["Frames"] == "10 per second of video"
    assert words["Smallest face"] == "40 pixels"
    assert words["Most faces per frame"] == "not set"
    assert words["Age, gender and ethnicity"] == "yes"
    assert words["Windows"] == "length 2 s, step 1 s"
    assert words["Segments"].startswith("Answers for windows of 2 s")
    for each in [*words, *words.values()]:
        assert not set(each) & set("{}[]'\""), each


def test_anything_may_be_in_what_ran() -> None:
    ran = {
        "fervid": 1, "detector": "old", "segments": "x", "options": ["a", {"b_c": None}], "versions": 3,
        "sampling": {"every_frame": True, "start_s": 2.0, "end_s": 9.5}, "new_thing": {"deep": {"er": [1.5, False]}},
    }  # fmt: skip
    words = dict(how_made(ran))
    assert words["Frames"] == "every frame, from 2 s, to 9.5 s"
    assert words["New thing"] == "Deep Er 1.5, no"
    assert words["Options"] == "a, B c not set"
    assert words["Face detector"] == "old"
    assert how_made({}) == []


def test_what_ran_may_be_nested_deeply() -> None:
    deep: dict[str, object] = {}
    for _ in range(5000):
        deep = {"a": [deep]}
    assert how_made({"b": deep}) == [("B", "A A A …")]


@pytest.mark.parametrize(
    ("time_s", "longest_s", "wanted"),
    [(0, 0, "0:00.0"), (59.99, 0, "0:59.9"), (0.3, 0, "0:00.3"), (75.25, 3600, "0:01:15.2"), (7325.0, 0, "2:02:05.0")],
)
def test_clocks(time_s: float, longest_s: float, wanted: str) -> None:
    assert clock(time_s, longest_s) == wanted


def test_colours_stand_out_on_white_and_on_black() -> None:
    def light(colour: str) -> float:
        linear = [((v / 255 + 0.055) / 1.055) ** 2.4 if v > 10 else v / 255 / 12.92 for v in rgb(colour)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        low, high = sorted((light(one), light(other)))
        return (high + 0.05) / (low + 0.05)

    for label in ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "délire"):
        for ground in ("#FFFFFF", "#000000", "#fafaf8", "#1d1f21"):  # paper, and the cards of the report
            assert contrast(colour_of(label), ground) >= 3, (label, ground)
