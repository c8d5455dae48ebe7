"""Observations -> people, the clip's answer and the group's. Keeps statistics only, no frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fer_video.pool import RunningStats
from fer_video.types import Attributes, Observation, Person, Prediction

__all__ = ["Summary"]

METHOD = "mean-probability"


class _Presence:
    """What is known of one person so far."""

    def __init__(self, first: Observation) -> None:
        self.start_s = self.end_s = first.time_s
        self.probabilities = RunningStats()
        self.prominence = 0.0  # sum over frames of face size x score: long, large and sure all count
        self.attributes: list[RunningStats] = []  # (age, age^2 + var), gender, ethnicity

    def add(self, observation: Observation) -> None:
        assert observation.face is not None
        assert observation.probabilities is not None
        self.end_s = observation.time_s
        self.probabilities.add(list(observation.probabilities.values()))
        self.prominence += observation.face.side * observation.face.score
        if (found := observation.attributes) is not None:
            self.attributes = self.attributes or [RunningStats(), RunningStats(), RunningStats()]
            age, spread = found.age_years, found.age_std_years
            rows = ([age, age**2 + spread**2], list(found.gender.values()), list(found.ethnicity.values()))
            for stats, row in zip(self.attributes, rows, strict=True):
                stats.add(row)

    def mean_attributes(self, genders: Sequence[str], ethnicities: Sequence[str]) -> Attributes | None:
        """Of the mixture of the frames' distributions: a person whose age jumps is one of unsure age."""
        if not self.attributes:
            return None
        ages, gender, ethnicity = (stats.mean for stats in self.attributes)
        spread = float(np.sqrt(max(ages[1] - ages[0] ** 2, 0.0)))
        return Attributes(float(ages[0]), spread, _named(genders, gender), _named(ethnicities, ethnicity))


class Summary:
    """Add observations in order, then ask.

    emotions, genders, ethnicities: labels of the heads in the model's order, the last two () without attributes.
    min_confidence: below it an answer abstains (its emotion is None).
    """

    def __init__(
        self,
        emotions: Sequence[str],
        genders: Sequence[str] = (),
        ethnicities: Sequence[str] = (),
        min_confidence: float = 0.0,
    ) -> None:
        self._emotions, self._genders, self._ethnicities = emotions, genders, ethnicities
        self._min_confidence = min_confidence
        self._people: dict[int, _Presence] = {}
        self._group = RunningStats()  # over frames, of the mean over the faces in the frame
        self._in_frame = RunningStats()
        self.last_frame: int | None = None
        self.frames = 0
        self.frames_with_face = 0

    def add(self, observation: Observation) -> None:
        if observation.frame != self.last_frame:
            self._close_frame()
            self.last_frame = observation.frame
            self.frames += 1
        if observation.person is None or observation.probabilities is None:
            return
        self._in_frame.add(list(observation.probabilities.values()))
        person = self._people.setdefault(observation.person, _Presence(observation))
        person.add(observation)

    def _close_frame(self) -> None:
        if self._in_frame.count:
            self._group.add(self._in_frame.mean)
            self.frames_with_face += 1
            self._in_frame = RunningStats()

    def close(self) -> None:
        """After the last observation, before asking."""
        self._close_frame()

    def people(self) -> tuple[Person, ...]:
        """Everybody, in order of appearance."""
        return tuple(self._person(id_, presence) for id_, presence in sorted(self._people.items()))

    def _person(self, id_: int, presence: _Presence) -> Person:
        answer = self._prediction(presence.probabilities.mean)
        return Person(
            id=id_,
            start_s=presence.start_s,
            end_s=presence.end_s,
            frames=presence.probabilities.count,
            emotion=answer.emotion,
            confidence=answer.confidence,
            probabilities=answer.probabilities,
            attributes=presence.mean_attributes(self._genders, self._ethnicities),
        )

    def clip(self) -> Prediction | None:
        """The main person's: who is longest, largest and surest in the clip. None when there is nobody."""
        if not self._people:
            return None
        main = max(self._people, key=lambda id_: self._people[id_].prominence)
        return self._prediction(self._people[main].probabilities.mean, main)

    def group(self) -> Prediction | None:
        """Over all people: mean over the faces of each frame, then over the frames. None when there is nobody."""
        return self._prediction(self._group.mean) if self._group.count else None

    def _prediction(self, probabilities: npt.NDArray[np.float64], person: int | None = None) -> Prediction:
        named = _named(self._emotions, probabilities)
        emotion = max(named, key=named.__getitem__)
        sure = named[emotion] >= self._min_confidence
        return Prediction(emotion if sure else None, named[emotion], named, METHOD, person)


def _named(labels: Sequence[str], values: npt.NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(labels, values.tolist(), strict=True))
