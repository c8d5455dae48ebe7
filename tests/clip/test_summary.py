"""People, clip and group from observations written by hand."""

from __future__ import annotations

import pytest

from fer_video.clip.summary import Summary, SummaryOptions
from fer_video.results.observations import ObservationLog
from fer_video.types import Attributes, Face, Observation

EMOTIONS = ("sad", "happy")


def seen(frame: int, person: int | None = None, happy: float = 0.5, side: float = 100, **more: object) -> Observation:
    if person is None:
        return Observation(frame, frame / 10)
    face = Face((0, 0, side, side), 0.8)
    probabilities = {"sad": 1 - happy, "happy": happy}
    return Observation(frame, frame / 10, person, face, probabilities, **more)  # type: ignore[arg-type]


def summary_of(*observations: Observation, **options: float) -> Summary:
    summary = Summary(SummaryOptions(EMOTIONS, ("male", "female"), ("White", "Black"), **options))  # type: ignore[arg-type]
    for observation in observations:
        summary.add(observation)
    summary.close()
    return summary


def test_by_hand() -> None:
    summary = summary_of(
        seen(0, 1, 0.9), seen(0, 2, 0.1, side=10), seen(3, 1, 0.7), seen(6), seen(9, 2, 0.2, side=10)
    )  # fmt: skip
    assert (summary.frames, summary.frames_with_face) == (4, 3)
    first, second = summary.people()
    assert (first.id, first.start_s, first.end_s, first.frames) == (1, 0.0, 0.3, 2)
    assert (first.emotion, first.confidence) == ("happy", pytest.approx(0.8))
    assert (second.id, second.start_s, second.end_s, second.frames) == (2, 0.0, 0.9, 2)
    assert (second.emotion, second.confidence) == ("sad", pytest.approx(0.85))
    clip, group = summary.clip(), summary.group()
    assert clip is not None
    assert (clip.person, clip.emotion, clip.method) == (1, "happy", "mean-probability")  # the larger face
    assert group is not None
    # frames: (0.9 + 0.1) / 2, 0.7, 0.2; their mean is 1.4 / 3
    assert group.probabilities == pytest.approx({"sad": 1.6 / 3, "happy": 1.4 / 3})
    assert group.person is None


def score_of(person: int, frames: int, side: float, score: float) -> list[Observation]:
    face = Face((0, 0, side, side), score)
    return [Observation(i, i / 10, person, face, {"sad": 0.5, "happy": 0.5}) for i in range(frames)]


@pytest.mark.parametrize(
    "winner",
    [
        score_of(2, frames=2, side=100, score=0.8),  # longer than one frame of 150
        score_of(2, frames=1, side=151, score=0.8),  # larger
        score_of(2, frames=1, side=150, score=0.9),  # surer
    ],
)
def test_the_main_person_is_long_large_and_sure(winner: list[Observation]) -> None:
    observations = sorted([*score_of(1, frames=1, side=150, score=0.8), *winner], key=lambda each: each.frame)
    clip = summary_of(*observations).clip()
    assert clip is not None
    assert clip.person == 2


def test_nobody() -> None:
    summary = summary_of(seen(0), seen(1))
    assert (summary.clip(), summary.group(), summary.people()) == (None, None, ())
    assert (summary.frames, summary.frames_with_face) == (2, 0)


def test_abstaining() -> None:
    unsure, sure = (summary_of(seen(0, 1, happy), min_confidence=0.8).clip() for happy in (0.7, 0.9))
    assert unsure is not None
    assert (unsure.emotion, unsure.confidence) == (None, pytest.approx(0.7))
    assert sure is not None
    assert sure.emotion == "happy"


def test_attributes_are_those_of_the_mixture() -> None:
    young, old = (
        Attributes(age, 3.0, {"male": male, "female": 1 - male}, {"White": 1.0, "Black": 0.0})
        for age, male in ((20.0, 0.2), (40.0, 0.6))
    )
    (person,) = summary_of(seen(0, 1, attributes=young), seen(1, 1, attributes=old)).people()
    assert person.attributes is not None
    assert person.attributes.age_years == pytest.approx(30)
    assert person.attributes.age_std_years == pytest.approx((9 + 100) ** 0.5)  # within plus between
    assert person.attributes.gender == pytest.approx({"male": 0.4, "female": 0.6})


def test_the_log_gives_back_what_it_was_given() -> None:
    guess = Attributes(20.0, 3.0, {"male": 0.25, "female": 0.75}, {"White": 0.5, "Black": 0.5})
    given = [
        seen(0, 1, 0.75, attributes=guess),
        seen(4),
        seen(7, 1, 0.25, attributes=guess),
        seen(7, 2, attributes=guess),
    ]
    log = ObservationLog(EMOTIONS, ("male", "female"), ("White", "Black"))
    for observation in given:
        log.append(observation)
    assert len(log) == 4
    for before, after in zip(given, log, strict=True):
        assert (after.frame, after.time_s, after.person) == (before.frame, before.time_s, before.person)
        assert after.probabilities == before.probabilities  # these numbers are exact in float32
        assert after.attributes == before.attributes
        assert (after.face is None) == (before.face is None)
    assert next(iter(log)).face == Face((0, 0, 100, 100), pytest.approx(0.8))
    assert next(iter(log)).emotion == "happy"


def test_the_log_is_small() -> None:
    log = ObservationLog(tuple("abcdefgh"))
    face = Face((0, 0, 1, 1), 0.5)
    for frame in range(10_000):
        log.append(Observation(frame, frame / 30, 1, face, dict.fromkeys("abcdefgh", 0.125)))
    held = sum(
        column.itemsize * len(column) for column in (log._frame, log._time_s, log._track, log._numbers, log._start)
    )
    assert held / len(log) <= 124  # bytes, 6.7 MB for half an hour at 30 frames a second
