"""Faces -> identity embeddings: vectors whose cosine tells whether two faces are of one person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fer_video.errors import ModelError
from fer_video.faces.align import crop_aligned
from fer_video.models import Session
from fer_video.models.backbone import preprocess
from fer_video.types import Floats, Image, Picture

__all__ = ["Recognizer"]


class Recognizer:
    """An identity network: aligned crops in, embeddings out, not normalised.

    Raises ModelError for a graph that does not have what its description promises.
    """

    def __init__(self, session: Session) -> None:
        self.session, self.spec = session, session.spec
        spec, inputs, outputs = self.spec, session.inputs, session.outputs
        if spec.crop.shape != "aligned" or spec.input.size is None:
            raise ModelError(
                f"{spec.path}: an identity network needs aligned crops of one size; its description has others"
            )
        if spec.input.name not in inputs or len(inputs) != 1:
            raise ModelError(f"{spec.path}: takes {dict(inputs)}, not {spec.input.name!r} as described")
        if spec.features not in outputs:
            raise ModelError(f"{spec.path}: has no output {spec.features!r} (it has {', '.join(outputs)})")
        first = inputs[spec.input.name][0]
        self._batch = first if isinstance(first, int) else None  # exported for so many crops at a time, often one
        self.size = spec.input.size

    def crop(self, image: Image | Picture, landmarks: Floats) -> Image:
        """(H, W, 3) uint8 BGR frame, (5, 2) pixels -> (size, size, 3) uint8 BGR."""
        return crop_aligned(image, landmarks, self.size)

    def embed(self, crops: Sequence[Image]) -> Floats:
        """crops: (size, size, 3) uint8 BGR, at least one. Gives (N, D) float32."""
        if self._batch is None:
            return self._run(crops)
        parts = []
        for start in range(0, len(crops), self._batch):
            part = crops[start : start + self._batch]
            filled = [*part, *[part[-1]] * (self._batch - len(part))]
            parts.append(self._run(filled)[: len(part)])
        return np.concatenate(parts)

    def _run(self, crops: Sequence[Image]) -> Floats:
        (values,) = self.session.run([self.spec.features], preprocess(crops, self.spec.input))
        return values.reshape(len(crops), -1)
