"""What is in the columns of flat rows: texts, whole numbers, or any numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fer_video.faces.quality import QUALITIES

__all__ = ["COUNTS", "TEXTS", "quality_columns"]

TEXTS = {
    "path", "status", "error", "emotion", "method", "how", "group_emotion", "group_valence", "gender", "ethnicity",
    "identity",
}  # fmt: skip
COUNTS = {"frame", "frames", "frames_sampled", "frames_with_face", "people", "person", "track"}
_QUALITY_DIGITS = (1, 1, 1, 1, 3, 4, 3)


def quality_columns(values: Sequence[float]) -> dict[str, float | None]:
    """values: as QUALITIES, NaN where something is not known."""
    each = zip(QUALITIES, values, _QUALITY_DIGITS, strict=True)
    return {name: None if math.isnan(value) else round(value, digits) for name, value, digits in each}
