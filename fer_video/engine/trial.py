"""A model run once, before it is taken into the store."""

from __future__ import annotations

import numpy as np

from fer_video.errors import FervidError, ModelError
from fer_video.faces.detectors import DetectorOptions, make_detector
from fer_video.models import ModelSpec, open_session
from fer_video.models.backbone import Backbone

__all__ = ["try_model"]


def try_model(spec: ModelSpec) -> None:
    """Run a model once, on a grey picture. Raises ModelError when it is not what its description says."""
    session = open_session(spec, "cpu", threads=1)
    try:
        if spec.task == "face-detector":
            make_detector(session, DetectorOptions()).detect([np.full((240, 320, 3), 127, np.uint8)])
            return
        backbone = Backbone(session)
        told = backbone.embed([np.full((backbone.size, backbone.size, 3), 127, np.uint8)] * 2)
    except FervidError:
        raise
    except Exception as error:  # whatever ONNX Runtime and readers of outputs raise on a graph of another kind
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ModelError(f"{spec.path}: does not run as described: {reason}") from error
    if not all(np.isfinite(values).all() for values in (told.features, *told.probabilities.values())):
        raise ModelError(f"{spec.path}: gives numbers that are not finite")
