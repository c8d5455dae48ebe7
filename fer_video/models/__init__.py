"""Models: name -> description (manifest) -> verified bytes -> ONNX Runtime session."""

from fer_video.models.manifest import catalogue, find_model, load_manifest
from fer_video.models.session import Session, open_session
from fer_video.models.spec import CropSpec, HeadSpec, InputSpec, ModelSpec

__all__ = [
    "CropSpec",
    "HeadSpec",
    "InputSpec",
    "ModelSpec",
    "Session",
    "catalogue",
    "find_model",
    "load_manifest",
    "open_session",
]
