"""Which frames the detector looks at, and what is said of those between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from fer_video.faces.detectors import DetectorOptions
from fer_video.faces.keyframes import KeyFrames
from fer_video.types import Face, Frame, Image

FPS = 30


def face(x: float, y: float = 0, side: float = 60) -> Face:
    points = np.array([[x, y]] * 5, np.float32)
    return Face((x, y, x + side, y + side), 0.8, points)


class Scripted:
    """A detector that knows where everybody is; frames hold their number."""

    options = DetectorOptions()

    def __init__(self, where: Callable[[int], list[Face]]) -> None:
        self.looked_at: list[int] = []
        self._where = where

    def detect(self, images: Sequence[Image]) -> list[list[Face]]:
        numbers = [int(image.reshape(-1).view(np.uint16)[0]) for image in images]
        self.looked_at += numbers
        return [self._where(number) for number in numbers]


def frames(first: int, count: int, fps: float = FPS) -> list[Frame]:
    return [Frame(i, i / fps, np.array([[i]], np.uint16).view(np.uint8)) for i in range(first, first + count)]


def run(detector: Any, *chunks: list[Frame], cuts: Sequence[int] = (), every_s: float = 0.2) -> list[list[Face]]:
    keys = KeyFrames(detector, every_s)
    return [faces for chunk in chunks for faces in keys.faces(chunk, [frame.index in cuts for frame in chunk], {})]


def test_somebody_who_moves_on_a_straight_line() -> None:
    detector = Scripted(lambda i: [face(2 * i, i)])
    faces = run(detector, frames(0, 16), frames(16, 16))
    assert detector.looked_at == [0, 6, 12, 15, 21, 27, 31]  # 0.2 s are six frames; a chunk ends with one
    for i, (found,) in enumerate(faces):
        assert found.box == pytest.approx((2 * i, i, 2 * i + 60, i + 60))
        assert found.landmarks == pytest.approx(np.array([[2 * i, i]] * 5))
        assert found.score == pytest.approx(0.8)


def test_every_frame() -> None:
    detector = Scripted(lambda i: [face(i * i)])
    assert [found[0].box[0] for found in run(detector, frames(0, 5), every_s=0)] == [0, 1, 4, 9, 16]
    assert detector.looked_at == [0, 1, 2, 3, 4]


def test_frames_further_apart_are_all_looked_at() -> None:
    detector = Scripted(lambda i: [face(i)])
    run(detector, frames(0, 6, fps=4))
    assert detector.looked_at == [0, 1, 2, 3, 4, 5]
    detector.looked_at.clear()
    run(detector, frames(0, 6, fps=10))
    assert detector.looked_at == [0, 2, 4, 5]


@pytest.mark.parametrize("comes", range(1, 7))
def test_somebody_comes(comes: int) -> None:
    """Between two key frames that do not agree, the frame at which it happened is searched for by halves."""
    detector = Scripted(lambda i: [face(10)] if i >= comes else [])
    faces = run(detector, frames(0, 7))
    assert [len(each) for each in faces] == [int(i >= comes) for i in range(7)]
    assert len(detector.looked_at) <= 5


def test_a_jump_is_not_a_straight_line() -> None:
    detector = Scripted(lambda i: [face(100 if i > 3 else 0)])
    assert [found[0].box[0] for found in run(detector, frames(0, 7))] == [0, 0, 0, 0, 100, 100, 100]


def test_two_people_who_change_their_order() -> None:
    detector = Scripted(lambda i: [face(5 * i, 0), face(30 - 5 * i, 80)])
    for i, found in enumerate(run(detector, frames(0, 7))):
        assert sorted(each.box[0] for each in found) == pytest.approx(sorted((5 * i, 30 - 5 * i)))
        assert [each.box[0] for each in found] == sorted(each.box[0] for each in found)


def test_nothing_is_drawn_across_a_cut() -> None:
    detector = Scripted(lambda i: [face(200 if i >= 4 else 10)])
    faces = run(detector, frames(0, 8), cuts=[4])
    assert [found[0].box[0] for found in faces] == [10] * 4 + [200] * 4
    assert set(detector.looked_at) == {0, 3, 4, 7}


def test_small_faces_are_left_out_before_anything_is_drawn() -> None:
    detector = Scripted(lambda i: [face(10), face(100, side=30)])
    assert all(len(found) == 1 for found in run(detector, frames(0, 7)))


def test_known_frames_are_not_looked_at_again() -> None:
    detector = Scripted(lambda i: [face(i)])
    keys = KeyFrames(detector)  # type: ignore[arg-type]
    chunk = frames(0, 7)
    known = {0: [face(0)], 6: [face(6)]}
    faces = keys.faces(chunk, [False] * 7, known)
    assert detector.looked_at == []
    assert [found[0].box[0] for found in faces] == pytest.approx(list(range(7)))
