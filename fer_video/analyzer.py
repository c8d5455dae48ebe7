"""path -> ClipResult: loads the models, and wires decoding, the pipeline and the summary."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np

from fer_video.clip.answers import labels_of
from fer_video.clip.features import ClipFeatures, Faces, collect
from fer_video.clip.model import ClipModel
from fer_video.clip.store import choose_clip_model, load_clip_model
from fer_video.clip.summary import Summary, SummaryOptions
from fer_video.engine.networks import make_networks, make_recognizer
from fer_video.engine.pipeline import Looks, Pipeline
from fer_video.errors import InputError, OptionError, fault_of
from fer_video.faces.identity import Identities
from fer_video.files import content_hash
from fer_video.media.address import shown
from fer_video.media.decode import Source, open_source
from fer_video.media.fetch import local_copy
from fer_video.media.sampling import Sampling
from fer_video.models import ModelSpec, Session
from fer_video.models.devices import import_onnxruntime
from fer_video.options import AnalyzerOptions
from fer_video.results.observations import ObservationLog
from fer_video.types import ClipResult, Frame, Observation, PersonEmbedding
from fer_video.version import __version__

__all__ = ["Analyzer", "Opens", "Path", "Progress"]

Path = str | os.PathLike[str]
# Called now and then with the time reached in the clip and its announced duration, in seconds.
Progress = Callable[[float, float | None], None]
Opens = Callable[[], Source]  # may be called several times with the adaptive frame rate

_WHOSE = {"main": "one person", "all": "a group"}


class Analyzer:
    """Loads the models once and analyses any number of clips, one at a time.

    A clip is a file, or an address (a str: https://, s3://, gs://). What an address names is copied to this disk
    until it is analysed; results name it without password and query.

    Raises ModelError when a model cannot be used, OptionError when a model or device is not available.
    """

    def __init__(self, options: AnalyzerOptions | None = None) -> None:
        self.options = options = options or AnalyzerOptions()
        detector, self._backbone = make_networks(options)
        self._recognizer = make_recognizer(options)
        self._pipeline = Pipeline(detector, self._backbone, options.max_lost_s, options.key_s)
        self._person_model, self._mixed = self._clip_model(options.model, "main")
        self._group_model, _ = self._clip_model(options.group_model, "all")
        if options.adaptive and (self._person_model is None or self._person_model.info.adaptive is None):
            raise OptionError("the adaptive frame rate needs a clip model that was trained with thresholds for it")

    def _clip_model(self, wanted: str | None, faces: Faces) -> tuple[ClipModel | None, bool]:
        """A clip model that fits, and whether its mixture answers."""
        session = self._backbone.session
        chosen = choose_clip_model(wanted, faces, session.sha256)
        if chosen is None:
            return None, False
        model = load_clip_model(chosen.folder)
        model.check_backbone(session)
        if model.info.faces != faces:
            raise OptionError(f"{wanted}: is a model of {_WHOSE[model.info.faces]}, not of {_WHOSE[faces]}")
        return model, chosen.mixed

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the answers for people, clips, groups and segments."""
        return labels_of(None if self._person_model is None else self._person_model.info, self.emotions)

    @property
    def emotions(self) -> tuple[str, ...]:
        """The backbone's emotion labels, in its order."""
        return self._backbone.emotions

    @property
    def has_affect(self) -> bool:
        """Whether the backbone gives valence and arousal."""
        return self._backbone.spec.has_affect

    @property
    def busy_s(self) -> Mapping[str, float]:
        """Seconds that each stage has worked so far. The stages work at the same time."""
        return self._pipeline.busy_s

    @property
    def ran(self) -> Mapping[str, Any]:
        """Run details: models and hashes, the execution provider that is used, sampling, options, versions."""
        options = self.options
        return {
            "fervid": __version__,
            "detector": _describe(self._pipeline.detector.session),
            "backbone": _describe(self._backbone.session),
            "identity": self._recognizer
            and {**_described(self._recognizer.spec), "same": self._recognizer.spec.identity.same},
            "provider": self._backbone.session.provider,
            "sampling": {
                "fps": options.sampling.fps,
                "every_frame": options.sampling.fps is None,
                "start_s": options.sampling.start_s,
                "end_s": options.sampling.end_s,
            },
            "options": {
                "detect": options.detect,
                "min_face_px": options.faces.min_face_px,
                "min_score": self._pipeline.detector.min_score,
                "max_faces": options.faces.max_faces,
                "attributes": options.attributes,
                "min_confidence": options.min_confidence,
                "max_lost_s": options.max_lost_s,
                "identity_embeddings": options.identity_embeddings,
                "windows": options.windows and {"length_s": options.windows.length_s, "step_s": options.windows.step_s},
            },
            "clip_model": self._person_model
            and {"name": self._person_model.info.name, "sha256": self._person_model.sha256},
            "group_model": self._group_model
            and {"name": self._group_model.info.name, "sha256": self._group_model.sha256},
            "versions": {
                "python": platform.python_version(),
                "onnxruntime": import_onnxruntime().__version__,
                "opencv": cv2.__version__,
                "numpy": np.__version__,
            },
        }

    def stream(self, path: Path) -> Iterator[Observation]:
        """The observations of a clip as they are made: one per face per sampled frame, and one where there is no face.

        Raises InputError, at the first step, when the file cannot be read.
        """
        with local_copy(path) as clip, self._observing(partial(open_source, clip)) as (_, seen):
            yield from seen

    def _identities(self) -> Identities | None:
        """For one clip."""
        keep = self.options.identity_embeddings
        return None if self._recognizer is None else Identities(self._recognizer, keep_all=keep)

    @contextmanager
    def _observing(
        self,
        opens: Opens,
        sampling: Sampling | None = None,
        looks: Looks | None = None,
        identities: Identities | None = None,
    ) -> Iterator[tuple[Source, Iterator[Observation]]]:
        """What is read and what is seen in it; nobody reads any more when this is left."""
        with opens() as source:
            frames = source.frames(sampling or self.options.sampling)
            with closing(self._pipeline.observe(frames, looks, identities)) as seen:
                yield source, seen

    def watch(self, frames: Iterator[Frame]) -> Iterator[tuple[Frame, list[Observation]]]:
        """The observations of frames that arrive live. Each frame is answered before the next one is read."""
        return self._pipeline.answer(frames)

    def analyze(self, path: Path, progress: Progress | None = None) -> ClipResult:
        """Analyse one clip. Raises InputError when the file cannot be read.

        A file that ends early is analysed as far as it can be decoded; its status is "partial".
        """
        with local_copy(path) as clip:
            return self.analyze_source(partial(open_source, clip), shown(path), progress)

    def analyze_source(self, opens: Opens, name: str, progress: Progress | None = None) -> ClipResult:
        """The same for any source of frames. name: what the result is to call it."""
        looks: Looks = {}
        for sampling in self._samplings:
            keep = looks if self.options.adaptive else None
            summary, observations, embeddings, source = self._go_through(opens, sampling, keep, progress)
            if self._certain(sampling, summary):
                break
        adaptive = {"stride": sampling.stride, "frames_used": len(looks)} if self.options.adaptive else None
        return ClipResult(
            path=name,
            status="partial" if source.ended_early else "ok",
            error=source.ended_early,
            duration_s=source.duration_s or source.info.duration_s,
            fps=source.info.fps,
            frames_sampled=summary.frames,
            frames_with_face=summary.frames_with_face,
            clip=summary.clip(),
            group=summary.group(),
            people=tuple(replace(each, embedding=embeddings.get(each.id)) for each in summary.people()),
            tracks=summary.tracks,
            ran={
                **self.ran,
                "times": "estimated" if source.estimated_times else "container",
                "adaptive": adaptive,
                "segments": summary.segmenting,
            },
            observations=observations,
            size=(source.info.width, source.info.height),
            timing=source.timing,
        )

    def _go_through(
        self, opens: Opens, sampling: Sampling, looks: Looks | None, progress: Progress | None
    ) -> tuple[Summary, ObservationLog, Mapping[int, PersonEmbedding], Source]:
        genders, ethnicities = self._backbone.labels("gender"), self._backbone.labels("ethnicity")
        least = self.options.min_confidence
        observations = ObservationLog(self.emotions, genders, ethnicities, least, self.has_affect)
        summary = Summary(
            SummaryOptions(
                self.emotions,
                genders,
                ethnicities,
                least,
                self._person_model,
                mixed=self._mixed,
                group_model=self._group_model,
                windows=self.options.windows,
            )
        )
        identities, embeddings = self._identities(), dict[int, PersonEmbedding]()
        with self._observing(opens, sampling, looks, identities) as (source, seen):
            for observation in seen:
                if progress and observation.frame != summary.last_frame:
                    progress(observation.time_s, source.info.duration_s)
                observations.append(observation)
                summary.add(observation)
        summary.close()
        if identities is not None:
            people = identities.people()
            observations.join(people)
            summary.join(people)
            if self.options.identity_embeddings:
                embeddings = identities.embeddings_of(people)
        return summary, observations, embeddings, source

    @property
    def _samplings(self) -> list[Sampling]:
        """One, or with adaptive frame rate the strides from coarse to fine."""
        if not self.options.adaptive:
            return [self.options.sampling]
        assert self._person_model is not None
        assert self._person_model.info.adaptive is not None
        strides = self._person_model.info.adaptive.strides
        return [replace(self.options.sampling, fps=None, stride=stride) for stride in strides]

    def _certain(self, sampling: Sampling, summary: Summary) -> bool:
        """Whether the clip need not be looked at more closely (adaptive.py)."""
        if not self.options.adaptive or self._person_model is None or self._person_model.info.adaptive is None:
            return True
        adaptive, scores = self._person_model.info.adaptive, summary.main_scores()
        stage = adaptive.strides.index(sampling.stride)
        if stage == len(adaptive.thresholds):
            return True
        return scores is not None and float(scores.max()) >= adaptive.thresholds[stage]

    def extract(self, path: Path) -> ClipFeatures:
        """The embeddings of a clip with boxes, times and probabilities, for training and evaluation.

        Raises InputError when the file cannot be read.
        """
        identities = self._identities()
        with (
            local_copy(path) as clip,
            self._observing(partial(open_source, clip), identities=identities) as (source, seen),
        ):
            collected = collect(seen, self._backbone)
        if identities is not None and collected.has_face:
            people = identities.people()
            collected = replace(collected, person=np.array([people[track] for track in collected.person], np.int32))
        return replace(
            collected,
            path=shown(path),
            status="partial" if source.ended_early else "ok",
            error=source.ended_early,
            backbone_name=self._backbone.spec.name,
            backbone_sha256=self._backbone.session.sha256,
        )

    def analyze_many(self, paths: Iterable[Path], progress: Progress | None = None) -> Iterator[ClipResult]:
        """One result per path, in order. A clip that fails gives a result with status "failed" and its error."""
        for path in paths:
            try:
                yield self.analyze(path, progress)
            except Exception as error:  # noqa: BLE001  raised again where it concerns them all
                yield self.failed(path, fault_of(shown(path), error))

    def failed(self, path: Path, error: InputError) -> ClipResult:
        """The result for an input that could not be read."""
        return ClipResult(shown(path), "failed", str(error), ran=self.ran)


def _described(spec: ModelSpec) -> dict[str, str]:
    return {"name": spec.name, "sha256": spec.sha256 or content_hash(spec.path)}


def _describe(session: Session) -> dict[str, str]:
    return {"name": session.spec.name, "sha256": session.sha256, "provider": session.provider}
