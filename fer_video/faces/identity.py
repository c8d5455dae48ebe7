"""Tracks -> people: which tracks show the same face, from the faces of one clip as they go by.

A track is one unbroken appearance; it ends at a cut, or when its face is out of sight for too long. Each track leaves
the embedding of its best crops (portraits.py), made when it ends, and tracks whose embeddings agree are one person
(clusters.py). Memory grows with the tracks, by a few hundred numbers each, and not with the frames.

An embedding costs as much as finding the faces of a whole second of video, so few are made: none while there is no
other track that a track could belong to, none where a crop is nearly the same picture as one of a known track
(seen.py), one where the best crop agrees clearly with a known track or is not clear enough to be known by, and all of
its crops otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from fer_video.faces.clusters import cluster
from fer_video.faces.doubts import Doubt
from fer_video.faces.portraits import Portrait, Portraits, portrait_score
from fer_video.faces.recognize import Recognizer
from fer_video.faces.seen import Seen, thumbnails_of
from fer_video.faces.track import assign
from fer_video.types import Face, Floats, Image, PersonEmbedding, Picture

__all__ = ["Identities", "TrackEmbedding", "person_embedding", "track_embedding"]

_CLEAR_SCORE = 0.1  # of a face that is compared at once: sure, large or frontal enough
_OTHER = 0.3  # cosine below which a face is not the one that the track followed
_AS_BEFORE = 0.85  # correlation of two crops from which on a face that was lost is the one that is found
_COMPARED = 3  # crops of a track that are compared as pictures
_HOPELESS = 0.9  # of the least length: of a track whose best crop has less, the others are no better
_BETTER = 0.15  # by how much looks must speak for another track than the one that fits by place
_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class TrackEmbedding:
    """What a track's crops say of its person."""

    vector: Floats  # (D,) mean of the crops' embeddings; of unit length when they all agree, shorter otherwise
    length: float  # mean length of the embeddings as the network gives them: low for small, blurred and dark faces
    crops: int  # that it was made from
    best: Portrait | None = None  # the best of them, without its picture


def track_embedding(embeddings: Floats, best: Portrait | None = None) -> TrackEmbedding:
    """embeddings: (n, D) of a track's crops, as the network gives them.

    The mean of n unit vectors is the shorter the less they agree, and then the direction of the mean is nearer to that
    of everybody's mean: five unlike pictures of two people agree better than two pictures. Dividing by the square root
    of the length makes one threshold fit tracks of few and many crops (benchmarks/identity.py).
    """
    lengths = np.linalg.norm(embeddings, axis=1)
    mean = (embeddings / np.maximum(lengths, 1e-9)[:, None]).mean(axis=0)
    return TrackEmbedding(_scaled(mean), float(lengths.mean()), len(embeddings), best)


def _scaled(mean: Floats) -> Floats:
    return (mean / max(float(np.sqrt(np.linalg.norm(mean))), 1e-9)).astype(np.float32)


def person_embedding(tracks: Sequence[TrackEmbedding]) -> PersonEmbedding:
    """Of the crops of all tracks of a person, as if they had been those of one track."""
    vectors, crops = np.stack([each.vector for each in tracks]), np.array([each.crops for each in tracks])
    means = vectors * np.linalg.norm(vectors, axis=1, keepdims=True)  # as they were before they were scaled
    best = max((each.best for each in tracks if each.best is not None), key=lambda portrait: portrait.score)
    vector = _scaled(np.average(means, axis=0, weights=crops))
    return PersonEmbedding(tuple(vector.tolist()), int(crops.sum()), best.time_s, best.box)


def _settled(
    doubts: Sequence[Doubt], looks: Sequence[Floats], known: Mapping[int, Floats | None]
) -> dict[int, int | None]:
    """Face -> track, or None for somebody new; of those for whom it is not the track that fits by place."""
    tracks = sorted({track for doubt in doubts for track in (doubt.track, *doubt.rivals)})
    scores = np.full((len(doubts), len(tracks) + len(doubts)), -1.0)  # for each face also a column of somebody new
    for row, (doubt, look) in enumerate(zip(doubts, looks, strict=True)):
        if not doubt.rivals:  # of two who part, nobody is new
            scores[row, len(tracks) + row] = _OTHER + _BETTER
        for track in (doubt.track, *doubt.rivals):
            if (vector := known[track]) is not None:
                scores[row, tracks.index(track)] = float(look @ vector) + _BETTER * (track == doubt.track)
    columns = dict(assign(scores, -2.0))
    settled = {doubt.face: [*tracks, *[None] * len(doubts)][columns[row]] for row, doubt in enumerate(doubts)}
    return {doubt.face: settled[doubt.face] for doubt in doubts if settled[doubt.face] != doubt.track}


class Identities:
    """Made for one clip: look at its frames in order, then ask for the people.

    keep_all: make embeddings also of tracks that cannot be anybody else's, because they are to be stored.
    """

    def __init__(self, recognizer: Recognizer, *, keep_all: bool = False) -> None:
        self._recognizer, self._keep_all = recognizer, keep_all
        self._live: dict[int, Portraits] = {}
        self._ended: dict[int, list[Portrait]] = {}  # tracks that have no embedding yet
        self._apart: dict[int, set[int]] = {}  # track -> tracks that were seen in a frame with it; every track is here
        self._in_frame: Sequence[int] = ()
        self._seen = Seen()
        self._looks: dict[int, tuple[Portrait, Floats]] = {}  # track -> its best crop and the embedding, once asked for
        self.embeddings: dict[int, TrackEmbedding] = {}  # of tracks that are recognised by them

    def look(
        self, image: Image | Picture, time_s: float, faces: Sequence[Face], tracks: Sequence[int], live: Collection[int]
    ) -> None:
        """A sampled frame: its faces, the tracks they belong to, and the tracks that have not ended."""
        for track in [track for track in self._live if track not in live]:
            self._ended[track] = self._live.pop(track).best_first()
        if self._ended:
            self._embed_ended()
        if tracks != self._in_frame:
            self._in_frame = tracks
            for track in tracks:
                self._apart.setdefault(track, set()).update(other for other in tracks if other != track)
        for face, track in zip(faces, tracks, strict=True):
            if face.landmarks is not None:
                crop = partial(self._recognizer.crop, image, face.landmarks)
                self._live.setdefault(track, Portraits()).offer(face, time_s, crop)

    def judge(self, image: Image | Picture, faces: Sequence[Face], doubts: Sequence[Doubt]) -> dict[int, int | None]:
        """Whose faces are those that the tracker is in doubt of, by their looks; as a Judge of the tracker.

        Only where faces are clear enough and the difference is: all others stay with the track that they fit by place.
        """
        least = self._recognizer.spec.identity.least_length
        known: dict[int, Floats | None] = {}
        clear, looks = [], []
        for doubt in doubts:
            face = faces[doubt.face]
            if face.landmarks is None or portrait_score(face) < _CLEAR_SCORE:
                continue
            crop = self._recognizer.crop(image, face.landmarks)
            if not doubt.rivals and (self._is_as_before(doubt.track, crop) or self._is_unclear(crop)):
                continue
            known |= {track: self._best_look(track) for track in (doubt.track, *doubt.rivals) if track not in known}
            if known[doubt.track] is None:
                continue
            look = self._recognizer.embed([crop])[0]
            if np.linalg.norm(look) >= least:
                clear.append(doubt)
                looks.append(look / np.linalg.norm(look))
        return _settled(clear, looks, known)

    def _is_unclear(self, crop: Image) -> bool:
        """Whether it looks like one that was not clear enough to know anybody by."""
        like = self._seen.find(thumbnails_of([crop]))
        return like is not None and not like[1]

    def _is_as_before(self, track: int, crop: Image) -> bool:
        """Whether somebody who is found again looks much as before: then nothing speaks for anybody else."""
        if track not in self._live or not (portraits := self._live[track].best_first()):
            return False
        before = thumbnails_of([portrait.crop for portrait in portraits])
        return float((before @ thumbnails_of([crop])[0]).max()) >= _AS_BEFORE

    def _best_look(self, track: int) -> Floats | None:
        """Of unit length: the embedding of the best crop so far; None where it is not clear enough."""
        portraits = self._live[track].best_first() if track in self._live else []
        if not portraits:
            return None
        row: Floats = self._embed_first(track, portraits[0])[0]
        length = float(np.linalg.norm(row))
        if length >= self._recognizer.spec.identity.least_length:
            return row / length
        self._seen.add(track, thumbnails_of([portraits[0].crop]), clear=False)
        return None

    def _embed_first(self, track: int, portrait: Portrait) -> Floats:
        """(1, D) of a track's best crop, once for as long as it is the best."""
        held = self._looks.get(track)
        if held is None or held[0] is not portrait:
            held = self._looks[track] = portrait, self._recognizer.embed([portrait.crop])
        return held[1]

    def _embed_ended(self) -> None:
        for track in list(self._ended):
            may_join = len(self._apart) > 1 + len(self._apart[track])
            if may_join or self._keep_all:
                self._embed(track, self._ended.pop(track))

    def _embed(self, track: int, portraits: Sequence[Portrait]) -> None:
        if not portraits:
            return
        thumbnails = thumbnails_of([portrait.crop for portrait in portraits[:_COMPARED]])
        if (same := self._seen.find(thumbnails, self._apart[track])) is not None:
            like, clear = same
            if clear:
                self.embeddings[track] = replace(self.embeddings[like], best=replace(portraits[0], crop=_NO_PICTURE))
            self._looks.pop(track, None)
            return
        self._embed_new(track, portraits)
        self._seen.add(track, thumbnails, clear=track in self.embeddings)

    def _embed_new(self, track: int, portraits: Sequence[Portrait]) -> None:
        spec = self._recognizer.spec.identity
        embeddings = self._embed_first(track, portraits[0])
        del self._looks[track]
        best = replace(portraits[0], crop=_NO_PICTURE)
        found = track_embedding(embeddings, best)
        clear = found.length >= spec.least_length and self._best_cosine(track, found.vector) >= spec.sure
        if not clear and found.length >= _HOPELESS * spec.least_length and len(portraits) > 1:
            rest = self._recognizer.embed([portrait.crop for portrait in portraits[1:]])
            found = track_embedding(np.concatenate((embeddings, rest)), best)
        if found.length >= spec.least_length:
            self.embeddings[track] = found

    def _best_cosine(self, track: int, vector: Floats) -> float:
        """With the tracks that are known and may be of the same person."""
        apart = self._apart[track]
        known = [found.vector for other, found in self.embeddings.items() if other not in apart]
        return float((np.stack(known) @ vector).max()) if known else -1.0

    def people(self) -> dict[int, int]:
        """Track -> person, numbered from 1 in order of appearance. After the last frame."""
        for track in list(self._live):
            self._ended[track] = self._live.pop(track).best_first()
        self._embed_ended()
        first_of, numbers, people = self._first_tracks(), dict[int, int](), {}
        for track in sorted(self._apart):
            first = first_of.get(track, track)
            people[track] = numbers.setdefault(first, len(numbers) + 1)
        return people

    def embeddings_of(self, people: Mapping[int, int]) -> dict[int, PersonEmbedding]:
        """Person -> embedding, of those who have one. people: as `people` gave them."""
        tracks_of: dict[int, list[TrackEmbedding]] = {}
        for track, found in self.embeddings.items():
            tracks_of.setdefault(people[track], []).append(found)
        return {person: person_embedding(tracks) for person, tracks in tracks_of.items()}

    def _first_tracks(self) -> dict[int, int]:
        """Track -> the first track of its person, for tracks that are recognised."""
        known = sorted(self.embeddings)
        if not known:
            return {}
        row_of = {track: row for row, track in enumerate(known)}
        apart = [(row_of[a], row_of[b]) for a in known for b in self._apart[a] if a < b and b in row_of]
        vectors = np.stack([self.embeddings[track].vector for track in known])
        groups = cluster(vectors, apart, self._recognizer.spec.identity.same)
        return {track: known[group] for track, group in zip(known, groups, strict=True)}
