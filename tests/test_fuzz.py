"""Seeded fuzzing, reader by reader: whatever is in a file, nothing but the errors of errors.py, within limits.

Some hundred damaged files a reader by default; with FERVID_FUZZ_S=60, for 60 seconds each.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from fer_video.cli import main
from fer_video.cli.shared.config import ConfigSource, load_config
from fer_video.cli.shared.inputs import read_list
from fer_video.cli.shared.settings import check_config
from graphs import save_classifier

from fer_video.clip.features import load_features
from fer_video.clip.store import read_description
from fer_video.datasets.clips import load_clips
from fer_video.datasets.faces import load_faces
from fer_video.errors import FervidError
from fer_video.jobs.journal import read_journal
from fer_video.media.decode import open_source
from fer_video.media.sampling import Sampling
from fer_video.models.imports import inspect
from fer_video.models.manifest import _read_description
from fer_video.results.read import read_results
from fer_video.training.recipe import read_recipe

ROOT = Path(__file__).parents[1]
MARK = b"-- another seed --"
COUNT, MOST_S, MOST_MB = 200, 10.0, 1500


def damaged(data: bytes, draw: random.Random) -> bytes:
    """One of the seeds with bytes changed, taken out, doubled, or replaced by what readers stumble over."""
    out = bytearray(draw.choice([seed for seed in data.split(MARK) if seed]))
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(out) + 1)
        how = draw.randrange(5)
        if how == 0 and at < len(out):
            out[at] = draw.randrange(256)
        elif how == 1:
            del out[at : at + draw.randint(1, 40)]
        elif how == 2:
            out[at:at] = out[max(at - 60, 0) : at]
        elif how == 3:
            piece = draw.choice(
                [b"\x00", b"\xff", b"9" * 5000, b"[" * 3000, b"{", b"null", b"NaN", b"1e999", b'"', b"-1"]
            )
            out[at:at] = piece
        else:
            out = out[:at]
    return bytes(out)


RECIPE = (ROOT / "recipes" / "mobilenet-v1-mtl.toml").read_bytes()
MODEL = (ROOT / "weights" / "pseudo-clip-8" / "model.json").read_bytes()
ENTRY = json.dumps(
    {"path": "a", "size": 1, "mtime_ns": 2, "sha256": None, "options": "x", "status": "ok", "error": None,
     "seconds": 1.5, "frames": 3}
).encode()  # fmt: skip
NETWORK = json.dumps(
    {"name": "n", "task": "emotion-backbone", "kind": "onnx", "input": {"name": "x", "size": 32, "mean": [0, 0, 0]},
     "features": {"output": "f", "size": 64}, "crop": {"factor": 1.1},
     "heads": [{"task": "emotion", "labels": ["a", "b"], "columns": [0, 2]}]}
).encode()  # fmt: skip


def _zip_of_labels(folder: Path) -> bytes:
    path = folder / "seed.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("FER2013Valid/label.csv", b"a.png,b,9,1,0,0,0,0,0,0,0,0\n" * 3)
    return path.read_bytes()


def _result(folder: Path, clip: Path) -> bytes:
    out = folder / "seed.json"
    assert CliRunner().invoke(main, ["predict", str(clip), "--fps", "2", "--frames", "--out", str(out)]).exit_code == 0
    return out.read_bytes()


def _line(document: bytes) -> bytes:
    return json.dumps(json.loads(document)).encode() + b"\n"


def _features(folder: Path, clip: Path) -> bytes:
    arguments = ["extract", str(clip), "--fps", "2", "--out", str(folder / "features"), "-q"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    (file,) = (folder / "features").glob("*.npz")
    return file.read_bytes()


def _graph(folder: Path, _: Path) -> bytes:
    save_classifier(folder / "seed.onnx")
    return (folder / "seed.onnx").read_bytes()


def _pictures(*_: Path) -> bytes:
    shades = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
    kinds = (".png", ".jpg", ".tiff", ".bmp", ".webp")
    return b"".join(MARK + cv2.imencode(kind, np.dstack([shades] * 3))[1].tobytes() for kind in kinds)


def _look(path: Path) -> None:
    with open_source(path) as source:
        for frame in source.frames(Sampling(fps=None)):
            assert frame.image.ndim == 3


def _list(path: Path) -> None:
    with path.open(encoding="utf-8", errors="surrogateescape") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", file)
        list(read_list(("-",)))


CONFIG = b"""fps = 5
device = "cpu"
min-confidence = 0.5
[predict]
rows = "people"
identify = false
model = "none"
[backbone.evaluate]
part = "test"
[evaluate]
by = ["gender", "age"]
"""


def _config(path: Path) -> None:
    """As a file that is found, and as one that is named."""
    config = load_config(ConfigSource(str(path)))
    assert config is not None
    check_config(config, main)
    check_config(replace(config, named=False), main)


READERS: dict[str, tuple[Callable[[Path, Path], bytes], Callable[[Path], object]]] = {
    "result.json": (_result, read_results),
    "result.jsonl": (lambda *given: _line(_result(*given)) * 3, read_results),
    "recipe.toml": (lambda *_: RECIPE, read_recipe),
    "fervid.toml": (lambda *_: CONFIG, _config),
    "j.journal": (lambda *_: b"\n".join([ENTRY] * 3) + b"\n", read_journal),
    "n.json": (lambda *_: NETWORK, lambda path: _read_description(path, path.with_suffix(".onnx"))),
    "n.onnx": (_graph, inspect),
    "d.zip": (lambda folder, _: _zip_of_labels(folder), lambda path: load_faces(path, "ferplus")),
    "t.csv": (lambda *_: b"path,label,subject,split\na.mp4,happy,s1,train\n", lambda path: load_clips(path, "csv")),
    "model.json": (lambda *_: MODEL, lambda path: read_description(path.parent)),
    "f.npz": (_features, load_features),
    "picture": (_pictures, _look),
    "list": (lambda *_: b"a.mp4\nb c.mp4\n", _list),
}


def _rounds() -> Iterator[int]:
    """Numbers of files, until there were enough or the time is up."""
    seconds, began_s, number = os.environ.get("FERVID_FUZZ_S"), time.monotonic(), 0
    while time.monotonic() - began_s < float(seconds) if seconds else number < COUNT:
        yield number
        number += 1


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_raise_nothing_but_our_own_errors(name: str, tmp_path: Path, face_clip: Path) -> None:
    seed, read = READERS[name]
    data, draw = seed(tmp_path, face_clip), random.Random(21)
    path, before_mb = tmp_path / name, _peak_mb()
    for number in _rounds():
        path.write_bytes(damaged(data, draw))
        began_s = time.process_time()  # of this process alone: others may be at work beside it
        with contextlib.suppress(FervidError):
            read(path)
        assert time.process_time() - began_s < MOST_S, number
    assert _peak_mb() - before_mb < MOST_MB


def _peak_mb() -> float:
    resource = pytest.importorskip("resource")
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / (
        1 << 20 if sys.platform == "darwin" else 1 << 10
    )
