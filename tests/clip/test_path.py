"""Segments from frames: the best path compared with all paths, and what is around it worked out by hand."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from fer_video.clip.path import PathOptions, Trace, best_path, segments_of, smooth
from fer_video.errors import OptionError
from fer_video.types import Segment

LABELS = ("neutral", "happy", "sad")


def trace_of(*stretches: tuple[float, float, str], step: float = 0.1, sure: float = 0.9) -> Trace:
    """(from, to, label) stretches at even steps; what lies between two of them was sampled without a face."""
    trace = Trace(len(LABELS))
    for start, end, label in stretches:
        for time_s in np.arange(start, end - 1e-9, step):
            others = (1 - sure) / (len(LABELS) - 1)
            trace.add(time_s, round(time_s / step), [sure if each == label else others for each in LABELS])
    return trace


def said(segments: tuple[Segment, ...]) -> list[tuple[float, float, str | None]]:
    return [(round(each.start_s, 2), round(each.end_s, 2), each.emotion) for each in segments]


def score(path: tuple[int, ...], logs: np.ndarray, weights: np.ndarray, options: PathOptions) -> float:
    """Of a path, or -inf where an inner segment is too short."""
    starts = [0, *(i for i in range(1, len(path)) if path[i] != path[i - 1]), len(path)]
    for first, end in list(pairwise(starts))[1:-1]:
        if weights[first:end].sum() < options.min_s - 1e-6:
            return -np.inf
    return float(sum(logs[i, state] * weights[i] for i, state in enumerate(path)) - options.cost * (len(starts) - 2))


@pytest.mark.parametrize("seed", range(8))
def test_no_path_is_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet([0.4, 0.4], 9)
    weights = rng.uniform(0.03, 0.2, 9)
    options = PathOptions(min_s=float(rng.uniform(0, 0.4)), cost=float(rng.uniform(0, 0.15)), likely=0.6)
    logs = np.log(np.maximum(np.column_stack([shares, np.full(9, 0.6)]), 0.02))
    found = tuple(best_path(shares, weights, options).tolist())
    best = max(score(path, logs, weights, options) for path in product(range(3), repeat=9))
    assert score(found, logs, weights, options) == pytest.approx(best)


def test_a_change_is_where_it_is() -> None:
    # The frames at 0.9 s and 1.0 s are on either side; both are as sure.
    assert said(segments_of(trace_of((0, 1, "neutral"), (1, 3, "happy")), LABELS)) == [
        (0.0, 0.95, "neutral"), (0.95, 2.9, "happy"),
    ]  # fmt: skip


def test_one_wrong_frame_changes_nothing() -> None:
    trace = trace_of((0, 1, "neutral"), (1, 1.1, "sad"), (1.1, 2, "neutral"))
    assert said(segments_of(trace, LABELS)) == [(0.0, 1.9, "neutral")]


def test_the_same_three_times() -> None:
    once = [(0.0, 1.0, "neutral"), (1.0, 2.4, "happy")]
    shifted = [(start + 2.4 * i, end + 2.4 * i, label) for i in range(3) for start, end, label in once]
    segments = segments_of(trace_of(*shifted), LABELS)
    assert [each.emotion for each in segments] == ["neutral", "happy"] * 3
    starts = np.array([each.start_s for each in segments]).reshape(3, 2)
    assert np.diff(starts[:, 1]) == pytest.approx([2.4, 2.4], abs=0.02)


def test_out_of_sight_ends_a_segment() -> None:
    trace = trace_of((0, 1, "happy"), (3, 4, "happy"))
    assert said(segments_of(trace, LABELS)) == [(0.0, 0.9, "happy"), (3.0, 3.9, "happy")]
    slow = trace_of((0, 6, "happy"), step=1.0)  # nothing was sampled in between
    assert said(segments_of(slow, LABELS)) == [(0.0, 5.0, "happy")]


def test_uncertain_where_nothing_is_likely() -> None:
    trace = trace_of((0, 2, "happy"))
    for i in range(20):
        trace.add(2 + i / 10, 20 + i, [0.34, 0.33, 0.33])
    first, second = segments_of(trace, LABELS)
    assert (first.emotion, second.emotion) == ("happy", None)
    assert second.start_s == pytest.approx(2.2, abs=0.05)  # smoothed, from 0.9 to 0.34 below 0.4 a little later
    assert second.confidence == pytest.approx(0.34, abs=0.06)


def test_less_sure_than_asked_for_is_uncertain() -> None:
    trace = trace_of((0, 1, "neutral"), (1, 2, "happy"), sure=0.7)
    assert [each.emotion for each in segments_of(trace, LABELS, min_confidence=0.6)] == ["neutral", "happy"]
    (whole,) = segments_of(trace, LABELS, min_confidence=0.8)
    assert (whole.emotion, whole.start_s, round(whole.end_s, 2)) == (None, 0.0, 1.9)


def test_uneven_frames_weigh_by_their_time() -> None:
    # Ten frames of a tenth of a second and then many of a hundredth: the mean is over time, not over frames.
    times = np.concatenate([np.arange(0, 1, 0.1), np.arange(1, 1.1, 0.01)])
    shares = np.column_stack([times < 1, times >= 1]).astype(float)
    smoothed = smooth(times, shares, kernel_s=0.5)
    assert smoothed.sum(axis=1) == pytest.approx(np.ones(len(times)))
    even = smooth(np.arange(0, 1.1, 0.1), np.column_stack([np.arange(11) < 10, np.arange(11) >= 10]).astype(float), 0.5)
    assert smoothed[5] == pytest.approx(even[5], abs=0.02)


def test_a_moment() -> None:
    (only,) = segments_of(trace_of((2, 2.1, "sad")), LABELS)
    assert (only.start_s, only.end_s, only.emotion) == (2.0, 2.0, "sad")


def test_tracks_of_one_person_joined() -> None:
    later, earlier = trace_of((1, 2, "happy")), trace_of((0, 1, "neutral"))
    assert segments_of(Trace.joined([later, earlier]), LABELS) == segments_of(
        trace_of((0, 1, "neutral"), (1, 2, "happy")), LABELS
    )


def test_options_that_make_no_sense() -> None:
    with pytest.raises(OptionError, match="not options of a path"):
        PathOptions(kernel_s=0)
