"""Statistics against numbers worked out by hand and against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from fer_video.pool import RunningStats


def test_by_hand() -> None:
    stats = RunningStats()
    for row in ([1.0, 4.0], [3.0, 0.0], [5.0, 2.0]):
        stats.add(row)
    assert stats.count == 3
    assert stats.mean.tolist() == [3, 2]
    # biased: squares 4 + 0 + 4 and 4 + 4 + 0, over 3
    assert stats.std == pytest.approx([(8 / 3) ** 0.5, (8 / 3) ** 0.5])
    assert stats.min.tolist() == [1, 0]
    assert stats.max.tolist() == [5, 4]


def test_equals_numpy_also_far_from_zero() -> None:
    rows = np.random.default_rng(3).normal(1e6, 1e-2, (5000, 7))
    stats = RunningStats()
    for row in rows:
        stats.add(row)
    assert stats.mean == pytest.approx(rows.mean(0), rel=1e-12)
    assert stats.std == pytest.approx(rows.std(0), abs=1e-6)
    assert np.array_equal(stats.min, rows.min(0))
    assert np.array_equal(stats.max, rows.max(0))


def test_one_row_has_no_spread() -> None:
    stats = RunningStats()
    stats.add([2.0])
    assert stats.std.tolist() == [0]


def test_what_was_added_is_not_changed() -> None:
    row = np.array([1.0, 2.0])
    stats = RunningStats()
    stats.add(row)
    stats.add([0.0, 9.0])
    assert row.tolist() == [1, 2]
