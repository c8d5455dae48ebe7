"""How far two or more raters agree: Cohen's kappa and Krippendorff's alpha, from counts that add up over clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

__all__ = ["Estimate", "Pairs", "alpha_of", "coincidences", "estimate", "kappa_of", "one_label", "share_of"]

_RESAMPLES = 2000
_PERCENTILES = (2.5, 97.5)

Pairs = Mapping[tuple[str, str], float]  # (label of one rater, label of the other) -> how often, or how much


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the bounds of its 95 % bootstrap interval over clips. None: not defined, or too few clips."""

    value: float | None
    low: float | None = None
    high: float | None = None


def share_of(pairs: Pairs) -> float | None:
    """Of moments in which both give the same label."""
    total = sum(pairs.values())
    return sum(count for (one, other), count in pairs.items() if one == other) / total if total else None


def kappa_of(pairs: Pairs) -> float | None:
    """Cohen (1960): agreement beyond that of two raters who give labels as often as these, but by chance.

    None where only one label was given, by both.
    """
    agreed, total = share_of(pairs), sum(pairs.values())
    if agreed is None:
        return None
    ones, others = _margins(pairs)
    chance = sum(count * others.get(label, 0.0) for label, count in ones.items()) / total**2
    return (agreed - chance) / (1 - chance) if chance < 1 - 1e-12 else None


def one_label(pairs: Pairs, label: str) -> dict[str, float | None]:
    """Precision, recall, F1 and kappa of one label against the rest. The first rater is the one that is right."""
    ones, others = _margins(pairs)
    hits, true, given = pairs.get((label, label), 0.0), ones.get(label, 0.0), others.get(label, 0.0)
    binary: Counter[tuple[str, str]] = Counter()
    for (one, other), count in pairs.items():
        binary[str(one == label), str(other == label)] += count  # type: ignore[assignment]
    return {
        "precision": hits / given if given else None,
        "recall": hits / true if true else None,
        "f1": 2 * hits / (true + given) if true + given else None,
        "kappa": kappa_of(binary),
    }


def coincidences(moments: Sequence[Sequence[str | None]]) -> Counter[tuple[str, str]]:
    """Krippendorff's matrix: of the labels given to each moment, each pair of raters counts 1 / (raters - 1).

    moments: the labels that all raters gave to each, None where one gave none. Those with fewer than two are left out.
    """
    found: Counter[tuple[str, str]] = Counter()
    for labels, times in Counter(map(tuple, moments)).items():
        given = [label for label in labels if label is not None]
        if len(given) > 1:
            for pair in permutations(given, 2):
                found[pair] += times / (len(given) - 1)  # type: ignore[assignment]
    return found


def alpha_of(pairs: Pairs) -> float | None:
    """Krippendorff's alpha for nominal labels, from `coincidences`. None where only one label was given."""
    total = sum(pairs.values())
    ones, _ = _margins(pairs)
    observed = sum(count for (one, other), count in pairs.items() if one != other)
    expected = total**2 - sum(count**2 for count in ones.values())
    return 1 - (total - 1) * observed / expected if expected > 1e-9 else None


def estimate(figure: Callable[[Pairs], float | None], clips: Sequence[Pairs], seed: int) -> Estimate:
    """Of the sum over all clips; the interval draws clips with replacement."""
    keys = sorted({key for pairs in clips for key in pairs})
    table = np.array([[pairs.get(key, 0.0) for key in keys] for pairs in clips], np.float64).reshape(len(clips), -1)
    value = figure(dict(zip(keys, table.sum(axis=0).tolist(), strict=True)))
    if len(clips) < 2 or value is None:
        return Estimate(value)
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(_RESAMPLES):
        sums = table[rng.integers(0, len(clips), len(clips))].sum(axis=0)
        drawn.append(figure(dict(zip(keys, sums.tolist(), strict=True))))
    known = [each for each in drawn if each is not None]
    low, high = np.percentile(known, _PERCENTILES) if known else (None, None)
    return Estimate(value, None if low is None else float(low), None if high is None else float(high))


def _margins(pairs: Pairs) -> tuple[dict[str, float], dict[str, float]]:
    ones: dict[str, float] = {}
    others: dict[str, float] = {}
    for (one, other), count in pairs.items():
        ones[one] = ones.get(one, 0.0) + count
        others[other] = others.get(other, 0.0) + count
    return ones, others
