"""CenterFace: an anchor-free face detector (arXiv 1911.03599), embedded.

Outputs at stride 4: a heat map of face centres, log height and width in units of the stride, the centre's
offset (y, x), and five landmarks (y, x pairs) in units of the box, from its upper left corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial

import numpy as np

from fer_video.errors import ModelError
from fer_video.faces.detectors.base import Detector, DetectorOptions, faces_from, input_size, to_blob
from fer_video.models import Session
from fer_video.types import Face, Floats, Image, Picture

__all__ = ["CenterFace", "decode_maps"]

_STRIDE = 4
_NMS_IOU = 0.3  # as its authors' code has it
_BATCH_PIXELS = 1 << 20  # of network input in one run: larger ones gain nothing and cost a kilobyte a pixel
_LARGE_PIXELS = 1 << 18  # of network input: one such picture is worth all cores
_ROLES = ("heatmap", "log_size", "offset", "landmarks")


class CenterFace(Detector):
    """See Detector. Runs the images of a call in batches.

    Raises ModelError when the graph does not have the outputs that its description names.
    """

    def __init__(self, session: Session, options: DetectorOptions) -> None:
        super().__init__(session, options)
        names = session.spec.outputs or {}
        lacking = [role for role in _ROLES if names.get(role) not in session.outputs]
        if lacking:
            raise ModelError(f"{session.spec.path}: not a CenterFace network: no output for {', '.join(lacking)}")

    def detect(self, images: Sequence[Image | Picture]) -> list[list[Face]]:
        if not images:
            return []
        height, width = images[0].shape[:2]
        fit = input_size(width, height, self.options.min_face_px, self.session.spec.input.multiple_of)
        pixels = fit[0] * fit[1]
        if len(images) == 1 and pixels >= _LARGE_PIXELS:
            return self._run(self._alone, fit, images)
        most = max(1, _BATCH_PIXELS // pixels)
        parts = self.session.spread(partial(self._run, self.session, fit), images, most=most)
        return [faces for part in parts for faces in part]

    @cached_property
    def _alone(self) -> Session:
        return self.session.alone()

    def _run(
        self, session: Session, fit: tuple[int, int, float], images: Sequence[Image | Picture]
    ) -> list[list[Face]]:
        """fit: see input_size."""
        height, width = images[0].shape[:2]
        net_width, net_height, scale = fit
        blob = to_blob(images, net_width, net_height, scale)
        names = [(session.spec.outputs or {})[role] for role in _ROLES]
        return [
            decode_maps(heat, size, offset, points, scale, (width, height), self.min_score)
            for heat, size, offset, points in zip(*session.run(names, blob), strict=True)
        ]


def decode_maps(
    heatmap: Floats,
    log_size: Floats,
    offset: Floats,
    landmarks: Floats,
    scale: float,
    frame_size: tuple[int, int],
    min_score: float,
) -> list[Face]:
    """One image's output maps -> faces in pixels of the frame.

    heatmap (1, h, w), log_size (2, h, w: height, width), offset (2, h, w: y, x), landmarks (10, h, w).
    scale: frame -> network input. frame_size: width, height in pixels; boxes are cut to it.
    """
    rows, columns = np.nonzero(heatmap[0] >= min_score)
    if not len(rows):
        return []
    scores = heatmap[0, rows, columns]
    sizes = np.exp(log_size[:, rows, columns]) * _STRIDE  # (2, n): height, width
    centers = (np.stack((rows, columns)) + offset[:, rows, columns] + 0.5) * _STRIDE  # (2, n): y, x
    corners = centers - sizes / 2
    points = landmarks[:, rows, columns].reshape(5, 2, -1) * sizes + corners  # (5, 2, n): y, x

    boxes = np.concatenate((corners[::-1], sizes[::-1])).T / scale  # (n, 4): x, y, width, height
    points = points[:, ::-1].transpose(2, 0, 1) / scale  # (n, 5, 2): x, y
    return faces_from(boxes, scores, points, frame_size, min_score, _NMS_IOU)
