"""In: the name or path of a network. Out: its description, its verified bytes, and a session that runs it."""

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
