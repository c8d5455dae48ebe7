"""Frames -> observations: the stages decode, detect (with cut and track), and embed, all working at the same time.

Frames travel in chunks, so that the detector and the backbone each run on a batch; how many frames a chunk
holds depends on their size, so memory stays flat for 4K as well as for an hour. Frames end where the faces have been
cut out of them.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fer_video.engine.stages import Spare, Stages
from fer_video.faces.align import crop_face
from fer_video.faces.cuts import CutDetector
from fer_video.faces.detectors import Detector
from fer_video.faces.identity import Identities
from fer_video.faces.keyframes import KEY_S, KeyFrames, is_due
from fer_video.faces.quality import sharpness_of
from fer_video.faces.track import Tracker
from fer_video.models.backbone import Backbone, affect_from, attributes_from
from fer_video.types import Face, Floats, Frame, Image, Observation

__all__ = ["Look", "Looks", "Pipeline"]

_CHUNK_BYTES, _FIRST_CHUNK, _MAX_CHUNK = 96 << 20, 4, 16
# Chunks that wait for the next stage. Frames are heavy, crops are light and even out what takes longer now and then.
_FRAMES_AHEAD, _CROPS_AHEAD = 1, 2


@dataclass(frozen=True, slots=True)
class Look:
    """What was found in one frame, before anybody is followed."""

    faces: list[Face]
    features: Floats  # (faces, D)
    heads: Mapping[str, Floats]  # task -> (faces, labels) probabilities, or (faces, 1) values


Looks = dict[int, Look]


@dataclass(frozen=True, slots=True)
class _Found:
    """A frame without its picture: when, who, where, and what the backbone is to look at."""

    index: int
    time_s: float
    faces: list[Face]
    people: list[int]
    crops: list[Image]
    known: Look | None  # of a frame that was looked at before; it has no crops then


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Frames in order, and what the backbone says of each once it was asked."""

    found: Sequence[_Found]
    looks: Sequence[Look] = ()  # one for each


class _Finder:
    """Chunk by chunk: who is where, followed from frame to frame."""

    def __init__(self, pipeline: Pipeline, looks: Looks, identities: Identities | None = None) -> None:
        self._backbone, self._looks, self._identities = pipeline.backbone, looks, identities
        self._keys = KeyFrames(pipeline.detector, pipeline.key_s)
        self._cuts, self._tracker = CutDetector(), Tracker(pipeline.max_lost_s)

    def __call__(self, chunk: Sequence[Frame]) -> _Chunk:
        cuts = [self._cuts.update(frame.picture) for frame in chunk]
        known = [self._looks.get(frame.index) for frame in chunk]
        faces = self._keys.faces(chunk, cuts, {i: look.faces for i, look in enumerate(known) if look is not None})
        return _Chunk([self._in_frame(*each) for each in zip(chunk, cuts, faces, known, strict=True)])

    def _in_frame(self, frame: Frame, cut: bool, faces: list[Face], known: Look | None) -> _Found:
        if cut:
            self._tracker.reset()
        identities = self._identities
        judge = None if identities is None else partial(identities.judge, frame.picture, faces)
        people = self._tracker.update(faces, frame.time_s, judge)
        if identities is not None:
            identities.look(frame.picture, frame.time_s, faces, people, self._tracker.live)
        size, spec = self._backbone.size, self._backbone.spec
        crops = [crop_face(frame.picture, face, size, spec.crop) for face in faces] if known is None else []
        if crops:
            faces = [replace(face, sharpness=sharpness_of(crop)) for face, crop in zip(faces, crops, strict=True)]
        return _Found(frame.index, frame.time_s, faces, people, crops, known)


class Pipeline:
    """Loaded models at work. Keeps nothing between clips but how long its stages worked.

    max_lost_s: for how long a person may be out of sight and keep the id. key_s: see KeyFrames.
    """

    def __init__(self, detector: Detector, backbone: Backbone, max_lost_s: float, key_s: float = KEY_S) -> None:
        self.detector, self.backbone, self.max_lost_s, self.key_s = detector, backbone, max_lost_s, key_s
        self.busy_s: dict[str, float] = {}  # stage -> seconds it worked so far

    def observe(
        self, frames: Iterator[Frame], looks: Looks | None = None, identities: Identities | None = None
    ) -> Generator[Observation, None, None]:
        """One observation per frame and face, and one for a frame without a face, in order.

        looks: frames that were looked at before, by number, and then those looked at now; None keeps none.
        identities: gets to see the faces, to tell afterwards which tracks are the same person.

        Frames are read in another thread: do not free what they come from before this has ended or was closed.
        """
        with Stages(self.busy_s, own="answer") as stages:
            chunked = stages.ahead("decode", chunks(frames, self.key_s), _FRAMES_AHEAD)
            spare = Spare("embed", self._embedded)
            found = stages.ahead("detect", map(_Finder(self, looks or {}, identities), chunked), _CROPS_AHEAD, spare)
            for chunk in stages.ahead("embed", map(self._embedded, found), _CROPS_AHEAD):
                for moment, look in zip(chunk.found, chunk.looks, strict=True):
                    if looks is not None:
                        looks[moment.index] = look
                    yield from self._say(moment, look)

    def answer(self, frames: Iterator[Frame]) -> Iterator[tuple[Frame, list[Observation]]]:
        """The same for frames that come as they come: each is answered before the next one is asked for."""
        finder = _Finder(self, {})
        for frame in frames:
            chunk = self._embedded(finder([frame]))
            yield frame, list(self._say(chunk.found[0], chunk.looks[0]))

    def _embedded(self, chunk: _Chunk) -> _Chunk:
        """With what the backbone says of all its crops at once, and without these."""
        if chunk.looks:
            return chunk
        embedded = self.backbone.embed([crop for moment in chunk.found for crop in moment.crops])
        looks, end = [], 0
        for moment in chunk.found:
            rows = slice(end, end := end + len(moment.crops))
            heads = {task: values[rows] for task, values in embedded.probabilities.items()}
            looks.append(moment.known or Look(moment.faces, embedded.features[rows], heads))
        return _Chunk([replace(moment, crops=[]) for moment in chunk.found], looks)

    def _say(self, moment: _Found, look: Look) -> Iterator[Observation]:
        if not moment.people:
            yield Observation(moment.index, moment.time_s)
        for row, (face, person) in enumerate(zip(look.faces, moment.people, strict=True)):
            heads = {task: values[row] for task, values in look.heads.items()}
            yield Observation(
                frame=moment.index,
                time_s=moment.time_s,
                person=person,
                track=person,
                face=face,
                probabilities=dict(zip(self.backbone.emotions, heads["emotion"].tolist(), strict=True)),
                embedding=look.features[row],
                attributes=attributes_from(self.backbone.heads, heads) if "age" in heads else None,
                affect=affect_from(heads),
            )


def chunks(frames: Iterator[Frame], key_s: float = 0.0) -> Iterator[list[Frame]]:
    """Lists of frames of one size, as many as fit the budget. Streams and folders of pictures may change size.

    key_s: see KeyFrames, which looks at the last frame of a chunk in any case: a chunk ends with a frame that is looked
    at anyway, if it can. The first ones are short, so that the later stages soon have something to do.
    """
    chunk: list[Frame] = []
    keys, apart, last_s = 0, 1, -math.inf  # frames up to the last key frame, between the last two, and its time
    few = _FIRST_CHUNK
    for frame in frames:
        if chunk:
            if is_due(frame.time_s, last_s, key_s):
                apart, keys, last_s = len(chunk) - keys, len(chunk), chunk[-1].time_s
            most = max(1, min(_MAX_CHUNK, _CHUNK_BYTES // chunk[0].picture.nbytes))
            at_key = keys == len(chunk) and (keys >= few or keys + apart > most)
            if at_key or len(chunk) == most or frame.picture.shape != chunk[0].picture.shape:
                yield chunk
                keys, last_s, few = 0, chunk[-1].time_s, few * 2
                chunk = []
        chunk.append(frame)
    if chunk:
        yield chunk
