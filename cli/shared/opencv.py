"""OpenCV's environment variables: those that fervid sets, and nothing of what lies about."""

from __future__ import annotations

import os

from fer_video.media.limits import limits

__all__ = ["settle_opencv"]

_KEPT = frozenset({"OPENCV_FFMPEG_CAPTURE_OPTIONS"})  # how fervid live reads a stream; any text will do
_MOST_PIXELS = 1 << 27


def settle_opencv(*, quiet: bool) -> None:
    """Before OpenCV is loaded. A value that it cannot read ends the process with an account of C++ (an abort), others
    make it print, write files or refuse pictures.

    Raises OptionError for a limit of fervid's own that is no number.
    """
    for name in [name for name in os.environ if name.startswith("OPENCV_") and name not in _KEPT]:
        del os.environ[name]
    # The stages of the pipeline keep the cores busy; OpenCV's own threads would only wait beside them, spinning.
    os.environ["OPENCV_FOR_THREADS_NUM"] = "1"
    # A picture of a few bytes can claim gigabytes; OpenCV's own limit is 2^30 pixels.
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(max(_MOST_PIXELS, limits().pixels))
    if quiet:
        # FFmpeg inside OpenCV prints its own account of each broken stream; fervid says it in one line.
        os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
        os.environ["OPENCV_LOG_LEVEL"] = "SILENT"
