"""path -> ClipResult: wires the stages decode, detect, track, align, backbone, summary.

Frames are taken in chunks, so that the detector and the backbone each run on a batch; how many frames a chunk
holds depends on their size, so memory stays flat for 4K as well as for an hour.
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import fer_video
from fer_video.backbone import Backbone, attributes_from
from fer_video.cuts import CutDetector
from fer_video.decode import Sampling, Source, open_source
from fer_video.detect import DetectorOptions, make_detector, select_faces
from fer_video.errors import InputError, OptionError
from fer_video.models import Session, find_model, open_session
from fer_video.observations import ObservationLog
from fer_video.summary import Summary
from fer_video.track import Tracker
from fer_video.types import ClipResult, Face, Frame, Image, Observation

__all__ = ["Analyzer", "AnalyzerOptions", "Progress", "analyze", "stream"]

log = logging.getLogger(__name__)

Path = str | os.PathLike[str]
# Called now and then with the time reached in the clip and its announced duration, in seconds.
Progress = Callable[[float, float | None], None]

_CHUNK_BYTES, _MAX_CHUNK = 48 << 20, 16


@dataclass(frozen=True, slots=True)
class AnalyzerOptions:
    """How clips are analysed. Everything has a default; a value that makes no sense raises OptionError."""

    sampling: Sampling = field(default_factory=Sampling)  # which frames
    faces: DetectorOptions = field(default_factory=DetectorOptions)  # what counts as a face
    detector: str | None = None  # name, path or scrfd:PATH (models.find_model); None: the embedded default
    backbone: str | None = None  # name or path; None: the embedded default
    device: str = "auto"  # or a key of models.session.DEVICES
    threads: int | None = None  # of each network; None: one a core
    attributes: bool = False  # also age, gender, ethnicity
    min_confidence: float = 0.0  # 0 to 1: answers less sure than this abstain, their emotion is None
    max_lost_s: float = 1.0  # for how long a person may be out of sight and keep the id

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise OptionError(f"min_confidence must lie between 0 and 1, not {self.min_confidence:g}")
        if self.threads is not None and self.threads < 1:
            raise OptionError(f"threads must be 1 or more, not {self.threads}")
        if not self.max_lost_s >= 0:
            raise OptionError(f"max_lost_s must be 0 or more, not {self.max_lost_s:g}")


class Analyzer:
    """Loads the models once and analyses any number of clips, one at a time.

    Raises ModelError when a model cannot be used, OptionError for a model or device that is not to be had.
    """

    def __init__(self, options: AnalyzerOptions | None = None) -> None:
        self.options = options = options or AnalyzerOptions()
        faces = open_session(find_model("face-detector", options.detector), options.device, options.threads)
        self._detector = make_detector(faces, options.faces)
        self._backbone = Backbone(
            open_session(find_model("emotion-backbone", options.backbone), options.device, options.threads),
            attributes=options.attributes,
        )

    @property
    def emotions(self) -> tuple[str, ...]:
        """The backbone's emotion labels, in its order."""
        return self._backbone.emotions

    @property
    def ran(self) -> Mapping[str, Any]:
        """What runs: models and hashes, the execution provider really in use, sampling, options, versions."""
        import cv2
        import numpy as np
        import onnxruntime as ort

        options = self.options
        return {
            "fervid": fer_video.__version__,
            "detector": _describe(self._detector.session),
            "backbone": _describe(self._backbone.session),
            "provider": self._backbone.session.provider,
            "sampling": {
                "fps": options.sampling.fps,
                "every_frame": options.sampling.fps is None,
                "start_s": options.sampling.start_s,
                "end_s": options.sampling.end_s,
            },
            "options": {
                "min_face_px": options.faces.min_face_px,
                "min_score": options.faces.min_score,
                "max_faces": options.faces.max_faces,
                "attributes": options.attributes,
                "min_confidence": options.min_confidence,
                "max_lost_s": options.max_lost_s,
            },
            "versions": {
                "python": platform.python_version(),
                "onnxruntime": ort.__version__,
                "opencv": cv2.__version__,
                "numpy": np.__version__,
            },
        }

    def stream(self, path: Path) -> Iterator[Observation]:
        """Observations of a clip as they are made: one per sampled frame and face, one for a frame without.

        Raises InputError, at the first step, when the file cannot be read.
        """
        with open_source(path) as source:
            yield from self._observe(source)

    def analyze(self, path: Path, progress: Progress | None = None) -> ClipResult:
        """All that can be said of one clip. Raises InputError when the file cannot be read.

        A file that ends early gives what was decoded, with status "partial".
        """
        genders, ethnicities = self._backbone.labels("gender"), self._backbone.labels("ethnicity")
        observations = ObservationLog(self.emotions, genders, ethnicities)
        summary = Summary(self.emotions, genders, ethnicities, self.options.min_confidence)
        with open_source(path) as source:
            for observation in self._observe(source):
                if progress and observation.frame != summary.last_frame:
                    progress(observation.time_s, source.info.duration_s)
                observations.append(observation)
                summary.add(observation)
        summary.close()
        times = "estimated" if source.estimated_times else "container"
        return ClipResult(
            path=os.fspath(path),
            status="partial" if source.ended_early else "ok",
            error=source.ended_early,
            duration_s=source.duration_s or source.info.duration_s,
            fps=source.info.fps,
            frames_sampled=summary.frames,
            frames_with_face=summary.frames_with_face,
            clip=summary.clip(),
            group=summary.group(),
            people=summary.people(),
            ran={**self.ran, "times": times},
            observations=observations,
        )

    def analyze_many(self, paths: Iterable[Path], progress: Progress | None = None) -> Iterator[ClipResult]:
        """One result a path, in order. A clip that fails gives a result with status "failed" and its error."""
        for path in paths:
            try:
                yield self.analyze(path, progress)
            except InputError as error:
                yield self.failed(path, error)
            except Exception as error:  # a bug that one odd clip brings out must not end a batch
                log.debug("%s", path, exc_info=True)
                what = f"{os.fspath(path)}: {type(error).__name__}: {error} (a bug in fervid; --debug shows where)"
                yield self.failed(path, InputError(what))

    def failed(self, path: Path, error: InputError) -> ClipResult:
        """The result that stands for an input that could not be read."""
        return ClipResult(os.fspath(path), "failed", str(error), ran=self.ran)

    def _observe(self, source: Source) -> Iterator[Observation]:
        tracker, cuts = Tracker(self.options.max_lost_s), CutDetector()
        for frames in _chunks(source.frames(self.options.sampling)):
            images = [frame.image for frame in frames]
            found = [select_faces(faces, self.options.faces) for faces in self._detector.detect(images)]
            seen: list[tuple[Frame, Face, int]] = []
            for frame, faces in zip(frames, found, strict=True):
                if cuts.update(frame.image):
                    tracker.reset()
                ids = tracker.update(faces, frame.time_s)
                seen += [(frame, face, id_) for face, id_ in zip(faces, ids, strict=True)]
            yield from self._embed(frames, seen)

    def _embed(self, frames: list[Frame], seen: list[tuple[Frame, Face, int]]) -> Iterator[Observation]:
        """One batch of crops through the backbone; the observations in the order of the frames."""
        crops: list[Image] = [self._backbone.crop(frame.image, face) for frame, face, _ in seen]
        embedded = self._backbone.embed(crops)
        row = 0
        for frame in frames:
            start = row
            while row < len(seen) and seen[row][0] is frame:
                heads = {task: values[row] for task, values in embedded.probabilities.items()}
                yield Observation(
                    frame=frame.index,
                    time_s=frame.time_s,
                    person=seen[row][2],
                    face=seen[row][1],
                    probabilities=dict(zip(self.emotions, heads["emotion"].tolist(), strict=True)),
                    embedding=embedded.features[row],
                    attributes=attributes_from(self._backbone.heads, heads) if len(heads) > 1 else None,
                )
                row += 1
            if row == start:
                yield Observation(frame.index, frame.time_s)


def analyze(path: Path, options: AnalyzerOptions | None = None) -> ClipResult:
    """Analyse one clip. For several, make one `Analyzer` and use it again: it loads the models only once.

    Raises InputError, ModelError, OptionError.
    """
    return Analyzer(options).analyze(path)


def stream(path: Path, options: AnalyzerOptions | None = None) -> Iterator[Observation]:
    """The observations of one clip as they are made, with embeddings; memory stays flat. Raises as `analyze`."""
    yield from Analyzer(options).stream(path)


def _describe(session: Session) -> dict[str, str]:
    return {"name": session.spec.name, "sha256": session.sha256, "provider": session.provider}


def _chunks(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    """Lists of frames, as many as fit the budget."""
    for first in frames:
        count = max(1, min(_MAX_CHUNK, _CHUNK_BYTES // first.image.nbytes))
        yield [first, *islice(frames, count - 1)]
