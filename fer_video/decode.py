"""path -> Frames: OpenCV decodes, the container's presentation times are the times.

    with open_source("clip.mp4") as source:
        for frame in source.frames(Sampling(fps=10)):
            ...
        source.ended_early   # None, or why the file gave less than it promised

Frames that are not sampled are decoded (later ones depend on them) and never converted. A picture is a source
of one frame at 0 s.
"""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from fer_video.container import describe_damage, missing_bytes
from fer_video.errors import InputError, OptionError
from fer_video.types import Frame, Image

__all__ = ["IMAGE_SUFFIXES", "VIDEO_SUFFIXES", "Sampling", "Source", "SourceInfo", "open_source"]

VIDEO_SUFFIXES = frozenset(
    ".3gp .asf .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .ts .vob .webm .wmv".split()
)
IMAGE_SUFFIXES = frozenset(".avif .bmp .jp2 .jpe .jpeg .jpg .png .ppm .pgm .tif .tiff .webp".split())

# A damaged packet costs one failed grab, the end of the file costs all of them.
_RETRIES = 16
# How much shorter than announced a stream may be before it counts as cut off. Announced lengths are frame count
# over mean rate and were seen 5 % off in sound files; where the container gives sizes these decide instead.
_SHORT_RATIO, _SHORT_S = 0.9, 0.5


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of a video to look at."""

    fps: float | None = 10.0  # frames a second of video time; None: every frame
    start_s: float = 0.0  # first time of interest, seconds from the first frame
    end_s: float | None = None  # times from here on are left out; None: to the end

    def __post_init__(self) -> None:
        if self.fps is not None and not (math.isfinite(self.fps) and self.fps > 0):
            raise OptionError(f"fps must be a positive number, not {self.fps:g}")
        if not (math.isfinite(self.start_s) and self.start_s >= 0):
            raise OptionError(f"start must be 0 seconds or more, not {self.start_s:g}")
        if self.end_s is not None and not self.end_s > self.start_s:
            raise OptionError(f"end ({self.end_s:g} s) must lie after start ({self.start_s:g} s)")


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What the container announces. All but the size are hints."""

    width: int  # pixels, as displayed
    height: int
    fps: float | None  # mean frame rate; None for a picture or where unknown
    duration_s: float | None
    frame_count: int | None


class Source(ABC):
    """An opened input. Use as a context manager; iterate `frames` once."""

    info: SourceInfo
    ended_early: str | None = None  # set when `frames` is exhausted: why less came than was announced
    duration_s: float | None = None  # set when `frames` reached the end of the file: what there really was
    estimated_times: int = 0  # frames whose container gave no usable time

    @abstractmethod
    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """Sampled frames in order, times strictly increasing."""

    def close(self) -> None:
        """Free the decoder. Safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_source(path: str | os.PathLike[str]) -> Source:
    """Open a video or picture file. Raises InputError when it cannot be read or holds no picture at all."""
    path = Path(path)
    try:
        if path.exists() and not path.is_file() and not path.is_dir():  # opening a pipe would wait for a writer
            raise InputError(f"{path}: is a pipe or a device; save the video to a file first")
        with path.open("rb") as file:  # tells "missing", "a folder" and "not allowed" apart, the decoders do not
            empty = not file.read(1)
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder; name a file in it, or give the folder to `fervid predict`") from error
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the name") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    if empty:
        raise InputError(f"{path}: the file is empty; copy or record it again")
    return PictureSource(path) if _is_picture(path) else VideoSource(path)


def _is_picture(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES or suffix in VIDEO_SUFFIXES:
        return suffix in IMAGE_SUFFIXES
    return bool(cv2.haveImageReader(str(path)))


class PictureSource(Source):
    """A picture file: one frame. EXIF rotation is applied."""

    def __init__(self, path: Path) -> None:
        try:
            image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error as error:
            raise InputError(f"{path}: the picture cannot be decoded: {error.err}") from error
        if image is None:
            raise InputError(f"{path}: not a picture that can be decoded; check that it opens in a viewer")
        self._image: Image = np.asarray(image, np.uint8)
        height, width = self._image.shape[:2]
        self.info = SourceInfo(width, height, fps=None, duration_s=None, frame_count=1)

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        yield Frame(0, 0.0, self._image)


class VideoSource(Source):
    """A video file through OpenCV's FFmpeg. Rotation metadata is applied by OpenCV."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # The absolute path keeps a file called "http:x.mp4" from being read as an address.
        self._capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            self._capture.release()
            why = describe_damage(path) or "it is not a video, holds only sound, or is damaged at its beginning"
            raise InputError(f"{path}: no video in it can be decoded: {why}; check that it plays")
        self.info = self._read_info()

    def _read_info(self) -> SourceInfo:
        get = self._capture.get
        fps, count = get(cv2.CAP_PROP_FPS), get(cv2.CAP_PROP_FRAME_COUNT)
        known_fps = fps if math.isfinite(fps) and 0 < fps <= 1000 else None
        known_count = int(count) if math.isfinite(count) and 0 < count < 1e9 else None
        return SourceInfo(
            width=int(get(cv2.CAP_PROP_FRAME_WIDTH)),
            height=int(get(cv2.CAP_PROP_FRAME_HEIGHT)),
            fps=known_fps,
            duration_s=known_count / known_fps if known_fps and known_count else None,
            frame_count=known_count,
        )

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """See Source. Starts by decoding from the beginning: after a seek, OpenCV's times are not reliable."""
        slot = -1  # the last slot of the sampling grid that has its frame
        time_s, interval_s, index = -math.inf, 1 / (self.info.fps or 25.0), 0
        while self._grab():
            previous_s, time_s = time_s, self._time_after(time_s, interval_s)
            if index:
                interval_s = time_s - previous_s
            if sampling.end_s is not None and time_s >= sampling.end_s:
                return
            if time_s >= sampling.start_s and (sampling.fps is None or _slot(time_s, sampling) > slot):
                slot = _slot(time_s, sampling)
                done, image = self._capture.retrieve()
                if done and image is not None:
                    yield Frame(index, time_s, np.asarray(image, np.uint8))
            index += 1
        if index == 0:
            raise InputError(f"{self._path}: not one frame can be decoded; check that it plays")
        self.duration_s = time_s + interval_s
        self.ended_early = self._why_early(self.duration_s)

    def _grab(self) -> bool:
        return any(self._capture.grab() for _ in range(_RETRIES))

    def _time_after(self, previous_s: float, interval_s: float) -> float:
        time_s = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        if math.isfinite(time_s) and time_s > previous_s:
            return time_s
        # Raw streams carry no times, and broken ones repeat them: go on by the last interval, and say so.
        self.estimated_times += 1
        return previous_s + interval_s if math.isfinite(previous_s) else 0.0

    def _why_early(self, reached_s: float) -> str | None:
        missing = missing_bytes(self._path)
        if missing:
            return f"the file is cut off: {missing} bytes are missing, decoded up to {reached_s:.2f} s"
        announced_s = self.info.duration_s
        if missing is None and announced_s and reached_s < announced_s * _SHORT_RATIO - _SHORT_S:
            return f"decoding ended at {reached_s:.2f} s of {announced_s:.2f} s: the file is cut off or damaged"
        return None

    def close(self) -> None:
        self._capture.release()


def _slot(time_s: float, sampling: Sampling) -> int:
    """Number of the grid cell a time falls into; the first frame in each cell is the one that is sampled.

    A cell begins a hair early, so that 0.0999999 s of a 10 fps video still counts as the second cell's.
    """
    return math.floor((time_s - sampling.start_s) * (sampling.fps or 0) + 1e-3)
