"""Choose the minimum duration and the cost of a change of the segments, on pseudo-clips with known times of change.

    python tools/choose_path.py FERPLUS.zip AFFECT7.zip [--docs docs/clip-models.md]

For the embedded backbone; seeded. Clips of pictures, that change and that do not, 10 frames a second, of the half of
the held-out pictures to choose by; the chosen options are then measured on the other half. A change counts as found
when the path changes within half a second of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from clip_figures import write_into
from clip_pictures import Part, read_pictures
from clip_sets import Clip, make_album, pseudo_clips

from fer_video.clip.path import PathOptions, Trace, segments_of
from fer_video.models import find_model, open_session
from fer_video.models.backbone import Backbone

CLIPS = 400  # that change, and as many that do not
DURATIONS, COSTS = (0.2, 0.3, 0.5), (0.02, 0.05, 0.1, 0.2, 0.3)
LEVELS = (0.2, 0.3, 0.4, 0.5)
FOUND_S, NEAR = 0.5, 0.02
BEGIN, END = "<!-- figures: tools/choose_path.py -->", "<!-- end of figures -->"


@dataclass(frozen=True)
class Figures:
    recall: float  # share of the true changes that are found
    precision: float  # share of the changes of the path that are near a true one
    error_s: float  # median distance of the found ones
    error_of_all_s: float  # median over all true changes to the nearest change of the path, without limit

    @property
    def f1(self) -> float:
        return 2 * self.recall * self.precision / max(self.recall + self.precision, 1e-9)


def trace_of(clip: Clip, labels: int) -> Trace:
    trace = Trace(labels)
    for number, shares in zip(np.flatnonzero(clip.script.seen), clip.probabilities, strict=True):
        trace.add(float(clip.script.times[number]), int(number), shares.tolist())
    return trace


def readable(clip: Clip, labels: Sequence[str]) -> bool:
    """Whether the network sees the expressions: their times say nothing of the path where it does not."""
    level = clip.script.intensity[clip.script.seen]
    said = np.array(labels)[clip.probabilities.argmax(axis=1)]
    shown, before = said[level > 0.9], said[level < 0.1]
    if clip.script.share == 1.0 and len(shown):
        return bool((shown == clip.label).mean() > 0.5)
    if not len(shown) or not len(before):
        return False
    return bool((shown == clip.label).mean() > 0.5 and (before == clip.before).mean() > 0.5)


def measure(clips: Sequence[Clip], labels: Sequence[str], options: PathOptions) -> Figures:
    errors: list[float] = []
    good = given = 0
    for clip in clips:
        found = [each.start_s for each in segments_of(trace_of(clip, len(labels)), labels, options)[1:]]
        true = clip.script.changes
        errors += [min((abs(each - at) for each in found), default=np.inf) for at in true]
        given += len(found)
        good += sum(min((abs(each - at) for at in true), default=np.inf) <= FOUND_S for each in found)
    near = [each for each in errors if each <= FOUND_S]
    return Figures(len(near) / len(errors), good / max(given, 1), float(np.median(near)), float(np.median(errors)))


def most_cautious(trials: Sequence[tuple[PathOptions, Figures]]) -> PathOptions:
    """Of those whose F1 is within two hundredths of the best, the largest cost, then the longest duration.

    People change less often than pseudo-clips do.
    """
    top = max(figures.f1 for _, figures in trials)
    good = [options for options, figures in trials if figures.f1 > top - NEAR]
    return max(good, key=lambda options: (options.cost, options.min_s))


def levels_of(clips: Sequence[Clip], labels: Sequence[str]) -> list[tuple[float, float, int]]:
    """(from, share of frames that are right, frames) by the probability of the leading emotion, in bins of a tenth."""
    shares = np.concatenate([clip.probabilities for clip in clips])
    truth = np.concatenate(
        [np.where(clip.script.intensity > 0.5, clip.label, clip.before)[clip.script.seen] for clip in clips]
    )
    right, top = np.array(labels)[shares.argmax(axis=1)] == truth, shares.max(axis=1)
    bins = [(low / 10, (top >= low / 10) & (top < (low + 1) / 10)) for low in range(2, 10)]
    return [(low, float(right[rows].mean()), int(rows.sum())) for low, rows in bins if rows.any()]


def table(
    trials: Sequence[tuple[PathOptions, Figures]], best: PathOptions, held: Figures, everything: Figures,
    counts: Sequence[int], levels: Sequence[tuple[float, float, int]],
) -> str:  # fmt: skip
    """held: on clips in which the network sees the expressions; everything: on all."""
    lines = [
        f"{counts[0]} clips from the pictures to choose by and {counts[1]} from those to report on; about half of them "
        "do not change. Only clips in which the network sees the expressions are counted. A change counts as found if "
        "the path changes within 0.5 s of it.",
        "",
        "| minimum duration | cost | changes found | changes that are true | median error of those found |",
        "|---|---|---|---|---|",
        *(f"| {each.min_s:g} s | {each.cost:g} | {got.recall:.0%} | {got.precision:.0%} | {got.error_s:.3f} s |"
          for each, got in trials),
        "",
        f"Chosen: a minimum duration of {best.min_s:g} s and a cost of {best.cost:g}, the most cautious values whose "
        f"F1 of the two shares is within 0.02 of the best. On the clips to report on: {_said(held)}. If the clips in "
        f"which the network misses an expression are counted too: {_said(everything)}.",
        "",
        "| probability of the leading emotion | frames | right |",
        "|---|---|---|",
        *(f"| {low:.0%} to {low + 0.1:.0%} | {count} | {share:.0%} |" for low, share, count in levels),
        "",
        "An emotion below 40% counts as not likely: there it is wrong about as often as right.",
    ]  # fmt: skip
    return "\n".join(lines).replace("%", " %")


def _said(figures: Figures) -> str:
    return (
        f"{figures.recall:.1%} of the changes found, {figures.precision:.1%} of the path's changes true, median error "
        f"{figures.error_s:.3f} s, and {figures.error_of_all_s:.3f} s over all changes, found or not"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ferplus", type=Path)
    parser.add_argument("affect7", type=Path)
    parser.add_argument("--docs", type=Path, default=Path(__file__).parent.parent / "docs" / "clip-models.md")
    given = parser.parse_args()
    backbone = Backbone(open_session(find_model("emotion-backbone")))
    labels, sets = backbone.emotions, {}
    parts: tuple[Part, ...] = ("choose", "report")
    for seed, part in enumerate(parts):
        album = make_album(read_pictures(given.ferplus, given.affect7, part), backbone)
        head = album.head(labels)
        made: list[Clip] = []
        for still in (False, True):
            where = 90 + 10 * seed + still
            span = (2.0, 5.0)
            made += pseudo_clips(album, head, CLIPS, where, still=still, backbone=backbone, length_s=span)
        sets[part] = made
    clear = {part: [clip for clip in clips if readable(clip, labels)] for part, clips in sets.items()}
    trials = []
    for min_s, cost in product(DURATIONS, COSTS):
        options = PathOptions(min_s=min_s, cost=cost)
        trials.append((options, measure(clear["choose"], labels, options)))
        print(options, trials[-1][1], round(trials[-1][1].f1, 4), flush=True)
    best = most_cautious(trials)
    held = measure(clear["report"], labels, best)
    everything = measure(sets["report"], labels, best)
    levels = levels_of(sets["choose"], labels)
    text = table(trials, best, held, everything, [len(clear[part]) for part in parts], levels)
    print(text)
    default = PathOptions()
    if (default.min_s, default.cost) != (best.min_s, best.cost):
        print(f"note: PathOptions has {default.min_s:g} s and {default.cost:g}; put the chosen ones there")
    write_into(given.docs, text, BEGIN, END)


if __name__ == "__main__":
    main()
