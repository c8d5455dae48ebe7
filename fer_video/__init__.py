"""fervid: facial emotion from video, per frame, per person, per clip and per group.

    import fervid  # the same as fer_video

    result = fervid.analyze("clip.mp4", fps=5)
    print(result.clip.emotion, result.clip.confidence)

    for observation in fervid.stream("clip.mp4"):
        print(observation.time_s, observation.person, observation.emotion)

What is not in `__all__` may change between versions. Importing this package loads neither OpenCV nor
ONNX Runtime: each name below is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fer_video.version import __version__

if TYPE_CHECKING:
    from fer_video.analyzer import Analyzer
    from fer_video.api.calls import analyze, analyze_frames, analyze_many, load, load_all, stream, summarize
    from fer_video.clip.segments import WindowOptions
    from fer_video.errors import FervidError, InputError, ModelError, OptionError, OutputError
    from fer_video.faces.detectors import DetectorOptions
    from fer_video.media.sampling import Sampling
    from fer_video.options import AnalyzerOptions
    from fer_video.types import (
        Affect,
        Attributes,
        ClipResult,
        Face,
        Frame,
        Observation,
        Person,
        Prediction,
        Segment,
        Timing,
        Track,
    )

__all__ = [
    "Affect",
    "Analyzer",
    "AnalyzerOptions",
    "Attributes",
    "ClipResult",
    "DetectorOptions",
    "Face",
    "FervidError",
    "Frame",
    "InputError",
    "ModelError",
    "Observation",
    "OptionError",
    "OutputError",
    "Person",
    "Prediction",
    "Sampling",
    "Segment",
    "Timing",
    "Track",
    "WindowOptions",
    "__version__",
    "analyze",
    "analyze_frames",
    "analyze_many",
    "load",
    "load_all",
    "stream",
    "summarize",
]

_HOMES = {
    "fer_video.analyzer": ("Analyzer",),
    "fer_video.api.calls": ("analyze", "analyze_frames", "analyze_many", "load", "load_all", "stream", "summarize"),
    "fer_video.clip.segments": ("WindowOptions",),
    "fer_video.options": ("AnalyzerOptions",),
    "fer_video.media.sampling": ("Sampling",),
    "fer_video.faces.detectors": ("DetectorOptions",),
    "fer_video.errors": ("FervidError", "InputError", "ModelError", "OptionError", "OutputError"),
    "fer_video.types": (
        "Affect",
        "Attributes",
        "ClipResult",
        "Face",
        "Frame",
        "Observation",
        "Person",
        "Prediction",
        "Segment",
        "Timing",
        "Track",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
