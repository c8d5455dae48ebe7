"""Who is who, on boxes moved by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fer_video.faces.track import Tracker, affinity
from fer_video.types import Face


def face(x: float, y: float = 0, side: float = 100) -> Face:
    return Face((x, y, x + side, y + side), 0.9)


def test_affinity_by_hand() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 0, 30, 10]], float)
    # equal: 1. Shifted by half: overlap 50 of 150, centres 5 apart, enclosed by 15 x 10: 1/3 - 25/325.
    # Apart: no overlap, centres 20 apart, enclosed by 30 x 10: -400/1000.
    expected = [[1, 1 / 3 - 25 / 325, -0.4], [1 / 3 - 25 / 325, 1, -225 / 725]]
    assert affinity(boxes[:2], boxes) == pytest.approx(np.array(expected))


def test_one_person_keeps_the_id() -> None:
    tracker = Tracker()
    assert [tracker.update([face(10 * i)], i / 10) for i in range(20)] == [[1]] * 20


def test_ids_follow_people_not_positions_in_the_list() -> None:
    tracker = Tracker()
    assert tracker.update([face(0), face(300)], 0.0) == [1, 2]
    assert tracker.update([face(305), face(5)], 0.1) == [2, 1]
    assert tracker.update([face(10), face(600), face(310)], 0.2) == [1, 3, 2]


def test_two_people_pass_each_other() -> None:
    """Velocity tells them apart: at the crossing both boxes fit both people."""
    tracker = Tracker()
    ids = [tracker.update([face(30 * i), face(600 - 30 * i, y=20)], i / 10) for i in range(21)]
    assert ids == [[1, 2]] * 21


def test_assignment_is_made_as_a_whole() -> None:
    """Greedy would give face B its best match, person 1, and leave person 2 and face A without."""
    tracker = Tracker()
    assert tracker.update([face(0), face(60)], 0.0) == [1, 2]
    # A lies 40 left of person 1 and out of reach of person 2; B lies between the two, nearer to person 1.
    assert tracker.update([face(-40), face(28)], 0.1) == [1, 2]


def test_a_short_loss_keeps_the_id_and_a_long_one_does_not() -> None:
    tracker = Tracker(max_lost_s=1.0)
    assert tracker.update([face(0)], 0.0) == [1]
    assert tracker.update([], 0.5) == []
    assert tracker.update([face(5)], 1.0) == [1]
    assert tracker.update([], 1.9) == []
    assert tracker.update([face(5)], 2.1) == [2]


def test_a_moving_person_is_expected_further_on() -> None:
    tracker = Tracker(max_lost_s=1.0)
    for i in range(5):
        tracker.update([face(50 * i)], i / 10)  # 500 pixels a second
    assert tracker.update([face(400)], 0.8) == [1]  # four lost looks later, two own widths away


def test_a_cut_ends_everybody() -> None:
    tracker = Tracker()
    tracker.update([face(0)], 0.0)
    tracker.reset()
    assert tracker.update([face(0)], 0.1) == [2]


def test_a_face_far_away_is_somebody_else() -> None:
    tracker = Tracker()
    tracker.update([face(0)], 0.0)
    assert tracker.update([face(95)], 0.1) == [2]


def test_no_match_is_not_bought_with_a_worse_one() -> None:
    """One face of two vanishes and one appears far away: the third keeps its own."""
    tracker = Tracker()
    assert tracker.update([face(0), face(1000)], 0.0) == [1, 2]
    assert tracker.update([face(10), face(5000)], 0.1) == [1, 3]


def test_slow_sampling_keeps_people() -> None:
    """Looks further apart than a person may be lost: nobody was lost between them."""
    tracker = Tracker(max_lost_s=1.0)
    assert [tracker.update([face(5 * i)], 2.5 * i) for i in range(4)] == [[1]] * 4
    assert tracker.update([], 10.0) == []
    assert tracker.update([face(15)], 12.5) == [2]
