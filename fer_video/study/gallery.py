"""A folder of pictures per name -> names for people, where the match is clear.

Clear means: the picture's face and the person's agree as two tracks of one person do, and better by a margin than with
any other name. benchmarks/identity.py measures how often that is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_video.errors import InputError, OptionError
from fer_video.faces.detectors import Detector, DetectorOptions, make_detector
from fer_video.faces.identity import track_embedding
from fer_video.faces.recognize import Recognizer
from fer_video.files import content_hash
from fer_video.media.decode import IMAGE_SUFFIXES, natural, open_source
from fer_video.media.sampling import Sampling
from fer_video.models import ModelSpec, Session, find_model, open_session
from fer_video.study.people import Found, Network
from fer_video.types import Floats

__all__ = ["MARGIN", "Gallery", "clear_match", "gallery_names", "read_gallery"]

MARGIN = 0.1  # by how much the best name must beat the next one
_MIN_FACE_PX = 20
_ALONE = 0.6  # another face of this share of the largest one's side makes a picture one of several people


@dataclass(frozen=True, slots=True)
class Gallery:
    """Names and what their faces look like. errors: pictures that cannot be used, a line each."""

    names: tuple[str, ...]
    vectors: Floats  # (names, D)
    errors: tuple[InputError, ...]


def read_gallery(folder: Path, network: Network, identity_model: str | None = None) -> Gallery:
    """folder: holds a folder per name with pictures of that face. network: what made the embeddings to compare with.

    Raises InputError without any picture that can be used, OptionError for another network, ModelError.
    """
    spec = find_model("face-recognition", identity_model)
    if (spec.sha256 or content_hash(spec.path)) != network.sha256:
        raise OptionError(
            f"{folder}: the results have embeddings of the network {network.name}, not of {spec.name}; name it or its "
            "file with --identity-model"
        )
    detector = make_detector(_start(find_model("face-detector")), DetectorOptions(min_face_px=_MIN_FACE_PX))
    recognizer = Recognizer(spec, _start)
    names, vectors, errors = [], [], []
    for home in _homes(folder):
        rows = []
        for picture in _pictures(home):
            try:
                rows.append(_embedding(picture, detector, recognizer))
            except InputError as error:
                errors.append(error)
        if rows:
            names.append(home.name)
            vectors.append(track_embedding(np.stack(rows)).vector)
        else:
            errors.append(InputError(f"{home}: has no picture of one clear face; this name is given to nobody"))
    if not names:
        raise errors[0] if errors else InputError(f"{folder}: holds no folders; make one per name with pictures in it")
    return Gallery(tuple(names), np.stack(vectors), tuple(errors))


def _start(spec: ModelSpec) -> Session:
    return open_session(spec)


def _homes(folder: Path) -> list[Path]:
    try:
        return sorted((each for each in folder.iterdir() if each.is_dir()), key=lambda each: natural(each.name))
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be opened: {error.strerror}; give a folder with one folder per name"
        ) from error


def _pictures(home: Path) -> Iterator[Path]:
    for file in sorted(home.iterdir(), key=lambda each: natural(each.name)):
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith("."):
            yield file


def _embedding(picture: Path, detector: Detector, recognizer: Recognizer) -> Floats:
    """Of the only face, or the one in front. Raises InputError."""
    with open_source(picture) as source:
        image = next(iter(source.frames(Sampling(fps=None)))).image
    faces = sorted(detector.detect([image])[0], key=lambda face: -face.side)
    if not faces or faces[0].landmarks is None:
        raise InputError(f"{picture}: no face found")
    if len(faces) > 1 and faces[1].side > _ALONE * faces[0].side:
        raise InputError(f"{picture}: shows several people; crop it to one")
    row: Floats = recognizer.embed([recognizer.crop(image, faces[0].landmarks)])[0]
    if float(np.linalg.norm(row)) < recognizer.spec.identity.least_length:
        raise InputError(f"{picture}: the face is too small, dark or blurred")
    return row


def gallery_names(people: Sequence[Found], gallery: Gallery, same: float) -> dict[int, str]:
    """Number of a person -> name. Of two who are in sight at the same time only the more alike gets it; who has a name
    keeps it."""
    matches = []
    for each in people:
        vectors = [vector for seen in each.appearances if (vector := seen.vector) is not None]
        if each.identity is None and vectors:
            scores = gallery.vectors @ np.mean(vectors, axis=0)
            if (row := clear_match(scores, same)) is not None:
                matches.append((float(scores[row]), each, gallery.names[row]))
    given: dict[int, str] = {}
    holders = {name: [each for each in people if each.identity == name] for name in gallery.names}
    for _, each, name in sorted(matches, key=lambda match: -match[0]):
        if not any(
            one.is_beside(other) for one in each.appearances for held in holders[name] for other in held.appearances
        ):
            given[each.number] = name
            holders[name].append(each)
    return given


def clear_match(scores: Floats, same: float) -> int | None:
    """scores: (names,) products of embeddings. Which name it is, where one is clear."""
    best = int(scores.argmax())
    second = float(np.delete(scores, best).max(initial=-np.inf))
    return best if scores[best] >= same and scores[best] - second >= MARGIN else None
