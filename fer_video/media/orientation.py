"""The eight ways in which stored pictures are turned and mirrored before they are shown."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import cv2
import numpy as np

from fer_video.types import Image

__all__ = ["UPRIGHT", "Orientation"]


@dataclass(frozen=True, slots=True)
class Orientation:
    """Rows and columns exchanged first, then mirrored."""

    exchanged: bool = False
    mirrored: bool = False  # left and right
    flipped: bool = False  # top and bottom

    @classmethod
    def of_matrix(cls, data: bytes) -> Orientation:
        """A display matrix (ISO/IEC 14496-12, 6.2.2) of nine native integers: x' = a x + c y, y' = b x + d y.

        Of any other angle the nearest quarter turn; UPRIGHT where it says nothing.
        """
        if len(data) < 36:
            return UPRIGHT
        a, b, _, c, d, *_ = struct.unpack("=9i", data[:36])
        if max(abs(a), abs(d)) >= max(abs(b), abs(c)):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    @classmethod
    def of_exif(cls, value: int) -> Orientation:
        """The number of the tag Orientation, 1 to 8 (EXIF 2.32, 4.6.4)."""
        return _EXIF.get(value, UPRIGHT)

    def apply(self, image: Image) -> Image:
        """(H, W) or (H, W, 3). Gives the same array where nothing is to be done."""
        if self.exchanged:
            image = np.asarray(cv2.transpose(image), np.uint8)
        if self.mirrored or self.flipped:
            code = -1 if self.mirrored and self.flipped else 1 if self.mirrored else 0
            image = np.asarray(cv2.flip(image, code), np.uint8)
        return image


UPRIGHT = Orientation()
_EXIF = {
    2: Orientation(False, True, False),
    3: Orientation(False, True, True),
    4: Orientation(False, False, True),
    5: Orientation(True, False, False),
    6: Orientation(True, True, False),
    7: Orientation(True, True, True),
    8: Orientation(True, False, True),
}
