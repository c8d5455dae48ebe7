"""The contract of an input: its frames, once, in order, and the facts about them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from fer_video.closing import Closing
from fer_video.media.sampling import Sampling
from fer_video.types import Frame, Timing

__all__ = ["Source", "SourceInfo"]


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What the container announces. All but the size are hints."""

    width: int  # pixels of the first frame, as displayed
    height: int
    fps: float | None  # mean frame rate; None for a picture or where unknown
    duration_s: float | None
    frame_count: int | None


class Source(Closing):
    """An opened input. Use as a context manager; iterate `frames` once."""

    info: SourceInfo
    ended_early: str | None = None  # set when `frames` is exhausted: what is missing of what was announced
    duration_s: float | None = None  # set when `frames` reached the end of the file: what there really was
    estimated_times: int = 0  # frames whose container gave no usable time
    sought = False  # set by `frames`: decoding began at a key frame near sampling.start_s, not at the first frame
    timing = Timing()  # its jumps are set when `frames` is exhausted

    @abstractmethod
    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """Sampled frames in order, times strictly increasing."""

    def close(self) -> None:
        """Free the decoder. Safe to call twice."""
