"""The networks of a set of options: started, or as a fingerprint of their results."""

from __future__ import annotations

import hashlib

from fer_video.engine.trial import try_once
from fer_video.faces.detectors import Detector, make_detector
from fer_video.faces.recognize import Recognizer
from fer_video.files import content_hash
from fer_video.models import ModelSpec, Session, find_model, open_session
from fer_video.models.backbone import Backbone
from fer_video.options import AnalyzerOptions

__all__ = ["describe_networks", "fingerprint", "make_networks", "make_recognizer"]


def make_networks(options: AnalyzerOptions) -> tuple[Detector, Backbone]:
    """Load and start both. Raises ModelError, OptionError."""

    def start(spec: ModelSpec) -> Session:
        if spec.sha256 is None and spec.git_blob is None:  # nobody vouches for the file
            try_once(spec)
        return open_session(spec, options.device, options.threads, networks=2)

    detector = make_detector(start(find_model("face-detector", options.detector)), options.faces)
    backbone = start(find_model("emotion-backbone", options.backbone))
    return detector, Backbone(backbone, attributes=options.attributes)


def make_recognizer(options: AnalyzerOptions) -> Recognizer | None:
    """The identity network, which starts when it is needed; None where people are not to be identified. Raises as
    `make_networks`."""
    if not options.identify:
        return None
    spec = find_model("face-recognition", options.identity_model)

    def start(spec: ModelSpec) -> Session:
        return open_session(spec, options.device, options.threads, networks=2, lean=True)

    recognizer = Recognizer(spec, start)
    if options.identity_model is not None:
        recognizer.open()  # what is wrong with it is said before the first clip
    return recognizer


def describe_networks(options: AnalyzerOptions) -> list[str]:
    """The networks, by their hashes and what is said of them. Raises OptionError, ModelError."""
    known = []
    for spec in (find_model("face-detector", options.detector), find_model("emotion-backbone", options.backbone)):
        known += [spec.sha256 or content_hash(spec.path), repr((spec.input, spec.crop, spec.heads, spec.features))]
    if options.identify:
        spec = find_model("face-recognition", options.identity_model)
        known += [spec.sha256 or content_hash(spec.path), repr((spec.input, spec.features, spec.identity))]
    return known


def fingerprint(options: AnalyzerOptions) -> str:
    """A hash of all that decides what `Analyzer.extract` gives: models, sampling, faces. Not of device and threads.

    Loads no model. Raises OptionError, ModelError.
    """
    own = repr((options.sampling, options.key_s, options.faces, options.attributes, options.max_lost_s))
    return hashlib.sha256("\n".join([own, *describe_networks(options)]).encode()).hexdigest()
