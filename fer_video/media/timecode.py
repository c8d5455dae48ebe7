"""Times as people write them (80.5, 1:20.5, 0:01:20.5) -> seconds."""

from __future__ import annotations

import re

from fer_video.errors import OptionError

__all__ = ["seconds_of"]

_PATTERN = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d*)?)")


def seconds_of(text: str) -> float:
    """Seconds, minutes:seconds or hours:minutes:seconds. Raises OptionError."""
    found = _PATTERN.fullmatch(text.strip())
    if found is not None:
        hours, minutes, seconds = int(found[1] or 0), int(found[2] or 0), float(found[3].replace(",", "."))
        if (seconds < 60 or found[2] is None) and (minutes < 60 or found[1] is None):
            return seconds + 60 * minutes + 3600 * hours
    raise OptionError(f"{text!r} is not a time; write seconds (80.5), or 1:20.5, or 0:01:20.5")
