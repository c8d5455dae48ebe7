"""How a result was made, in words: models, versions and options by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["how_made"]

_MODELS = {
    "detector": "Face detector", "backbone": "Backbone", "identity": "Face recognition", "clip_model": "Clip model",
    "group_model": "Group model",
}  # fmt: skip
_NAMES = {
    "detect": ("Faces are searched in", ""),
    "min_face_px": ("Smallest face", "pixels"),
    "min_score": ("Least score of a face", ""),
    "max_faces": ("Most faces per frame", ""),
    "attributes": ("Age, gender and ethnicity", ""),
    "min_confidence": ("Least confidence of an answer", ""),
    "max_lost_s": ("Longest time out of sight within a track", "s"),
    "identity_embeddings": ("Face embeddings in the result", ""),
    "windows": ("Windows", ""),
    "times": ("Times from", ""),
    "adaptive": ("Adaptive sampling", ""),
    "same": ("least similarity of one face", ""),
    "length_s": ("length", "s"),
    "step_s": ("step", "s"),
}
_SOFTWARE = {"python": "Python", "onnxruntime": "ONNX Runtime", "opencv": "OpenCV", "numpy": "NumPy"}
_DEEPEST = 4  # levels of what is within what: nothing of fervid's is deeper, and a file may hold any number
_HASH = 16  # its first characters, which tell models apart


def how_made(ran: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What, and its words. ran: from a result, which may hold anything."""
    rest = dict(ran)
    versions = rest.pop("versions", None)
    several = [("fervid", rest.pop("fervid", None)), *(versions.items() if isinstance(versions, Mapping) else ())]
    software = ", ".join(
        f"{_SOFTWARE.get(str(name), name)} {_words(each)}" for name, each in several if each is not None
    )
    pairs = [("Software", software)] if software else []
    for key, name in _MODELS.items():
        if (model := rest.pop(key, None)) is not None:
            pairs.append((name, _model(model)))
    if (provider := rest.pop("provider", None)) is not None:
        pairs.append(("Device", _words(provider)))
    if (sampling := rest.pop("sampling", None)) is not None:
        pairs.append(("Frames", _sampling(sampling)))
    segments = rest.pop("segments", None)
    if isinstance(segments, Mapping) and "how" in segments:
        pairs.append(("Segments", _words(segments["how"])))
    elif segments is not None:
        pairs.append(("Segments", _words(segments)))
    options = rest.pop("options", None)
    if not isinstance(options, Mapping):
        rest = rest | ({} if options is None else {"options": options})
        options = {}
    return pairs + list(_named(options.items())) + list(_named((k, v) for k, v in rest.items() if v is not None))


def _named(items: Iterable[tuple[Any, Any]], depth: int = 0) -> Iterator[tuple[str, str]]:
    for key, value in items:
        name, unit = _NAMES.get(str(key), (_plain(key), ""))
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        words = _words(value, depth)
        yield name, f"{words} {unit}".rstrip() if is_number else words


def _model(model: Any) -> str:
    if not isinstance(model, Mapping):
        return _words(model)
    rest = {key: value for key, value in model.items() if key not in ("name", "sha256", "provider")}
    parts = [_words(model.get("name", "unnamed"))]
    if model.get("provider"):
        parts.append(f"on {_words(model['provider'])}")
    if model.get("sha256"):
        parts.append(f"SHA-256 {_words(model['sha256'])[:_HASH]}")
    return ", ".join([*parts, *(f"{name} {value}" for name, value in _named(rest.items()))])


def _sampling(sampling: Any) -> str:
    if not isinstance(sampling, Mapping):
        return _words(sampling)
    fps, start_s, end_s = (sampling.get(name) for name in ("fps", "start_s", "end_s"))
    if sampling.get("every_frame") or fps is None:
        stride = sampling.get("stride", 1)
        said = "every frame" if stride == 1 else f"every {_words(stride)}th frame"
    else:
        said = f"{_words(fps)} per second of video"
    if start_s:
        said += f", from {_words(start_s)} s"
    return said + (f", to {_words(end_s)} s" if end_s is not None else "")


def _words(value: Any, depth: int = 0) -> str:
    """A value as people write it; never as a program does."""
    if depth > _DEEPEST:
        return "…"
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {words}" for name, words in _named(value.items(), depth + 1)) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_words(each, depth + 1) for each in value) or "none"
    return str(value)


def _plain(key: Any) -> str:
    text = str(key).replace("_", " ")
    return text[:1].upper() + text[1:]
