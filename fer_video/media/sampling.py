"""Which frames of a video are analysed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fer_video.errors import OptionError

__all__ = ["Choice", "Sampling"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of a video are analysed.

    Attributes:
        fps: Frames per second of video time. None: every frame.
        start_s: Start of the analysis, in seconds from the first frame.
        end_s: End of the analysis, in seconds from the first frame, not included. None: the end of the video.
        stride: Where `fps` is None: every n-th frame of the file, from its first frame on.
    """

    fps: float | None = 10.0
    start_s: float = 0.0
    end_s: float | None = None
    stride: int = 1

    def __post_init__(self) -> None:
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise OptionError(f"fps must be a number from 0 (not included) to 1000, not {self.fps:g}")
        if not (math.isfinite(self.start_s) and self.start_s >= 0):
            raise OptionError(f"start must be 0 seconds or more, not {self.start_s:g}")
        if self.stride < 1:
            raise OptionError(f"stride must be 1 or more, not {self.stride}")
        if self.end_s is not None and not self.start_s < self.end_s < math.inf:
            raise OptionError(f"end ({self.end_s:g} s) must lie after start ({self.start_s:g} s) and be finite")


class Choice:
    """Picks frames by their times: the first in each cell of the sampling grid."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._cell = -1

    def after_end(self, time_s: float) -> bool:
        return self._sampling.end_s is not None and time_s >= self._sampling.end_s

    def take(self, index: int, time_s: float) -> bool:
        since_s = time_s - self._sampling.start_s
        if since_s < 0:
            return False
        if self._sampling.fps is None:
            return index % self._sampling.stride == 0
        # A cell begins a hair early, so that 0.0999999 s of a 10 fps video still counts as the second cell's.
        cell = math.floor(since_s * self._sampling.fps + 1e-3)
        taken, self._cell = cell > self._cell, max(cell, self._cell)
        return taken
