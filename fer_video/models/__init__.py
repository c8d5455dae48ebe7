"""Models: name -> description (manifest) -> verified bytes -> ONNX Runtime session."""

from fer_video.models.manifest import CropSpec, HeadSpec, InputSpec, ModelSpec, find_model, load_manifest
from fer_video.models.session import Session, open_session

__all__ = [
    "CropSpec",
    "HeadSpec",
    "InputSpec",
    "ModelSpec",
    "Session",
    "find_model",
    "load_manifest",
    "open_session",
]
