"""A picture file -> one frame, upright; a folder of pictures -> the frames of a clip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2

from fer_video.errors import InputError
from fer_video.media.header import read_header
from fer_video.media.limits import Limits, limits
from fer_video.media.said import decode_picture
from fer_video.media.sampling import Choice, Sampling
from fer_video.media.source import Source, SourceInfo
from fer_video.media.video import VideoSource
from fer_video.types import Frame, Image, Picture

__all__ = ["IMAGE_SUFFIXES", "PictureSource", "SequenceSource", "natural", "sequence_files"]

IMAGE_SUFFIXES = frozenset(".avif .bmp .jp2 .jpe .jpeg .jpg .png .ppm .pgm .tif .tiff .webp".split())
_LEFT = ("thumbs.db", "ehthumbs.db", "desktop.ini")
_SEQUENCE_FPS = 25.0
_MOST_BYTES = 1 << 30  # of one picture file


class PictureSource(Source):
    """A picture file: one frame, turned as its metadata say."""

    def __init__(self, path: Path, bounds: Limits | None = None) -> None:
        self._picture, damage = _read(path, bounds or limits())
        self._damage = None if damage is None else f"the picture is damaged: {damage}"
        height, width = self._picture.shape[:2]
        self.info = SourceInfo(width, height, fps=None, duration_s=None, frame_count=1)

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        yield Frame(0, 0.0, self._picture)
        self.ended_early = self._damage


def _read(path: Path, bounds: Limits) -> tuple[Image | Picture, str | None]:
    """And what its decoder complained of."""
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(f"{path}: over {_MOST_BYTES >> 20} MB, which no picture has; check what it is")
    data = path.read_bytes()
    header = read_header(data)
    if header.kind == "avif":  # OpenCV does not turn them
        with VideoSource(path, bounds) as source:
            return next(source.frames(Sampling(fps=None))).picture, None
    if header.size is not None and header.size[0] * header.size[1] > bounds.pixels:
        raise InputError(
            f"{path}: {header.size[0]} x {header.size[1]} pixels are over the limit of {bounds.pixels}; "
            "raise FERVID_MAX_PIXELS, or make it smaller"
        )
    flags = cv2.IMREAD_COLOR
    if header.kind != "tiff":  # which OpenCV turns in any case
        flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        found = decode_picture(data, flags)
    except cv2.error as error:
        raise InputError(f"{path}: the picture is too large or damaged; check that it opens in a viewer") from error
    if found.image is None:
        why = f" ({found.damage})" if found.damage else ""
        raise InputError(f"{path}: not a picture that can be decoded{why}; check that it opens in a viewer")
    upright = found.image if header.kind == "tiff" else header.orientation.apply(found.image)
    return upright, found.damage


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
        chosen, damaged = Choice(sampling), 0
        for index, file in enumerate(self._files):
            time_s = index / _SEQUENCE_FPS
            self.estimated_times += 1
            if chosen.after_end(time_s):
                return
            if chosen.take(index, time_s):
                with PictureSource(file) as picture:
                    for frame in picture.frames(sampling):
                        yield Frame(index, time_s, frame.picture)
                    if picture.ended_early:
                        damaged += 1
                        self.ended_early = f"{damaged} of its pictures are damaged, the last of them {file.name}"
        self.duration_s = self.info.duration_s


def sequence_files(folder: Path) -> list[Path]:
    """The pictures right in a folder, in natural order; none when it holds something else as well.

    Hidden files do not count, nor what file managers leave in folders of pictures.
    """
    files = [file for file in folder.iterdir() if not file.name.startswith(".") and file.name.lower() not in _LEFT]
    if not all(file.is_file() and file.suffix.lower() in IMAGE_SUFFIXES for file in files):
        return []
    return sorted(files, key=lambda file: natural(file.name))


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key in which runs of digits count as numbers, of however many digits."""
    return [
        (len(part.lstrip("0")), part.lstrip("0")) if part.isdecimal() else (-1, part)
        for part in re.split(r"([0-9]+)", name)
    ]
