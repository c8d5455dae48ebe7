"""One person in one clip -> figures: how long in sight, how much of each emotion, and when (docs/study.md).

Levels (mean, standard deviation, peak) come from the person's frames, each of which counts once. Times (share, onsets,
changes, latency) come from the person's segments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fer_video.study.curves import Curve
from fer_video.types import ClipResult, Person, Segment

__all__ = [
    "LABEL_FIGURES",
    "UNCERTAIN",
    "UNCERTAIN_FIGURES",
    "Figures",
    "LabelFigures",
    "Span",
    "figures_of",
    "onsets_of",
]

UNCERTAIN = "uncertain"  # what segments without an emotion are called
_MOMENT_S = 1e-3  # what a segment of a single frame counts for, as in Person.time_shares

# Of each emotion, in the order of the columns.
LABEL_FIGURES = ("mean", "sd", "peak", "peak_s", "change", "share", "onsets", "first_onset_s")
UNCERTAIN_FIGURES = ("share", "onsets", "first_onset_s")  # it is no emotion of the frames: it has no levels


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a clip, such as an event: from start_s on and before end_s."""

    start_s: float
    end_s: float

    def holds(self, time_s: float) -> bool:
        return self.start_s <= time_s < self.end_s

    def overlaps(self, segment: Segment) -> bool:
        return self.holds(segment.start_s) or (segment.start_s < self.start_s < segment.end_s)

    def part(self, segment: Segment) -> Segment:
        return replace(segment, start_s=max(segment.start_s, self.start_s), end_s=min(segment.end_s, self.end_s))


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One emotion of one person. Times are seconds from the first frame of the clip, or the start of the span."""

    mean: float | None = None  # of the probabilities over the frames
    sd: float | None = None  # of a sample (n - 1); None of a single frame
    peak: float | None = None  # the largest
    peak_s: float | None = None  # time of the first frame that reaches it
    change: float | None = None  # mean change from a baseline (baseline.py)
    share: float | None = None  # of the time of the segments, 0 to 1
    onsets: int | None = None
    first_onset_s: float | None = None  # None where it never comes


@dataclass(frozen=True, slots=True)
class Figures:
    """One person in one clip. None: not known from this result."""

    start_s: float | None = None  # of the first and the last frame with the face
    end_s: float | None = None
    frames: int | None = None  # sampled frames with the face
    visibility: float | None = None  # share of the sampled frames
    seen_s: float | None = None  # sum of the segments
    changes: int | None = None  # between neighbouring segments of different emotions
    changes_per_min: float | None = None  # of seen_s
    quality: Mapping[str, float | None] = field(default_factory=dict)  # means over the frames, as QUALITIES
    left_out: float | None = None  # share of the frames that are not good enough to count for levels
    labels: Mapping[str, LabelFigures] = field(default_factory=dict)


def figures_of(
    result: ClipResult,
    person: Person | None,
    curve: Curve | None,
    span: Span | None = None,
    looked: int | None = None,
    seen: Curve | None = None,
) -> Figures:
    """person: one of the result's people; None: of a clip in which nobody is.

    curve: of that person, from the frames; None where the result has no frames. span: only this part of the clip, and
    looked: how many frames were sampled in it. seen: all frames with the person, where the curve has some of them only.
    """
    looked = result.frames_sampled if span is None else looked
    if person is None:
        return Figures(frames=0, visibility=0.0) if looked and result.status != "failed" else Figures()
    whole = _in_sight(person, looked) if span is None else Figures()
    if span is not None and curve is not None:
        whole = _of_frames((seen or curve).between(span.start_s, span.end_s), looked)
        curve = curve.between(span.start_s, span.end_s)
    levels = {} if curve is None else _levels_of(curve, 0.0 if span is None else span.start_s)
    labels = list(curve.labels if curve is not None else person.probabilities)
    if person.segments is None:
        return replace(whole, labels={label: levels.get(label, LabelFigures()) for label in labels})
    segments, onsets = person.segments, list(onsets_of(person.segments))
    changes = onsets[1:]
    if span is not None:
        segments = tuple(span.part(each) for each in segments if span.overlaps(each))
        onsets, changes = ([each for each in some if span.holds(each.start_s)] for some in (onsets, changes))
    seen_s = sum(map(_length_s, segments))
    labels += [*sorted({_name(each) for each in segments} - {*labels, UNCERTAIN}), UNCERTAIN]
    origin_s = 0.0 if span is None else span.start_s
    return replace(
        whole,
        seen_s=seen_s,
        changes=len(changes),
        changes_per_min=60 * len(changes) / seen_s if seen_s else None,
        labels={
            label: _timed(levels.get(label, LabelFigures()), label, segments, onsets, seen_s, origin_s)
            for label in labels
        },
    )


def _in_sight(person: Person, looked: int | None) -> Figures:
    return Figures(person.start_s, person.end_s, person.frames, person.frames / looked if looked else None)


def _of_frames(curve: Curve, looked: int | None) -> Figures:
    start_s, end_s = (float(curve.times[0]), float(curve.times[-1])) if len(curve) else (None, None)
    return Figures(start_s, end_s, len(curve), len(curve) / looked if looked else None)


def _levels_of(curve: Curve, origin_s: float) -> dict[str, LabelFigures]:
    """origin_s: times count from there."""
    if not len(curve):
        return {}
    means, places = curve.values.mean(axis=0), curve.values.argmax(axis=0)
    spreads = curve.values.std(axis=0, ddof=1) if len(curve) > 1 else None
    return {
        label: LabelFigures(
            mean=float(means[column]),
            sd=None if spreads is None else float(spreads[column]),
            peak=float(curve.values[places[column], column]),
            peak_s=float(curve.times[places[column]]) - origin_s,
        )
        for column, label in enumerate(curve.labels)
    }


def _timed(
    levels: LabelFigures,
    label: str,
    segments: Sequence[Segment],
    onsets: Sequence[Segment],
    seen_s: float,
    origin_s: float,
) -> LabelFigures:
    starts = [each.start_s - origin_s for each in onsets if _name(each) == label]
    lasting_s = sum(_length_s(each) for each in segments if _name(each) == label)
    share = lasting_s / seen_s if seen_s else None
    return replace(levels, share=share, onsets=len(starts), first_onset_s=starts[0] if starts else None)


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
