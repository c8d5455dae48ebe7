"""JSON of schema "fervid/1" -> ClipResults: reads what `fervid predict --frames` writes.

The files may come from anywhere: every value is checked, and one that is not what the schema says is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from fer_video.errors import InputError
from fer_video.files import read_limited, refuse_pipe
from fer_video.results.observations import ObservationLog
from fer_video.types import (
    SCHEMA,
    Affect,
    Attributes,
    ClipResult,
    Face,
    Floats,
    Jump,
    Observation,
    Person,
    Prediction,
    Segment,
    Status,
    Timing,
    Track,
)

__all__ = ["RESULT_SUFFIXES", "read_results"]

RESULT_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
_MAKE = "make one with fervid predict CLIP --frames --out r.json"
_STATUSES = ("ok", "partial", "failed")
_MOST_BYTES = 256 << 20  # of a document
# What Python takes for each object, array and value that these begin; two hours at 30 frames a second are 0.6 GB.
_PARSED_BYTES: Mapping[str, int] = {"{": 232, "[": 88, ",": 48}
_MOST_MEMORY = 900_000_000
T = TypeVar("T")
Object = Mapping[str, Any]


def read_results(path: Path, *, frames: bool = True) -> list[ClipResult]:
    """The clips of a .json (one object or an array) or .jsonl file, in order.

    frames: refuse clips without their frames, but for failed ones. `observations` is None where there are none.

    Raises InputError.
    """
    try:
        results = [_clip(value) for value in _documents(path)]
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no JSON text; {_MAKE}") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}: not a result of schema {SCHEMA}: {what[:200]}; {_MAKE}") from error
    if not results:
        raise InputError(f"{path}: holds no clip; {_MAKE}")
    for result in results:
        if frames and result.observations is None and result.status != "failed":
            raise InputError(f"{path}: holds the answers for {result.path} but not its frames; {_MAKE}")
    return results


def _documents(path: Path) -> Iterator[Any]:
    """Of JSON Lines one after the other, so that only one of them takes the memory of parsed JSON."""
    if path.suffix.lower() not in (".jsonl", ".ndjson"):
        value = _parse(read_limited(path, _MOST_BYTES).decode("utf-8"))
        yield from value if isinstance(value, list) else [value]
        return
    try:
        refuse_pipe(path)
        with path.open("rb") as file:
            while line := file.readline(_MOST_BYTES + 1):
                if len(line) > _MOST_BYTES:
                    raise ValueError(f"a line of more than {_MOST_BYTES} bytes")
                if line.strip():
                    yield _parse(line.decode("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be opened: {error.strerror}") from error


def _parse(text: str) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    needed = sum(text.count(mark) * size for mark, size in _PARSED_BYTES.items())
    if needed > _MOST_MEMORY:
        raise ValueError(
            f"would take {needed / 1e9:.1f} GB of memory; give results of many or long clips as JSON Lines, a file each"
        )
    return json.loads(text, parse_constant=refuse)


def _clip(value: Any) -> ClipResult:
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise ValueError(f'an object without "schema": "{SCHEMA}"')
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
    )


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
        face=Face((x1, y1, x2, y2), _number(face["score"]), _landmarks(face["landmarks"])),
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
