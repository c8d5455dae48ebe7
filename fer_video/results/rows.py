"""ClipResult -> plain objects and flat rows: schema "fervid/1", described in docs/output.md.

Every format is made from these, so that a value is named and rounded in one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, Literal

from fer_video.faces.quality import QUALITIES, qualities_of
from fer_video.results.columns import quality_columns
from fer_video.types import (
    SCHEMA,
    Affect,
    Attributes,
    ClipResult,
    Observation,
    Person,
    PersonEmbedding,
    Prediction,
    Segment,
    Timing,
    Track,
)

__all__ = [
    "ROWS", "RowShape", "Rows", "clip_object", "column_names", "failed_row", "flat_rows", "frame_object",
    "frame_rows",
]  # fmt: skip

Row = dict[str, Any]
Rows = Literal["clips", "people", "segments", "frames"]
ROWS: tuple[Rows, ...] = ("clips", "people", "segments", "frames")


@dataclass(frozen=True, slots=True)
class RowShape:
    """What decides the columns, known before the first result."""

    emotions: tuple[str, ...]  # of the backbone's head: frames
    labels: tuple[str, ...] = ()  # of the answers for people and clips; () where they are the same
    attributes: bool = False
    affect: bool = False  # valence and arousal
    identity: bool = False  # names of people

    def columns_for(self, rows: Rows) -> tuple[str, ...]:
        return self.emotions if rows == "frames" else self.labels or self.emotions


# Microseconds, hundredths of a pixel, a millionth of probability: finer than anything that is measured.
_TIME, _PIXEL, _PROBABILITY, _YEARS, _AFFECT_DIGITS, _EMBEDDING = 6, 2, 6, 1, 4, 5
_BLOCK = 512  # observations whose qualities are reckoned together

_FRAME = (
    "path", "frame", "time_s", "person", "track", "x1", "y1", "x2", "y2", "face_score", "emotion", "confidence",
)  # fmt: skip
_SEGMENT = ("path", "person", "start_s", "end_s", "emotion", "confidence", "method")
_PERSON = ("path", "person", "start_s", "end_s", "frames", "emotion", "confidence", "method")
_CLIP = (
    "path", "status", "error", "duration_s", "fps", "frames_sampled", "frames_with_face", "people", "person",
    "emotion", "confidence", "method", "group_emotion", "group_confidence", "group_valence",
    "group_valence_confidence", "how",
)  # fmt: skip
_AFFECT = ("valence", "arousal")
_ATTRIBUTES = ("age", "age_std", "gender", "gender_confidence", "ethnicity", "ethnicity_confidence")


def column_names(rows: Rows, shape: RowShape) -> list[str]:
    """The columns of a kind of row, in order, whatever the results hold."""
    first = {"frames": _FRAME, "segments": _SEGMENT, "people": _PERSON, "clips": _CLIP}[rows]
    if shape.identity:
        place = first.index("person") + 1
        first = (*first[:place], "identity", *first[place:])
    if rows == "segments":
        return list(first)
    known = [*first, *(f"p_{label}" for label in shape.columns_for(rows))]
    if rows == "clips":
        return known
    known += [*(_AFFECT if shape.affect else ()), *(_ATTRIBUTES if shape.attributes else ())]
    return [*known, *QUALITIES] if rows == "frames" else known


def flat_rows(result: ClipResult, rows: Rows) -> Iterator[Row]:
    """The rows of one result. A failed one has no frames and no people, and one row as a clip."""
    if rows == "frames":
        return frame_rows(result)
    if rows == "segments":
        return (
            {"path": result.path, "person": person.id}
            | _named(person.identity)
            | _segment_object(segment)
            | {"method": segmenting(result)[0]}
            for person in result.people
            for segment in person.segments or ()
        )
    if rows == "people":
        return (_person_row(result.path, person) for person in result.people)
    return iter([_clip_row(result)])


def _named(identity: str | None) -> Row:
    """A name, where there is one."""
    return {} if identity is None else {"identity": identity}


def failed_row(result: ClipResult) -> Row:
    """What stands for a failed input among JSON rows."""
    return {"path": result.path, "status": result.status, "error": result.error}


def clip_object(result: ClipResult, *, frames: bool = False) -> Row:
    """The JSON object of a clip; with `frames` also every sampled frame and the faces in it."""
    value = {
        "schema": SCHEMA,
        "path": result.path,
        "status": result.status,
        "error": result.error,
        "duration_s": _round(result.duration_s, _TIME),
        "fps": _round(result.fps, _TIME),
        "width": None if result.size is None else result.size[0],
        "height": None if result.size is None else result.size[1],
        "timing": _timing_object(result.timing),
        "frames_sampled": result.frames_sampled,
        "frames_with_face": result.frames_with_face,
        "clip": result.clip and {**_prediction_object(result.clip), "person": result.clip.person},
        "group": result.group and {**_prediction_object(result.group), "valence": _valence_object(result.group)},
        "people": [_person_object(person) for person in result.people],
        "tracks": [_track_object(track) for track in result.tracks],
        "ran": dict(result.ran),
    }
    if frames and result.observations is not None:
        least = result.observations.min_confidence
        in_frame = groupby(result.observations, key=lambda seen: (seen.frame, seen.time_s))
        value["frames"] = [frame_object(frame, time_s, faces, least) for (frame, time_s), faces in in_frame]
    return value


def _timing_object(timing: Timing) -> Row:
    return {
        "origin_s": _round(timing.origin_s, _TIME),
        "offset_s": _round(timing.offset_s, _TIME),
        "jumps": [{"time_s": _round(jump.time_s, _TIME), "by_s": _round(jump.by_s, _TIME)} for jump in timing.jumps],
    }


def frame_object(frame: int, time_s: float, seen: Iterable[Observation], min_confidence: float) -> Row:
    """One sampled frame. seen: its observations; those without a face say only that it was looked at."""
    faces = [_face_object(each, min_confidence) for each in seen if each.face is not None]
    return {"frame": frame, "time_s": _round(time_s, _TIME), "faces": faces}


def _face_object(seen: Observation, min_confidence: float) -> Row:
    assert seen.face is not None
    landmarks = seen.face.landmarks
    return {
        "person": seen.person,
        "track": seen.track,
        "box": [_round(value, _PIXEL) for value in seen.face.box],
        "score": _round(seen.face.score, _PROBABILITY),
        "landmarks": None
        if landmarks is None
        else [[_round(v, _PIXEL) for v in point] for point in landmarks.tolist()],
        "sharpness": _round(seen.face.sharpness, _AFFECT_DIGITS),
        "emotion": seen.emotion if (seen.confidence or 0) >= min_confidence else None,
        "confidence": _round(seen.confidence, _PROBABILITY),
        "probabilities": _rounded(seen.probabilities or {}),
        "affect": seen.affect and _affect_columns(seen.affect),
        "attributes": seen.attributes and _attributes_object(seen.attributes),
    }


def _prediction_object(prediction: Prediction) -> Row:
    return {
        "emotion": prediction.emotion,
        "confidence": _round(prediction.confidence, _PROBABILITY),
        "probabilities": _rounded(prediction.probabilities),
        "method": prediction.method,
        "how": prediction.how or None,
    }


def _valence_object(group: Prediction) -> Row | None:
    if group.valence is None:
        return None
    label = max(group.valence, key=group.valence.__getitem__)
    return {
        "label": label,
        "confidence": _round(group.valence[label], _PROBABILITY),
        "probabilities": _rounded(group.valence),
    }


def segmenting(result: ClipResult) -> tuple[str, str]:
    """Name of the method by which the segments were found, and one sentence on it; "" where nothing is known of it."""
    known = result.ran.get("segments")
    return (str(known["method"]), str(known["how"])) if isinstance(known, Mapping) else ("", "")


def _person_object(person: Person) -> Row:
    value = {
        "id": person.id,
        "identity": person.identity,
        "start_s": _round(person.start_s, _TIME),
        "end_s": _round(person.end_s, _TIME),
        "frames": person.frames,
        "emotion": person.emotion,
        "confidence": _round(person.confidence, _PROBABILITY),
        "probabilities": _rounded(person.probabilities),
        "affect": person.affect and _affect_columns(person.affect),
        "attributes": person.attributes and _attributes_object(person.attributes),
        "segments": None if person.segments is None else [_segment_object(each) for each in person.segments],
        "time_shares": {name: _round(share, _PROBABILITY) for name, share in person.time_shares.items()},
        "method": person.method or None,
    }
    return value if person.embedding is None else value | {"embedding": _embedding_object(person.embedding)}


def _embedding_object(embedding: PersonEmbedding) -> Row:
    return {
        "vector": [_round(value, _EMBEDDING) for value in embedding.vector],
        "crops": embedding.crops,
        "time_s": _round(embedding.time_s, _TIME),
        "box": [_round(value, _PIXEL) for value in embedding.box],
    }


def _track_object(track: Track) -> Row:
    return {
        "id": track.id,
        "start_s": _round(track.start_s, _TIME),
        "end_s": _round(track.end_s, _TIME),
        "frames": track.frames,
        "person": track.person,
    }


def _segment_object(segment: Segment) -> Row:
    return {
        "start_s": _round(segment.start_s, _TIME),
        "end_s": _round(segment.end_s, _TIME),
        "emotion": segment.emotion,
        "confidence": _round(segment.confidence, _PROBABILITY),
    }


def _attributes_object(attributes: Attributes) -> Row:
    return {
        "age_years": _round(attributes.age_years, _YEARS),
        "age_std_years": _round(attributes.age_std_years, _YEARS),
        "gender": _rounded(attributes.gender),
        "ethnicity": _rounded(attributes.ethnicity),
    }


def frame_rows(result: ClipResult) -> Iterator[Row]:
    """One row per sampled frame and face, cells after `time_s` None in a frame without a face."""
    log = result.observations
    if log is None:
        return
    shape = RowShape(log.emotions, attributes=log.has_attributes, affect=log.has_affect)
    columns = column_names("frames", shape)
    names = {person.id: _named(person.identity) for person in result.people}
    rest = iter(log)
    while block := list(islice(rest, _BLOCK)):
        # Of many faces at a time: one by one they take twenty times as long.
        faces = [seen.face for seen in block if seen.face is not None and seen.probabilities is not None]
        qualities = iter(qualities_of(faces, result.size).tolist())
        for seen in block:
            row = dict.fromkeys(columns) | _frame_row(result.path, seen) | names.get(seen.person or 0, {})
            if seen.face is not None and seen.probabilities is not None:
                row |= quality_columns(next(qualities))
            if (seen.confidence or 0) < log.min_confidence:
                row["emotion"] = None
            yield row


def _frame_row(path: str, seen: Observation) -> Row:
    row: Row = {"path": path, "frame": seen.frame, "time_s": _round(seen.time_s, _TIME)}
    if seen.face is None or seen.probabilities is None:
        return row
    x1, y1, x2, y2 = (_round(value, _PIXEL) for value in seen.face.box)
    return (
        row
        | {"person": seen.person, "track": seen.track, "x1": x1, "y1": y1, "x2": x2, "y2": y2}
        | {"face_score": _round(seen.face.score, _PROBABILITY)}
        | {"emotion": seen.emotion, "confidence": _round(seen.confidence, _PROBABILITY)}
        | _p_columns(seen.probabilities)
        | _affect_columns(seen.affect)
        | _attribute_columns(seen.attributes)
    )


def _person_row(path: str, person: Person) -> Row:
    known = _person_object(person)
    return (
        {"path": path, "person": person.id}
        | _named(person.identity)
        | {name: known[name] for name in _PERSON[2:]}
        | _p_columns(person.probabilities)
        | _affect_columns(person.affect)
        | _attribute_columns(person.attributes)
    )


def _clip_row(result: ClipResult) -> Row:
    known = clip_object(result)
    clip, group = known["clip"] or {}, known["group"] or {}
    valence = group.get("valence") or {}
    return (
        {name: known[name] for name in _CLIP[:7]}
        | {"people": len(result.people)}
        | {name: clip.get(name) for name in ("person", "emotion", "confidence", "method")}
        | _named(next((each.identity for each in result.people if each.id == clip.get("person")), None))
        | {f"group_{name}": group.get(name) for name in ("emotion", "confidence")}
        | {"group_valence": valence.get("label"), "group_valence_confidence": valence.get("confidence")}
        | {"how": clip.get("how")}
        | _p_columns(result.clip.probabilities if result.clip else {})
    )


def _p_columns(probabilities: Mapping[str, float]) -> Row:
    return {f"p_{name}": _round(value, _PROBABILITY) for name, value in probabilities.items()}


def _affect_columns(affect: Affect | None) -> Row:
    if affect is None:
        return {}
    return {"valence": _round(affect.valence, _AFFECT_DIGITS), "arousal": _round(affect.arousal, _AFFECT_DIGITS)}


def _attribute_columns(attributes: Attributes | None) -> Row:
    if attributes is None:
        return {}
    row: Row = {"age": _round(attributes.age_years, _YEARS), "age_std": _round(attributes.age_std_years, _YEARS)}
    for name, probabilities in (("gender", attributes.gender), ("ethnicity", attributes.ethnicity)):
        label = max(probabilities, key=probabilities.__getitem__)
        row |= {name: label, f"{name}_confidence": _round(probabilities[label], _PROBABILITY)}
    return row


def _rounded(probabilities: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _round(value, _PROBABILITY) for name, value in probabilities.items()}


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
