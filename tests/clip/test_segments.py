"""Sliding windows worked out on paper."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fer_video.clip.segments import WindowOptions, Windows
from fer_video.errors import OptionError
from fer_video.types import Face, Observation, Segment

FACE = Face((0, 0, 1, 1), 1.0)


def seen(time_s: float, person: int | None, happy: float = 0.0) -> Observation:
    face = None if person is None else FACE
    probabilities = None if person is None else {"sad": 1 - happy, "happy": happy}
    return Observation(round(time_s * 10), time_s, person, face, probabilities)


def mean(observations: list[Observation]) -> np.ndarray:
    return np.mean([list((each.probabilities or {}).values()) for each in observations], axis=0)


def windows_of(length_s: float, step_s: float, *observations: Observation) -> Windows:
    windows = Windows(WindowOptions(length_s, step_s), ("sad", "happy"), mean)
    for observation in observations:
        windows.add(observation)
    windows.close()
    return windows


def test_by_hand() -> None:
    """Sad for 4 s, then happy for 4 s, a look every second; windows of 2 s, one a second.

    Windows 0-2, 1-3 and 2-4 are sad. 3-5 holds one of each: a tie, which the first label wins. 4-6 and on are happy:
    the first of them takes over at the start of the step around its middle, at 4.5 s.
    """
    windows = windows_of(2, 1, *(seen(t, 1, float(t >= 4)) for t in range(8)))
    first, second = windows.segments(1)
    assert first == Segment(0.0, 4.5, "sad", pytest.approx((1 + 1 + 1 + 0.5) / 4))
    assert second == Segment(4.5, 7.0, "happy", 1.0)


def test_a_clip_shorter_than_a_window_is_one_segment() -> None:
    windows = windows_of(10, 5, seen(0, 1, 0.9), seen(1, 1, 0.7))
    assert windows.segments(1) == (Segment(0, 1, "happy", pytest.approx(0.8)),)


def test_people_have_their_own_and_gaps_pass() -> None:
    frames = [seen(t, 1, 1.0) for t in range(4)] + [seen(t, None) for t in range(4, 8)]
    frames += [seen(t, 2, 0.0) for t in range(8, 12)]
    windows = windows_of(2, 2, *frames)
    assert windows.segments(1) == (Segment(0, 3, "happy", 1.0),)
    assert windows.segments(2) == (Segment(8, 11, "sad", 1.0),)


def test_abstaining() -> None:
    windows = windows_of(2, 2, *(seen(t, 1, 0.6) for t in range(4)))
    (segment,) = windows.segments(1, min_confidence=0.7)
    assert segment.emotion is None


def test_segments_neither_overlap_nor_leave_gaps() -> None:
    rng = np.random.default_rng(5)
    windows = windows_of(3, 0.7, *(seen(t, 1, float(rng.random())) for t in np.arange(0, 60, 0.3)))
    segments = windows.segments(1)
    assert len(segments) > 3
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(segments))
    assert all(a.emotion != b.emotion for a, b in itertools.pairwise(segments))
    assert (segments[0].start_s, segments[-1].end_s) == (0, pytest.approx(59.7))


def test_memory_is_one_window() -> None:
    windows = Windows(WindowOptions(1, 1), ("sad", "happy"), mean)
    for t in range(10_000):
        windows.add(seen(t / 10, 1, 1.0))
    assert len(windows._people[1].recent) <= 22


@pytest.mark.parametrize(("length_s", "step_s"), [(1, 2), (1, 0), (0, 0), (float("inf"), 1)])
def test_senseless_windows(length_s: float, step_s: float) -> None:
    with pytest.raises(OptionError):
        WindowOptions(length_s, step_s)


@pytest.mark.parametrize("step", [0.1, 0.2, 0.3, 0.7])
def test_segments_stay_within_the_persons_time(step: float) -> None:
    """Also of people seen once, at any moment, with windows end to end."""
    rng = np.random.default_rng(1)
    for _ in range(300):
        fps, start = rng.choice([5, 10, 25, 30]), int(rng.integers(0, 300))
        count = int(rng.integers(1, 30))
        frames = [seen(i / fps, None) for i in range(start)]
        frames += [seen((start + i) / fps, 1, float(rng.random())) for i in range(count)]
        frames += [seen((start + count + i) / fps, None) for i in range(int(rng.integers(0, 40)))]
        segments = windows_of(step * float(rng.choice([1, 2, 5])), step, *frames).segments(1)
        assert segments[0].start_s == start / fps
        assert segments[-1].end_s == (start + count - 1) / fps
        assert all(a.end_s == b.start_s and a.emotion != b.emotion for a, b in itertools.pairwise(segments))
