"""What is known of people -> back into their results: names, or no embeddings any more. Files whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from fer_video.errors import OptionError, OutputError
from fer_video.files import refuse_same
from fer_video.results.documents import change_documents, check_schema, documents, refusing
from fer_video.study.people import Found

__all__ = ["forget", "write_identities"]

T = TypeVar("T")


def write_identities(people: Sequence[Found], out: Path | None, pieces: Iterable[Path] = ()) -> list[Path]:
    """Each result anew with the names of its people; gives what was written.

    out: a folder for them, under the same names; None: where they are. pieces: files with the same clips, such as those
    that a batch joins its results from; only written where the results are.

    Raises OptionError for two results of one name, InputError, OutputError.
    """
    of_file: dict[Path, dict[tuple[int, int], str | None]] = {}
    of_path: dict[tuple[str, int], str | None] = {}
    for found in people:
        for seen in found.appearances:
            of_file.setdefault(seen.file, {})[seen.clip, seen.person.id] = found.identity
            of_path[seen.path, seen.person.id] = found.identity
    written = []
    for file, target in _targets(list(of_file), out).items():
        change_documents(file, target, _by_number(of_file[file]))
        written.append(target)
    for piece in pieces if out is None else ():
        change_documents(piece, piece, lambda _, clip: _name(clip, clip["path"], of_path))
    return written


def _by_number(names: Mapping[tuple[int, int], str | None]) -> Callable[[int, dict[str, Any]], None]:
    return lambda number, clip: _name(clip, number, names)


def _name(clip: dict[str, Any], which: T, names: Mapping[tuple[T, int], str | None]) -> None:
    """which: the clip, as the names know it."""
    for person in clip["people"]:
        person["identity"] = names.get((which, person["id"]), person.get("identity"))


def _targets(files: Sequence[Path], out: Path | None) -> dict[Path, Path]:
    if out is None:
        return {file: file for file in files}
    targets = {file: out / file.name for file in files}
    if len(set(targets.values())) < len(files):
        raise OptionError(f"{out}: several results have the same name and would become one file; use --write")
    for target in targets.values():
        refuse_same(target, map(str, files))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be made: {error.strerror}; choose another place") from error
    return targets


def forget(file: Path) -> int:
    """Delete the embeddings in a file of results, whatever they hold; gives of how many people. A file without any
    stays as it is.

    Raises InputError, OutputError.
    """
    held, asked = 0, False
    with refusing(file):
        for clip in documents(file):
            check_schema(clip)
            held += sum("embedding" in person for person in clip["people"])
            asked |= _asked(clip["ran"])
    if held or asked:
        change_documents(file, file, _strip)
    return held


def _asked(ran: Mapping[str, Any]) -> bool:
    options = ran.get("options")
    return isinstance(options, Mapping) and bool(options.get("identity_embeddings"))


def _strip(_: int, clip: dict[str, Any]) -> None:
    for person in clip["people"]:
        person.pop("embedding", None)
    if _asked(clip["ran"]):
        clip["ran"]["options"]["identity_embeddings"] = False  # or they would be looked for
