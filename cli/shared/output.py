"""Text for programs on stdout."""

from __future__ import annotations

import io
import sys
from typing import IO

from fer_video.errors import OutputError

__all__ = ["text_output"]


def text_output() -> IO[str]:
    """stdout in UTF-8 with plain line ends on every system, as in a file. Raises OutputError when it is closed."""
    if sys.stdout is None:
        raise OutputError("stdout is closed; give --out FILE")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    return sys.stdout
