"""Limits on what one file may ask of this machine, whatever its headers claim."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

from fer_video.errors import OptionError

__all__ = ["Limits", "limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Each is raised by an environment variable, since it belongs to a machine and not to a command."""

    pixels: int = 100_000_000  # of one frame or picture; 8K has 33 million
    streams: int = 100  # in one file
    frame_s: float = 60.0  # seconds of work after which a file that gives no frame is given up


_VARIABLES = {"pixels": "FERVID_MAX_PIXELS", "streams": "FERVID_MAX_STREAMS", "frame_s": "FERVID_MAX_FRAME_SECONDS"}


def limits(environment: Mapping[str, str] | None = None) -> Limits:
    """The defaults and what the environment changes of them. Raises OptionError for what is no number above 0."""
    environment = os.environ if environment is None else environment
    values = {field: environment[name] for field, name in _VARIABLES.items() if environment.get(name)}
    numbers: dict[str, float] = {}
    for field, text in values.items():
        try:
            numbers[field] = float(text)
        except ValueError:
            numbers[field] = math.nan
        if not 0 < numbers[field] < 1e12:
            raise OptionError(f"{_VARIABLES[field]} must be a number above 0, not {text!r}")
    usual = Limits()
    return Limits(
        pixels=int(numbers.get("pixels", usual.pixels)),
        streams=int(numbers.get("streams", usual.streams)),
        frame_s=numbers.get("frame_s", usual.frame_s),
    )
