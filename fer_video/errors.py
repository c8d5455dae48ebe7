"""The errors that fervid raises for problems that a user can fix: one line with what, where and what to do."""

from __future__ import annotations

import logging
import os

__all__ = [
    "FervidError",
    "InputError",
    "ModelError",
    "OptionError",
    "OutputError",
    "WorkerError",
    "fault_of",
    "printable",
    "unexpected",
]

log = logging.getLogger(__name__)


def printable(text: str) -> str:
    """Control characters, line ends and undecodable bytes as escapes: file names may hold any of them, and a
    terminal obeys some."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class FervidError(Exception):
    """Base of all errors of fervid. `str(error)` is one line that can be shown to a user."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class InputError(FervidError):
    """A clip or picture that cannot be read. Concerns one input; the others of a batch are still analysed."""


class ModelError(FervidError):
    """A model file that is missing, damaged or not what its description says."""


class OptionError(FervidError, ValueError):
    """An option value, or a combination of values, that is invalid or not available on this machine."""


class OutputError(FervidError):
    """A result that cannot be written to its output file or folder."""


class WorkerError(FervidError):
    """Workers that cannot even be started: nothing can be done with them."""


def fault_of(clip: str, error: Exception) -> InputError:
    """What is said of one clip of many, after which the others go on: a bug that it brings out must not end a batch.

    clip: as shown to users. Raises the error itself where it concerns them all, such as a package that is missing.
    """
    log.debug("%s", clip, exc_info=error)
    if isinstance(error, InputError):
        # A name may be written in several ways (./a.mp4, a.mp4); what is said before the first colon is a name.
        told = str(error).partition(": ")[0]
        return error if clip in str(error) or _same(clip, told) else InputError(f"{clip}: {error}")
    if isinstance(error, FervidError):
        raise error
    return InputError(f"{clip}: {unexpected(error)}")


def _same(one: str, other: str) -> bool:
    """Of names; the files need not be there."""
    return os.path.normpath(one) == os.path.normpath(other)


def unexpected(error: Exception) -> str:
    """What is said of an error that fervid did not foresee."""
    return f"{type(error).__name__}: {error} (a bug in fervid; --debug shows where)"
