"""The options of an analysis, in one record that the command line and the library fill and every stage reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fer_video.clip.segments import WindowOptions
from fer_video.errors import OptionError
from fer_video.faces.detectors import DetectorOptions
from fer_video.faces.keyframes import KEY_S
from fer_video.media.sampling import Sampling

__all__ = ["AnalyzerOptions"]

_MOST_THREADS = 256  # a typing error must not start a million


@dataclass(frozen=True, slots=True)
class AnalyzerOptions:
    """How clips are analysed. Every field has a default; an invalid value raises OptionError.

    Attributes:
        sampling: Which frames are analysed.
        faces: What counts as a face.
        detect: In which sampled frames the face detector runs: "keyframes" (at most 0.2 s apart, and between two that
            do not agree) or "every".
        detector: Face detector: a name, a path or scrfd:PATH. None: the embedded default.
        backbone: Emotion backbone: a name or a path. None: the embedded default.
        device: Where the networks run: "auto", "cpu", "cuda", "tensorrt", "openvino", "coreml", "directml" or "qnn".
        threads: CPU cores that the networks use. None: all that this process may use.
        attributes: Also estimate age, gender and ethnicity.
        model: Method of the answers for people and the clip. "auto": the best embedded method for the backbone. The
            name of an embedded clip model, or the folder of another one: that clip model alone. "none": the mean of the
            probabilities of the frames.
        group_model: Clip model of the group's answer. None: the mean of the answers of the people.
        adaptive: Analyse more frames only while the clip model is not certain enough. Overrides `sampling.fps`.
        windows: Segments from sliding windows. None: segments from the best path through the frames.
        min_confidence: Answers with a lower confidence (0 to 1) abstain: their emotion is None.
        max_lost_s: Seconds that a face may be out of sight before its track ends.
        identify: Join tracks of the same face to one person. False: each track is a person.
        identity_model: Network that compares faces: a name or a path. None: the embedded default.
        identity_embeddings: Keep the embedding of each person's face in the result, to find the person in other clips.
            Biometric data.
    """

    sampling: Sampling = field(default_factory=Sampling)
    faces: DetectorOptions = field(default_factory=DetectorOptions)
    detect: Literal["keyframes", "every"] = "keyframes"
    detector: str | None = None
    backbone: str | None = None
    device: str = "auto"
    threads: int | None = None
    attributes: bool = False
    model: str = "auto"
    group_model: str | None = None
    adaptive: bool = False
    windows: WindowOptions | None = None
    min_confidence: float = 0.0
    max_lost_s: float = 1.0
    identify: bool = True
    identity_model: str | None = None
    identity_embeddings: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise OptionError(f"min_confidence must lie between 0 and 1, not {self.min_confidence:g}")
        if self.detect not in ("keyframes", "every"):
            raise OptionError(f"detect must be keyframes or every, not {self.detect!r}")
        if self.threads is not None and not 1 <= self.threads <= _MOST_THREADS:
            raise OptionError(f"threads must be from 1 to {_MOST_THREADS}, not {self.threads}")
        if self.identity_embeddings and not self.identify:
            raise OptionError("identity_embeddings need identify: without it no face is compared")
        if not self.max_lost_s >= 0:
            raise OptionError(f"max_lost_s must be 0 or more, not {self.max_lost_s:g}")

    @property
    def key_s(self) -> float:
        """Most seconds of video between two frames in which the detector runs."""
        return KEY_S if self.detect == "keyframes" else 0.0
