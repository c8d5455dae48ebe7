"""The work of `fervid predict`: a clip -> its ClipResult."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from fer_video.analyzer import Analyzer
from fer_video.clip.answers import labels_of
from fer_video.clip.features import Faces
from fer_video.clip.model import ClipModelInfo
from fer_video.clip.store import DESCRIPTION, choose_clip_model
from fer_video.engine.networks import describe_networks
from fer_video.files import content_hash
from fer_video.jobs.engine import Do, Seen
from fer_video.models import find_model
from fer_video.options import AnalyzerOptions
from fer_video.results.writers import RowShape
from fer_video.types import ClipResult

__all__ = ["Facts", "Predicting", "facts_of"]

_INDIFFERENT = ("device", "threads", "detector", "backbone", "model", "group_model")  # models count by their hashes


@dataclass(frozen=True, slots=True)
class Predicting:
    """frames: results keep their observations, which is most of what they weigh."""

    options: AnalyzerOptions
    frames: bool = False

    def start(self, threads: int | None) -> Do[ClipResult]:
        """Raises ModelError, OptionError."""
        analyzer = Analyzer(replace(self.options, threads=self.options.threads or threads))

        def do(clip: str, seen: Seen) -> ClipResult:
            result = analyzer.analyze(clip, seen)
            return result if self.frames else replace(result, observations=None)

        return do


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an analysis before any model is loaded."""

    shape: RowShape
    decisive: Mapping[str, Any]  # all that decides a result but the clip: JSON values, models by their hashes


def facts_of(options: AnalyzerOptions) -> Facts:
    """Raises OptionError, ModelError."""
    backbone = find_model("emotion-backbone", options.backbone)
    backbone_sha256 = backbone.sha256 or content_hash(backbone.path)
    person = _clip_model(options.model, "main", backbone_sha256)
    group = _clip_model(options.group_model, "all", backbone_sha256)
    head = backbone.head("emotion")
    emotions = head.labels if head else ()
    shape = RowShape(emotions, labels_of(person and person[0], emotions), options.attributes, backbone.has_affect)
    asked = {name: value for name, value in asdict(options).items() if name not in _INDIFFERENT}
    models = {"networks": describe_networks(options), "model": person and person[1], "group_model": group and group[1]}
    return Facts(shape, asked | models)


def _clip_model(wanted: str | None, faces: Faces, backbone_sha256: str) -> tuple[ClipModelInfo, str] | None:
    """The clip model that an Analyzer would take, with a hash of it."""
    chosen = choose_clip_model(wanted, faces, backbone_sha256)
    if chosen is None:
        return None
    return chosen.info, content_hash(chosen.folder / DESCRIPTION)  # which holds the hashes of the other files
