"""Frames -> faces, from a detector that runs in some frames only, because it costs more than all other stages.

It looks at key frames, a fifth of a second apart at most; a face that is in two of them at nearly the same place has
been between the two in between. Where they do not agree, because somebody moved fast, came or went, the frame in the
middle is looked at as well, and so on. Measured against looking at every frame, and against carrying boxes along by
optical flow: benchmarks/keyframes.py, docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from fer_video.faces.detectors import Detector, select_faces
from fer_video.faces.track import affinity, assign, boxes_of
from fer_video.types import Face, Frame

__all__ = ["KEY_S", "KeyFrames", "is_due"]

KEY_S = 0.2  # seconds of video between two key frames, at most
_SAME_PLACE = 0.5  # affinity of a face's boxes in two key frames, above which the way between them is a straight line
_HAIR_S = 1e-6  # for times that are sums of rounded ones

Faces = list[Face]


class KeyFrames:
    """Made for one clip; its chunks of frames are given in order.

    every_s: seconds between two key frames, at most; 0 makes every frame one.
    """

    def __init__(self, detector: Detector, every_s: float = KEY_S) -> None:
        self._detector, self._every_s = detector, every_s
        self._before: tuple[float, Faces] | None = None  # the last frame of the chunk before: its time and faces

    def faces(self, chunk: Sequence[Frame], cuts: Sequence[bool], known: Mapping[int, Faces]) -> list[Faces]:
        """The faces of each frame of a chunk, from left to right.

        chunk: frames of one size. cuts: with which of them a shot begins. known: faces of frames that were looked at
        before, by position in the chunk.
        """
        found = dict(known)
        if self._before is not None:
            found[-1] = self._before[1]
        wanted = [i for i in self._keys(chunk, cuts) if i not in found]
        while wanted:
            detected = self._detector.detect([chunk[i].picture for i in wanted])
            found |= {i: select_faces(each, self._detector.options) for i, each in zip(wanted, detected, strict=True)}
            wanted = _doubtful(found)
        self._before = chunk[-1].time_s, found[len(chunk) - 1]
        return _filled(found, len(chunk))

    def _keys(self, chunk: Sequence[Frame], cuts: Sequence[bool]) -> list[int]:
        """Positions to look at in any case. The last one of a chunk is, so that its other frames need no later one."""
        last_s = -np.inf if self._before is None else self._before[0]
        keys = []
        for i, frame in enumerate(chunk):
            ends = i + 1 == len(chunk) or cuts[i + 1] or is_due(chunk[i + 1].time_s, last_s, self._every_s)
            if cuts[i] or ends:
                keys.append(i)
                last_s = frame.time_s
        return keys


def is_due(next_s: float, last_s: float, every_s: float) -> bool:
    """Whether a frame must be looked at, because the one after it, at next_s, would be too far from the last look."""
    return next_s - last_s > every_s + _HAIR_S


def _doubtful(found: Mapping[int, Faces]) -> list[int]:
    """The middle between each two neighbours that are apart and do not agree."""
    return [
        (a + b) // 2
        for a, b in pairwise(sorted(found))
        if b - a > 1 and not len(found[a]) == len(found[b]) == len(_same(found[a], found[b]))
    ]


def _same(first: Faces, second: Faces) -> list[tuple[int, int]]:
    """Faces of two frames that are the same in nearly the same place, as pairs of positions."""
    return assign(affinity(boxes_of(first), boxes_of(second)), _SAME_PLACE)


def _filled(found: Mapping[int, Faces], count: int) -> list[Faces]:
    faces = [found.get(i, []) for i in range(count)]
    for a, b in pairwise(sorted(found)):
        pairs = _same(found[a], found[b]) if b - a > 1 else []
        for i in range(a + 1, b):
            share = (i - a) / (b - a)
            between = [_between(found[a][j], found[b][k], share) for j, k in pairs]
            faces[i] = sorted(between, key=lambda face: face.center)
    return faces


def _between(first: Face, second: Face, share: float) -> Face:
    """On the straight line from one to the other."""
    x1, y1, x2, y2 = (a + share * (b - a) for a, b in zip(first.box, second.box, strict=True))
    landmarks = None
    if first.landmarks is not None and second.landmarks is not None:
        landmarks = first.landmarks + np.float32(share) * (second.landmarks - first.landmarks)
    return Face((x1, y1, x2, y2), first.score + share * (second.score - first.score), landmarks)
