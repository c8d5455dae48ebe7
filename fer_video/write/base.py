"""The contract of a writer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Literal, Self, TextIO

from fer_video.types import ClipResult

__all__ = ["ROWS", "Rows", "Writer"]

Rows = Literal["clips", "people", "frames"]
ROWS: tuple[Rows, ...] = ("clips", "people", "frames")


class Writer(ABC):
    """Writes results one after the other. Entering writes what comes first, leaving what comes last.

    Each result is flushed: what was written stays valid up to there, whatever happens next. Leaving through an
    exception closes the document too, so that the results before it can be read.
    """

    def __init__(self, file: TextIO, rows: Rows, emotions: tuple[str, ...], *, attributes: bool = False) -> None:
        self.file, self.rows, self.emotions, self.attributes = file, rows, emotions, attributes

    @abstractmethod
    def write(self, result: ClipResult) -> None:
        """One result, also a failed one."""

    def begin(self) -> None:
        """What stands before the first result."""

    def end(self) -> None:
        """What stands after the last result."""

    def __enter__(self) -> Self:
        self.begin()
        self.file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, BrokenPipeError):
            self.end()
            self.file.flush()
