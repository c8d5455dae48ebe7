"""SCRFD (arXiv 2105.04714) through insightface: any ONNX file of that family that the user has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fer_video.errors import ModelError
from fer_video.faces.detectors.base import Detector, DetectorOptions, input_size
from fer_video.models import Session
from fer_video.types import Face, Image, Picture

__all__ = ["Scrfd"]


class Scrfd(Detector):
    """See Detector. insightface reads the outputs; session, device and input size are fervid's.

    A graph with a fixed input keeps it; one with free sides gets the size that shows the smallest face.
    Nothing is downloaded: insightface's `FaceAnalysis`, which would, is not used.
    """

    def __init__(self, session: Session, options: DetectorOptions) -> None:
        super().__init__(session, options)
        from insightface.model_zoo.scrfd import SCRFD

        if len(session.outputs) not in (6, 9, 10, 15):
            raise ModelError(
                f"{session.spec.path}: not a face detector of the SCRFD family: "
                f"{len(session.outputs)} outputs where it has 6, 9, 10 or 15"
            )
        # One session for all sizes: insightface would otherwise compile another for each it meets.
        self._model = SCRFD(session=session.raw, static_shape_sessions=False)

    def detect(self, images: Sequence[Image | Picture]) -> list[list[Face]]:
        return self.session.spread(lambda one: self._detect_one(one[0]), images, most=1)

    def _detect_one(self, image: Image | Picture) -> list[Face]:
        height, width = image.shape[:2]
        size = self._model.static_input_size or input_size(width, height, self.options.min_face_px)[:2]
        found, points = self._model.detect(np.asarray(image), input_size=size, det_thresh=self.min_score)
        faces = []
        for i, (*corners, score) in enumerate(found.tolist()):
            x1, y1, x2, y2 = np.clip(corners, 0, (width, height, width, height)).tolist()
            landmarks = None if points is None else np.asarray(points[i], np.float32)
            faces.append(Face((x1, y1, x2, y2), float(score), landmarks))
        return sorted(faces, key=lambda face: -face.score)
