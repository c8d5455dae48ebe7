"""Where a video cuts to another shot: nobody can be followed across it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fer_video.types import Floats, Image

__all__ = ["CutDetector"]

_SIZE = (48, 27)  # width, height of the grey thumbnails
_BINS = 32
# A cut rearranges the picture (correlation of the thumbnails, which a change of light leaves alone) AND changes
# how much light and dark there is (histogram, which a pan changes little). Both, so that neither a fast pan nor
# a lamp switched on ends everybody's track. On real clips without a cut, 1 - correlation stayed under 0.30 at
# 2.4 to 24 frames a second and under 0.38 at one; across cuts it is 0.6 to 1.4.
_UNLIKE, _HISTOGRAM = 0.5, 0.12
_FLAT = 0.04  # mean absolute difference, of 1: below it two frames are the same, however noise correlates


class CutDetector:
    """Compares each sampled frame with the one before. O(1) memory, about 0.1 ms a frame."""

    def __init__(self) -> None:
        self._previous: tuple[Floats, npt.NDArray[np.float64]] | None = None

    def update(self, image: Image) -> bool:
        """image: (H, W, 3) uint8. True when a new shot begins with it; never for the first one."""
        small = cv2.cvtColor(cv2.resize(image, _SIZE, interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2GRAY)
        grey = np.asarray(cv2.GaussianBlur(small, (5, 5), 0), np.float32) / np.float32(255)
        histogram = np.histogram(small, bins=_BINS, range=(0, 256))[0] / small.size
        previous, self._previous = self._previous, (grey, histogram)
        if previous is None:
            return False
        return bool(
            np.abs(grey - previous[0]).mean() > _FLAT
            and 1 - _correlation(grey, previous[0]) > _UNLIKE
            and np.abs(histogram - previous[1]).sum() / 2 > _HISTOGRAM
        )


def _correlation(a: Floats, b: Floats) -> float:
    """Pearson's; 0 when one of the two is flat."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 1e-6 else 0.0
