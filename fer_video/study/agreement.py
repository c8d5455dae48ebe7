"""What fervid says and what coders marked in the same clips -> how far they agree. Defined in docs/study.md."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

from fer_video.emotions import emotion_name
from fer_video.errors import InputError, OptionError
from fer_video.study.annotations import Interval, refuse_empty
from fer_video.study.figures import UNCERTAIN, onsets_of
from fer_video.study.measures import Estimate, Pairs, alpha_of, coincidences, estimate, kappa_of, one_label, share_of
from fer_video.study.said import first_of
from fer_video.types import ClipResult, Person

__all__ = ["CODER", "FERVID", "CompareOptions", "Comparison"]

CODER = "coder"  # what a coder without a name is called

FERVID = "fervid"
SCHEMA = "fervid-agreement/1"
_MOST_MOMENTS = 10_000_000  # of one clip
_ROUNDING_S = 1e-3  # of neighbouring codes
_UNCERTAIN = object()  # seen, and without an emotion
Labels = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How results are compared with codes. Raises OptionError.

    Attributes:
        step_s: Seconds between the moments that are compared.
        tolerance_s: Seconds by which a result may be earlier or later than a coder.
        tiers: The coders. (): the only one.
        person: Whose face was coded. None: that of the main person.
        rest: Label of time without a code. None: such time is not compared.
        seed: Seed of the bootstrap.
    """

    step_s: float = 0.1
    tolerance_s: float = 0.0
    tiers: tuple[str, ...] = ()
    person: int | None = None
    rest: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_empty(self.tiers)
        if not 1e-3 <= self.step_s < math.inf:
            raise OptionError(f"step must be 0.001 seconds or more, not {self.step_s:g}")
        if not 0 <= self.tolerance_s < math.inf:
            raise OptionError(f"tolerance must be 0 seconds or more, not {self.tolerance_s:g}")


class Comparison:
    """Takes clips one after the other; keeps counts only."""

    def __init__(self, options: CompareOptions) -> None:
        self.options = options
        self._clips = 0
        self._raters: tuple[str, ...] = ()
        self._pairs: dict[tuple[str, str], list[Pairs]] = {}
        self._coincidences: list[Pairs] = []
        self._seconds: Counter[str] = Counter()
        self._onsets: dict[str, dict[str, Counter[str]]] = {}  # coder -> label -> coder, fervid, matched
        self._known: set[str] = set()  # labels that results may have
        self._given: dict[str, None] = {}  # labels of the codes
        self._overlaps: list[str] = []

    def add(self, result: ClipResult, marked: Sequence[Interval]) -> None:
        """marked: in seconds from the first frame. Raises InputError where it is not clear who or what is compared."""
        marked = [each if each.tier else replace(each, tier=CODER) for each in marked]
        tiers = self._tiers(result, marked)
        if self._raters and self._raters[1:] != tiers:
            raise InputError(
                f"{result.path}: its coders are {', '.join(tiers)}, those before {', '.join(self._raters[1:])}"
            )
        person = self._person(result)
        coded = {tier: [each for each in marked if each.tier == tier] for tier in tiers}
        end_s = max([result.duration_s or 0.0, *(each.end_s for each in marked)])
        if end_s / self.options.step_s > _MOST_MOMENTS:
            raise InputError(f"{result.path}: {end_s:g} s are too long for a step of {self.options.step_s:g} s")
        moments = [(i + 0.5) * self.options.step_s for i in range(int(end_s / self.options.step_s + 0.5))]
        said = _labels_of_person(person, moments)
        given: dict[str, Labels] = {FERVID: [each if isinstance(each, str) else None for each in said]}
        for tier, intervals in coded.items():
            given[tier] = _labels_of_coder(intervals, moments, self.options.rest)
        self._raters, self._clips = tuple(given), self._clips + 1
        for one, other in combinations(tiers, 2):
            self._count(one, other, given[one], given[other])
        for tier in tiers:
            self._count(tier, FERVID, given[tier], self._tolerant(given[tier], given[FERVID]))
            self._match(tier, coded[tier], person)
            self._see(result, tier, coded[tier])
        self._coincidences.append(coincidences(list(zip(*given.values(), strict=True))))
        for i in range(len(moments)):
            if any(given[tier][i] is not None for tier in tiers):
                state = "compared" if given[FERVID][i] else "uncertain" if said[i] is _UNCERTAIN else "unseen"
                self._seconds[state] += 1

    def _tiers(self, result: ClipResult, marked: Sequence[Interval]) -> tuple[str, ...]:
        known = list(dict.fromkeys(each.tier for each in marked))
        if not known:
            raise InputError(f"{result.path}: nothing is coded in it")
        missing = [tier for tier in self.options.tiers if tier not in known]
        if missing or (not self.options.tiers and len(known) > 1):
            what = f"has no tier {missing[0]}" if missing else "has several tiers"
            raise InputError(f"{result.path}: its coding {what}; choose with --tier from {', '.join(known)}")
        return self.options.tiers or (known[0],)

    def _person(self, result: ClipResult) -> Person | None:
        wanted = self.options.person or (result.clip and result.clip.person)
        person = next((each for each in result.people if each.id == wanted), None)
        if self.options.person is not None and person is None:
            raise InputError(f"{result.path}: has no person {self.options.person}")
        if person is not None and person.segments is None:
            raise InputError(
                f"{result.path}: its clip model has labels that frames do not have, so there are no segments"
            )
        return person

    def _count(self, one: str, other: str, first: Labels, second: Labels) -> None:
        both: Counter[tuple[str, str]] = Counter()
        for a, b in zip(first, second, strict=True):
            if a is not None and b is not None:
                both[a, b] += 1
        self._pairs.setdefault((one, other), []).append(both)

    def _tolerant(self, coded: Labels, said: Labels) -> Labels:
        """What fervid says; where the coder's label is in it within the tolerance, before or after, that label."""
        reach = int(self.options.tolerance_s / self.options.step_s + 1e-9)
        if not reach:
            return said
        return [
            code if label is not None and code in said[max(i - reach, 0) : i + reach + 1] else label
            for i, (code, label) in enumerate(zip(coded, said, strict=True))
        ]

    def _see(self, result: ClipResult, tier: str, intervals: Sequence[Interval]) -> None:
        """For `notes`."""
        for person in result.people:
            self._known |= {emotion_name(label) for label in person.probabilities}
            self._known |= {emotion_name(each.emotion) for each in person.segments or () if each.emotion}
        self._given |= dict.fromkeys(_label_of(each) for each in intervals)
        last: Interval | None = None
        for each in intervals:
            if last is not None and each.start_s < last.end_s - _ROUNDING_S:
                self._overlaps.append(f"{last.name} and {each.name} of {tier} at {each.start_s:g} s in {result.path}")
            last = each if last is None or each.end_s > last.end_s else last

    def notes(self) -> list[str]:
        """What the user should know of the codes, one line each."""
        found = []
        given = self._given | dict.fromkeys([] if self.options.rest is None else [emotion_name(self.options.rest)])
        strange = [label for label in given if label not in self._known and label.lower() != UNCERTAIN]
        if self._known and strange:
            found.append(f"labels that are no emotions of the results, and agree with nothing: {first_of(strange)}")
        if self._overlaps:
            many = "2 codes overlap" if len(self._overlaps) == 1 else f"codes overlap {len(self._overlaps)} times"
            found.append(f"{many}, and the later one counts: {first_of(self._overlaps)}")
        return found

    def _match(self, tier: str, intervals: Sequence[Interval], person: Person | None) -> None:
        """Counts onsets of the coder and of fervid, and pairs of one label within the tolerance, one to one."""
        if not self.options.tolerance_s:
            return
        segments = [] if person is None else list(onsets_of(person.segments or ()))
        onsets = {
            FERVID: [(emotion_name(each.emotion), each.start_s) for each in segments if each.emotion],
            "coder": [],
        }
        before: Interval | None = None
        for each in intervals:
            if before is None or each.name != before.name or each.start_s > before.end_s + self.options.step_s:
                onsets["coder"].append((emotion_name(each.name), each.start_s))
            before = each
        for label in {label for found in onsets.values() for label, _ in found}:
            theirs, ours = ([time_s for name, time_s in onsets[who] if name == label] for who in ("coder", FERVID))
            counts = self._onsets.setdefault(tier, {}).setdefault(label, Counter())
            counts["coder"] += len(theirs)
            counts[FERVID] += len(ours)
            counts["matched"] += _matched(theirs, ours, self.options.tolerance_s)

    def report(self) -> dict[str, Any]:
        """JSON values. Raises InputError without a clip, or where nothing can be compared."""
        if not self._clips:
            raise InputError("no clip to compare")
        if not self._seconds["compared"]:
            raise InputError("there is no moment that is both coded and has an emotion; check the times and the tiers")
        step_s = self.options.step_s
        return {
            "schema": SCHEMA,
            "clips": self._clips,
            "raters": list(self._raters),
            "options": asdict(self.options) | {"tiers": list(self.options.tiers)},
            "seconds": {name: round(self._seconds[name] * step_s, 6) for name in ("compared", "uncertain", "unseen")},
            "alpha": asdict(estimate(alpha_of, self._coincidences, self.options.seed)),
            "pairs": [self._pair(one, other) for one, other in self._pairs],
            "onsets": {
                tier: {label: dict(counts) for label, counts in sorted(found.items())}
                for tier, found in self._onsets.items()
            },
        }

    def _pair(self, one: str, other: str) -> dict[str, Any]:
        clips = self._pairs[one, other]
        total: Counter[tuple[str, str]] = Counter()
        for each in clips:
            total.update(each)
        labels = sorted({label for pair in total for label in pair})
        figures: Mapping[str, Estimate] = {
            "agreement": estimate(share_of, clips, self.options.seed),
            "kappa": estimate(kappa_of, clips, self.options.seed),
        }
        step_s = self.options.step_s
        return {
            "raters": [one, other],
            **{name: asdict(figure) for name, figure in figures.items()},
            "labels": labels,
            "confusion_s": [[round(total[a, b] * step_s, 6) for b in labels] for a in labels],
            "by_label": {label: one_label(total, label) for label in labels},
        }


def _labels_of_person(person: Person | None, moments: Sequence[float]) -> list[Any]:
    """The emotion at each moment, _UNCERTAIN, or None where the person is not seen."""
    labels: list[Any] = [None] * len(moments)
    for segment in () if person is None else person.segments or ():
        for i in _inside(moments, segment.start_s, segment.end_s):
            labels[i] = emotion_name(segment.emotion) if segment.emotion else _UNCERTAIN
    return labels


def _labels_of_coder(intervals: Sequence[Interval], moments: Sequence[float], rest: str | None) -> Labels:
    labels: list[str | None] = [rest and emotion_name(rest)] * len(moments)
    for each in intervals:
        for i in _inside(moments, each.start_s, each.end_s):
            labels[i] = None if each.name.lower() == UNCERTAIN else _label_of(each)
    return labels


def _label_of(interval: Interval) -> str:
    return emotion_name(interval.name)


def _inside(moments: Sequence[float], start_s: float, end_s: float) -> range:
    """Which moments are from start_s on and before end_s."""
    if not moments:
        return range(0)
    step_s, rounding = 2 * moments[0], 1e-9
    first, last = (math.ceil(each / step_s - 0.5 - rounding) for each in (start_s, end_s))
    return range(min(max(first, 0), len(moments)), min(max(last, 0), len(moments)))


def _matched(theirs: Sequence[float], ours: Sequence[float], tolerance_s: float) -> int:
    """As many pairs as there can be: both go on in time, and what comes too early is passed over."""
    count = i = j = 0
    while i < len(theirs) and j < len(ours):
        if abs(theirs[i] - ours[j]) <= tolerance_s + 1e-9:
            count, i, j = count + 1, i + 1, j + 1
        elif theirs[i] < ours[j]:
            i += 1
        else:
            j += 1
    return count
