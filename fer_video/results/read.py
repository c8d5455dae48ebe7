"""JSON of schema "fervid/1" -> ClipResults: reads what `fervid predict --frames` writes.

The files may come from anywhere: every value is checked, and one that is not what the schema says is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from fer_video.errors import InputError
from fer_video.results.documents import MAKE, check_schema, documents, refusing
from fer_video.results.observations import ObservationLog
from fer_video.types import (
    Affect,
    Attributes,
    ClipResult,
    Face,
    Floats,
    Jump,
    Observation,
    Person,
    PersonEmbedding,
    Prediction,
    Segment,
    Status,
    Timing,
    Track,
)

__all__ = ["read_answers", "read_results", "stream_results"]

_STATUSES = ("ok", "partial", "failed")
_MOST_VALUES, _LONGEST_VECTOR = 4096, 1.001  # of an embedding: its vectors are of unit length at most
T = TypeVar("T")
Object = Mapping[str, Any]


def read_results(path: Path, *, frames: bool = True) -> list[ClipResult]:
    """The clips of a .json (one object or an array) or .jsonl file, in order.

    frames: refuse clips without their frames, but for failed ones. `observations` is None where there are none.

    Raises InputError.
    """
    results = list(stream_results(path))
    for result in results:
        if frames and result.observations is None and result.status != "failed":
            raise InputError(f"{path}: holds the answers for {result.path} but not its frames; {MAKE}")
    return results


def stream_results(path: Path) -> Iterator[ClipResult]:
    """One after the other: of JSON Lines only one clip is in memory. With frames or without. Raises InputError."""
    found = False
    with refusing(path):
        for value in documents(path):
            found = True
            yield _clip(value)
    if not found:
        raise InputError(f"{path}: holds no clip; {MAKE}")


def read_answers(path: Path) -> list[ClipResult]:
    """The same without their frames, whether there are any or not: many long clips fit the memory.

    Raises InputError.
    """
    with refusing(path):
        return [_clip(_without_frames(value)) for value in documents(path)]


def _without_frames(value: Any) -> Any:
    return {name: each for name, each in value.items() if name != "frames"} if isinstance(value, dict) else value


def _clip(value: Any) -> ClipResult:
    check_schema(value)
    status = _text(value["status"])
    if status not in _STATUSES:
        raise ValueError(f"status {status!r}")
    ran = _object(value["ran"])
    people = tuple(_person(each) for each in value["people"])
    if "frames" in value:
        _check_seen(people, value["frames"])
    return ClipResult(
        path=_text(value["path"]),
        status=cast(Status, status),
        error=None if value["error"] is None else _text(value["error"]),
        duration_s=_optional(value["duration_s"]),
        fps=_optional(value["fps"]),
        frames_sampled=_count(value["frames_sampled"]),
        frames_with_face=_count(value["frames_with_face"]),
        clip=_maybe(_prediction, value["clip"]),
        group=_maybe(_prediction, value["group"]),
        people=people,
        tracks=tuple(_track(each) for each in value.get("tracks", ())),
        ran=ran,
        observations=_log(value["frames"], ran) if "frames" in value else None,
        size=_size(value.get("width"), value.get("height")),
        timing=_maybe(_timing, value.get("timing")) or Timing(),  # results of earlier versions have none
    )


def _check_seen(people: Iterable[Person], frames: Any) -> None:
    seen = {face["person"] for frame in frames for face in frame["faces"]}
    for person in people:
        if person.id not in seen:
            raise ValueError(f"person {person.id} is in no frame")


def _size(width: Any, height: Any) -> tuple[int, int] | None:
    return None if width is None or height is None else (_count(width), _count(height))


def _timing(value: Object) -> Timing:
    jumps = tuple(Jump(_number(each["time_s"]), _stamp(each["by_s"])) for each in value["jumps"])
    origin_s = value["origin_s"]
    return Timing(None if origin_s is None else _stamp(origin_s), _number(value["offset_s"]), jumps)


def _maybe(read: Callable[[Object], T], value: Any) -> T | None:
    return None if value is None else read(_object(value))


def _prediction(value: Object) -> Prediction:
    person = value.get("person")  # a group has none
    return Prediction(
        emotion=_emotion(value["emotion"]),
        confidence=_number(value["confidence"]),
        probabilities=_shares(value["probabilities"]),
        method=_text(value["method"]),
        person=None if person is None else _count(person),
        valence=_maybe(lambda found: _shares(found["probabilities"]), value.get("valence")),
        how=_text(value.get("how") or ""),
    )


def _person(value: Object) -> Person:
    segments = value["segments"]
    return Person(
        id=_count(value["id"]),
        start_s=_number(value["start_s"]),
        end_s=_number(value["end_s"]),
        frames=_count(value["frames"]),
        emotion=_emotion(value["emotion"]),
        confidence=_number(value["confidence"]),
        probabilities=_shares(value["probabilities"]),
        attributes=_maybe(_attributes, value["attributes"]),
        segments=None if segments is None else tuple(_segment(each) for each in segments),
        affect=_maybe(_affect, value.get("affect")),
        method=_text(value.get("method") or ""),
        identity=None if value.get("identity") is None else _text(value["identity"]),
        embedding=_maybe(_embedding, value.get("embedding")),
    )


def _embedding(value: Object) -> PersonEmbedding:
    vector = tuple(map(_number, value["vector"]))
    if not vector or len(vector) > _MOST_VALUES or math.hypot(*vector) > _LONGEST_VECTOR:
        raise ValueError("an embedding that no network gives")
    x1, y1, x2, y2 = map(_number, value["box"])
    return PersonEmbedding(vector, _count(value["crops"]), _number(value["time_s"]), (x1, y1, x2, y2))


def _segment(value: Object) -> Segment:
    times = _number(value["start_s"]), _number(value["end_s"])
    return Segment(*times, _emotion(value["emotion"]), _number(value["confidence"]))


def _affect(value: Object) -> Affect:
    return Affect(_number(value["valence"]), _number(value["arousal"]))


def _attributes(value: Object) -> Attributes:
    ages = _number(value["age_years"]), _number(value["age_std_years"])
    return Attributes(*ages, _shares(value["gender"]), _shares(value["ethnicity"]))


def _log(frames: Any, ran: Object) -> ObservationLog:
    faces = [_object(face) for frame in frames for face in frame["faces"]]
    first = faces[0] if faces else {"probabilities": {}, "attributes": None}
    guesses = first["attributes"] or {"gender": {}, "ethnicity": {}}
    emotions, genders, ethnicities = map(tuple, (first["probabilities"], guesses["gender"], guesses["ethnicity"]))
    least = _number(_object(ran.get("options", {})).get("min_confidence", 0.0))
    has_affect = first.get("affect") is not None
    log, last_s = ObservationLog(emotions, genders, ethnicities, least, has_affect), -math.inf
    for frame in frames:
        number, time_s = _count(frame["frame"]), _number(frame["time_s"])
        if time_s <= last_s:
            raise ValueError("frames are not in order of time")
        last_s = time_s
        if not frame["faces"]:
            log.append(Observation(number, time_s))
        for face in frame["faces"]:
            seen = _observation(number, time_s, face)
            if (seen.affect is not None) != has_affect:
                raise ValueError("valence and arousal of some faces only")
            known = seen.attributes and (tuple(seen.attributes.gender), tuple(seen.attributes.ethnicity))
            if tuple(seen.probabilities or ()) != log.emotions or (known or ((), ())) != (log.genders, log.ethnicities):
                raise ValueError("faces with different labels")
            log.append(seen)
    return log


def _track(value: Any) -> Track:
    track = _object(value)
    return Track(
        id=_count(track["id"]),
        start_s=_number(track["start_s"]),
        end_s=_number(track["end_s"]),
        frames=_count(track["frames"]),
        person=_count(track["person"]),
    )


def _observation(frame: int, time_s: float, face: Object) -> Observation:
    x1, y1, x2, y2 = map(_number, face["box"])
    person, probabilities = _count(face["person"]), _shares(face["probabilities"])
    track = _count(face.get("track", person))  # results of older versions know a person by one track
    if person < 1 or track < 1 or not probabilities:
        raise ValueError("a face without a person or without probabilities")
    return Observation(
        frame=frame,
        time_s=time_s,
        person=person,
        track=track,
        face=Face(
            (x1, y1, x2, y2),
            _number(face["score"]),
            _landmarks(face["landmarks"]),
            _optional(face.get("sharpness")),
        ),
        probabilities=probabilities,
        attributes=_maybe(_attributes, face["attributes"]),
        affect=_maybe(_affect, face.get("affect")),
    )


def _landmarks(points: Any) -> Floats | None:
    if points is None:
        return None
    return np.array([[_number(v) for v in point] for point in points], np.float32).reshape(5, 2)


def _object(value: Any) -> Object:
    if not isinstance(value, dict):
        raise TypeError(f"{str(value)[:40]!r} where an object belongs")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} where a text belongs")
    return value


def _emotion(value: Any) -> str | None:
    return None if value is None else _text(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise TypeError(f"{str(value)[:40]!r} where a number belongs")
    return float(value)


def _stamp(value: Any) -> float:
    """A container's own time, which may be anything."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{str(value)[:40]!r} where a number belongs")
    return float(value)


def _optional(value: Any) -> float | None:
    return None if value is None else _number(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise TypeError(f"{str(value)[:40]!r} where a whole number belongs")
    return value


def _shares(value: Any) -> dict[str, float]:
    shares = {_text(name): _number(share) for name, share in _object(value).items()}
    if not all(0 <= share <= 1.001 for share in shares.values()):
        raise ValueError("a probability outside 0 to 1")
    return shares
