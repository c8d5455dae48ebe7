"""The contract of a writer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from fer_video.errors import OptionError
from fer_video.results.rows import Rows, RowShape
from fer_video.types import ClipResult

__all__ = ["OneClipWriter", "Writer"]


class Writer(ABC):
    """Writes results one after the other. Entering writes what comes first, leaving what comes last.

    Each result is written in one piece and flushed: what was written stays valid up to there, whatever happens next.
    """

    def __init__(self, file: IO[str], rows: Rows, shape: RowShape) -> None:
        self.file, self.rows, self.shape = file, rows, shape

    @abstractmethod
    def text(self, result: ClipResult) -> str:
        """One result, also a failed one."""

    def head(self) -> str:
        """What stands before the first result."""
        return ""

    def tail(self) -> str:
        """What stands after the last result."""
        return ""

    def write(self, result: ClipResult) -> None:
        self._put(self.text(result))

    def _put(self, text: str) -> None:
        self.file.write(text)
        self.file.flush()

    def __enter__(self) -> Self:
        self._put(self.head())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, OSError):  # the file is what failed
            self._put(self.tail())


class OneClipWriter(Writer):
    """Writer of a format whose files are about one clip: they hold its segments.

    folder: where the file is, for links to the clip that stay right when both are moved.
    """

    def __init__(self, file: IO[str], rows: Rows, shape: RowShape, *, folder: Path | None = None) -> None:
        super().__init__(file, rows, shape)
        self.folder = folder or Path()
        self._written = False

    @abstractmethod
    def document(self, result: ClipResult) -> str:
        """The whole file."""

    def text(self, result: ClipResult) -> str:
        """Raises OptionError for a second clip."""
        if self._written:
            raise OptionError("a file of this format is about one clip; write one a clip")
        self._written = True
        return self.document(result)
