"""Whether a file is the clip that a result describes; a result may name any file on this disk."""

from __future__ import annotations

from pathlib import Path

from fer_video.errors import InputError
from fer_video.media.decode import open_source
from fer_video.types import ClipResult

__all__ = ["check_match"]

_SLACK_S, _SLACK = 1.0, 0.05  # between what a container announces and what was decoded


def check_match(result: ClipResult, clip: Path) -> None:
    """Raises InputError for what cannot be decoded, and for a picture of another size or a video of another length."""
    with open_source(clip) as source:
        size, duration_s = (source.info.width, source.info.height), source.info.duration_s
    if result.size is not None and size != result.size:
        raise InputError(f"{clip}: has {_pixels(size)}, the clip of this result {_pixels(result.size)}; {_CHECK}")
    if result.size is None and result.duration_s is None:
        raise InputError(f"{clip}: the result says neither its size nor its length; make the result again")
    if duration_s is None:
        return
    lasted_s = result.duration_s or 0.0  # a picture lasts no time
    # One that ended early has less than its container announces.
    longer = duration_s - lasted_s if result.status == "ok" else 0.0
    if max(longer, lasted_s - duration_s) > max(_SLACK_S, _SLACK * lasted_s):
        raise InputError(f"{clip}: lasts {duration_s:.1f} s, the clip of this result {lasted_s:.1f} s; {_CHECK}")


_CHECK = "give the file that was analysed"


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels"
