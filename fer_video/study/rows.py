"""Results with the names of their people -> rows of CSV with a column identity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from fer_video.files import open_output
from fer_video.results.read import read_answers, read_results
from fer_video.results.rows import Rows, RowShape
from fer_video.results.writers import make_writer
from fer_video.study.people import Found
from fer_video.types import ClipResult

__all__ = ["write_rows"]


def write_rows(people: Sequence[Found], rows: Rows, out: Path) -> None:
    """All clips in which these people occur, as rows of a kind. Raises InputError, OutputError."""
    files = list(dict.fromkeys(seen.file for found in people for seen in found.appearances))
    names = {
        (seen.file, seen.clip, seen.person.id): found.identity for found in people for seen in found.appearances
    }  # fmt: skip
    shape = _shape(files, rows)
    with open_output(out) as file, make_writer("csv", rows, file, shape) as writer:
        for each in files:
            for number, result in enumerate(_read(each, rows)):
                named = (
                    replace(person, identity=names.get((each, number, person.id), person.identity))
                    for person in result.people
                )
                writer.write(replace(result, people=tuple(named)))


def _read(file: Path, rows: Rows) -> list[ClipResult]:
    return read_results(file) if rows == "frames" else read_answers(file)


def _shape(files: Sequence[Path], rows: Rows) -> RowShape:
    """The columns that some result has something for."""
    emotions, labels = dict[str, None](), dict[str, None]()
    attributes = affect = False
    for result in _all(files, rows):
        if result.observations is not None:
            emotions |= dict.fromkeys(result.observations.emotions)
        for person in result.people:
            labels |= dict.fromkeys(person.probabilities)
            attributes |= person.attributes is not None
            affect |= person.affect is not None
    return RowShape(tuple(emotions), tuple(labels), attributes, affect, identity=True)


def _all(files: Sequence[Path], rows: Rows) -> Iterator[ClipResult]:
    for file in files:
        yield from _read(file, rows)
