"""Observations -> people, the clip's answer and the group's. Keeps statistics only, no frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_video.clip.model import ClipModel
from fer_video.clip.pool import Pooler, RunningStats
from fer_video.clip.segments import WindowOptions, Windows
from fer_video.types import Affect, Attributes, Observation, Person, Prediction, Track

__all__ = ["Summary", "SummaryOptions"]

METHOD = "mean-probability"
# The statistics of one look have no spread: a picture is not a clip, and its answer is the network's own.
_FEWEST_FRAMES = 2


@dataclass(frozen=True, slots=True)
class SummaryOptions:
    """Labels of the backbone's heads in its order, and how they are summed up."""

    emotions: Sequence[str]
    genders: Sequence[str] = ()  # () without attributes
    ethnicities: Sequence[str] = ()
    min_confidence: float = 0.0  # below it an answer abstains: its emotion is None
    person_model: ClipModel | None = None  # None: the mean of the probabilities
    group_model: ClipModel | None = None
    windows: WindowOptions | None = None


class _Presence:
    """What is known of one person so far."""

    def __init__(self, first: Observation, model: ClipModel | None) -> None:
        self.start_s = self.end_s = first.time_s
        self.probabilities = RunningStats()
        self.prominence = 0.0  # sum over the frames
        self.attributes: list[RunningStats] = []  # (age, age^2 + var), gender, ethnicity
        self.affect = RunningStats()  # valence, arousal
        self.pooler = None if model is None else Pooler(model.info.pooling, model.info.feature_size)

    def add(self, observation: Observation) -> None:
        assert observation.face is not None
        assert observation.probabilities is not None
        self.end_s = observation.time_s
        self.probabilities.add(list(observation.probabilities.values()))
        self.prominence += observation.face.prominence
        if self.pooler is not None and observation.embedding is not None:
            self.pooler.add_frame(observation.embedding)
        if observation.affect is not None:
            self.affect.add([observation.affect.valence, observation.affect.arousal])
        if (found := observation.attributes) is not None:
            self.attributes = self.attributes or [RunningStats(), RunningStats(), RunningStats()]
            age, spread = found.age_years, found.age_std_years
            rows = ([age, age**2 + spread**2], list(found.gender.values()), list(found.ethnicity.values()))
            for stats, row in zip(self.attributes, rows, strict=True):
                stats.add(row)

    def merge(self, other: _Presence) -> None:
        """Take in another track of the same person."""
        self.start_s, self.end_s = min(self.start_s, other.start_s), max(self.end_s, other.end_s)
        self.probabilities.merge(other.probabilities)
        self.prominence += other.prominence
        self.affect.merge(other.affect)
        if self.pooler is not None and other.pooler is not None:
            self.pooler.merge(other.pooler)
        if not self.attributes:
            self.attributes = other.attributes
        elif other.attributes:
            for stats, more in zip(self.attributes, other.attributes, strict=True):
                stats.merge(more)

    def mean_attributes(self, genders: Sequence[str], ethnicities: Sequence[str]) -> Attributes | None:
        """Of the mixture of the frames' distributions: a person whose age jumps is one of unsure age."""
        if not self.attributes:
            return None
        ages, gender, ethnicity = (stats.mean for stats in self.attributes)
        spread = float(np.sqrt(max(ages[1] - ages[0] ** 2, 0.0)))
        return Attributes(float(ages[0]), spread, _named(genders, gender), _named(ethnicities, ethnicity))


class Summary:
    """Add observations in order, each with its track as the person; close, say who is who, then ask."""

    def __init__(self, options: SummaryOptions) -> None:
        self.options = options
        self._people: dict[int, _Presence] = {}  # tracks, until `join` makes people of them
        self.tracks: tuple[Track, ...] = ()
        self._group = RunningStats()  # over frames, of the mean probabilities over the faces in the frame
        group = options.group_model
        self._group_pooler = None if group is None else Pooler(group.info.pooling, group.info.feature_size)
        self._in_frame: list[Observation] = []
        self.last_frame: int | None = None
        self.frames = 0
        self.frames_with_face = 0
        self._windows: Windows | None = None
        if options.windows is not None:
            model = options.person_model
            labels = tuple(options.emotions) if model is None else model.info.labels
            self._windows = Windows(options.windows, labels, self._of_window)

    def add(self, observation: Observation) -> None:
        if observation.frame != self.last_frame:
            self._close_frame()
            self.last_frame = observation.frame
            self.frames += 1
        if self._windows is not None:
            self._windows.add(observation)
        if observation.person is None or observation.probabilities is None:
            return
        self._in_frame.append(observation)
        if observation.person not in self._people:
            self._people[observation.person] = _Presence(observation, self.options.person_model)
        self._people[observation.person].add(observation)

    def _close_frame(self) -> None:
        if not self._in_frame:
            return
        faces = [list((each.probabilities or {}).values()) for each in self._in_frame]
        self._group.add(faces[0] if len(faces) == 1 else np.mean(faces, axis=0))
        if self._group_pooler is not None:
            self._group_pooler.add_frame([each.embedding for each in self._in_frame if each.embedding is not None])
        self.frames_with_face += 1
        self._in_frame = []

    def close(self) -> None:
        """After the last observation, before asking."""
        self._close_frame()
        if self._windows is not None:
            self._windows.close()
        self.join({track: track for track in self._people})

    def join(self, people: Mapping[int, int]) -> None:
        """Tracks -> people, once: which person each track is of. After `close`, which makes each track a person."""
        seen = sorted(self._people.items())
        self.tracks = tuple(
            Track(track, presence.start_s, presence.end_s, presence.probabilities.count, people[track])
            for track, presence in seen
        )
        self._people = {}
        for track, presence in seen:
            if people[track] in self._people:
                self._people[people[track]].merge(presence)
            else:
                self._people[people[track]] = presence
        if self._windows is not None:
            self._windows.join(people)

    def people(self) -> tuple[Person, ...]:
        """Everybody, in order of appearance."""
        return tuple(self._person(id_, presence) for id_, presence in sorted(self._people.items()))

    def _person(self, id_: int, presence: _Presence) -> Person:
        answer = self._of_person(presence, id_)
        windows, least = self._windows, self.options.min_confidence
        return Person(
            id=id_,
            start_s=presence.start_s,
            end_s=presence.end_s,
            frames=presence.probabilities.count,
            emotion=answer.emotion,
            confidence=answer.confidence,
            probabilities=answer.probabilities,
            attributes=presence.mean_attributes(self.options.genders, self.options.ethnicities),
            segments=None if windows is None else windows.segments(id_, least),
            affect=Affect(*presence.affect.mean.tolist()) if presence.affect.count else None,
        )

    def clip(self) -> Prediction | None:
        """The main person's: who is longest, largest and surest in the clip. None when there is nobody."""
        if not self._people:
            return None
        main = max(self._people, key=lambda id_: self._people[id_].prominence)
        return self._of_person(self._people[main], main)

    def group(self) -> Prediction | None:
        """Over all people: of each frame's faces, then over the frames. None when there is nobody."""
        if not self._group.count:
            return None
        return self._answer(self.options.group_model, self._group_pooler, self._group.mean, None)

    def main_scores(self) -> npt.NDArray[np.float64] | None:
        """(classes,) the clip model's scores of the main person; None without a face or a model."""
        model = self.options.person_model
        if model is None or not self._people:
            return None
        pooler = max(self._people.values(), key=lambda presence: presence.prominence).pooler
        assert pooler is not None
        scores: npt.NDArray[np.float64] = model.scores(pooler.descriptor()[None])[0]
        return scores

    def _of_person(self, presence: _Presence, id_: int) -> Prediction:
        return self._answer(self.options.person_model, presence.pooler, presence.probabilities.mean, id_)

    def _of_window(self, observations: list[Observation]) -> npt.NDArray[np.float64]:
        presence = _Presence(observations[0], self.options.person_model)
        for each in observations:
            presence.add(each)
        answer = self._of_person(presence, 0).probabilities
        values = np.array([answer.get(label, 0.0) for label in self.labels])
        shares: npt.NDArray[np.float64] = values / values.sum()  # without emotions that the model does not know
        return shares

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the answers for people and clips."""
        model = self.options.person_model
        return tuple(self.options.emotions) if model is None else model.info.labels

    def _answer(
        self, model: ClipModel | None, pooler: Pooler | None, mean: npt.NDArray[np.float64], person: int | None
    ) -> Prediction:
        few = pooler is not None and pooler.frames < _FEWEST_FRAMES
        # Only where the network's own emotions are among the model's answers; a model of other labels must answer.
        if model is None or pooler is None or (few and set(model.info.labels) <= set(self.options.emotions)):
            named, method = _named(self.options.emotions, mean), METHOD
        else:
            values = model.probabilities(pooler.descriptor()[None])[0].astype(np.float64)
            named, method = _named(model.info.labels, values), f"svm:{model.info.name}"
        emotion = max(named, key=named.__getitem__)
        sure = named[emotion] >= self.options.min_confidence
        return Prediction(emotion if sure else None, named[emotion], named, method, person)


def _named(labels: Sequence[str], values: npt.NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(labels, values.tolist(), strict=True))
