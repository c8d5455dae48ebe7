"""Where places do not tell who is who: by hand, and in drawn clips of people who cross, hide each other and leave."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from faces import SIX, face_crops
from media import Image, encode

from fer_video import Analyzer, ClipResult
from fer_video.faces.doubts import Doubt
from fer_video.faces.seen import Seen, thumbnails_of
from fer_video.faces.track import Tracker
from fer_video.types import Face

Places = list[tuple[int, int]]  # who is where: number of the face and left edge; later ones hide earlier ones
SIDE, TOP = 140, 110


def face(x: float, side: float = 100) -> Face:
    return Face((x, 0, x + side, side), 0.9)


class Asked:
    """A judge that notes the doubts, and settles them as told."""

    def __init__(self, verdict: dict[int, int | None] | None = None) -> None:
        self.doubts: list[Doubt] = []
        self.verdict = verdict or {}

    def __call__(self, doubts: Sequence[Doubt]) -> dict[int, int | None]:
        self.doubts += doubts
        return {doubt.face: self.verdict[doubt.face] for doubt in doubts if doubt.face in self.verdict}


# ---- by hand


def test_nobody_is_asked_where_places_tell() -> None:
    tracker, judge = Tracker(), Asked()
    for i in range(20):  # side by side, and one is not found now and then
        tracker.update([face(5 * i), face(300 + 5 * i)] if i % 4 else [face(5 * i)], i / 10, judge)
    assert judge.doubts == []


def test_one_hides_the_other() -> None:
    """Two faces whose boxes lie on each other, then one: somebody is asked whose it is, and the verdict holds."""
    for verdict in (1, 2):
        tracker, judge = Tracker(), Asked({0: verdict})
        for i, x in enumerate((0, 80, 140)):
            assert tracker.update([face(x), face(200)], i / 10, judge) == [1, 2]
        assert judge.doubts == []
        assert tracker.update([face(195)], 0.3, judge) == [verdict]
        (doubt,) = judge.doubts
        assert {doubt.track, *doubt.rivals} == {1, 2}
        for i in range(4, 10):
            assert tracker.update([face(195)], i / 10, judge) == [verdict]
        assert len(judge.doubts) <= 2  # once more where it still moved


def test_two_who_part() -> None:
    """They meet at 120 and are apart again at 180 and 60. Each of them may be the other one."""
    tracker, judge = Tracker(), Asked()
    for i in range(6):
        assert tracker.update([face(30 * i), face(240 - 30 * i)], i / 10, judge) == [1, 2]
    assert judge.doubts == []
    judge.verdict = {0: 2, 1: 1}
    assert tracker.update([face(180), face(60)], 0.6, judge) == [2, 1]
    assert judge.doubts == [Doubt(0, 1, (2,)), Doubt(1, 2, (1,))]
    assert tracker.update([face(210), face(30)], 0.7, judge) == [2, 1]
    assert len(judge.doubts) == 2


def test_who_is_found_after_a_while_may_be_new() -> None:
    tracker, judge = Tracker(), Asked({0: None})
    assert tracker.update([face(0)], 0.0, judge) == [1]
    for time_s in (0.1, 0.2, 0.3, 0.4):
        assert tracker.update([], time_s, judge) == []
    assert tracker.update([face(5)], 0.5, judge) == [2]
    assert judge.doubts == [Doubt(0, 1)]
    slow, judge = Tracker(), Asked()
    assert [slow.update([face(i)], 2.0 * i, judge) for i in range(4)] == [[1]] * 4
    assert judge.doubts == []  # looks that are far apart are no loss


def test_a_verdict_that_gives_two_faces_one_track_does_not_hold() -> None:
    tracker = Tracker()
    tracker.update([face(0), face(300)], 0.0)
    tracker.update([], 0.2)
    tracker.update([face(300)], 0.45)
    assert tracker.update([face(0), face(300)], 0.6, Asked({0: 2})) == [1, 2]


def test_nearly_the_same_picture_is_the_same_person() -> None:
    rng = np.random.default_rng(0)
    one, other = (cv2.resize(rng.integers(0, 256, (14, 14, 3), dtype=np.uint8), (112, 112)) for _ in range(2))
    brighter = np.clip(one * 0.8 + 30, 0, 255).astype(np.uint8)
    first, alike, else_ = (thumbnails_of([np.asarray(each, np.uint8)]) for each in (one, brighter, other))
    assert float((first @ first.T)[0, 0]) == pytest.approx(1)
    seen = Seen()
    assert seen.find(first) is None
    for track in range(40):  # more than there is room for at first
        noise = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
        seen.add(track, thumbnails_of([noise]), clear=True)
    seen.add(50, first, clear=True)
    assert seen.find(alike) == (50, True)
    assert seen.find(alike, {50}) is None
    assert seen.find(else_) is None
    seen.add(51, else_, clear=False)
    assert seen.find(else_) == (51, False)
    flat = thumbnails_of([np.full((112, 112, 3), 7, np.uint8)])
    assert seen.find(flat) is None
    assert np.isfinite(flat).all()


# ---- drawn


@pytest.fixture(scope="module")
def faces(six_people: Image, astronaut: Image) -> list[Image]:
    her = cv2.resize(astronaut[20:220, 120:320], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return [*face_crops(six_people, SIX, SIDE), np.asarray(her, np.uint8)]


def drawn(faces: list[Image], places: Places) -> Image:
    view = np.full((360, 640, 3), np.linspace(60, 160, 640)[:, None], np.uint8)
    for who, x in places:
        oval = np.zeros((SIDE, SIDE), np.uint8)
        cv2.ellipse(oval, (SIDE // 2, SIDE // 2), (int(SIDE * 0.42), int(SIDE * 0.48)), 0, 0, 360, 255, -1)
        part = view[TOP : TOP + SIDE, x : x + SIDE]
        part[oval > 0] = faces[who][oval > 0]
    return view


def whose(
    analyzer: Analyzer, faces: list[Image], frames: list[Places], path: Path
) -> tuple[ClipResult, dict[int, set[int]]]:
    """The result, and for each drawn face the people that it was taken for where no other is within half a face."""
    clip = encode(path, [drawn(faces, places) for places in frames], [i / 10 for i in range(len(frames))])
    result = analyzer.analyze(clip)
    taken: dict[int, set[int]] = {}
    for seen in result.observations or ():
        if seen.face is None or seen.person is None:
            continue
        near = [who for who, x in frames[round(seen.time_s * 10)] if abs(x + SIDE / 2 - seen.face.center[0]) < SIDE / 2]
        if len(near) == 1:
            taken.setdefault(near[0], set()).add(seen.person)
    return result, taken


PAIRS = [(0, 2), (6, 1), (3, 5)]


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_two_who_cross_do_not_swap(analyzer: Analyzer, faces: list[Image], tmp_path: Path, a: int, b: int) -> None:
    crossing = [[(a, 20 + 16 * i), (b, 480 - 16 * i)] for i in range(30)]
    turning = [[(a, 20 + 14 * min(i, 30 - i)), (b, 480 - 14 * min(i, 30 - i))] for i in range(31)]
    for name, frames in (("crossing", crossing), ("turning", turning)):
        result, taken = whose(analyzer, faces, frames, tmp_path / f"{name}.mp4")
        assert len(result.people) == 2, name
        assert taken == {a: {1}, b: {2}}, name


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_who_is_hidden_for_two_seconds_keeps_the_number(
    analyzer: Analyzer, faces: list[Image], tmp_path: Path, a: int, b: int
) -> None:
    """One walks before the other, stands there for two seconds, and goes on, or back where it came from."""
    there = list(range(11))
    for name, steps in (("on", [*there, *[10] * 20, *range(11, 22)]), ("back", [*there, *[10] * 20, *there[::-1]])):
        frames = [[(b, 250), (a, 40 + 21 * step)] for step in steps]
        result, taken = whose(analyzer, faces, frames, tmp_path / f"{name}.mp4")
        assert len(result.people) == 2, name
        assert taken == {a: {1}, b: {2}}, name


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_who_leaves_and_comes_back_keeps_the_number(
    analyzer: Analyzer, faces: list[Image], tmp_path: Path, a: int, b: int
) -> None:
    """One leaves for two seconds and a half; both leave, and come back in each other's places."""
    one = [[(b, 420), *([] if 10 <= i < 35 else [(a, 60)])] for i in range(50)]
    both: list[Places] = [[(a, 60), (b, 420)]] * 10 + [[]] * 20 + [[(b, 60), (a, 420)]] * 15
    for name, frames in (("one", one), ("both", both)):
        result, taken = whose(analyzer, faces, frames, tmp_path / f"{name}.mp4")
        assert len(result.people) == 2, name
        assert taken == {a: {1}, b: {2}}, name


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_somebody_else_at_the_same_place_is_somebody_else(
    analyzer: Analyzer, faces: list[Image], tmp_path: Path, a: int, b: int
) -> None:
    """Within the second for which a track waits for its face."""
    frames: list[Places] = [[(a, 260)]] * 15 + [[]] * 6 + [[(b, 260)]] * 15
    result, taken = whose(analyzer, faces, frames, tmp_path / "replaced.mp4")
    assert len(result.people) == len(result.tracks) == 2
    assert taken == {a: {1}, b: {2}}
