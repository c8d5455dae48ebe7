"""Pictures -> pseudo-clips with their features and probabilities, and sets of them as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from clip_pictures import Picture
from pseudo_clips import VIEWS, Script, feature_clip, picture_clip, views, write_script

from fer_video.clip.answers import VALENCES
from fer_video.clip.pool import pool
from fer_video.learning.fit import PROTOCOLS
from fer_video.models.backbone import Backbone

__all__ = [
    "Album",
    "Arrays",
    "Clip",
    "Head",
    "group_arrays",
    "joined",
    "make_album",
    "person_arrays",
    "pseudo_clips",
    "strided_arrays",
]

Arrays = dict[str, Any]

_OTHER = 0.6  # share of clips that begin with another expression instead of neutral
_SHIFTED = 0.5  # share of clips in feature space in which one face shows both expressions
_FLICKER = 0.35  # the most of another expression that passes over a neutral face
_COMMON = {"contempt": 0.04, "neutral": 0.4}  # share of the clips; the others share the rest evenly
_WANDER = 0.25  # how far a face strays from its pictures, in the spread of pictures of one expression
_WAYS = 4  # at a time
_SOURCES = ("ferplus", "affect7")


@dataclass(frozen=True)
class Head:
    """The emotion head as a function of features, which is what the heads of these networks are."""

    weights: npt.NDArray[np.float64]  # (D + 1, labels), the last row is the bias
    labels: tuple[str, ...]

    @staticmethod
    def of(features: Any, probabilities: Any, labels: Sequence[str]) -> Head:
        """From what a network says of many pictures. Raises ValueError when the head is not linear."""
        logits = np.log(np.maximum(probabilities, 1e-30))
        logits = logits - logits.mean(axis=1, keepdims=True)
        inputs = np.column_stack([features, np.ones(len(features))]).astype(np.float64)
        gram = inputs.T @ inputs + 1e-6 * np.eye(inputs.shape[1])
        weights = np.linalg.solve(gram, inputs.T @ logits)
        head = Head(weights, tuple(labels))
        off = float(np.abs(head(features) - probabilities).mean())
        if off > 0.005:
            raise ValueError(f"the emotion head is not linear in the features: off by {off:.4f} on the average")
        return head

    def __call__(self, features: Any) -> npt.NDArray[np.float64]:
        logits = features @ self.weights[:-1] + self.weights[-1]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))


class Album:
    """Pictures of one part and what a network says of their views.

    views: (pictures, VIEWS, D) features. probabilities: (pictures, VIEWS, labels).
    """

    def __init__(self, pictures: list[Picture], views: Any, probabilities: Any) -> None:
        self.pictures, self.views, self.probabilities = pictures, views, probabilities
        self.rows: dict[tuple[str, int, str], list[int]] = {}  # by source, fold and label
        of_expression: dict[tuple[str, str], list[int]] = {}
        for row, picture in enumerate(pictures):
            self.rows.setdefault((picture.source, picture.fold, picture.label), []).append(row)
            of_expression.setdefault((picture.source, picture.label), []).append(row)
        self.means = {key: views[rows].mean(axis=(0, 1)) for key, rows in of_expression.items()}  # of the features

    def head(self, labels: Sequence[str]) -> Head:
        """The network's emotion head, from every third picture."""
        features, shares = (values[::3].reshape(-1, values.shape[-1]) for values in (self.views, self.probabilities))
        return Head.of(features, shares, labels)


@dataclass(frozen=True)
class Clip:
    """features: (n, D) of the frames in which the face is seen; the script's times are of all frames."""

    label: str
    fold: int
    script: Script
    features: npt.NDArray[np.float32]
    probabilities: npt.NDArray[np.float64]  # (n, labels), of the same frames
    before: str  # the expression before and after the one that is shown


def make_album(pictures: list[Picture], backbone: Backbone) -> Album:
    features, probabilities = [], []
    for begin in range(0, len(pictures), 64):
        crops = []
        for picture in pictures[begin : begin + 64]:
            crops += views(picture.image, np.random.default_rng(picture.seed), backbone.size)
        seen = backbone.embed(crops)
        features.append(seen.features.reshape(-1, VIEWS, backbone.feature_size))
        probabilities.append(seen.probabilities["emotion"].reshape(-1, VIEWS, len(backbone.emotions)))
    return Album(pictures, np.concatenate(features), np.concatenate(probabilities))


def pseudo_clips(
    album: Album, head: Head, count: int, seed: int, *, still: bool, backbone: Backbone | None = None,
    fps: float = 10.0, length_s: tuple[float, float] = (1.5, 4.0),
) -> Iterator[Clip]:  # fmt: skip
    """backbone: make the clips of pictures; None: of features. Neutral is never what a changing clip shows."""
    rng = np.random.default_rng(seed)
    labels = sorted({picture.label for picture in album.pictures} & set(head.labels))
    if not still:
        labels.remove("neutral")
    rest = 1 - sum(_COMMON.get(label, 0.0) for label in labels)
    others = sum(label not in _COMMON for label in labels)
    shares = [_COMMON.get(label, rest / others) for label in labels]
    for _ in range(count):
        label = str(rng.choice(labels, p=shares))
        fold, source = int(rng.integers(3)), str(rng.choice(_SOURCES))
        if (source, fold, label) not in album.rows:
            source = _SOURCES[0]
        shown = rng.choice(album.rows[source, fold, label], 2)
        other = rng.random() < _OTHER
        before = str(rng.choice([each for each in labels if each != label])) if other else "neutral"
        if (source, fold, before) not in album.rows:
            before = "neutral"
        script = write_script(rng, still=still, least=0.5 if before != "neutral" else 0.2, fps=fps, length_s=length_s)
        if label == "neutral":  # something weak may pass over a neutral face
            before, script = _flicker(rng, script, labels, fps, length_s)
            before = before if (source, fold, before) in album.rows else "neutral"
        first = rng.choice(album.rows[source, fold, before], 2)
        rows = [*first.tolist(), *shown.tolist()]
        features = _pictured(album, rows, script, rng, backbone) if backbone else _felt(album, rows, script, rng)
        features = features[script.seen]
        yield Clip(label, fold, script, features, head(features), before)


def _flicker(
    rng: np.random.Generator, script: Script, labels: Sequence[str], fps: float, length_s: tuple[float, float]
) -> tuple[str, Script]:
    if rng.random() < 0.5:
        return "neutral", script
    weak = write_script(rng, still=False, fps=fps, length_s=length_s, strength=float(rng.uniform(0.1, _FLICKER)))
    mix = np.column_stack([weak.mix[:, 2:], weak.mix[:, :2]])  # what passes over is the other one
    return str(rng.choice([each for each in labels if each != "neutral"])), replace(weak, mix=mix, share=1.0)


def _pictured(album: Album, rows: list[int], script: Script, rng: np.random.Generator, backbone: Backbone) -> Any:
    images = [album.pictures[row].image for row in rows]
    crops = picture_clip(images, script.mix, script.talks, script.turns, rng, backbone.size)
    return backbone.embed(crops).features


def _felt(album: Album, rows: list[int], script: Script, rng: np.random.Generator) -> Any:
    seen_as = [album.views[row] for row in rows]
    if rng.random() < _SHIFTED:  # the same face: what it shows, moved by the difference of the expressions' means
        first, shown = album.pictures[rows[0]], album.pictures[rows[2]]
        shift = album.means[first.source, first.label] - album.means[shown.source, shown.label]
        shift = shift * np.float32(rng.uniform(0.9, 1.3))
        seen_as[:2] = [np.maximum(each + shift, 0) for each in seen_as[2:]]
    return np.maximum(feature_clip(script, seen_as, rng) + _wandering(album, rows[2], script, rng), 0)


def _wandering(album: Album, row: int, script: Script, rng: np.random.Generator) -> Any:
    """No face holds still between two pictures: small slow changes in directions in which pictures differ."""
    picture = album.pictures[row]
    others = rng.choice(album.rows[picture.source, picture.fold, picture.label], _WAYS)
    ways = album.views[others].mean(axis=1) - album.means[picture.source, picture.label]
    speed, phase = rng.uniform(0.1, 1.0, _WAYS), rng.uniform(0, 2 * np.pi, _WAYS)
    how_far = rng.uniform(0, _WANDER, _WAYS) * np.sin(2 * np.pi * script.times[:, None] * speed + phase)
    return (how_far @ ways).astype(np.float32)


# ---- as arrays


def person_arrays(
    album: Album, head: Head, count: int, seed: int, *, still: bool, backbone: Backbone | None = None
) -> Arrays:
    """Statistics by their names, (n, D) each; probabilities: (n, labels) means over the frames; label, fold, still."""
    return _columns(
        _row(clip, clip.features) | {"still": still}
        for clip in pseudo_clips(album, head, count, seed, still=still, backbone=backbone)
    )


def _row(clip: Clip, features: Any) -> dict[str, Any]:
    statistics = {name: getattr(features, name)(axis=0).astype(np.float32) for name in ("mean", "std", "min", "max")}
    return statistics | {"probabilities": clip.probabilities.mean(axis=0), "label": clip.label, "fold": clip.fold}


def strided_arrays(album: Album, head: Head, count: int, seed: int, strides: Sequence[int]) -> list[Arrays]:
    """The same clips, changing and still ones, looked at every n-th frame."""
    rows: list[list[dict[str, Any]]] = [[] for _ in strides]
    for number, still in enumerate((False, True)):
        for clip in pseudo_clips(album, head, count // 2, seed + 100 * number, still=still, fps=25.0):
            for stride, looks in zip(strides, rows, strict=True):
                looks.append(_row(clip, clip.features[::stride]))
    return [_columns(each) for each in rows]


def group_arrays(album: Album, head: Head, count: int, seed: int) -> Arrays:
    """Groups of 2 to 6 people. More than half show what the group shows, each with a course of their own."""
    rng, by_valence = np.random.default_rng(seed), _by_valence(album)
    pooling, rows = PROTOCOLS["vgaf"].pooling, []
    for _ in range(count):
        valence, fold, people = str(rng.choice(list(VALENCES))), int(rng.integers(3)), int(rng.integers(2, 7))
        leading = max(int(np.ceil(people * rng.uniform(0.5, 1.0))), people // 2 + 1)
        shown = [valence] * leading + rng.choice(list(VALENCES), people - leading).tolist()
        source, length = str(rng.choice(_SOURCES)), float(rng.uniform(1.0, 2.5))
        times: list[npt.NDArray[np.int64]] = []
        features: list[Any] = []
        for each in shown:
            script = write_script(rng, still=bool(rng.random() < 0.4), length_s=(length, length + 1e-9))
            rows_of = [
                *rng.choice(by_valence[source, fold, "neutral"], 2),
                *rng.choice(by_valence[source, fold, each], 2),
            ]
            features.append(_felt(album, [int(row) for row in rows_of], script, rng)[script.seen])
            times.append(np.flatnonzero(script.seen))
        frames = np.concatenate(times)
        order = np.argsort(frames, kind="stable")
        seen = np.concatenate(features)[order].astype(np.float32)
        shares = head(seen)
        means = np.mean([shares[frames[order] == frame].mean(axis=0) for frame in np.unique(frames)], axis=0)
        rows.append({"descriptor": pool(seen, frames[order], pooling), "probabilities": means, "label": valence,
                     "fold": fold})  # fmt: skip
    return _columns(rows)


def _by_valence(album: Album) -> dict[tuple[str, int, str], list[int]]:
    """Rows by source, fold and valence; the neutral ones are neutral faces alone, as what comes before is."""
    found: dict[tuple[str, int, str], list[int]] = {}
    for (source, fold, label), rows in album.rows.items():
        for valence, emotions in VALENCES.items():
            if label in emotions and label != "surprise":
                found.setdefault((source, fold, valence), []).extend(rows)
    return found


def _columns(rows: Iterable[dict[str, Any]]) -> Arrays:
    several = list(rows)
    return {name: np.array([row[name] for row in several]) for name in several[0]}


def joined(sets: Sequence[Arrays]) -> Arrays:
    """In a fixed random order, so that any part of them is of all kinds."""
    whole = {name: np.concatenate([each[name] for each in sets]) for name in sets[0]}
    order = np.random.default_rng(0).permutation(len(whole["label"]))
    return {name: values[order] for name, values in whole.items()}
