"""The record of a clip's observations: every sampled frame and face in a few typed columns.

A Python object per observation would cost a kilobyte and more; here it is 4 bytes a number, so that half an
hour at 30 frames a second stays under 10 MB, landmarks included. Embeddings are not kept: only their pooled
statistics outlive a frame.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fer_video.types import Affect, Attributes, Face, Observation

__all__ = ["ObservationLog"]

_NOBODY = 0  # person ids start at 1
_NO_LANDMARKS = (math.nan,) * 10


class ObservationLog:
    """Append-only; iterating or indexing gives the observations back in order, without embeddings.

    emotions, genders, ethnicities: the labels of the heads, in the model's order. The last two are empty when
    attributes were not asked for. has_affect: whether the backbone gives valence and arousal.
    """

    def __init__(
        self,
        emotions: Sequence[str],
        genders: Sequence[str] = (),
        ethnicities: Sequence[str] = (),
        min_confidence: float = 0.0,
        has_affect: bool = False,
    ) -> None:
        self.min_confidence = min_confidence  # below it rows abstain
        self.emotions = tuple(emotions)
        self.genders = tuple(genders)
        self.ethnicities = tuple(ethnicities)
        self.has_affect = has_affect
        self._frame = array("q")
        self._time_s = array("d")
        self._track = array("i")
        self._people: dict[int, int] = {}  # track -> person, where it is known
        # per face: box (4), score, landmarks (10), sharpness, probabilities, then affect and attributes
        self._numbers = array("f")
        self._start = array("q")  # where an observation's numbers begin; they end where the next one's begin

    @property
    def has_attributes(self) -> bool:
        return bool(self.genders)

    def append(self, observation: Observation) -> None:
        self._frame.append(observation.frame)
        self._time_s.append(observation.time_s)
        self._track.append(observation.track or observation.person or _NOBODY)
        if observation.person is not None:
            self._people[observation.track or observation.person] = observation.person
        self._start.append(len(self._numbers))
        if observation.face is None or observation.probabilities is None:
            return
        self._numbers.extend(observation.face.box)
        self._numbers.append(observation.face.score)
        landmarks = observation.face.landmarks
        self._numbers.extend(_NO_LANDMARKS if landmarks is None else landmarks.ravel().tolist())
        sharpness = observation.face.sharpness
        self._numbers.append(math.nan if sharpness is None else sharpness)
        self._numbers.extend(observation.probabilities.values())
        if self.has_affect and observation.affect is not None:
            self._numbers.extend((observation.affect.valence, observation.affect.arousal))
        if self.has_attributes and observation.attributes is not None:
            found = observation.attributes
            self._numbers.extend((found.age_years, found.age_std_years))
            self._numbers.extend(found.gender.values())
            self._numbers.extend(found.ethnicity.values())

    def join(self, people: Mapping[int, int]) -> None:
        """Tracks -> people, once it is known whose each track is."""
        self._people |= people

    def __len__(self) -> int:
        return len(self._frame)

    def __iter__(self) -> Iterator[Observation]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, row: int) -> Observation:
        """row: from 0. Raises IndexError."""
        frame, time_s, track = self._frame[row], self._time_s[row], self._track[row]
        if track == _NOBODY:
            return Observation(frame, time_s)
        end = self._start[row + 1] if row + 1 < len(self) else len(self._numbers)
        x1, y1, x2, y2, score, *rest = self._numbers[self._start[row] : end]
        points, sharpness, rest = np.array(rest[:10], np.float32).reshape(5, 2), rest[10], rest[11:]
        first, second = len(self.emotions), len(self.emotions) + (2 if self.has_affect else 0)
        affect, heads = rest[first:second], rest[second:]
        return Observation(
            frame=frame,
            time_s=time_s,
            person=self._people[track],
            track=track,
            face=Face(
                (x1, y1, x2, y2),
                score,
                None if np.isnan(points).any() else points,
                None if math.isnan(sharpness) else sharpness,
            ),
            probabilities=dict(zip(self.emotions, rest, strict=False)),
            attributes=self._attributes(heads) if heads else None,
            affect=Affect(*affect) if affect else None,
        )

    def _attributes(self, numbers: list[float]) -> Attributes:
        genders = len(self.genders)
        return Attributes(
            age_years=numbers[0],
            age_std_years=numbers[1],
            gender=dict(zip(self.genders, numbers[2 : 2 + genders], strict=True)),
            ethnicity=dict(zip(self.ethnicities, numbers[2 + genders :], strict=True)),
        )
