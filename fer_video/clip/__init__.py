"""Observations of a clip -> answers: statistics (arXiv 2103.17107), a classifier of them, segments, a summary."""

from fer_video.clip.model import ClipModel, ClipModelInfo
from fer_video.clip.store import find_clip_model, load_clip_model

__all__ = ["ClipModel", "ClipModelInfo", "find_clip_model", "load_clip_model"]
