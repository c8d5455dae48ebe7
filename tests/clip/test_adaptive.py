"""Thresholds worked out on paper."""

from __future__ import annotations

import numpy as np
import pytest

from fer_video.clip.adaptive import choose_thresholds, stop_at
from fer_video.errors import OptionError


def scores(*leading: float) -> np.ndarray:
    """Two classes; positive: class 0 leads with this score, negative: class 1 with its absolute value."""
    return np.array([[value, 0.0] if value > 0 else [0.0, -value] for value in leading])


def test_by_hand() -> None:
    """Truth is class 0 for all five. Two stages: stage 1 may be wrong for 0.4 x 1/2 = 20 % of those that stop.

    By falling score: 5 right, 4 right, 3 wrong (1 of 3), 2 right (1 of 4), 1 right (1 of 5 = 20 %): down to 1.
    """
    first, last = scores(5, 4, -3, 2, 1), scores(9, 9, 9, 9, 9)
    adaptive = choose_thresholds([first, last], np.zeros(5, int), 0.4, strides=(9, 1))
    assert adaptive.thresholds == (1.0,)
    strict = choose_thresholds([first, last], np.zeros(5, int), 0.1, strides=(9, 1))
    assert strict.thresholds == (4.0,)  # 5 % allowed: none may be wrong
    assert stop_at([first, last], strict).tolist() == [0, 0, 1, 1, 1]


def test_later_strides_are_chosen_on_those_that_are_left() -> None:
    truth = np.zeros(4, int)
    first, second, last = scores(5, -4, 3, 2), scores(1, 5, -3, 4), scores(9, 9, 9, 9)
    adaptive = choose_thresholds([first, second, last], truth, 0.3, strides=(18, 9, 1))
    # stage 1, 10 %: only the first stops. Stage 2, 20 %, of the others: 5 right, 4 right, 3 wrong.
    assert adaptive.thresholds == (5.0, 4.0)
    assert stop_at([first, second, last], adaptive).tolist() == [0, 1, 2, 1]


def test_a_stride_that_is_never_sure_enough_never_stops() -> None:
    first = scores(-5, -4)
    adaptive = choose_thresholds([first, first], np.zeros(2, int), 0.1, strides=(9, 1))
    assert stop_at([first, first], adaptive).tolist() == [1, 1]


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
def test_senseless_rate(rate: float) -> None:
    with pytest.raises(OptionError):
        choose_thresholds([scores(1)], np.zeros(1, int), rate)
