"""In: images. Out: faces. One small contract, one module per detector."""

from __future__ import annotations

from fer_video.errors import ModelError
from fer_video.faces.detectors.base import Detector, DetectorOptions, select_faces
from fer_video.models import Session

__all__ = ["Detector", "DetectorOptions", "make_detector", "select_faces"]


def make_detector(session: Session, options: DetectorOptions) -> Detector:
    """The detector that reads the outputs of a session's model, by the `kind` in its description."""
    if session.spec.kind == "centerface":
        from fer_video.faces.detectors.centerface import CenterFace

        return CenterFace(session, options)
    if session.spec.kind == "yunet":
        from fer_video.faces.detectors.yunet import YuNet

        return YuNet(session, options)
    if session.spec.kind == "scrfd":
        from fer_video.faces.detectors.scrfd import Scrfd  # imports insightface, which takes most of a second

        return Scrfd(session, options)
    raise ModelError(f"{session.spec.path}: no detector reads models of kind {session.spec.kind!r}")
