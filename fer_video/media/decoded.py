"""One frame as FFmpeg decoded it, with what was known of it then."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from fer_video.media.colour import Colours
from fer_video.media.orientation import Orientation
from fer_video.media.planes import displayed_size, picture_of
from fer_video.types import Image, Picture

__all__ = ["Decoded"]


@dataclass(frozen=True, slots=True)
class Decoded:
    """One frame as it came out of the decoder."""

    frame: Any  # av.VideoFrame
    stamp: int | None  # its presentation time in units of the stream's time base
    lasts: int  # by its own account, in the same units; 0 where it does not say
    aspect: Fraction  # of a pixel
    orientation: Orientation
    colours: Colours
    whole: bool
    fields: str  # whether it is interlaced, and which field is first: "", or a parity as bwdif has it

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as displayed."""
        return displayed_size(self.frame.width, self.frame.height, self.aspect, self.orientation)

    def picture(self) -> Image | Picture:
        return picture_of(self.frame, self.aspect, self.orientation, self.colours)
