"""Clip models on disk: a folder with model.json, svm.onnx (to run) and svm.skops (to train on), no pickle.

model.json holds the hashes of the other two. Only svm.onnx is read to classify.
"""

from __future__ import annotations

import glob
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_video.clip.features import Faces
from fer_video.clip.model import INPUT, ClipModel, ClipModelInfo
from fer_video.errors import ModelError, OptionError, OutputError
from fer_video.files import content_hash
from fer_video.models import InputSpec, ModelSpec, open_session
from fer_video.models.manifest import weights_dir
from fer_video.scratch import is_old

__all__ = [
    "EMBEDDED",
    "Chosen",
    "check_place",
    "choose_clip_model",
    "find_clip_model",
    "load_clip_model",
    "load_estimator",
    "read_description",
    "save_clip_model",
]

DESCRIPTION, NETWORK, ESTIMATOR = "model.json", "svm.onnx", "svm.skops"
_MOST_BYTES = 1 << 20  # of model.json
# What comes with fervid, and for whose faces it is the default.
EMBEDDED: Mapping[str, str] = {"main": "pseudo-clip-8", "all": "pseudo-vgaf-3"}
_FORMER_NAMES = {"pseudo-afew-7": "pseudo-clip-8"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A clip model that is to answer. mixed: its mixture with the mean probability, not the model alone."""

    folder: Path
    info: ClipModelInfo
    mixed: bool = False


def choose_clip_model(wanted: str | None, faces: Faces, backbone_sha256: str) -> Chosen | None:
    """Which clip model answers; None for the mean of the per-frame probabilities. Loads no network.

    wanted: a name or a folder, "auto" or "none" (AnalyzerOptions.model). The embedded default is passed over for a
    backbone that it was not trained on. Raises OptionError, ModelError.
    """
    if wanted is None or wanted == "none":
        return None
    folder = find_clip_model(EMBEDDED[faces] if wanted == "auto" else wanted)
    info, _ = read_description(folder)
    if wanted != "auto":
        return Chosen(folder, info)
    if info.backbone_sha256 != backbone_sha256 or info.default == "mean-probability":
        return None
    return Chosen(folder, info, info.default == "mixture")


def find_clip_model(wanted: str) -> Path:
    """The folder of an embedded model by its name, or of one's own by its path. Raises OptionError."""
    wanted = _FORMER_NAMES.get(wanted, wanted)
    if wanted in EMBEDDED.values():
        return weights_dir() / wanted
    path = Path(wanted)
    if not (path / DESCRIPTION).is_file():
        raise OptionError(
            f"{path}: no clip model; give one of: {', '.join(EMBEDDED.values())}, or a folder that fervid train wrote"
        )
    return path


def load_clip_model(folder: Path) -> ClipModel:
    """Raises ModelError for a folder that is not a clip model, is damaged or was tampered with."""
    info, hashes = read_description(folder)
    spec = ModelSpec(
        name=info.name,
        task="clip-classifier",
        kind="onnx",
        path=folder / NETWORK,
        sha256=hashes[NETWORK],
        input=InputSpec(INPUT, None),
    )
    return ClipModel(info, open_session(spec, "cpu", threads=1))


def load_estimator(folder: Path) -> Any:
    """The scikit-learn estimator, to train on. Only the types of a linear or kernel SVM are let in.

    Raises ModelError for anything else, before anything of it is made.
    """
    _, hashes = read_description(folder)
    path = folder / ESTIMATOR
    if not path.is_file() or content_hash(path) != hashes[ESTIMATOR]:
        raise ModelError(f"{path}: missing or damaged; train the model again")
    import skops.io

    try:
        strange = skops.io.get_untrusted_types(file=path)
        if strange:
            raise ModelError(f"{path}: refused: it holds types that an SVM does not need: {', '.join(strange)}")
        return skops.io.load(path, trusted=[])
    except ModelError:
        raise
    except Exception as error:
        # skops raises whatever zipfile, json and its own readers do: all of it means this
        raise ModelError(f"{path}: not a skops file that can be read: {type(error).__name__}") from error


def save_clip_model(folder: Path, info: ClipModelInfo, network: bytes, estimator: Any) -> None:
    """Write the folder, whole or not at all; a clip model that is there is replaced, anything else is left alone.

    Raises OutputError.
    """
    import skops.io

    check_place(folder)
    folder = folder.resolve()  # a link keeps pointing where it did
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _recover(folder)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
        try:
            new = work / "new"
            new.mkdir()
            (new / NETWORK).write_bytes(network)
            skops.io.dump(estimator, new / ESTIMATOR)
            hashes = {name: content_hash(new / name) for name in (NETWORK, ESTIMATOR)}
            text = json.dumps(info.to_dict() | {"files": hashes}, indent=2, ensure_ascii=False)
            (new / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
            if folder.exists():
                folder.rename(work / "old")
            try:
                new.rename(folder)
            except BaseException:
                if (work / "old").exists():
                    (work / "old").rename(folder)
                raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror}; choose another place") from error


def _recover(folder: Path) -> None:
    """Where somebody was killed who wrote this model: the older one gets its place back, and the rest goes."""
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.*.part"):
        if left.is_dir() and not left.is_symlink() and is_old(left.stat()):
            if (left / "old").is_dir() and not folder.exists():
                (left / "old").rename(folder)
            shutil.rmtree(left, ignore_errors=True)


def check_place(folder: Path) -> None:
    """Raises OutputError where a model cannot go: only an empty folder or an older clip model is replaced."""
    if not folder.exists():
        return
    if folder.resolve() == Path.cwd():
        raise OutputError(f"{folder}: is the current folder; give the model one of its own")
    names = {each.name for each in folder.iterdir()} if folder.is_dir() else {""}
    try:
        if names:
            read_description(folder)
    except ModelError:
        names.add("")  # something else by the name of a description
    if names - {DESCRIPTION, NETWORK, ESTIMATOR}:
        raise OutputError(f"{folder}: is there and is no clip model; choose another place")


def read_description(folder: Path) -> tuple[ClipModelInfo, dict[str, str]]:
    """What a clip model is, and file name -> sha256, without loading it. Raises ModelError."""
    path = folder / DESCRIPTION
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("larger than a description can be")
        document = json.loads(path.read_text(encoding="utf-8"))
        hashes = {name: document["files"][name] for name in (NETWORK, ESTIMATOR)}
        if not all(isinstance(value, str) and len(value) == 64 for value in hashes.values()):
            raise ValueError("files without their hashes")
        return ClipModelInfo.from_dict(document), hashes
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; is this a folder that fervid train wrote?") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not the description of a clip model ({error!r})") from error
