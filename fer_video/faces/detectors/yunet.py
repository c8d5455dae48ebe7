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

__all__ = ["YuNet", "candidates"]

Fit = tuple[int, int, float]  # width and height of the network's input, scale from the frame to it
Candidates = tuple[Floats, Floats, Floats]

_STRIDES = (8, 16, 32)
_SURE_PX = 28  # a face of this many pixels in the network's input is found surely (benchmarks/detectors.py)
_FINE_PX, _FINE_LONGEST_PX = 20, 1280  # the same, and the longer side of the input, where there are two
_LARGEST_PX = 300  # and up to this many, by its authors
_COARSE_PX = 320  # longer side of the input in which a face that fills the frame is of a good size
_PART_SIDE, _PART_INSIDE = 0.6, 0.7  # of a face: at most so large, and at least so much of it inside the other
_NMS_IOU = 0.3  # as its authors' code has it
_NAMES = [f"{part}_{stride}" for part in ("cls", "obj", "bbox", "kps") for stride in _STRIDES]


class YuNet(Detector):
    """See Detector. Takes pictures one at a time, as its graph does.

    The published graph declares 640 x 640; loading frees its sides where the graph allows it (models/graph.py), and
    where not, pictures are scaled into the size it has.

    Raises ModelError when the graph does not have YuNet's outputs.
    """

    usual_score = 0.65  # folded hands got 0.62; faces that CenterFace is sure of get 0.8 and more

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
        fits = self._fits(width, height)
        boxes, scores, points = self._look(image, fits[0])
        if len(fits) > 1:
            coarse = self._look(image, fits[1])
            large = np.max(coarse[0][:, 2:], axis=1, initial=0) * fits[0][2] > _LARGEST_PX / 2
            boxes, scores, points = (
                np.concatenate((a, b[large])) for a, b in zip((boxes, scores, points), coarse, strict=True)
            )
        faces = faces_from(boxes, scores, points, (width, height), self.min_score, _NMS_IOU)
        return _without_parts(faces) if len(fits) > 1 else faces

    def _fits(self, width: int, height: int) -> list[Fit]:
        """The input for the smallest face asked for, and a second, small one where a face could be too large in it."""
        if self._fixed is not None:
            return [(*self._fixed, min(self._fixed[0] / width, self._fixed[1] / height))]
        smallest = self.options.min_face_px
        only = input_size(width, height, smallest, _STRIDES[-1], _SURE_PX)
        if min(width, height) * only[2] <= _LARGEST_PX:
            return [only]
        fine = input_size(width, height, smallest, _STRIDES[-1], _FINE_PX, _FINE_LONGEST_PX)
        return [fine, input_size(width, height, max(width, height), _STRIDES[-1], _COARSE_PX)]

    def _look(self, image: Image | Picture, fit: Fit) -> Candidates:
        net_width, net_height, scale = fit
        blob = to_blob([image], net_width, net_height, scale, bgr=self.session.spec.input.channels == "BGR")
        outputs = dict(zip(_NAMES, self.session.run(_NAMES, blob), strict=True))
        return candidates(outputs, net_width, scale, self.min_score)


def candidates(outputs: Mapping[str, Floats], net_width: int, scale: float, min_score: float) -> Candidates:
    """The network's outputs for one image -> boxes (n, 4: x, y, width, height), scores (n,) and points (n, 5, 2: x, y)
    in pixels of the frame.

    outputs: cls_8 (1, cells, 1), obj_8 (1, cells, 1), bbox_8 (1, cells, 4), kps_8 (1, cells, 10), and so for strides
    16 and 32. net_width: of the network's input, in pixels. scale: frame -> network input.
    """
    boxes: list[Floats] = []
    scores: list[Floats] = []
    points: list[Floats] = []
    for stride in _STRIDES:
        cls, obj, bbox, kps = (outputs[f"{part}_{stride}"][0] for part in ("cls", "obj", "bbox", "kps"))
        score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        (cells,) = np.nonzero(score >= min_score)
        rows, columns = np.divmod(cells, net_width // stride)
        corners = np.stack((columns, rows), axis=1).astype(np.float32)
        sides: Floats = np.exp(bbox[cells, 2:])
        boxes.append(np.hstack((corners + bbox[cells, :2] - sides / 2, sides)) * stride)
        points.append((corners[:, None] + kps[cells].reshape(-1, 5, 2)) * stride)
        scores.append(score[cells])
    return np.concatenate(boxes) / scale, np.concatenate(scores), np.concatenate(points) / scale


def _without_parts(faces: Sequence[Face]) -> list[Face]:
    """Without those that lie in a larger face: an eye or a mouth of it, seen in the large input."""
    return [face for face in faces if not any(_is_part(face, other) for other in faces)]


def _is_part(face: Face, whole: Face) -> bool:
    if face.side > _PART_SIDE * whole.side:
        return False
    x1, y1, x2, y2 = face.box
    left, top, right, bottom = whole.box
    shared = max(min(x2, right) - max(x1, left), 0) * max(min(y2, bottom) - max(y1, top), 0)
    return shared > _PART_INSIDE * face.width * face.height
