"""Frames -> Observations: the stages cut, detect, align, backbone and track, one after the other.

Frames are taken in chunks, so that the detector and the backbone each run on a batch; how many frames a chunk
holds depends on their size, so memory stays flat for 4K as well as for an hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from fer_video.backbone import Backbone, affect_from, attributes_from
from fer_video.cuts import CutDetector
from fer_video.detect import Detector, select_faces
from fer_video.track import Tracker
from fer_video.types import Face, Floats, Frame, Observation

__all__ = ["Look", "Looks", "Pipeline"]

_CHUNK_BYTES, _MAX_CHUNK = 48 << 20, 16


@dataclass(frozen=True, slots=True)
class Look:
    """What was found in one frame, before anybody is followed."""

    faces: list[Face]
    features: Floats  # (faces, D)
    heads: Mapping[str, Floats]  # task -> (faces, labels) probabilities, or (faces, 1) values


Looks = dict[int, Look]


class Pipeline:
    """Loaded models at work. Keeps nothing between clips.

    max_lost_s: for how long a person may be out of sight and keep the id.
    """

    def __init__(self, detector: Detector, backbone: Backbone, max_lost_s: float) -> None:
        self.detector, self.backbone, self._max_lost_s = detector, backbone, max_lost_s

    def observe(self, frames: Iterator[Frame], looks: Looks | None = None) -> Iterator[Observation]:
        """One observation per frame and face, and one for a frame without a face, in order.

        looks: frames that were looked at before, by number, and then those looked at now; None keeps none.
        """
        for _, seen in self.observe_frames(frames, looks):
            yield from seen

    def observe_frames(
        self, frames: Iterator[Frame], looks: Looks | None = None, most: int = _MAX_CHUNK
    ) -> Iterator[tuple[Frame, list[Observation]]]:
        """The same frame by frame. most: frames that are taken before the first of them is answered."""
        tracker, cuts = Tracker(self._max_lost_s), CutDetector()
        for chunk in chunks(frames, most):
            new = [frame for frame in chunk if looks is None or frame.index not in looks]
            found = dict(zip((frame.index for frame in new), self._look(new), strict=True))
            if looks is not None:
                looks.update(found)
                found = looks
            for frame in chunk:
                if cuts.update(frame.image):
                    tracker.reset()
                look = found[frame.index]
                ids = tracker.update(look.faces, frame.time_s)
                yield frame, list(self._say(frame, look, ids))

    def _look(self, frames: Sequence[Frame]) -> list[Look]:
        """The faces of each frame with their embeddings: the detector's work and the backbone's, a batch each."""
        detected = self.detector.detect([frame.image for frame in frames])
        faces = [select_faces(each, self.detector.options) for each in detected]
        crops = [self.backbone.crop(f.image, face) for f, each in zip(frames, faces, strict=True) for face in each]
        embedded = self.backbone.embed(crops)
        ends = list(accumulate(map(len, faces)))
        return [
            Look(
                each,
                embedded.features[end - len(each) : end],
                {task: values[end - len(each) : end] for task, values in embedded.probabilities.items()},
            )
            for each, end in zip(faces, ends, strict=True)
        ]

    def _say(self, frame: Frame, look: Look, ids: list[int]) -> Iterator[Observation]:
        if not ids:
            yield Observation(frame.index, frame.time_s)
        for row, (face, person) in enumerate(zip(look.faces, ids, strict=True)):
            heads = {task: values[row] for task, values in look.heads.items()}
            yield Observation(
                frame=frame.index,
                time_s=frame.time_s,
                person=person,
                face=face,
                probabilities=dict(zip(self.backbone.emotions, heads["emotion"].tolist(), strict=True)),
                embedding=look.features[row],
                attributes=attributes_from(self.backbone.heads, heads) if "age" in heads else None,
                affect=affect_from(heads),
            )


def chunks(frames: Iterator[Frame], most: int = _MAX_CHUNK) -> Iterator[list[Frame]]:
    """Lists of frames of one size, as many as fit the budget. Streams and folders of pictures may change size."""
    chunk: list[Frame] = []
    for frame in frames:
        if chunk and frame.image.shape != chunk[0].image.shape:
            yield chunk
            chunk = []
        chunk.append(frame)
        if len(chunk) >= max(1, min(most, _CHUNK_BYTES // frame.image.nbytes)):
            yield chunk
            chunk = []
    if chunk:
        yield chunk
