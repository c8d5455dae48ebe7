"""YuNet (Wu, Peng and Yu, 2023): an anchor-free face detector of 230 kB, without OpenCV's own reader.

At strides 8, 16 and 32, for each cell of the grid in rows: `cls` and `obj` whose geometric mean is the score, `bbox`
(centre x, y from the cell's corner, log width, log height, in strides) and `kps` (five x, y from the cell's corner,
in strides).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fer_video.errors import ModelError
from fer_video.faces.detectors.base import Detector, DetectorOptions, faces_from, input_size, to_blob
from fer_video.models import Session
from fer_video.types import Face, Floats, Image, Picture

__all__ = ["YuNet", "decode_grids"]

_STRIDES = (8, 16, 32)
_NMS_IOU = 0.3  # as its authors' code has it
_NAMES = [f"{part}_{stride}" for part in ("cls", "obj", "bbox", "kps") for stride in _STRIDES]


class YuNet(Detector):
    """See Detector. Takes pictures one at a time, as its graph does.

    The published graph declares 640 x 640; loading frees its sides where the graph allows it (models/graph.py), and
    where not, pictures are scaled into the size it has.

    Raises ModelError when the graph does not have YuNet's outputs.
    """

    def __init__(self, session: Session, options: DetectorOptions) -> None:
        super().__init__(session, options)
        lacking = [name for name in _NAMES if name not in session.outputs]
        shape = session.inputs.get(session.spec.input.name, ())
        if lacking or len(shape) != 4:
            raise ModelError(f"{session.spec.path}: not a YuNet network: no {', '.join(lacking) or 'picture as input'}")
        height, width = shape[2:]
        self._fixed = (width, height) if isinstance(width, int) and isinstance(height, int) else None

    def detect(self, images: Sequence[Image | Picture]) -> list[list[Face]]:
        return self.session.spread(lambda one: self._detect_one(one[0]), images, most=1)

    def _detect_one(self, image: Image | Picture) -> list[Face]:
        height, width = image.shape[:2]
        net_width, net_height, scale = input_size(width, height, self.options.min_face_px, _STRIDES[-1])
        if self._fixed is not None:
            net_width, net_height = self._fixed
            scale = min(net_width / width, net_height / height)
        blob = to_blob([image], net_width, net_height, scale, bgr=self.session.spec.input.channels == "BGR")
        outputs = dict(zip(_NAMES, self.session.run(_NAMES, blob), strict=True))
        return decode_grids(outputs, net_width, scale, (width, height), self.options.min_score)


def decode_grids(
    outputs: Mapping[str, Floats], net_width: int, scale: float, frame_size: tuple[int, int], min_score: float
) -> list[Face]:
    """The network's outputs for one image -> faces in pixels of the frame.

    outputs: cls_8 (1, cells, 1), obj_8 (1, cells, 1), bbox_8 (1, cells, 4), kps_8 (1, cells, 10), and so for strides
    16 and 32. net_width: of the network's input, in pixels. scale: frame -> network input.
    """
    boxes, scores, points = [], [], []
    for stride in _STRIDES:
        cls, obj, bbox, kps = (outputs[f"{part}_{stride}"][0] for part in ("cls", "obj", "bbox", "kps"))
        score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        (cells,) = np.nonzero(score >= min_score)
        corners = np.stack((cells % (net_width // stride), cells // (net_width // stride)), axis=1)  # x, y
        sides = np.exp(bbox[cells, 2:])
        boxes.append(np.hstack((corners + bbox[cells, :2] - sides / 2, sides)) * stride)
        points.append((corners[:, None] + kps[cells].reshape(-1, 5, 2)) * stride)
        scores.append(score[cells])
    found = np.concatenate(boxes) / scale, np.concatenate(scores), np.concatenate(points) / scale
    return faces_from(*found, frame_size, min_score, _NMS_IOU)
