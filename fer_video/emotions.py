"""What people call an emotion -> what fervid calls it, so that labels from everywhere agree with each other."""

from __future__ import annotations

__all__ = ["emotion_name", "plain_emotion"]

_KNOWN = ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
_NAMES = {
    "afraid": "fear", "angry": "anger", "contemptuous": "contempt", "disgusted": "disgust", "fearful": "fear",
    "happy": "happiness", "sad": "sadness", "scared": "fear", "surprised": "surprise",
}  # fmt: skip


def plain_emotion(name: str) -> str:
    """The name that fervid has for an emotion: "Happy" -> "happiness". Others in small letters."""
    return _NAMES.get(name.lower(), name.lower())


def emotion_name(label: str) -> str:
    """The same where it is an emotion; any other label as it is."""
    plain = plain_emotion(label.strip())
    return plain if plain in _KNOWN else label.strip()
