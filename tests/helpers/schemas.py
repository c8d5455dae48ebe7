"""Every result, journal and clip model that a test writes is checked against its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

__all__ = ["FOLDER", "check", "watch_outputs"]

FOLDER = Path(__file__).resolve().parents[2] / "schemas"
_MOST_FRAMES = 50  # of a clip that are looked at: more are more of the same


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def check(name: str, value: Any) -> None:
    """Raises jsonschema.ValidationError."""
    frames = value.get("frames") if isinstance(value, dict) else None
    if isinstance(frames, list):  # in a journal it is their number
        value = {**value, "frames": frames[:_MOST_FRAMES]}
    _validator(name).validate(json.loads(json.dumps(value)))


def watch_outputs(patch: pytest.MonkeyPatch) -> None:
    """Wrap what makes the objects that are written."""
    from fer_video.clip.model import ClipModelInfo
    from fer_video.jobs.journal import Journal
    from fer_video.results import rows
    from fer_video.results.writers import json as writer

    def checked(make: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(make)
        def clip_object(*arguments: Any, **given: Any) -> Any:
            value = make(*arguments, **given)
            check("result", value)
            return value

        return clip_object

    made = checked(rows.clip_object)
    for module in (rows, writer):
        patch.setattr(module, "clip_object", made)
    write, to_dict = Journal._write, ClipModelInfo.to_dict

    def write_checked(self: Journal, value: dict[str, Any]) -> None:
        check("journal", value)
        write(self, value)

    def to_dict_checked(self: ClipModelInfo) -> dict[str, Any]:
        value = to_dict(self)
        check("clip-model", value | {"files": {}})
        return value

    patch.setattr(Journal, "_write", write_checked)
    patch.setattr(ClipModelInfo, "to_dict", to_dict_checked)
