"""Statistics against numbers worked out by hand and against NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fer_video.clip.pool import STATISTICS, Pooler, Pooling, RunningStats, pool
from fer_video.errors import OptionError


def stats_of(*batches: object) -> RunningStats:
    stats = RunningStats()
    for batch in batches:
        stats.add(batch)  # type: ignore[arg-type]
    return stats


def test_by_hand() -> None:
    stats = stats_of([1.0, 4.0], [[3.0, 0.0], [5.0, 2.0]])
    assert stats.count == 3
    assert stats.mean == pytest.approx([3, 2])
    # biased: squares 4 + 0 + 4 and 4 + 4 + 0, over 3
    assert stats.std == pytest.approx([(8 / 3) ** 0.5, (8 / 3) ** 0.5])
    assert stats.min.tolist() == [1, 0]
    assert stats.max.tolist() == [5, 4]
    assert stats.stack(("max", "mean")) == pytest.approx([5, 4, 3, 2])


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_equals_numpy_also_far_from_zero(size: int) -> None:
    rows = np.random.default_rng(3).normal(1e6, 1e-2, (5000, 7))
    stats = stats_of(*(rows[i : i + size] for i in range(0, 5000, size)))
    assert stats.mean == pytest.approx(rows.mean(0), rel=1e-12)
    assert stats.std == pytest.approx(rows.std(0), abs=1e-6)
    assert np.array_equal(stats.min, rows.min(0))
    assert np.array_equal(stats.max, rows.max(0))


def test_one_row_has_no_spread() -> None:
    assert stats_of([2.0]).std.tolist() == [0]


def test_nothing_changes_nothing() -> None:
    assert stats_of(np.zeros((0, 2)), [1.0, 2.0], np.zeros((0, 2))).mean.tolist() == [1, 2]


def test_what_was_added_is_not_changed() -> None:
    row = np.array([[1.0, 2.0]])
    stats_of(row, [0.0, 9.0])
    assert row.tolist() == [[1, 2]]


def test_a_clip_by_hand() -> None:
    embeddings, frames = np.array([[1, 0], [3, 4]], np.float32), np.array([0, 5])
    plain = Pooling(normalize=False)
    assert pool(embeddings, frames, plain).tolist() == [2, 2, 1, 2, 1, 0, 3, 4]  # mean, std, min, max
    assert pool(embeddings, frames, Pooling(("max", "std"), normalize=False)).tolist() == [3, 4, 1, 2]
    # mean (2, 2) and max (3, 4): length sqrt(4 + 4 + 9 + 16) = sqrt(33)
    assert pool(embeddings, frames, Pooling(("mean", "max"))) == pytest.approx(np.array([2, 2, 3, 4]) / 33**0.5)


def test_a_group_by_hand() -> None:
    """Two faces, three frames, one number an embedding; in the last frame only one face is seen.

    Frame means 2, 6, 4 and stds 1, 2, 0; over the frames: means 4 and 1, stds sqrt(8/3) and sqrt(2/3).
    """
    embeddings = np.array([[1], [3], [4], [8], [4]], np.float32)
    frames = np.array([0, 0, 3, 3, 9])
    vgaf = Pooling(("mean", "std"), nested=True, normalize=False)
    assert pool(embeddings, frames, vgaf) == pytest.approx([4, 1, (8 / 3) ** 0.5, (2 / 3) ** 0.5])
    length = (16 + 1 + 8 / 3 + 2 / 3) ** 0.5
    normalized = pool(embeddings, frames, Pooling(("mean", "std"), nested=True))
    assert normalized == pytest.approx(np.array([4, 1, (8 / 3) ** 0.5, (2 / 3) ** 0.5]) / length)


@pytest.mark.parametrize("nested", [False, True])
def test_any_selection_equals_numpy(nested: bool) -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(0, 3, (40, 5)).astype(np.float32)
    frames = np.repeat(np.arange(10), 4)
    for count in range(1, 5):
        for names in itertools.permutations(STATISTICS, count):

            def stack(rows: np.ndarray, names: tuple[str, ...] = names) -> np.ndarray:
                return np.concatenate([getattr(np, name)(rows, axis=0) for name in names])

            rows = np.stack([stack(embeddings[frames == i]) for i in range(10)]) if nested else embeddings
            expected = stack(rows)
            found = pool(embeddings, frames, Pooling(names, nested, normalize=False))
            assert found.shape == (Pooling(names, nested).size(5),)
            assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("pooling", [Pooling(), Pooling(("mean", "std"), nested=True)])
def test_no_face_is_all_zeros(pooling: Pooling) -> None:
    nothing = pool(np.zeros((0, 3), np.float32), np.zeros(0, np.int64), pooling)
    assert nothing.tolist() == [0] * pooling.size(3)
    assert nothing.dtype == np.float32


def test_an_all_zero_embedding_stays_finite() -> None:
    assert pool(np.zeros((2, 3), np.float32), np.array([0, 1]), Pooling()).tolist() == [0] * 12


def test_streaming_equals_at_once() -> None:
    embeddings = np.random.default_rng(1).normal(0, 1, (30, 4)).astype(np.float32)
    frames = np.repeat(np.arange(10), 3)
    for pooling in (Pooling(), Pooling(("mean", "std"), nested=True)):
        pooler = Pooler(pooling, 4)
        for frame in range(10):
            pooler.add_frame(embeddings[frames == frame])
        assert pooler.descriptor() == pytest.approx(pool(embeddings, frames, pooling), abs=1e-6)
        assert pooler.frames == (10 if pooling.nested else 30)


@pytest.mark.parametrize("names", [(), ("mean", "mean"), ("median",)])
def test_senseless_selection(names: tuple[str, ...]) -> None:
    with pytest.raises(OptionError, match="statistics"):
        Pooling(names)  # type: ignore[arg-type]
