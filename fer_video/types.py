"""The records that flow between the stages: frozen, with units in their names or comments.

    Frame -> Face -> Observation -> Person / Prediction -> ClipResult

Boxes are in pixels of the displayed frame (rotation applied), x to the right, y down. Times are seconds from
the first frame of the video. Arrays are NumPy; images are height x width x 3, uint8, BGR as OpenCV has them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

__all__ = [
    "Affect",
    "Attributes",
    "ClipResult",
    "Face",
    "Frame",
    "Jump",
    "Observation",
    "Observations",
    "Person",
    "PersonEmbedding",
    "Picture",
    "Prediction",
    "Segment",
    "Status",
    "Timing",
    "Track",
]

SCHEMA = "fervid/1"

_MOMENT_S = 1e-3  # what a segment of a single frame counts for

Status = Literal["ok", "partial", "failed"]


class Picture(Protocol):
    """An image that is not in memory as one yet. Has the shape of it, and np.asarray() makes it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width, 3."""

    @property
    def nbytes(self) -> int:
        """Of memory that it takes now."""

    @property
    def image(self) -> Image:
        """(height, width, 3) uint8 BGR; made when asked for, once."""

    def shrunk(self, width: int, height: int) -> Image:
        """Another size of it, without making all of it."""

    def grey(self, width: int, height: int) -> Image:
        """(height, width) uint8: the brightness of a thumbnail."""

    def __getitem__(self, part: tuple[slice, slice]) -> Picture:
        """Some of its rows and columns."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """The image, for NumPy."""


@dataclass(frozen=True, slots=True, init=False)
class Frame:
    """One decoded picture of a video."""

    index: int  # position in the decoded stream, from 0; not the count of sampled frames
    time_s: float  # the container's presentation time, seconds from the first frame; never index / fps
    picture: Image | Picture  # as displayed; what need not be converted stays as it was decoded

    def __init__(self, index: int, time_s: float, image: Image | Picture) -> None:
        for name, value in (("index", index), ("time_s", time_s), ("picture", image)):
            object.__setattr__(self, name, value)

    @property
    def image(self) -> Image:
        """(height, width, 3) uint8 BGR, as displayed."""
        return self.picture if isinstance(self.picture, np.ndarray) else self.picture.image


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame."""

    box: tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels, inside the frame
    score: float  # the detector's own confidence, 0 to 1
    # (5, 2) float32 x, y in pixels: the eye, eye, nose tip, mouth corner, mouth corner, image-left one first
    landmarks: Floats | None = None
    sharpness: float | None = None  # faces/quality.py; None before its crop is cut, and in results of older versions

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @property
    def center(self) -> tuple[float, float]:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def side(self) -> float:
        """Square root of the box's area, in pixels: one number for how large the face is."""
        return math.sqrt(max(self.width, 0.0) * max(self.height, 0.0))

    @property
    def prominence(self) -> float:
        """Size x score. Summed over a clip's frames it says who is long, large and surely in it: the main person."""
        return self.side * self.score


@dataclass(frozen=True, slots=True)
class Attributes:
    """Age, gender and ethnicity as estimated from appearance. They are guesses, not facts about a person."""

    age_years: float  # expectation over the model's age classes
    age_std_years: float  # standard deviation of the same distribution
    gender: Mapping[str, float]  # label -> probability
    ethnicity: Mapping[str, float]  # label -> probability, UTKFace's five groups


@dataclass(frozen=True, slots=True)
class Affect:
    """Valence and arousal on the scales of AffectNet: about -1 to 1, as the network gives them, not clipped."""

    valence: float  # unpleasant to pleasant
    arousal: float  # calm to excited


@dataclass(frozen=True, slots=True)
class Observation:
    """One face in one sampled frame; or, where `face` is None, a sampled frame without a face."""

    frame: int  # Frame.index
    time_s: float  # Frame.time_s
    # Whose face it is, from 1. Tracks are joined to people at the end of a clip; in a stream this is the track.
    person: int | None = None
    face: Face | None = None  # None: a frame without a face
    probabilities: Mapping[str, float] | None = None  # emotion -> probability, in the model's own order
    embedding: Floats | None = None  # (D,) float32, the backbone's features before its heads
    attributes: Attributes | None = None  # only when asked for
    affect: Affect | None = None  # only with a backbone that gives it
    track: int | None = None  # the track that the face belongs to, from 1; None without a face

    @property
    def emotion(self) -> str | None:
        """The most probable emotion, None without a face."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.probabilities else None

    @property
    def confidence(self) -> float | None:
        """The probability of `emotion`, None without a face."""
        return max(self.probabilities.values()) if self.probabilities else None


class Observations(Protocol):
    """All observations of a clip, in order, as results.observations.ObservationLog keeps them."""

    min_confidence: float  # below it rows abstain
    emotions: tuple[str, ...]  # labels of the heads, in the model's order
    genders: tuple[str, ...]  # () without attributes, as ethnicities
    ethnicities: tuple[str, ...]
    has_affect: bool

    @property
    def has_attributes(self) -> bool: ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Observation]: ...

    def __getitem__(self, row: int) -> Observation: ...


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for a clip, or for a group of people in it."""

    emotion: str | None  # None: abstained, because `confidence` is below the minimum
    confidence: float  # probability of the most probable emotion, 0 to 1
    probabilities: Mapping[str, float]  # emotion -> probability, in the model's own order
    method: str  # "mean-probability", "svm:<name of the clip model>" or "mixture:<name>"
    person: int | None = None  # the person that the answer is about, None for a group
    # Of a group: positive, neutral, negative -> probability; None where the labels are not emotions.
    valence: Mapping[str, float] | None = None
    how: str = ""  # the method in one sentence


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time in which one person shows the same emotion."""

    start_s: float  # seconds from the first frame of the video
    end_s: float
    emotion: str | None  # None: uncertain
    confidence: float  # mean over its frames after smoothing, or over its windows


@dataclass(frozen=True, slots=True)
class Track:
    """One unbroken appearance of a face. It ends at a cut, and when the face is out of sight for too long."""

    id: int  # number in the clip, from 1
    start_s: float  # time of the first and the last frame in which the face was found
    end_s: float
    frames: int  # sampled frames in which it was found
    person: int  # whose face it is: Person.id


@dataclass(frozen=True, slots=True)
class PersonEmbedding:
    """By what a person is known again in other clips. Biometric data: kept only when asked for."""

    vector: tuple[float, ...]  # mean over the crops; of unit length when they all agree, shorter otherwise
    crops: int  # that it was made from
    time_s: float  # of the best one, and where its face is in the frame
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Person:
    """The tracks that show one face; with `identify=False`, a single track."""

    id: int  # number in the clip, from 1
    start_s: float  # time of the first and the last frame in which the face was found
    end_s: float
    frames: int  # sampled frames in which it was found
    emotion: str | None  # None: abstained
    confidence: float  # probability of the most probable emotion, 0 to 1
    probabilities: Mapping[str, float]  # emotion -> probability, in the model's own order
    attributes: Attributes | None = None  # mean over the frames, only when asked for
    segments: tuple[Segment, ...] | None = None  # in order of time; None where the labels are not those of the frames
    affect: Affect | None = None  # mean over the frames, only with a backbone that gives it
    method: str = ""  # as in Prediction; "" in results of older versions
    identity: str | None = None  # the name that a user gave
    embedding: PersonEmbedding | None = None  # only when asked for, and of faces that are clear enough

    @property
    def time_shares(self) -> dict[str, float]:
        """Emotion, or "uncertain" -> share of the time of the segments, the largest first."""
        seconds: dict[str, float] = {}
        for segment in self.segments or ():
            name = segment.emotion or "uncertain"
            seconds[name] = seconds.get(name, 0.0) + max(segment.end_s - segment.start_s, _MOMENT_S)
        total = sum(seconds.values())
        return {name: each / total for name, each in sorted(seconds.items(), key=lambda item: -item[1])}


@dataclass(frozen=True, slots=True)
class Jump:
    """A place where the container's clock was not followed: it restarted, wrapped around or jumped."""

    time_s: float  # of the frame after it
    by_s: float  # how far the container's clock jumped, negative when it went back


@dataclass(frozen=True, slots=True)
class Timing:
    """How the times of a clip, seconds from its first frame, relate to those of its container and of players."""

    origin_s: float | None = None  # the container's own time of the first frame; None where it has none
    offset_s: float = 0.0  # seconds after its start at which a player shows the first frame
    jumps: tuple[Jump, ...] = ()  # at most a hundred


@dataclass(frozen=True, slots=True)
class ClipResult:
    """Everything that was found in one input."""

    path: str  # path or address of the input; an address without password and query
    status: Status  # "ok"; "partial": the file ended early or is damaged, the rest was analysed; "failed"
    error: str | None = None  # why it failed, or what is missing from a partial one
    duration_s: float | None = None  # None for a picture and where the container does not tell
    fps: float | None = None  # the container's average frame rate, a hint; None for a picture
    frames_sampled: int = 0  # frames that were analysed
    frames_with_face: int = 0  # of these, frames with at least one face
    clip: Prediction | None = None  # answer for the main person; None when there is no face
    group: Prediction | None = None  # answer for all people; None when there is no face
    people: tuple[Person, ...] = ()  # in order of appearance
    tracks: tuple[Track, ...] = ()  # in order of appearance; () in results of older versions
    ran: Mapping[str, Any] = field(default_factory=dict)  # models and hashes, provider, sampling, versions
    observations: Observations | None = None  # every sampled frame and face, compact; None when failed
    size: tuple[int, int] | None = None  # width and height of the first frame in pixels, as displayed
    timing: Timing = field(default_factory=Timing)  # how times relate to those of the container and of players

    def without_embeddings(self) -> ClipResult:
        """The same without biometric data, for what is shown to others."""
        return replace(self, people=tuple(replace(person, embedding=None) for person in self.people))

    def to_dict(self, *, frames: bool = False) -> dict[str, Any]:
        """The JSON object of schema "fervid/1" (docs/output.md). `frames`: with every sampled frame."""
        from fer_video.results.rows import clip_object  # the one way up from here, for users' sake: .importlinter

        return clip_object(self, frames=frames)

    def to_frame_rows(self) -> list[dict[str, Any]]:
        """One flat row per sampled frame and face, and one for each sampled frame without a face."""
        from fer_video.results.rows import frame_rows

        return list(frame_rows(self))

    def to_frame(self, rows: str = "frames") -> Any:
        """A pandas DataFrame (extra [tables]) of the rows that `fervid predict --rows` gives.

        rows: frames (one per sampled frame and face), people, segments, clips, or summary, the figures of each person
        (docs/study.md). Raises OptionError.
        """
        from fer_video.api.present import to_frame

        return to_frame(self, rows)

    def save(self, path: str | os.PathLike[str], rows: str = "frames") -> None:
        """Write it to a file, whole or not at all, in the format that its suffix names.

        .json and .jsonl hold all of it, for fervid.load; .csv, .parquet and .xlsx the rows that are asked for; .vtt,
        .srt, .eaf (ELAN) and .TextGrid (Praat) the segments; .png, .svg and .pdf a plot; .html a report. Raises
        OptionError and OutputError.
        """
        from fer_video.api.present import save

        save(self, path, rows)

    def _repr_html_(self) -> str:
        """What a notebook shows: the answer, and who shows what when."""
        from fer_video.api.html import html_of

        return html_of(self)
