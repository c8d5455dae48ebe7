"""In: observations. Out: answers for each person, the clip and the group, by statistics and an SVM."""

from fer_video.clip.model import ClipModel, ClipModelInfo
from fer_video.clip.store import find_clip_model, load_clip_model

__all__ = ["ClipModel", "ClipModelInfo", "find_clip_model", "load_clip_model"]
