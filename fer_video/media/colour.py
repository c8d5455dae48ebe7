"""From the colour coding of a video to BGR.

Luma and chroma become BGR by the matrix and the range that the frame names; where it names none, by BT.601 and the
limited range, as FFmpeg has it. HDR (PQ and HLG) is mapped to what a standard screen shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.types import Image

__all__ = ["Colours", "to_bgr"]

# Codes of ITU-T H.273, which FFmpeg uses as well.
_IDENTITY, _YCGCO, _PQ, _HLG = 0, 8, 16, 18
_FULL = 2  # of FFmpeg's AVColorRange
# The shares of red and blue in luma. Matrices that are not linear (constant luminance, ICtCp) are taken as BT.2020,
# those that depend on the primaries as BT.709: the pictures differ little.
_BT601, _BT709, _BT2020 = (0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593)
_LUMA = {
    1: _BT709, 4: (0.30, 0.11), 5: _BT601, 6: _BT601, 7: (0.212, 0.087), 9: _BT2020, 10: _BT2020, 11: _BT2020,
    12: _BT709, 13: _BT709, 14: _BT2020,
}  # fmt: skip
_WHITE_NITS, _PEAK_NITS = 203.0, 1000.0  # of diffuse white (ITU-R BT.2408), and of a usual HDR master
# Linear BT.2020 -> linear BT.709, blue first (ITU-R BT.2087).
_TO_709 = np.array([[1.1187, -0.1006, -0.0182], [-0.0083, 1.1329, -0.1246], [-0.0728, -0.5876, 1.6605]], np.float32)


@dataclass(frozen=True, slots=True)
class Colours:
    """Of one frame, in the codes of ITU-T H.273."""

    matrix: int = 2  # 2: not told
    full: bool = False  # luma from 0 to 255, not from 16 to 235
    transfer: int = 2

    @classmethod
    def of(cls, matrix: int, colour_range: int, transfer: int, pixel_format: str) -> Colours:
        """colour_range: FFmpeg's. pixel_format: its name; those of JPEG (yuvj420p) have the full range."""
        return cls(matrix, colour_range == _FULL or pixel_format.startswith("yuvj"), transfer)

    @property
    def is_hdr(self) -> bool:
        return self.transfer in (_PQ, _HLG)


def to_bgr(planes: Image, colours: Colours) -> Image:
    """planes: (H, W, 3) uint8 luma, blue and red difference. Gives (H, W, 3) uint8 BGR."""
    bgr = np.asarray(cv2.transform(planes, _matrix(colours.matrix, colours.full)), np.uint8)
    return _tone_mapped(bgr, colours.transfer) if colours.is_hdr else bgr


@lru_cache(maxsize=64)
def _matrix(matrix: int, full: bool) -> npt.NDArray[np.float32]:
    """(3, 4): what makes blue, green and red of luma, blue difference, red difference and 1."""
    luma_gain, luma_zero, chroma_gain = (1.0, 0.0, 1.0) if full else (255 / 219, 16.0, 255 / 224)
    if matrix == _IDENTITY:  # the planes are green, blue and red
        parts = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]], np.float64) * luma_gain
        return np.column_stack((parts, [-luma_zero * luma_gain] * 3)).astype(np.float32)
    if matrix == _YCGCO:
        chroma = np.array([[-1.0, -1.0], [1.0, 0.0], [-1.0, 1.0]])
    else:
        red, blue = _LUMA.get(matrix, _BT601)
        green = 1 - red - blue
        chroma = np.array(
            [
                [2 * (1 - blue), 0.0],
                [-2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green],
                [0.0, 2 * (1 - red)],
            ]
        )
    gains = np.column_stack((np.full(3, luma_gain), chroma * chroma_gain))
    offset = -gains @ np.array([luma_zero, 128.0, 128.0])
    return np.column_stack((gains, offset)).astype(np.float32)


def _tone_mapped(bgr: Image, transfer: int) -> Image:
    """HDR -> BT.709: to light, the brightest part compressed (Reinhard's curve, by which white stays near white), to
    the smaller set of colours, and back to code values."""
    light = _LIGHT[transfer][bgr]
    peak = np.float32(_PEAK_NITS / _WHITE_NITS)
    light = np.asarray(light * (1 + light / peak**2) / (1 + light) * _GAIN, np.float32)
    steps = np.clip(cv2.transform(light, _TO_709) * 1023 + 0.5, 0, 1023).astype(np.uint16)
    return np.asarray(_CODES[steps], np.uint8)


def _pq(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """SMPTE ST 2084 -> light, 1 for diffuse white."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = code ** (1 / m2)
    return (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1) * 10_000 / _WHITE_NITS


def _hlg(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """ARIB STD-B67 -> light, 1 for diffuse white; the system's gamma of 1.2 channel by channel."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return scene**1.2 * _PEAK_NITS / _WHITE_NITS


_STEPS = np.arange(256) / 255
_LIGHT = {_PQ: _pq(_STEPS).astype(np.float32), _HLG: _hlg(_STEPS).astype(np.float32)}
# Diffuse white comes out of the curve at about a half; it is to be at four fifths, as in pictures of a studio.
_GAIN = 0.8 / ((1 + (_WHITE_NITS / _PEAK_NITS) ** 2) / 2)
_LINEAR = np.arange(1024) / 1023
_CODES = np.round(255 * _LINEAR ** (1 / 2.4)).astype(np.uint8)
