"""Results of hours, made by looping the rows of a short one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fer_video.results.observations import ObservationLog
from fer_video.types import ClipResult, Observation, Person, Segment, Track

__all__ = ["looped"]


def looped(result: ClipResult, hours: float, people: int = 2, seed: int = 0) -> ClipResult:
    """The rows of a result again and again. Boxes and probabilities differ each time as those of real faces do, since
    equal ones would be compressed to nothing. A person's emotion changes every few minutes, and for one loop in seven;
    there is a segment for each loop.
    """
    assert result.observations is not None
    assert result.duration_s is not None
    seeds = np.random.default_rng(seed)
    rows = list(result.observations)
    labels = result.observations.emotions
    per_loop, loops = max(seen.frame for seen in rows) + 3, int(hours * 3600 / result.duration_s)
    log = ObservationLog(labels)
    segments: dict[int, list[Segment]] = {person: [] for person in range(1, people + 1)}
    for loop in range(loops):
        shift_s, shift = loop * result.duration_s, loop * per_loop
        for person in segments:
            label = _label(labels, loop, person)
            segments[person].append(
                Segment(shift_s + 0.4, shift_s + result.duration_s - 0.08, label, 0.5 + 0.4 * seeds.random())
            )
        for seen in rows:
            moved = replace(seen, frame=seen.frame + shift, time_s=seen.time_s + shift_s, attributes=None, affect=None)
            if seen.face is None or seen.person != 1:
                log.append(Observation(moved.frame, moved.time_s))
                continue
            for person in segments:
                log.append(_face(moved, person, _label(labels, loop, person), labels, seeds))
    shares = dict.fromkeys(labels, 1 / len(labels))
    counts = sum(seen.person == 1 for seen in rows) * loops
    last_s = loops * result.duration_s
    return replace(
        result,
        path="two-hours.mp4",
        duration_s=last_s,
        frames_sampled=len(rows) * loops,
        frames_with_face=counts,
        people=tuple(
            Person(each, 0.4, last_s - 0.08, counts, labels[0], 0.5, shares, segments=tuple(segments[each]))
            for each in segments
        ),
        tracks=tuple(Track(each, 0.4, last_s - 0.08, counts, each) for each in segments),
        observations=log,
    )


def _label(labels: tuple[str, ...], loop: int, person: int) -> str:
    phase = loop // 23 * 3 + (loop % 7 == person) * 2 + person
    return labels[phase % len(labels)]


def _face(
    seen: Observation, person: int, label: str, labels: tuple[str, ...], seeds: np.random.Generator
) -> Observation:
    assert seen.face is not None
    noise = seeds.normal(0, 0.8, 4)
    box = tuple(float(value + offset + 60 * (person - 1)) for value, offset in zip(seen.face.box, noise, strict=True))
    logits = seeds.normal(0, 1.0, len(labels))
    logits[labels.index(label)] += 3
    shares = np.exp(logits) / np.exp(logits).sum()
    return replace(
        seen,
        person=person,
        track=person,
        face=replace(seen.face, box=box),
        probabilities=dict(zip(labels, shares.tolist(), strict=True)),
    )
