"""Keywords as on the command line -> AnalyzerOptions, each checked at once and named in the error."""

from __future__ import annotations

import inspect
import math
import numbers
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar

from fer_video.clip.segments import WindowOptions
from fer_video.errors import OptionError
from fer_video.faces.detectors import DetectorOptions
from fer_video.media.sampling import Sampling
from fer_video.media.timecode import seconds_of
from fer_video.models.devices import DEVICES
from fer_video.options import AnalyzerOptions

__all__ = ["KEYWORDS", "FrameKeywords", "Keyword", "Keywords", "explained", "options_of"]

F = TypeVar("F", bound=Callable[..., Any])
_WIDTH = 21  # of the names in the help


class FrameKeywords(TypedDict, total=False):
    """The options of `fervid predict` that say how a clip is analysed, but for how many of its frames."""

    start: float | str
    end: float | str | None
    detect: str
    min_face: int
    min_score: float | None
    max_faces: int | None
    attributes: bool
    model: str | os.PathLike[str]
    group_model: str | os.PathLike[str] | None
    adaptive: bool
    window: float | None
    step: float | None
    identify: bool
    identity_model: str | os.PathLike[str] | None
    identity_embeddings: bool
    min_confidence: float
    detector: str | os.PathLike[str] | None
    backbone: str | os.PathLike[str] | None
    device: str
    threads: int | None


class Keywords(FrameKeywords, total=False):
    """All of them."""

    fps: float | None
    every_frame: bool


@dataclass(frozen=True, slots=True)
class Keyword:
    """One of them."""

    default: Any
    check: Callable[[Any], Any]  # the value as it is used; raises TypeError or OptionError
    text: str  # of the help


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise TypeError("a number")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError("a whole number")
    return int(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("True or False")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str | os.PathLike):
        raise TypeError("a name or path")
    return os.fspath(value)


def _time(value: Any) -> float:
    try:
        return seconds_of(value) if isinstance(value, str) else _number(value)
    except (TypeError, OptionError) as error:
        raise TypeError("seconds, or a time such as '1:20.5'") from error


def _one_of(*names: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in names:
            raise TypeError(f"one of {', '.join(names)}")
        return str(value)

    return check


KEYWORDS: Mapping[str, Keyword] = {
    "fps": Keyword(None, _number, "Frames per second of video to analyse (default 10)."),
    "every_frame": Keyword(False, _flag, "Analyse every frame."),
    "start": Keyword(0.0, _time, "Analyse from here, in seconds or as '1:20.5'."),
    "end": Keyword(None, _time, "Analyse up to here, in seconds or as '1:20.5' (default: the end)."),
    "detect": Keyword(
        "keyframes", _one_of("keyframes", "every"), "Find faces in key frames, or in 'every' sampled frame."
    ),
    "min_face": Keyword(40, _whole, "Leave out faces smaller than this, in pixels (default 40)."),
    "min_score": Keyword(None, _number, "Leave out faces with a lower score of the detector, 0 to 1."),
    "max_faces": Keyword(None, _whole, "At most so many faces per frame, the most prominent (default: all)."),
    "attributes": Keyword(False, _flag, "Also estimate age, gender and ethnicity from appearance."),
    "model": Keyword("auto", _name, "Clip model: 'auto', 'none', a name or a folder."),
    "group_model": Keyword(None, _name, "Clip model for the group (default: mean of the people's answers)."),
    "adaptive": Keyword(False, _flag, "Analyse more frames only while the clip model is not certain."),
    "window": Keyword(None, _number, "Segments from windows of so many seconds instead of frames."),
    "step": Keyword(None, _number, "A window begins every so many seconds (default: half a window)."),
    "identify": Keyword(True, _flag, "Join tracks of the same face to one person."),
    "identity_model": Keyword(None, _name, "Network that tells people apart (default: sface)."),
    "identity_embeddings": Keyword(False, _flag, "Keep an embedding of each person's face: biometric data."),
    "min_confidence": Keyword(0.0, _number, "No emotion where the best probability is lower, 0 to 1."),
    "detector": Keyword(None, _name, "Face detector: a name, a path or 'scrfd:PATH'."),
    "backbone": Keyword(None, _name, "Emotion network: a name or a path."),
    "device": Keyword("auto", _one_of("auto", *DEVICES), f"Where the networks run: auto, {', '.join(DEVICES)}."),
    "threads": Keyword(None, _whole, "Cores that the networks use (default: all)."),
}


def options_of(given: Mapping[str, Any]) -> AnalyzerOptions:
    """Raises TypeError for an unknown keyword, and OptionError, with its name, for a value that makes no sense."""
    for name in given:
        if name not in KEYWORDS:
            raise TypeError(f"unexpected keyword argument {name!r}; known are {', '.join(KEYWORDS)}")
    value = {name: _checked(name, given.get(name, keyword.default)) for name, keyword in KEYWORDS.items()}
    if value["every_frame"] and value["fps"] is not None:
        raise OptionError("fps and every_frame contradict each other; give one of them")
    if value["adaptive"] and (value["every_frame"] or value["fps"] is not None):
        raise OptionError("adaptive chooses the frames itself; leave out fps and every_frame")
    if value["step"] is not None and value["window"] is None:
        raise OptionError("step needs window")
    fps = None if value["every_frame"] else Sampling().fps if value["fps"] is None else value["fps"]
    window_s, step_s = value["window"], value["step"]
    windows = None if window_s is None else WindowOptions(window_s, window_s / 2 if step_s is None else step_s)
    same = ("detect", "detector", "backbone", "device", "threads", "attributes", "model", "group_model", "adaptive",
            "min_confidence", "identify", "identity_model", "identity_embeddings")  # fmt: skip
    return AnalyzerOptions(
        sampling=Sampling(fps, value["start"], value["end"]),
        faces=DetectorOptions(value["min_face"], value["min_score"], value["max_faces"]),
        windows=windows,
        **{name: value[name] for name in same},
    )


def _checked(name: str, value: Any) -> Any:
    keyword = KEYWORDS[name]
    if value is None and keyword.default is None:
        return None
    try:
        return keyword.check(value)
    except TypeError as error:
        raise OptionError(f"{name} must be {error}, not {value!r}") from error


def explained(function: F) -> F:
    """Adds the keywords to what help() and a notebook show of a function that takes **keywords: Unpack[Keywords]."""
    signature = inspect.signature(function)
    known = FrameKeywords if "fps" in signature.parameters else Keywords
    types = known.__annotations__
    lines = [f"    {name:<{_WIDTH}}{keyword.text}" for name, keyword in KEYWORDS.items() if name in types]
    text = inspect.cleandoc(function.__doc__ or "")
    function.__doc__ = "\n".join([text, "", "Keywords, as on the command line:", "", *lines])
    first = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    added = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=keyword.default, annotation=types[name].__forward_arg__
        )
        for name, keyword in KEYWORDS.items()
        if name in types
    ]
    function.__signature__ = signature.replace(parameters=[*first, *added])  # type: ignore[attr-defined]
    return function
