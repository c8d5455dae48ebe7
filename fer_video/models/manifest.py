"""Where descriptions of models are found: by name, or beside a user's file.

Three lists share one space of names: the embedded models (weights/manifest.json), those that `fervid models pull`
gets (weights/zoo.json), and those that `fervid models import` took in (descriptions in the model store). A model
describes itself; nothing in fervid concludes from a file's name what is in it. A file that is in none of the lists
brings its description along, the same object as an entry: in a file beside it (`net.onnx` -> `net.json`), or in the
ONNX `metadata_props` under the key `fervid`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from fer_video.errors import InputError, ModelError, OptionError, printable
from fer_video.files import cache_dir, parse_json, read_limited
from fer_video.models.spec import InputSpec, ModelSpec, Task, parse_spec

__all__ = ["Origin", "catalogue", "find_entry", "find_model", "load_manifest", "origin_of", "store_dir", "weights_dir"]

log = logging.getLogger(__name__)

Origin = Literal["embedded", "zoo", "user"]
_MOST_BYTES = 1 << 20  # of a description


def weights_dir() -> Path:
    """Where the embedded models are."""
    try:
        return Path(str(resources.files("fer_video.weights")))
    except ModuleNotFoundError:
        # In a checkout, Python finds fer_video in the current folder, without what only an install puts into it.
        return Path(__file__).parents[2] / "weights"


def store_dir() -> Path:
    """Where pulled and imported models are: NAME.onnx, and NAME.json for what no list of fervid says of it."""
    return cache_dir() / "models"


@cache
def load_manifest() -> tuple[Mapping[str, str], Mapping[str, ModelSpec]]:
    """The embedded models: (task -> name of the default, name -> description).

    Raises ModelError when the manifest is missing or is not what it should be.
    """
    path = weights_dir() / "manifest.json"
    document = _document(path)
    try:
        specs = [parse_spec(entry, path.parent / entry["file"]) for entry in document["models"]]
        return document["defaults"], {spec.name: spec for spec in specs}
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: not a valid manifest ({error}); reinstall fervid") from error


def load_zoo() -> Mapping[str, ModelSpec]:
    """The models that can be pulled, by name, whether they are here or not. Raises ModelError."""
    path, store = weights_dir() / "zoo.json", store_dir()
    try:
        specs = [parse_spec(entry, store / f"{entry['name']}.onnx") for entry in _document(path)["models"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: not a valid manifest ({error}); reinstall fervid") from error
    return {spec.name: _with_recorded_hash(spec) for spec in specs}


def _with_recorded_hash(spec: ModelSpec) -> ModelSpec:
    """Of a model whose publisher gives no hash: the one it had when it was taken in."""
    beside = spec.path.with_suffix(".json")
    if spec.sha256 or spec.git_blob or not (beside.is_file() and spec.path.is_file()):
        return spec
    try:
        return replace(spec, sha256=_document(beside)["sha256"])
    except (KeyError, TypeError) as error:
        raise ModelError(f"{beside}: has no hash; fervid models pull {spec.name} again") from error


def load_user() -> Mapping[str, ModelSpec]:
    """The models that were imported, by name. One whose description is broken is left out, which is said."""
    known = {*load_manifest()[1], *load_zoo()}
    found: dict[str, ModelSpec] = {}
    for path in sorted(store_dir().glob("*.json")):
        if path.stem in known:
            continue
        try:
            found[path.stem] = replace(_read_description(path, path.with_suffix(".onnx")), name=path.stem)
        except ModelError as error:
            _say_once(f"{error}; this model is left out: fervid models remove {path.stem}")
    return found


@cache
def _say_once(message: str) -> None:
    log.warning("%s", printable(message))


def catalogue() -> dict[str, ModelSpec]:
    """Every model fervid knows by a name: embedded, to pull, imported. Raises ModelError."""
    return {**load_manifest()[1], **load_zoo(), **load_user()}


def origin_of(spec: ModelSpec) -> Origin:
    """Which list an entry of the catalogue is from."""
    if spec.name in load_manifest()[1]:
        return "embedded"
    return "zoo" if spec.name in load_zoo() else "user"


def find_entry(name: str) -> ModelSpec:
    """The entry of the catalogue by that name, its file there or not. Raises OptionError, ModelError."""
    known = catalogue()
    if name not in known:
        raise OptionError(f"{name}: no model by that name; fervid models list shows them")
    return known[name]


def find_model(task: Task, wanted: str | None = None) -> ModelSpec:
    """The description of the model a user asked for.

    wanted: None for the default of the task, a name of the catalogue, the path of an ONNX file that brings its
    description along, or `scrfd:PATH` for any face detector of the SCRFD family (its graph says all that is needed).

    Raises OptionError when there is no such model or it was not pulled yet, ModelError when it is not usable.
    """
    defaults, embedded = load_manifest()
    if wanted is None:
        return embedded[defaults[task]]
    if (spec := embedded.get(wanted) or catalogue().get(wanted)) is not None:
        if spec.task != task:
            raise OptionError(f"{wanted} is a model of the task {spec.task}, not {task}")
        if wanted not in embedded and not spec.path.exists():
            raise OptionError(f"{wanted} is not on this machine yet; get it with: fervid models pull {wanted}")
        return spec
    kind, colon, rest = wanted.partition(":")
    if task == "face-detector" and kind == "scrfd" and colon:
        return scrfd_spec(_existing(Path(rest), task))
    return _described(_existing(Path(wanted), task), task)


def _existing(path: Path, task: Task) -> Path:
    if not path.is_file():
        names = ", ".join(name for name, spec in catalogue().items() if spec.task == task and spec.path.exists())
        also = " or scrfd:PATH" if task == "face-detector" else ""
        raise OptionError(
            f"{path}: no such {task}; give one of: {names}, the path of an ONNX file{also}, "
            "or pull one of those that fervid models list shows"
        )
    return path


def scrfd_spec(path: Path) -> ModelSpec:
    """The description of any SCRFD file: the graph says all that is needed."""
    return ModelSpec(
        name=path.stem, task="face-detector", kind="scrfd", path=path, sha256=None, input=InputSpec("", None)
    )


def _described(path: Path, task: Task) -> ModelSpec:
    """An ONNX file with its description in a JSON file beside it or in its own metadata."""
    beside = path.with_suffix(".json")
    if beside.is_file():
        spec = _read_description(beside, path)
    elif (text := _metadata(path)) is not None:
        spec = _parsed(text, path, path)
    else:
        raise ModelError(
            f"{path}: this model does not say what it is; take it in with: fervid models import {path}, "
            f"or put its description into {beside.name} (docs/models.md has the fields)"
        )
    if spec.task != task:
        raise OptionError(f"{path}: this is a model of the task {spec.task}, not {task}")
    return spec


def _read_description(beside: Path, path: Path) -> ModelSpec:
    try:
        return _parsed(read_limited(beside, _MOST_BYTES).decode("utf-8"), beside, path)
    except InputError as error:
        raise ModelError(str(error)) from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{beside}: its description is not text in UTF-8; see docs/models.md") from error


def _parsed(text: str, told_by: Path, path: Path) -> ModelSpec:
    try:
        return parse_spec(parse_json(text), path)
    except ValueError as error:
        raise ModelError(f"{told_by}: its description is not valid ({error}); see docs/models.md") from error


def _document(path: Path) -> Any:
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; reinstall fervid") from error
    except ValueError as error:
        raise ModelError(f"{path}: not a valid manifest ({error}); reinstall fervid") from error


def _metadata(path: Path) -> str | None:
    """The description in the `metadata_props` of an ONNX file. Raises ModelError when it is not one."""
    from fer_video.models.graph import read_graph

    model = read_graph(path)
    return next((entry.value for entry in model.metadata_props if entry.key == "fervid"), None)
