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
import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fer_video.closing import Closing
from fer_video.errors import InputError
from fer_video.files import refuse_pipe
from fer_video.media.container import describe_damage, measure
from fer_video.media.sampling import Choice, Sampling
from fer_video.types import Frame, Image

__all__ = [
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Sampling",
    "Source",
    "SourceInfo",
    "natural",
    "open_source",
    "sequence_files",
]

VIDEO_SUFFIXES = frozenset(
    ".3gp .asf .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .ts .vob .webm .wmv".split()
)
IMAGE_SUFFIXES = frozenset(".avif .bmp .jp2 .jpe .jpeg .jpg .png .ppm .pgm .tif .tiff .webp".split())

# How pictures begin, for files whose suffix says nothing: PNG, JPEG, BMP, TIFF. (WebP: see _is_picture.)
_PICTURE_HEADS = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*")
# A damaged packet costs one failed grab, the end of the file costs all of them: as many are tried as frames are still
# announced, and a few more, within reason.
_RETRIES, _MOST_RETRIES = 16, 20_000
# How much shorter than announced a stream may be before it counts as cut off. Announced lengths are frame count over
# mean rate; with edit lists they were seen 5 % off in sound files.
_SHORT_RATIO, _SHORT_S = 0.9, 0.5
_SEQUENCE_FPS = 25.0
# Up to this size one thread decodes about as fast as several, which cost up to two fifths more for handing frames over
# (benchmarks/frames.py).
_SMALL_PIXELS = 960 * 540
_CONVERT = "this OpenCV has no decoder for it, or it is damaged; convert it, for example to H.264"


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What the container announces. All but the size are hints."""

    width: int  # pixels, as displayed
    height: int
    fps: float | None  # mean frame rate; None for a picture or where unknown
    duration_s: float | None
    frame_count: int | None


class Source(Closing):
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


def open_source(path: str | os.PathLike[str]) -> Source:
    """Open a video, a picture, or a folder that holds the frames of one clip as pictures.

    Raises InputError when it cannot be read or holds no picture at all.
    """
    path = Path(path)
    try:
        refuse_pipe(path)
        if path.is_dir():
            return SequenceSource(path)
        with path.open("rb") as file:  # tells "missing", "a folder" and "not allowed" apart, the decoders do not
            empty = not file.read(1)
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
    with path.open("rb") as file:
        head = file.read(12)
    return head.startswith(_PICTURE_HEADS) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


class PictureSource(Source):
    """A picture file: one frame. EXIF rotation is applied."""

    def __init__(self, path: Path) -> None:
        try:
            image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error as error:
            raise InputError(f"{path}: the picture is too large or damaged; check that it opens in a viewer") from error
        if image is None:
            raise InputError(f"{path}: not a picture that can be decoded; check that it opens in a viewer")
        self._image: Image = np.asarray(image, np.uint8)
        height, width = self._image.shape[:2]
        self.info = SourceInfo(width, height, fps=None, duration_s=None, frame_count=1)

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        yield Frame(0, 0.0, self._image)


class SequenceSource(Source):
    """A folder of pictures, the frames of one clip in natural order of their names (frame2 before frame10).

    Pictures carry no times: they are taken to be 25 a second, and `estimated_times` counts them.
    """

    def __init__(self, folder: Path) -> None:
        self._files = sequence_files(folder)
        if not self._files:
            raise InputError(f"{folder}: is a folder without pictures; name a file, or a folder of one clip's frames")
        with PictureSource(self._files[0]) as first:
            width, height = first.info.width, first.info.height
        count = len(self._files)
        self.info = SourceInfo(width, height, _SEQUENCE_FPS, count / _SEQUENCE_FPS, count)

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        chosen = Choice(sampling)
        for index, file in enumerate(self._files):
            time_s = index / _SEQUENCE_FPS
            self.estimated_times += 1
            if chosen.after_end(time_s):
                return
            if chosen.take(index, time_s):
                with PictureSource(file) as picture:
                    yield Frame(index, time_s, next(picture.frames(sampling)).image)
        self.duration_s = self.info.duration_s


def sequence_files(folder: Path) -> list[Path]:
    """The pictures right in a folder, in natural order; none when it holds something else as well."""
    files = [file for file in folder.iterdir() if not file.name.startswith(".")]
    if not all(file.is_file() and file.suffix.lower() in IMAGE_SUFFIXES for file in files):
        return []
    return sorted(files, key=lambda file: natural(file.name))


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key in which runs of digits count as numbers."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


class VideoSource(Source):
    """A video file through OpenCV's FFmpeg. Rotation metadata is applied by OpenCV."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # The absolute path keeps a file called "http:x.mp4" from being read as an address; bytes, because OpenCV
        # crashes on a name that is no valid text.
        name: Any = os.fsencode(path.absolute())
        self._capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            self._capture.release()
            why = describe_damage(path) or "it is not a video, holds only sound, or is damaged at its beginning"
            raise InputError(f"{path}: no video in it can be decoded: {why}; check that it plays")
        self.info = self._read_info()
        if self.info.width * self.info.height > _SMALL_PIXELS:
            self._capture.open(name, cv2.CAP_FFMPEG)  # again, with a thread a core
        self._damaged = 0  # failed grabs with a good one after them

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
        chosen = Choice(sampling)
        time_s, interval_s, index = -math.inf, 1 / (self.info.fps or 25.0), 0
        while self._grab(index):
            previous_s, time_s = time_s, self._time_after(time_s, interval_s)
            if index:
                interval_s = time_s - previous_s
            if chosen.after_end(time_s):
                return
            if chosen.take(index, time_s):
                done, image = self._capture.retrieve()
                if done and image is not None:
                    yield Frame(index, time_s, np.asarray(image, np.uint8))
            index += 1
        if index == 0:
            raise InputError(f"{self._path}: not one frame can be decoded (codec {self._codec()}); {_CONVERT}")
        if time_s < sampling.start_s:
            raise InputError(f"{self._path}: ends at {time_s + interval_s:.2f} s, before the start that was asked for")
        self.duration_s = time_s + interval_s
        self.ended_early = self._why_early(self.duration_s)

    def _grab(self, done: int) -> bool:
        """On to the next frame that can be decoded; `done` were before it."""
        if self._capture.grab():
            return True
        announced = (self.info.frame_count or 0) - done
        for failed in range(1, min(max(announced, 0), _MOST_RETRIES) + _RETRIES):
            if self._capture.grab():
                self._damaged += failed
                return True
        return False

    def _codec(self) -> str:
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        text = code.to_bytes(4, "little").decode("ascii", "replace")
        return text if text.isprintable() and code else "unknown"

    def _time_after(self, previous_s: float, interval_s: float) -> float:
        time_s = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        if math.isfinite(time_s) and time_s > previous_s:
            return time_s
        # Raw streams carry no times, and broken ones repeat them: go on by the last interval, and say so.
        self.estimated_times += 1
        return previous_s + interval_s if math.isfinite(previous_s) else 0.0

    def _why_early(self, reached_s: float) -> str | None:
        extent = measure(self._path)
        if extent.missing:
            return f"the file is cut off: {extent.missing} bytes are missing, decoded up to {reached_s:.2f} s"
        announced_s = self.info.duration_s
        # Only where the announced length is that of the video: elsewhere it is that of the longest stream.
        if extent.counts_frames and announced_s and reached_s < announced_s * _SHORT_RATIO - _SHORT_S:
            return f"decoding ended at {reached_s:.2f} s of {announced_s:.2f} s: the file is cut off or damaged"
        if self._damaged:
            return f"the file is damaged: about {self._damaged} frames could not be decoded"
        return None

    def close(self) -> None:
        self._capture.release()
