"""An ONNX network with its description in it, and the same description as a manifest entry beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer_video.files import open_output

__all__ = ["describe", "write_described"]


def describe(model: Any, entry: Mapping[str, Any]) -> bytes:
    """model: an onnx.ModelProto. Its bytes, with the entry as its only metadata."""
    import onnx

    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {"fervid": json.dumps(entry)})
    return bytes(model.SerializeToString())


def write_described(out: Path, data: bytes, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The file, and its entry as JSON beside it. Gives the entry with file and sha256. Raises OutputError."""
    with open_output(out, binary=True) as file:
        file.write(data)
    whole = {**entry, "file": out.name, "sha256": hashlib.sha256(data).hexdigest()}
    with open_output(out.with_suffix(".json")) as file:
        json.dump(whole, file, indent=2)
        file.write("\n")
    return whole
