"""Descriptor -> clip label: a support vector machine over the statistics of a clip (arXiv 2103.17107).

`model` runs a stored one with ONNX Runtime alone, `fit` makes one with scikit-learn, `store` puts it on disk,
`evaluate` measures it. Only `fit` and `evaluate` import scikit-learn.
"""

from fer_video.clip.model import ClipModel, ClipModelInfo
from fer_video.clip.store import find_clip_model, load_clip_model

__all__ = ["ClipModel", "ClipModelInfo", "find_clip_model", "load_clip_model"]
