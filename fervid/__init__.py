"""fervid: what the faces in a video say, per frame, per person, per clip and per group.

    import fervid

    result = fervid.analyze("clip.mp4", fps=5)
    result                          # in a notebook: the answer and a timeline
    result.to_frame("frames")       # a pandas DataFrame
    result.save("clip.eaf")         # or .json, .csv, .parquet, .vtt, .png, .html, …

The same package as `fer_video`, under the name that it is installed by.
"""

from typing import TYPE_CHECKING, Any

import fer_video

if TYPE_CHECKING:
    from fer_video import *  # noqa: F403

__all__ = [*fer_video.__all__]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'fervid' has no attribute {name!r}")
    return getattr(fer_video, name)


def __dir__() -> list[str]:
    return __all__
