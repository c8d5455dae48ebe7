"""A model run once, before it is taken into the store or used for the first time.

A graph may go round for ever or ask for all memory there is, so it is run in a process of its own, under limits.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fer_video.errors import FervidError, InputError, ModelError, fault_of
from fer_video.faces.detectors import DetectorOptions, make_detector
from fer_video.files import cache_dir, content_hash
from fer_video.models import ModelSpec, open_session
from fer_video.models.backbone import Backbone
from fer_video.models.spec import entry_of, parse_spec

__all__ = ["try_model", "try_once"]

log = logging.getLogger(__name__)

_LIMIT_S, _MOST_MEMORY = 30.0, 6 << 30


def try_model(spec: ModelSpec, limit_s: float = _LIMIT_S) -> None:
    """Run a model once, on a grey picture, in another process. Raises ModelError when it is not what its description
    says, takes more than limit_s seconds, or more memory than any network for faces needs."""
    asked = json.dumps(entry_of(spec) | {"sha256": spec.sha256, "path": str(spec.path)})
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__], input=asked.encode(), capture_output=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"{spec.path}: runs for more than {limit_s:g} s on one small picture; it is refused"
        ) from error
    log.debug("%s", done.stderr.decode(errors="backslashreplace").strip())
    try:
        told = json.loads(done.stdout.splitlines()[-1])["error"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        reason = "it needs too much memory, or its graph is broken"
        raise ModelError(f"{spec.path}: the process that runs it died; {reason}") from error
    if told is not None:
        raise ModelError(told)


def try_once(spec: ModelSpec) -> None:
    """As try_model, for a file that is in none of the catalogue's lists; remembered by what is in the file."""
    described = json.dumps(entry_of(spec), sort_keys=True).encode().hex()
    mark = cache_dir() / "tried" / content_hash(spec.path)
    with suppress(OSError):
        if mark.read_text(encoding="ascii") == described:
            return
    try_model(spec)
    with suppress(OSError):  # nothing is lost but half a second next time
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(described, encoding="ascii")


def _run(spec: ModelSpec) -> None:
    session = open_session(spec, "cpu", threads=1)
    if spec.task == "face-detector":
        make_detector(session, DetectorOptions()).detect([np.full((240, 320, 3), 127, np.uint8)])
        return
    if spec.task == "face-recognition":
        return  # faces/recognize.py looks at its shapes when it starts
    backbone = Backbone(session)
    told = backbone.embed([np.full((backbone.size, backbone.size, 3), 127, np.uint8)] * 2)
    for head in backbone.heads:
        width = told.probabilities[head.task].shape[-1]
        if width != head.width:
            raise ModelError(f"{spec.path}: gives {width} numbers for the {head.width} of its head {head.task}")
    if told.features.shape != (2, backbone.feature_size):
        raise ModelError(f"{spec.path}: gives features of the shape {told.features.shape}")


def _serve() -> None:
    """In the other process: a description on stdin, {"error": text or null} on stdout."""
    _limit_memory()
    entry: dict[str, Any] = json.load(sys.stdin.buffer)
    spec = parse_spec(entry, Path(entry["path"]))
    error = None
    try:
        _run(replace(spec, sha256=entry["sha256"]))
    except FervidError as fault:
        error = str(fault_of(str(spec.path), fault)) if isinstance(fault, InputError) else str(fault)
    except Exception as fault:  # noqa: BLE001  whatever ONNX Runtime and readers of outputs raise on another graph
        reason = str(fault).strip().partition("\n")[0] or type(fault).__name__
        error = f"{spec.path}: does not run as described: {reason}"
    sys.stdout.write(json.dumps({"error": error}) + "\n")


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError):  # Windows has no such limit, and some systems a lower one
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))


if __name__ == "__main__":
    _serve()
