"""The outputs of a batch: one file per clip, or one file for all clips, joined from a piece per clip.

Every file appears whole or not at all. Pieces are kept, so that a clip that is done again costs no other; joining them
in the order of the inputs gives the same file whatever order they were finished in, and however often the batch was
stopped.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from fer_video.errors import OptionError, OutputError
from fer_video.files import open_output
from fer_video.jobs.journal import Entry
from fer_video.jobs.names import Names, hashed
from fer_video.results.writers import CLIP_FORMATS, Rows, RowShape, Writer, make_writer
from fer_video.results.writers.parquet import RowLinesWriter, check_parquet, write_parquet
from fer_video.types import ClipResult

__all__ = ["FOLDER_FORMATS", "JOINED_FORMATS", "OutputOptions", "Outputs"]

JOINED_FORMATS = ("jsonl", "csv", "parquet")  # one file for all
FOLDER_FORMATS = ("json", *JOINED_FORMATS, *CLIP_FORMATS)
# What open_output leaves when it is killed, of our own files only.
_LEFT = re.compile(r"\.(.*-[0-9a-f]{16}\.[a-z]+|results\.[a-z]+)\.[^.]+\.part")


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What a batch writes. Raises OptionError.

    Attributes:
        format: Format of the results, one of FOLDER_FORMATS.
        rows: Content of a row or an object: "clips", "people", "segments" or "frames".
        frames: Include every sampled frame in JSON clips.
    """

    format: str = "json"
    rows: Rows = "clips"
    frames: bool = False

    def __post_init__(self) -> None:
        if self.format not in FOLDER_FORMATS:
            raise OptionError(f"a folder cannot hold {self.format}; choose one of {', '.join(FOLDER_FORMATS)}")
        if self.format == "parquet":
            check_parquet()

    @property
    def joined(self) -> bool:
        return self.format in JOINED_FORMATS

    @property
    def needs_observations(self) -> bool:
        return self.frames or self.rows == "frames"


class Outputs:
    """folder: where the user looks. work: where the pieces are."""

    def __init__(self, folder: Path, work: Path, options: OutputOptions, shape: RowShape) -> None:
        self._options, self._shape, self._folder, self._work = options, shape, folder, work
        self.file = folder / f"results.{options.format}" if options.joined else None  # the one for all
        self._place = work / "pieces" if options.joined else folder
        self._suffix = f".{options.format}"
        self._names = None if options.joined else Names(work / "names.jsonl")

    def place(self, path: str) -> Path:
        """Where a clip's file or piece is, or would be if it were of an earlier version, whose names held a hash."""
        if self._names is not None and (name := self._names.get(path)) is not None:
            return self._place / f"{name}{self._suffix}"
        return self._place / f"{hashed(Path(path).name, path)}{self._suffix}"

    def _new_place(self, path: str) -> Path:
        """Where a clip's file is written. Raises OutputError."""
        before = self.place(path)
        if self._names is None or before.exists():
            return before
        return self._place / f"{self._names.claim(path, self._place, self._suffix)}{self._suffix}"

    def pieces_of(self, file: Path) -> list[Path]:
        """All pieces, where this is the file for all."""
        if self.file is None or file.name != self.file.name:
            return []
        return sorted(self._place.glob(f"*.{self._options.format}"))

    def is_there(self, entry: Entry) -> bool:
        """Whether the entry's output is still where it was put."""
        return self._is_empty(entry.status) or self.place(entry.path).is_file()

    def _is_empty(self, status: str) -> bool:
        """Of a clip that failed there are no captions."""
        return status == "failed" and self._options.format in CLIP_FORMATS

    def prepare(self) -> None:
        """Make the folders, and remove what a kill in the middle of writing left. Raises OutputError."""
        try:
            self._place.mkdir(parents=True, exist_ok=True)
            for left in (*self._folder.glob(".*.part"), *self._work.rglob(".*.part")):
                if self._is_ours(left.name) or self._work in left.parents:
                    left.unlink()
        except OSError as error:
            raise OutputError(f"{self._place}: cannot be written: {error.strerror}; choose another place") from error

    def _is_ours(self, part: str) -> bool:
        """Whether a file that was not finished was to become one of these outputs."""
        if _LEFT.fullmatch(part):
            return True
        name = part[1:].rsplit(".", 2)[0]
        return (
            self._names is not None and name.endswith(self._suffix) and name.removesuffix(self._suffix) in self._names
        )

    def put(self, result: ClipResult) -> None:
        """One clip's. Raises OutputError."""
        if self._is_empty(result.status):
            self.place(result.path).unlink(missing_ok=True)
            return
        with open_output(self._new_place(result.path)) as file:
            writer = self._writer(file)
            if self._options.joined:
                writer.write(result)
            else:
                with writer:
                    writer.write(result)

    def copy(self, path: str, other: Outputs) -> None:
        """Take over a clip's from another folder. Raises OutputError."""
        source = other.place(path)
        if not source.exists():
            return
        try:
            with open_output(self._new_place(path), binary=True) as file, source.open("rb") as piece:
                shutil.copyfileobj(piece, file)
        except OSError as error:
            raise OutputError(f"{source}: cannot be copied: {error.strerror}") from error

    def _writer(self, file: IO[str] | None) -> Writer:
        text, options = file or io.StringIO(), self._options
        if options.format == "parquet":
            return RowLinesWriter(text, options.rows, self._shape)
        extra: dict[str, Any] = {"single": True} if options.format == "json" else {}
        extra |= {"folder": self._folder} if options.format in CLIP_FORMATS else {}
        extra |= {"frames": options.frames} if options.format in ("json", "jsonl") else {}
        return make_writer(options.format, options.rows, text, self._shape, **extra)

    def join(self, entries: Sequence[Entry]) -> None:
        """The one file for all, of these clips in this order; nothing where it is there already. Raises OutputError."""
        if self.file is None:
            return
        mark, state = self._work / "joined", _digest(entries)
        if self.file.is_file() and mark.is_file() and mark.read_text(encoding="ascii") == state:
            return
        pieces = [self.place(entry.path) for entry in entries]
        try:
            if self._options.format == "parquet":
                write_parquet(self.file, pieces, self._options.rows, self._shape)
            else:
                with open_output(self.file) as file:
                    file.write(self._writer(None).head())
                    for piece in pieces:
                        with piece.open(encoding="utf-8", newline="") as text:
                            shutil.copyfileobj(text, file)
        except FileNotFoundError as error:
            raise OutputError(f"{error.filename}: was taken away; start the batch again") from error
        with open_output(mark) as file:
            file.write(state)


def _digest(entries: Iterable[Entry]) -> str:
    """Of all that a joined file depends on."""
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(json.dumps(asdict(entry)).encode() + b"\n")
    return digest.hexdigest()
