"""One person in one clip -> figures: how long in sight, how much of each emotion, and when (docs/study.md).

Levels (mean, standard deviation, peak) come from the person's frames, each of which counts once. Times (share, onsets,
changes, latency) come from the person's segments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fer_video.study.curves import Curve
from fer_video.types import ClipResult, Person, Segment

__all__ = ["LABEL_FIGURES", "UNCERTAIN", "Figures", "LabelFigures", "Levels", "figures_of", "onsets_of"]

UNCERTAIN = "uncertain"  # what segments without an emotion are called
_MOMENT_S = 1e-3  # what a segment of a single frame counts for, as in Person.time_shares

# Of each emotion, in the order of the columns.
LABEL_FIGURES = ("mean", "sd", "peak", "peak_s", "share", "onsets", "first_onset_s")


@dataclass(frozen=True, slots=True)
class Levels:
    """The probabilities of one emotion over the frames of a person."""

    mean: float
    sd: float | None  # of a sample (n - 1); None of a single frame
    peak: float  # the largest
    peak_s: float  # time of the first frame that reaches it


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One emotion of one person. Times are seconds from the first frame of the clip."""

    mean: float | None = None
    sd: float | None = None
    peak: float | None = None
    peak_s: float | None = None
    share: float | None = None  # of the time of the segments, 0 to 1
    onsets: int | None = None
    first_onset_s: float | None = None  # None where it never comes


@dataclass(frozen=True, slots=True)
class Figures:
    """One person in one clip. None: not known from this result."""

    start_s: float | None = None  # of the first and the last frame with the face
    end_s: float | None = None
    frames: int = 0  # sampled frames with the face
    visibility: float | None = None  # share of the sampled frames
    seen_s: float | None = None  # sum of the segments
    changes: int | None = None  # between neighbouring segments of different emotions
    changes_per_min: float | None = None  # of seen_s
    labels: Mapping[str, LabelFigures] = field(default_factory=dict)


def figures_of(result: ClipResult, person: Person | None, curve: Curve | None) -> Figures:
    """person: one of the result's people; None: of a clip in which nobody is. curve: of that person, from the frames;
    None where the result has no frames."""
    if person is None:
        looked = result.frames_sampled and result.status != "failed"
        return Figures(visibility=0.0 if looked else None)
    levels = {} if curve is None else _levels_of(curve)
    labels = list(levels) or list(person.probabilities)
    whole = Figures(
        start_s=person.start_s,
        end_s=person.end_s,
        frames=person.frames,
        visibility=person.frames / result.frames_sampled if result.frames_sampled else None,
    )
    segments = person.segments
    if segments is None:
        return replace(whole, labels={label: _label(levels.get(label), None, label, 0.0) for label in labels})
    seen_s = sum(map(_length_s, segments))
    labels += [*sorted({_name(each) for each in segments} - {*labels, UNCERTAIN}), UNCERTAIN]
    changes = max(len(list(onsets_of(segments))) - 1, 0)
    return replace(
        whole,
        seen_s=seen_s,
        changes=changes,
        changes_per_min=60 * changes / seen_s if seen_s else None,
        labels={label: _label(levels.get(label), segments, label, seen_s) for label in labels},
    )


def _levels_of(curve: Curve) -> dict[str, Levels]:
    if not len(curve.times):
        return {}
    means, places = curve.values.mean(axis=0), curve.values.argmax(axis=0)
    spreads = curve.values.std(axis=0, ddof=1) if len(curve.times) > 1 else None
    return {
        label: Levels(
            mean=float(means[column]),
            sd=None if spreads is None else float(spreads[column]),
            peak=float(curve.values[places[column], column]),
            peak_s=float(curve.times[places[column]]),
        )
        for column, label in enumerate(curve.labels)
    }


def _label(levels: Levels | None, segments: Sequence[Segment] | None, label: str, seen_s: float) -> LabelFigures:
    mean, sd, peak, peak_s = (levels.mean, levels.sd, levels.peak, levels.peak_s) if levels else (None,) * 4
    if segments is None:
        return LabelFigures(mean, sd, peak, peak_s)
    onsets = [each.start_s for each in onsets_of(segments) if _name(each) == label]
    lasting_s = sum(_length_s(each) for each in segments if _name(each) == label)
    share = lasting_s / seen_s if seen_s else None
    return LabelFigures(mean, sd, peak, peak_s, share, len(onsets), onsets[0] if onsets else None)


def onsets_of(segments: Sequence[Segment]) -> Iterator[Segment]:
    """The first segment, and each that shows something else than the one before it, whatever the gap between them."""
    before: Segment | None = None
    for each in segments:
        if before is None or each.emotion != before.emotion:
            yield each
        before = each


def _name(segment: Segment) -> str:
    return segment.emotion or UNCERTAIN


def _length_s(segment: Segment) -> float:
    return max(segment.end_s - segment.start_s, _MOMENT_S)
