"""The model store: a file gets its name only when it is whole and verified, and one process writes at a time."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from fer_video.errors import ModelError, OptionError, OutputError
from fer_video.files import open_output
from fer_video.media.address import shown
from fer_video.media.download import DownloadError, DownloadOptions, Progress, download
from fer_video.models.manifest import load_manifest, load_zoo, origin_of, store_dir
from fer_video.models.spec import ModelSpec, parse_spec
from fer_video.models.verify import verify_file

__all__ = ["Check", "PullOptions", "Pulled", "add", "check_name", "pull", "remove"]

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")

# Runs a model once, and raises ModelError when it is not what its description says (engine.trial.try_model).
Check = Callable[[ModelSpec], None]
Pulled = Literal["embedded", "was here", "pulled"]


@dataclass(frozen=True, slots=True)
class PullOptions:
    """Where a model comes from.

    Attributes:
        source: A file on this machine, instead of a download.
        mirror: Base address that has NAME.onnx. None: $FERVID_MIRROR, or the publisher's address.
        accept_license: Accept the licence of a model that forbids commercial use.
        download: Limits of the download.
    """

    source: Path | None = None
    mirror: str | None = None
    accept_license: bool = False
    download: DownloadOptions = field(default_factory=DownloadOptions)


def pull(spec: ModelSpec, options: PullOptions, check: Check, progress: Progress = lambda have, total: None) -> Pulled:
    """Get a model of the zoo into the store. Killed at any moment this leaves no model or a good one.

    check: of a file for which nobody has published a hash.

    Raises OptionError for a licence that was not accepted or a model without an address, ModelError when it cannot
    be had or is not what the manifest says, OutputError when the store cannot be written.
    """
    if (origin := origin_of(spec)) != "zoo":
        if origin == "user":
            raise OptionError(f"{spec.name}: was imported, there is nowhere to pull it from")
        return "embedded"
    if spec.non_commercial and not options.accept_license:
        raise OptionError(f"{spec.name}: its licence is: {spec.licence}; accept it with --accept-licence")
    url = _address(spec, options.mirror)
    if options.source is None and url is None:
        raise OptionError(f"{spec.name}: {spec.note}. It is {spec.source}")
    with _locked(spec.name):
        if spec.path.is_file() and verify_file(spec, spec.path).complaint is None and options.source is None:
            return "was here"
        part = spec.path.with_name(f".{spec.name}.{(spec.sha256 or spec.git_blob or 'unknown')[:12]}.part")
        try:
            if options.source is not None:
                _copy(options.source, part, spec, check)
            else:
                assert url is not None
                _download(url, part, spec, options, progress)
            _publish(part, spec.path)
        except OSError as error:
            raise _unwritable(spec.path, error) from error
    return "pulled"


def _address(spec: ModelSpec, mirror: str | None) -> str | None:
    """None where there is none, or no hash to compare what it sends with: then a mirror would have to be trusted."""
    if spec.url is None:
        return None
    base = mirror or os.environ.get("FERVID_MIRROR")
    return f"{base.rstrip('/')}/{spec.name}.onnx" if base else spec.url


def _download(url: str, part: Path, spec: ModelSpec, options: PullOptions, progress: Progress) -> None:
    """A part that an earlier attempt left may be of another place: if the whole is wrong, once more from nothing."""
    continued = part.exists()
    _fetch(url, part, spec, options, progress)
    complaint = verify_file(spec, part).complaint
    if complaint is not None and continued:
        part.unlink()
        _fetch(url, part, spec, options, progress)
        complaint = verify_file(spec, part).complaint
    if complaint is not None:
        part.unlink()
        raise ModelError(f"{shown(url)}: not the file that fervid knows as {spec.name}: {complaint}; it was removed")


def _fetch(url: str, part: Path, spec: ModelSpec, options: PullOptions, progress: Progress) -> None:
    try:
        download(url, part, spec.size_bytes, options.download, progress)
    except DownloadError as error:
        again = "; try again (it goes on where it stopped), or get the file elsewhere and give it with --from FILE"
        raise ModelError(f"{shown(url)}: {error}{again if error.passing else ''}") from error


def _copy(source: Path, part: Path, spec: ModelSpec, check: Check) -> None:
    complaint = verify_file(spec, source).complaint
    if complaint is not None:
        raise ModelError(f"{source}: not the file that fervid knows as {spec.name}: {complaint}")
    try:
        shutil.copyfile(source, part)
        verdict = verify_file(spec, part)
        if verdict.complaint is not None:
            raise ModelError(f"{source}: changed while it was read; try again")
        if spec.sha256 is None and spec.git_blob is None:  # nobody says what it should be: try it, and remember it
            check(replace(spec, path=part))
            with open_output(spec.path.with_suffix(".json")) as file:
                file.write(json.dumps({"sha256": verdict.sha256}) + "\n")
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _publish(part: Path, path: Path) -> None:
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)


def add(source: Path, entry: dict[str, Any], check: Check) -> ModelSpec:
    """Take a file of the user's into the store, with the description that makes it a model, after running it once.

    entry: as in weights/manifest.json, without file and hash. Raises OptionError for a name that is taken or cannot
    be one, ModelError for a network that is not what the entry says, OutputError.
    """
    name = str(entry["name"])
    check_name(name)
    path = store_dir() / f"{name}.onnx"
    if path.exists():
        raise OptionError(f"{name}: is there already; fervid models remove {name}, or choose another --name")
    spec = _parsed(entry | {"sha256": None}, source)
    check(spec)
    described = entry | {"sha256": verify_file(spec, source).sha256}
    with _locked(name):
        part = path.with_name(f".{name}.import.part")
        try:
            _copy(source, part, _parsed(described, path), check)
            with open_output(path.with_suffix(".json")) as file:
                file.write(json.dumps(described, indent=2, ensure_ascii=False) + "\n")
            _publish(part, path)
        except OSError as error:
            raise _unwritable(path, error) from error
    return _parsed(described, path)


def _parsed(entry: dict[str, Any], path: Path) -> ModelSpec:
    try:
        return parse_spec(entry, path)
    except ValueError as error:
        raise ModelError(f"{path}: its description is not valid ({error}); see docs/models.md") from error


def check_name(name: str) -> None:
    """Raises OptionError for a name that is not fit for a file, or is a model's of fervid's own lists."""
    if not _NAME.fullmatch(name):
        raise OptionError(f"{name!r} cannot be a name; take up to 64 letters, digits and . _ - and begin with a letter")
    if name in load_manifest()[1] or name in load_zoo():
        raise OptionError(f"{name}: is the name of a model that fervid knows; choose another --name")


def remove(name: str) -> bool:
    """Delete a model from the store, one whose description is broken too; whether there was one.

    Raises OptionError for an embedded one and for a name that nothing has, OutputError.
    """
    if name in load_manifest()[1]:
        raise OptionError(f"{name}: comes with fervid and stays")
    path = store_dir() / f"{name}.onnx"
    beside = path.with_suffix(".json")
    if not (_NAME.fullmatch(name) and (name in load_zoo() or path.exists() or beside.exists())):
        raise OptionError(f"{name}: no model by that name; fervid models list shows them")
    try:
        with _locked(name):
            there = path.exists()
            for each in (path, *path.parent.glob(f".{name}.*.part"), beside):
                each.unlink(missing_ok=True)
            return there
    except OSError as error:
        raise _unwritable(path, error) from error


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """Alone with a model's files, among all processes of the machine."""
    import filelock

    store = store_dir()
    file = store / f".{name}.lock"
    try:
        store.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(file)
        while True:
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                log.warning("another process is at work on %s; waiting for it", name)
                lock.acquire()
            if file.exists():
                break
            lock.release()  # of a file that the one before us took away: whoever comes next would make another
    except OSError as error:
        raise _unwritable(store, error) from error
    try:
        yield
    finally:
        with suppress(OSError):  # Windows: somebody waits for it
            file.unlink()
        lock.release()


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written: {error.strerror or error}; choose another place with $FERVID_CACHE")
