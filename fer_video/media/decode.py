"""path -> Frames: a video, a picture, or a folder of pictures.

    with open_source("clip.mp4") as source:
        for frame in source.frames(Sampling(fps=10)):
            ...
        source.ended_early   # None, or what is missing of what the file promised

Times are the container's presentation times, counted from the first frame. Frames that are not sampled are decoded,
since later ones depend on them, and never converted. A picture is a source of one frame at 0 s.
"""

from __future__ import annotations

import os
from pathlib import Path

from fer_video.errors import InputError
from fer_video.files import refuse_pipe
from fer_video.media.header import read_header
from fer_video.media.sampling import Sampling
from fer_video.media.source import Source, SourceInfo
from fer_video.media.still import IMAGE_SUFFIXES, PictureSource, SequenceSource, natural, sequence_files
from fer_video.media.video import VideoSource

__all__ = [
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Sampling",
    "Source",
    "SourceInfo",
    "VideoSource",
    "natural",
    "open_source",
    "sequence_files",
]

VIDEO_SUFFIXES = frozenset(
    ".3gp .apng .asf .avi .dv .flv .gif .m2ts .m2v .m4v .mjpeg .mjpg .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .ts .vob "
    ".webm .wmv".split()
)
_HEAD = 1 << 16  # bytes in which animations announce themselves


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
            head = file.read(_HEAD)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the name") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    if not head:
        raise InputError(f"{path}: the file is empty; copy or record it again")
    return PictureSource(path) if _is_picture(path, head) else VideoSource(path)


def _is_picture(path: Path, head: bytes) -> bool:
    """By content where that is certain, else by suffix. Raises InputError for animations that cannot be read."""
    header, suffix = read_header(head), path.suffix.lower()
    if header.moves:
        if header.kind == "webp":
            raise InputError(f"{path}: animated WebP is not read; convert it, for example to MP4 or GIF")
        return False
    if suffix in IMAGE_SUFFIXES or suffix in VIDEO_SUFFIXES:
        return suffix in IMAGE_SUFFIXES
    return header.kind not in ("", "gif")
