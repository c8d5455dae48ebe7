"""The pictures of a step and how each is changed: a function of the seed and the number of the step alone.

So a training that was killed goes on from a checkpoint exactly as if it had not been.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from fer_video.models import InputSpec
from fer_video.models.backbone import preprocess
from fer_video.training.augment import augment, plain
from fer_video.training.pictures import Pictures
from fer_video.training.recipe import Augmentation, Stage
from fer_video.training.targets import Indices, Targets
from fer_video.types import Floats, Image

__all__ = ["IMAGENET", "Batch", "Mixer", "batches", "plain_batches"]

IMAGENET = InputSpec("input", None, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Batch:
    """inputs: (n, 3, size, size) float32. targets: n rows."""

    inputs: Floats
    targets: Targets


@dataclass(frozen=True)
class Part:
    """A source's training or validation pictures with their targets, row by row."""

    pictures: Pictures
    rows: Indices  # into pictures.images
    targets: Targets  # of those rows
    ratio: float = 1.0
    balance: float = 0.0  # how far emotions are drawn equally often, 0 to 1

    def weights(self) -> Floats:
        """(n,) how often each picture is drawn in one turn, mean 1."""
        known = self.targets.known("emotion") if self.targets.emotion.shape[1] else np.zeros(len(self.rows), bool)
        drawn = np.ones(len(self.rows), np.float32)
        if self.balance and known.any():
            labels = self.targets.emotion[known].argmax(1)
            counts = np.bincount(labels)
            drawn[known] = (counts[labels] / counts.max()) ** -self.balance
            drawn[known] /= drawn[known].mean()
        return drawn


class Mixer:
    """Draws from parts by their ratios; each part is gone through in a new order again and again."""

    def __init__(self, parts: Sequence[Part], batch: int, seed: Sequence[int]) -> None:
        self._parts, self._batch, self._seed = parts, batch, tuple(seed)
        ratios = np.array([part.ratio for part in parts], float)
        self._shares = ratios / ratios.sum()
        self._largest = int(ratios.argmax())
        self._orders: dict[tuple[int, int], Indices] = {}

    def draw(self, step: int) -> list[tuple[int, int]]:
        """(part, row of its targets) for each picture of a step."""
        before, after = self._drawn(step), self._drawn(step + 1)
        return [(k, self._row(k, position)) for k in range(len(self._parts)) for position in range(before[k], after[k])]

    def _drawn(self, steps: int) -> list[int]:
        """How many of each part were drawn in so many steps; the largest part makes batches full."""
        counts = np.floor(self._shares * steps * self._batch + 0.5).astype(int)
        counts[self._largest] += steps * self._batch - counts.sum()
        return [int(count) for count in counts]

    def _row(self, part: int, position: int) -> int:
        turn, place = divmod(position, len(self._parts[part].rows))
        if (part, turn) not in self._orders:
            self._orders = {key: order for key, order in self._orders.items() if key[0] != part or key[1] == turn - 1}
            rng = np.random.default_rng((*self._seed, part, turn))
            self._orders[part, turn] = _order(self._parts[part], rng)
        return int(self._orders[part, turn][place])


def _order(part: Part, rng: np.random.Generator) -> Indices:
    """As many rows as a part has, in a random order; with a balance some are there several times and some not."""
    count = len(part.rows)
    if not part.balance:
        return np.asarray(rng.permutation(count))
    weights = part.weights().astype(float)
    # Each row as often as its weight says, the fraction by chance; then what is too many or too few is drawn.
    times = np.floor(weights).astype(int) + (rng.random(count) < weights % 1)
    rows = rng.permutation(np.repeat(np.arange(count), times))
    lacking = count - len(rows)
    if lacking > 0:
        rows = np.concatenate((rows, rng.choice(count, lacking, p=weights / weights.sum())))
    return np.asarray(rows[:count])


def batches(
    parts: Sequence[Part], stage: Stage, options: Augmentation, seed: Sequence[int], steps: range, workers: int = 1
) -> Iterator[Batch]:
    """The batches of some steps of a stage, made ahead in threads."""
    mixer = Mixer(parts, stage.batch, seed)

    def make(step: int, drawn: list[tuple[int, int]]) -> Batch:
        crops = []
        for i, (k, row) in enumerate(drawn):
            pictures = parts[k].pictures
            rng = np.random.default_rng((*seed, step, i))
            image = pictures.picture(int(parts[k].rows[row]), rng, partial(_any_picture, parts, rng))
            crops.append(augment(image, stage.size, pictures.margin, options, stage.strength, rng))
        return Batch(preprocess(crops, IMAGENET), _gathered(parts, drawn))

    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[Batch]] = deque()
        try:
            for step in steps:
                ahead.append(pool.submit(make, step, mixer.draw(step)))
                if len(ahead) > workers + 1:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _any_picture(parts: Sequence[Part], rng: np.random.Generator) -> Image:
    """Of the parts that have something around their faces, if there are any."""
    whole = [part for part in parts if not part.pictures.masked] or parts
    part = whole[int(rng.integers(len(whole)))]
    return part.pictures.images[int(part.rows[int(rng.integers(len(part.rows)))])]


def _gathered(parts: Sequence[Part], drawn: Sequence[tuple[int, int]]) -> Targets:
    pieces = [
        parts[k].targets.take(np.array([row for part, row in drawn if part == k], np.int64))
        for k in dict.fromkeys(k for k, _ in drawn)
    ]
    return Targets(
        **{name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in pieces[0].__dataclass_fields__}
    )


def plain_batches(part: Part, size: int, batch: int = 128) -> Iterator[Batch]:
    """A part in its order, unchanged."""
    for start in range(0, len(part.rows), batch):
        rows = np.arange(start, min(start + batch, len(part.rows)))
        images: list[npt.NDArray[np.uint8]] = [part.pictures.picture(int(row)) for row in part.rows[rows]]
        crops = [plain(image, size, part.pictures.margin) for image in images]
        yield Batch(preprocess(crops, IMAGENET), part.targets.take(rows))
