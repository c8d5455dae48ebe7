"""Writes the JSON Schemas of what fervid writes into schemas/, from the records in the code.

    python tools/schemas.py

Programs that read results can check them, and the tests check every result, journal and clip model that they write.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer_video.clip.model import SCHEMA as CLIP_MODEL
from fer_video.clip.model import ClipModelInfo
from fer_video.jobs.journal import Entry
from fer_video.types import SCHEMA, Affect, Attributes, ClipResult, Person, PersonEmbedding, Prediction, Timing, Track

FOLDER = Path(__file__).resolve().parent.parent / "schemas"
Schema = dict[str, Any]

PLAIN: Mapping[Any, Schema] = {
    str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"}, bool: {"type": "boolean"},
    type(None): {"type": "null"}, Any: {},
}  # fmt: skip
SHARE = {"type": "number", "minimum": 0, "maximum": 1.001}
SHARES = {"type": "object", "additionalProperties": SHARE}
POINT = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
BOX = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}


def of(kind: Any) -> Schema:
    """The schema of a type: plain ones, Literal, tuples, mappings, unions and dataclasses."""
    if kind in PLAIN:
        return dict(PLAIN[kind])
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in (types.UnionType, typing.Union):
        return any_of(*map(of, arguments))
    if origin in (tuple, list):
        if origin is tuple and arguments[-1] is not ...:
            return {"type": "array", "prefixItems": [of(each) for each in arguments], "minItems": len(arguments)}
        return {"type": "array", "items": of(arguments[0])}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": of(arguments[1])}
    if dataclasses.is_dataclass(kind):
        return record(kind)
    raise TypeError(f"{kind!r} has no schema")


def any_of(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def nullable(schema: Schema) -> Schema:
    return any_of(schema, {"type": "null"})


def record(kind: Any, optional: tuple[str, ...] = (), **others: Schema | None) -> Schema:
    """An object with all fields of a dataclass. others: what is written otherwise, or, with None, not at all."""
    hints = typing.get_type_hints(kind)
    properties = {each.name: of(hints[each.name]) for each in dataclasses.fields(kind) if each.name not in others}
    properties |= {name: schema for name, schema in others.items() if schema is not None}
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def result() -> Schema:
    """The object of a clip. Fields may be added within a version, so that others are let in."""
    attributes = nullable(record(Attributes, gender=SHARES, ethnicity=SHARES))
    affect, name = nullable(record(Affect)), nullable({"type": "string"})
    answer = {"probabilities": SHARES, "confidence": SHARE, "how": name}
    person = record(
        Person, ("embedding",), probabilities=SHARES, confidence=SHARE, attributes=attributes, affect=affect,
        method=name, time_shares=SHARES, embedding=record(PersonEmbedding, box=BOX),
    )  # fmt: skip
    valence = nullable(
        {
            "type": "object",
            "properties": {"label": {"type": "string"}, "confidence": SHARE, "probabilities": SHARES},
            "required": ["label", "confidence", "probabilities"],
        }
    )
    face: Schema = {
        "person": {"type": "integer", "minimum": 1},
        "track": {"type": "integer", "minimum": 1},
        "box": BOX,
        "score": SHARE,
        "landmarks": nullable({"type": "array", "items": POINT, "minItems": 5, "maxItems": 5}),
        "sharpness": nullable({"type": "number"}),
        "emotion": name,
        "confidence": SHARE,
        "probabilities": SHARES,
        "affect": affect,
        "attributes": attributes,
    }
    faces = {"type": "array", "items": {"type": "object", "properties": face, "required": list(face)}}
    frame: Schema = {"frame": {"type": "integer", "minimum": 0}, "time_s": {"type": "number"}, "faces": faces}
    pixels = nullable({"type": "integer", "minimum": 1})
    return record(
        ClipResult, ("frames",), observations=None, size=None, width=pixels, height=pixels, timing=record(Timing),
        schema={"const": SCHEMA}, clip=nullable(record(Prediction, valence=None, **answer)),
        group=nullable(record(Prediction, person=None, **(answer | {"valence": valence}))),
        people={"type": "array", "items": person}, tracks={"type": "array", "items": record(Track)},
        ran={"type": "object"},
        frames={"type": "array", "items": {"type": "object", "properties": frame, "required": list(frame)}},
    )  # fmt: skip


def journal_line() -> Schema:
    """One line of fervid.journal: a finished file, or one that is about to be done once more."""
    again = {
        "type": "object",
        "properties": {"path": {"type": "string"}, "status": {"const": "again"}},
        "required": ["path", "status"],
        "additionalProperties": False,
    }
    return any_of(record(Entry), again)


def clip_model() -> Schema:
    """model.json in the folder of a clip model."""
    digest = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    files = {"type": "object", "additionalProperties": digest}
    return record(ClipModelInfo, schema={"const": CLIP_MODEL}, backbone_sha256=digest, files=files)


def schemas() -> dict[str, Schema]:
    """Name of the file -> schema."""
    made = {
        "result.schema.json": ("The object of a clip: fervid predict --format json", result()),
        "journal.schema.json": ("A line of the journal of a batch", journal_line()),
        "clip-model.schema.json": ("model.json of a clip model", clip_model()),
    }
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {name: {"$schema": dialect, "title": title, **schema} for name, (title, schema) in made.items()}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (FOLDER / name).write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
