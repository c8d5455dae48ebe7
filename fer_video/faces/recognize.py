"""Faces -> identity embeddings: vectors whose cosine tells whether two faces are of one person."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fer_video.errors import ModelError
from fer_video.faces.align import crop_aligned
from fer_video.models import ModelSpec, Session
from fer_video.models.backbone import preprocess
from fer_video.types import Floats, Image, Picture

__all__ = ["Recognizer"]


class Recognizer:
    """An identity network: aligned crops in, embeddings out, not normalised.

    start: opens it. That waits until the first embedding is wanted, for a clip of one track needs none, and the network
    unfolds to 150 MB. Raises ModelError for a description that cannot be right, and then for a graph that does not have
    what is described.
    """

    def __init__(self, spec: ModelSpec, start: Callable[[ModelSpec], Session]) -> None:
        self.spec, self._start = spec, start
        self._session: Session | None = None
        self._batch = 1
        if spec.crop.shape != "aligned" or spec.input.size is None:
            raise ModelError(
                f"{spec.path}: an identity network needs aligned crops of one size; its description has others"
            )
        self.size = spec.input.size

    def open(self) -> Session:
        """Start it, if it has not been. Raises ModelError, OptionError."""
        if self._session is None:
            self._session = self._start(self.spec)
            self._check(self._session)
        return self._session

    def _check(self, session: Session) -> None:
        spec, inputs, outputs = self.spec, session.inputs, session.outputs
        if spec.input.name not in inputs or len(inputs) != 1:
            raise ModelError(f"{spec.path}: takes {dict(inputs)}, not {spec.input.name!r} as described")
        if spec.features not in outputs:
            raise ModelError(f"{spec.path}: has no output {spec.features!r} (it has {', '.join(outputs)})")
        first = inputs[spec.input.name][0]
        self._batch = first if isinstance(first, int) else 1  # more at a time are no faster, and take memory

    def crop(self, image: Image | Picture, landmarks: Floats) -> Image:
        """(H, W, 3) uint8 BGR frame, (5, 2) pixels -> (size, size, 3) uint8 BGR."""
        return crop_aligned(image, landmarks, self.size)

    def embed(self, crops: Sequence[Image]) -> Floats:
        """crops: (size, size, 3) uint8 BGR, at least one. Gives (N, D) float32."""
        self.open()
        parts, batch = [], self._batch
        for start in range(0, len(crops), batch):
            part = crops[start : start + batch]
            filled = [*part, *[part[-1]] * (batch - len(part))]
            parts.append(self._run(filled)[: len(part)])
        return np.concatenate(parts)

    def _run(self, crops: Sequence[Image]) -> Floats:
        (values,) = self.open().run([self.spec.features], preprocess(crops, self.spec.input))
        return values.reshape(len(crops), -1)
