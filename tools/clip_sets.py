"""Pictures -> sets of pseudo-clips as arrays: descriptors' features, per-frame probabilities, labels, times of change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from clip_pictures import Picture
from pseudo_clips import VIEWS, Script, feature_clip, picture_clip, views, write_script

from fer_video.backbone import Backbone

__all__ = ["Album", "Clip", "Head", "make_album", "pseudo_clips"]

_OTHER = 0.25  # share of clips that begin with another expression instead of neutral
_SHIFTED = 0.5  # share of clips in feature space in which one face shows both expressions
_FLICKER = 0.35  # the most of another expression that passes over a neutral face
_RARE = {"contempt": 0.04, "neutral": 0.16}  # share of the clips; the others share the rest evenly
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
    rest = 1 - sum(_RARE.get(label, 0.0) for label in labels)
    others = sum(label not in _RARE for label in labels)
    shares = [_RARE.get(label, rest / others) for label in labels]
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
    return feature_clip(script, seen_as, rng)
