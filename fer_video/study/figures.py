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
_ROUNDING_S = 1e-3  # tiers hold whole milliseconds: an event made from a segment misses its start and end by less

# Of each emotion, in the order of the columns.
LABEL_FIGURES = ("mean", "sd", "peak", "peak_s", "change", "share", "onsets", "first_onset_s")
UNCERTAIN_FIGURES = ("share", "onsets", "first_onset_s")  # it is no emotion of the frames: it has no levels


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a clip, such as an event: from start_s on and before end_s, both known to the millisecond."""

    start_s: float
    end_s: float

    @property
    def bounds(self) -> tuple[float, float]:
        """What happens from the first on and before the second is in the part: what is rounded up is not missed."""
        return self.start_s - _ROUNDING_S, self.end_s - _ROUNDING_S

    def holds(self, time_s: float) -> bool:
        first, last = self.bounds
        return first <= time_s < last

    def overlaps(self, segment: Segment) -> bool:
        return self.holds(segment.start_s) or segment.start_s < self.start_s < segment.end_s - _ROUNDING_S

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
    """One person in one clip, or in a part of it. None: not known from this result."""

    duration_s: float | None = None
    frames_sampled: int | None = None
    start_s: float | None = None  # of the first and the last frame with the face
    end_s: float | None = None
    frames: int | None = None  # sampled frames with the face
    visibility: float | None = None  # share of the sampled frames
    seen_s: float | None = None  # sum of the segments
    changes: int | None = None  # between neighbouring segments of different emotions
    changes_per_min: float | None = None  # of seen_s
    emotion: str | None = None  # the answer for the person; in a part of the clip the largest mean over its frames
    confidence: float | None = None
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
    whole = Figures(_duration_s(result, span), looked)
    if person is None:
        return replace(whole, frames=0, visibility=0.0) if looked and result.status != "failed" else whole
    if span is None:
        whole = _in_sight(whole, person)
    elif curve is not None:
        whole = _of_frames(whole, (seen or curve).between(*span.bounds))
        curve = curve.between(*span.bounds)
    levels = {} if curve is None else _levels_of(curve, 0.0 if span is None else span.start_s)
    if span is not None:
        whole = _answer(whole, levels, result)
    labels = list(curve.labels if curve is not None else person.probabilities)
    if person.segments is None:
        return replace(whole, labels={label: levels.get(label, LabelFigures()) for label in labels})
    segments, onsets = person.segments, list(onsets_of(person.segments))
    changes = onsets[1:]
    if span is not None:
        segments = tuple(span.part(each) for each in segments if span.overlaps(each))
        onsets, changes = ([each for each in some if span.holds(each.start_s)] for some in (onsets, changes))
        changes = [
            each for each in changes if each.start_s > span.start_s + _ROUNDING_S
        ]  # what was before is not in it
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


def _duration_s(result: ClipResult, span: Span | None) -> float | None:
    """Of the clip, or of the part of the span that is in it."""
    if span is None or result.status == "failed":
        return result.duration_s
    end_s = span.end_s if result.duration_s is None else min(span.end_s, result.duration_s)
    return max(end_s - max(span.start_s, 0.0), 0.0)


def _in_sight(whole: Figures, person: Person) -> Figures:
    return replace(
        whole,
        start_s=person.start_s,
        end_s=person.end_s,
        frames=person.frames,
        visibility=person.frames / whole.frames_sampled if whole.frames_sampled else None,
        emotion=person.emotion,
        confidence=person.confidence,
    )


def _of_frames(whole: Figures, curve: Curve) -> Figures:
    start_s, end_s = (float(curve.times[0]), float(curve.times[-1])) if len(curve) else (None, None)
    visibility = len(curve) / whole.frames_sampled if whole.frames_sampled else None
    return replace(whole, start_s=start_s, end_s=end_s, frames=len(curve), visibility=visibility)


def _answer(whole: Figures, levels: Mapping[str, LabelFigures], result: ClipResult) -> Figures:
    """For a part: the emotion with the largest mean, unless that is below the least confidence of the result."""
    means = {label: each.mean for label, each in levels.items() if each.mean is not None}
    if not means:
        return whole
    options = result.ran.get("options")
    least = options.get("min_confidence") if isinstance(options, Mapping) else None
    emotion = max(means, key=lambda label: means[label])
    return replace(whole, emotion=emotion if means[emotion] >= float(least or 0) else None, confidence=means[emotion])


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
            peak_s=max(float(curve.times[places[column]]) - origin_s, 0.0),
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
    starts = [max(each.start_s - origin_s, 0.0) for each in onsets if _name(each) == label]
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
