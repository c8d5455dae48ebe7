"""How clips are analysed: what the command line and the library choose, in one record that every stage can read."""

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
    """How clips are analysed. Everything has a default; a value that makes no sense raises OptionError."""

    sampling: Sampling = field(default_factory=Sampling)  # which frames
    faces: DetectorOptions = field(default_factory=DetectorOptions)  # what counts as a face
    # Where the detector looks: at key frames (keyframes.py), or at every frame that is sampled.
    detect: Literal["keyframes", "every"] = "keyframes"
    detector: str | None = None  # name, path or scrfd:PATH (models.find_model); None: the embedded default
    backbone: str | None = None  # name or path; None: the embedded default
    device: str = "auto"  # or a key of models.devices.DEVICES
    threads: int | None = None  # cores that the networks use, on a CPU; None: all this process may use
    attributes: bool = False  # also age, gender, ethnicity
    # What answers for people and the clip: "auto" for the best method that is embedded for the backbone, the name of an
    # embedded clip model or the folder of one's own for that model alone, "none" for the mean of the probabilities of
    # the frames.
    model: str = "auto"
    group_model: str | None = None  # a clip model that answers for the group; None: the mean of the people's answers
    adaptive: bool = False  # look at more frames only while the clip model is not certain enough; overrides fps
    windows: WindowOptions | None = None  # segments of sliding windows, instead of the best path through the frames
    min_confidence: float = 0.0  # 0 to 1: answers less sure than this abstain, their emotion is None
    max_lost_s: float = 1.0  # for how long a face may be out of sight before its track ends
    identify: bool = True  # join the tracks that show the same face to people; False: each track is a person
    identity_model: str | None = None  # name or path of the network for it; None: the embedded default
    # Keep the embedding of each person's face in the result, to find the person in other clips: biometric data.
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
        """Seconds of video between two frames that the detector looks at, at most."""
        return KEY_S if self.detect == "keyframes" else 0.0
