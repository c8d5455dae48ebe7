"""Observations -> people, the clip's answer and the group's. Keeps statistics only, no frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_video.clip.answers import PersonMethod, explained, explained_group, valence_of
from fer_video.clip.model import ClipModel
from fer_video.clip.path import PathOptions, Trace, segments_of
from fer_video.clip.pool import Pooler, RunningStats
from fer_video.clip.segments import WindowOptions, Windows
from fer_video.types import Affect, Attributes, Observation, Person, Prediction, Segment, Track

__all__ = ["Summary", "SummaryOptions"]

_WINDOWS = WindowOptions(length_s=2.0, step_s=1.0)


@dataclass(frozen=True, slots=True)
class SummaryOptions:
    """Labels of the backbone's heads in its order, and how they are summarised.

    Attributes:
        emotions: Labels of the emotion head.
        genders: Labels of the gender head. (): without attributes.
        ethnicities: Labels of the ethnicity head. (): without attributes.
        min_confidence: Answers with a lower confidence abstain: their emotion is None.
        person_model: Clip model of the answers for people. None: the mean of the probabilities.
        mixed: Answer with the mixture of the clip model and that mean, instead of the clip model alone.
        group_model: Clip model of the group's answer. None: the mean of the answers of the people.
        windows: Segments from sliding windows. None: segments from the best path through the frames.
        path: How that path is found.
    """

    emotions: Sequence[str]
    genders: Sequence[str] = ()
    ethnicities: Sequence[str] = ()
    min_confidence: float = 0.0
    person_model: ClipModel | None = None
    mixed: bool = False
    group_model: ClipModel | None = None
    windows: WindowOptions | None = None
    path: PathOptions = field(default_factory=PathOptions)


class _Presence:
    """What is known of one person so far."""

    def __init__(self, first: Observation, model: ClipModel | None) -> None:
        self.start_s = self.end_s = first.time_s
        self.probabilities = RunningStats()
        self.trace = Trace(len(first.probabilities or ()))
        self.share = 0.0  # in the group: of each frame, one over the faces in it
        self.prominence = 0.0  # sum over the frames
        self.attributes: list[RunningStats] = []  # (age, age^2 + var), gender, ethnicity
        self.affect = RunningStats()  # valence, arousal
        self.pooler = None if model is None else Pooler(model.info.pooling, model.info.feature_size)

    def add(self, observation: Observation, sampled: int = 0) -> None:
        """sampled: number of the frame among those that were sampled."""
        assert observation.face is not None
        assert observation.probabilities is not None
        self.trace.add(observation.time_s, sampled, observation.probabilities.values())
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

    def take_in(self, others: Sequence[_Presence]) -> None:
        """Other tracks of the same person."""
        self.trace = Trace.joined([self.trace, *(other.trace for other in others)])
        for other in others:
            self._merge(other)

    def _merge(self, other: _Presence) -> None:
        self.start_s, self.end_s = min(self.start_s, other.start_s), max(self.end_s, other.end_s)
        self.probabilities.merge(other.probabilities)
        self.share += other.share
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
        self._method = PersonMethod(options.emotions, options.person_model, mixed=options.mixed)
        group = options.group_model
        self._group_pooler = None if group is None else Pooler(group.info.pooling, group.info.feature_size)
        self._in_frame: list[Observation] = []
        self.last_frame: int | None = None
        self.frames = 0
        self.frames_with_face = 0
        self._windows: Windows | None = None
        # A clip model of labels that are no emotions of the head cannot tell anything of a single frame.
        windows = options.windows or (None if self._method.of_frames else _WINDOWS)
        if windows is not None:
            self._windows = Windows(windows, self._method.labels, self._of_window)

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
        self._people[observation.person].add(observation, self.frames)

    def _close_frame(self) -> None:
        if not self._in_frame:
            return
        faces = [list((each.probabilities or {}).values()) for each in self._in_frame]
        self._group.add(faces[0] if len(faces) == 1 else np.mean(faces, axis=0))
        for each in self._in_frame:
            if each.person is not None:
                self._people[each.person].share += 1 / len(self._in_frame)
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
        tracks_of: dict[int, list[_Presence]] = {}
        for track, presence in seen:
            tracks_of.setdefault(people[track], []).append(presence)
        for first, *others in tracks_of.values():
            first.take_in(others)
        self._people = {person: tracks[0] for person, tracks in tracks_of.items()}
        if self._windows is not None:
            self._windows.join(people)

    def people(self) -> tuple[Person, ...]:
        """Everybody, in order of appearance."""
        return tuple(self._person(id_, presence) for id_, presence in sorted(self._people.items()))

    def _person(self, id_: int, presence: _Presence) -> Person:
        answer = self._of_person(presence, id_)
        return Person(
            id=id_,
            start_s=presence.start_s,
            end_s=presence.end_s,
            frames=presence.probabilities.count,
            emotion=answer.emotion,
            confidence=answer.confidence,
            probabilities=answer.probabilities,
            attributes=presence.mean_attributes(self.options.genders, self.options.ethnicities),
            segments=self._segments(id_, presence),
            affect=Affect(*presence.affect.mean.tolist()) if presence.affect.count else None,
            method=answer.method,
        )

    def _segments(self, id_: int, presence: _Presence) -> tuple[Segment, ...]:
        """Of windows where these were asked for, or else of the frames."""
        if self._windows is not None:
            return self._windows.segments(id_, self.options.min_confidence)
        method, options = self._method, self.options
        return segments_of(presence.trace, method.labels, options.path, options.min_confidence, method.restricted)

    def clip(self) -> Prediction | None:
        """The main person's: who is longest, largest and surest in the clip. None when there is nobody."""
        if not self._people:
            return None
        main = max(self._people, key=lambda id_: self._people[id_].prominence)
        return self._of_person(self._people[main], main)

    def group(self) -> Prediction | None:
        """Over all people. None when there is nobody.

        By the group model where there is one; without any model over the faces of each frame, then over the frames;
        else the mean of the people's answers, each weighted by the share of the frames' faces that is theirs.
        """
        if not self._people:
            return None
        model, pooler, people = self.options.group_model, self._group_pooler, False
        if model is not None and pooler is not None:
            values = model.probabilities(pooler.descriptor()[None])[0].tolist()
            named, method = dict(zip(model.info.labels, values, strict=True)), f"svm:{model.info.name}"
        elif self.options.person_model is None:
            named, method = self._method.answer(self._group.mean, None)
        else:
            answers = [self._of_person(presence, id_) for id_, presence in self._people.items()]
            weights = np.array([presence.share for presence in self._people.values()])
            shares = weights @ np.array([list(each.probabilities.values()) for each in answers]) / weights.sum()
            named = dict(zip(self.labels, shares.tolist(), strict=True))
            method, people = answers[int(weights.argmax())].method, True
        answer = self._prediction(named, method, None)
        return replace(answer, valence=valence_of(named), how=explained_group(method, people=people))

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
        return self._prediction(*self._method.answer(presence.probabilities.mean, presence.pooler), id_)

    def _of_window(self, observations: list[Observation]) -> npt.NDArray[np.float64]:
        presence = _Presence(observations[0], self.options.person_model)
        for each in observations:
            presence.add(each)
        return np.array(list(self._of_person(presence, 0).probabilities.values()))

    @property
    def segmenting(self) -> Mapping[str, Any]:
        """How the segments were found: the name of the method, one sentence, and its options."""
        options = self.options.path if self._windows is None else self._windows.options
        return {"method": "path" if self._windows is None else "windows", "how": options.how, **asdict(options)}

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the answers for people, the clip, the group and of segments."""
        return self._method.labels

    def _prediction(self, named: dict[str, float], method: str, person: int | None) -> Prediction:
        emotion = max(named, key=named.__getitem__)
        sure = named[emotion] >= self.options.min_confidence
        return Prediction(emotion if sure else None, named[emotion], named, method, person, how=explained(method))


def _named(labels: Sequence[str], values: npt.NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(labels, values.tolist(), strict=True))
