"""What is in the columns of flat rows: texts, whole numbers, or any numbers."""

from __future__ import annotations

__all__ = ["COUNTS", "TEXTS"]

TEXTS = {
    "path", "status", "error", "emotion", "method", "how", "group_emotion", "group_valence", "gender", "ethnicity",
    "identity",
}  # fmt: skip
COUNTS = {"frame", "frames", "frames_sampled", "frames_with_face", "people", "person", "track"}
