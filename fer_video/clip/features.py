"""A clip's embeddings with their times, boxes and probabilities, in arrays and in .npz files.

The keys of a file (docs/features.md): N rows, one a face in a sampled frame, in order of time; M sampled frames.

    frame (N,) int64, time_s (N,) float64, person (N,) int32, box (N, 4) float32, score (N,) float32,
    embedding (N, D) float32, emotion (N, K) float32 probabilities, sampled_frame (M,) int64,
    sampled_time_s (M,) float64; with attributes age, age_std (N,), gender (N, 2), ethnicity (N, 5) float32;
    of a backbone that gives them valence, arousal (N,) float32;
    meta: a JSON text with the schema, path, status, labels and the backbone's name and hash
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from fer_video.clip.pool import Pooling, pool
from fer_video.errors import InputError
from fer_video.files import content_hash, open_output, refuse_pipe, safe_name
from fer_video.models.backbone import Backbone
from fer_video.types import Floats, Observation, Status

__all__ = ["ClipFeatures", "FeatureStore", "StoredFeatures", "collect", "is_features", "load_features"]

SCHEMA = "fervid-features/1"
Faces = Literal["main", "all"]

Times = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

_ROW_ARRAYS = ("frame", "time_s", "person", "box", "score", "embedding", "emotion")
_SAMPLED_ARRAYS = ("sampled_frame", "sampled_time_s")
_ATTRIBUTE_ARRAYS = ("age", "age_std", "gender", "ethnicity")
_OPTIONAL_ARRAYS = (*_ATTRIBUTE_ARRAYS, "valence", "arousal")
_TEXTS = ("path", "status", "error", "backbone_name", "backbone_sha256")
_LABELS = ("emotions", "genders", "ethnicities")


@dataclass(frozen=True, slots=True, eq=False)
class ClipFeatures:
    """See the module for shapes and dtypes."""

    frame: Numbers
    time_s: Times
    person: npt.NDArray[np.int32]
    box: Floats
    score: Floats
    embedding: Floats
    emotion: Floats
    sampled_frame: Numbers
    sampled_time_s: Times
    emotions: tuple[str, ...]  # labels of the columns of `emotion`
    genders: tuple[str, ...] = ()
    ethnicities: tuple[str, ...] = ()
    age: Floats | None = None
    age_std: Floats | None = None
    gender: Floats | None = None
    ethnicity: Floats | None = None
    valence: Floats | None = None
    arousal: Floats | None = None
    path: str = ""
    status: Status = "ok"
    error: str | None = None
    backbone_name: str = ""
    backbone_sha256: str = ""

    @property
    def has_face(self) -> bool:
        return len(self.frame) > 0

    @property
    def _optional(self) -> tuple[str, ...]:
        return tuple(name for name in _OPTIONAL_ARRAYS if getattr(self, name) is not None)

    @property
    def main_person(self) -> int | None:
        """Who is longest, largest and surest in the clip; None without a face."""
        if not self.has_face:
            return None
        sides = np.sqrt(np.prod(np.clip(self.box[:, 2:] - self.box[:, :2], 0, None), axis=1, dtype=np.float64))
        people, row_of = np.unique(self.person, return_inverse=True)
        return int(people[np.bincount(row_of, sides * self.score).argmax()])

    def rows(self, faces: Faces) -> npt.NDArray[np.bool_]:
        """(N,) which rows count: those of the main person, or all."""
        if faces == "all":
            return np.ones(len(self.frame), bool)
        return np.asarray(self.person == (self.main_person or 0))

    def descriptor(self, pooling: Pooling, faces: Faces) -> Floats:
        """(pooling.size(D),) float32, all zeros without a face."""
        chosen = self.rows(faces)
        return pool(self.embedding[chosen], self.frame[chosen], pooling)

    def strided(self, stride: int) -> ClipFeatures:
        """As if only every n-th of the sampled frames had been looked at, with everybody followed as before."""
        kept = np.isin(self.frame, self.sampled_frame[::stride])
        rows = {name: getattr(self, name)[kept] for name in (*_ROW_ARRAYS, *self._optional)}
        return replace(
            self, **rows, sampled_frame=self.sampled_frame[::stride], sampled_time_s=self.sampled_time_s[::stride]
        )

    def save(self, path: Path) -> None:
        """Write the .npz file, whole or not at all. Raises OutputError."""
        names = (*_ROW_ARRAYS, *_SAMPLED_ARRAYS, *self._optional)
        arrays: dict[str, Any] = {name: getattr(self, name) for name in names}
        meta = {"schema": SCHEMA} | {name: getattr(self, name) for name in (*_TEXTS, *_LABELS)}
        with open_output(path, binary=True) as file:
            np.savez(file, **arrays, meta=np.array(json.dumps(meta)))


def load_features(path: Path) -> ClipFeatures:
    """Read a .npz file that `save` wrote; pickled content is refused. Raises InputError when it is not one."""
    try:
        # np.load leaves a file open that it cannot read, hence one of our own
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            meta = json.loads(str(file["meta"][()]))
            if meta["schema"] != SCHEMA:
                raise InputError(f"{path}: features of schema {meta['schema']}, this version reads {SCHEMA}")
            names = [*_ROW_ARRAYS, *_SAMPLED_ARRAYS, *(name for name in _OPTIONAL_ARRAYS if name in file)]
            return ClipFeatures(
                **{name: file[name] for name in names},
                **{name: meta[name] for name in _TEXTS},
                emotions=tuple(meta["emotions"]),
                genders=tuple(meta["genders"]),
                ethnicities=tuple(meta["ethnicities"]),
            )
    except InputError:
        raise
    except Exception as error:  # zipfile and NumPy raise a dozen kinds on damaged ones, MemoryError among them
        raise InputError(
            f"{path}: not a features file of fervid that can be read; delete it to make it again"
        ) from error


class StoredFeatures(Sequence[ClipFeatures]):
    """Features in files, read when they are asked for and not kept: any number of clips in the memory of one.

    has_face: of each file, known from when it was read first. stride: every n-th sampled frame alone.
    """

    def __init__(self, files: Sequence[Path], has_face: Sequence[bool], stride: int = 1) -> None:
        self.files, self.has_face, self.stride = tuple(files), tuple(has_face), stride

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, row: int) -> ClipFeatures: ...
    @overload
    def __getitem__(self, row: slice) -> StoredFeatures: ...
    def __getitem__(self, row: int | slice) -> ClipFeatures | StoredFeatures:
        """Raises InputError for a file that is damaged or gone."""
        if isinstance(row, slice):
            return StoredFeatures(self.files[row], self.has_face[row], self.stride)
        features = load_features(self.files[row])
        return features if self.stride == 1 else features.strided(self.stride)

    def chosen(self, rows: Iterable[int]) -> StoredFeatures:
        several = list(rows)
        return StoredFeatures(
            [self.files[row] for row in several], [self.has_face[row] for row in several], self.stride
        )

    def strided(self, stride: int) -> StoredFeatures:
        """As ClipFeatures.strided, of all."""
        return StoredFeatures(self.files, self.has_face, stride)


def is_features(path: Path) -> bool:
    """Whether a features file is there and whole, so far as its table of contents tells."""
    try:
        with zipfile.ZipFile(path) as file:
            return "meta.npy" in file.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def collect(observations: Iterable[Observation], backbone: Backbone) -> ClipFeatures:
    """The observations of one clip, in order, as arrays."""
    seen = list(observations)
    faces = [each for each in seen if each.face is not None]
    sampled = {each.frame: each.time_s for each in seen}
    labels = {head.task: head.labels for head in backbone.heads}
    attributes: dict[str, Any] = {}
    if any(each.affect for each in faces):
        affect = [each.affect for each in faces if each.affect is not None]
        attributes |= {
            "valence": np.array([each.valence for each in affect], np.float32),
            "arousal": np.array([each.arousal for each in affect], np.float32),
        }
    if any(each.attributes for each in faces):
        found = [each.attributes for each in faces if each.attributes is not None]
        attributes |= {
            "genders": labels["gender"],
            "ethnicities": labels["ethnicity"],
            "age": np.array([each.age_years for each in found], np.float32),
            "age_std": np.array([each.age_std_years for each in found], np.float32),
            "gender": np.array([list(each.gender.values()) for each in found], np.float32),
            "ethnicity": np.array([list(each.ethnicity.values()) for each in found], np.float32),
        }
    emotions = labels["emotion"]
    return ClipFeatures(
        frame=np.array([each.frame for each in faces], np.int64),
        time_s=np.array([each.time_s for each in faces], np.float64),
        person=np.array([each.person for each in faces], np.int32),
        box=np.array([each.face.box for each in faces if each.face], np.float32).reshape(-1, 4),
        score=np.array([each.face.score for each in faces if each.face], np.float32),
        embedding=np.array([each.embedding for each in faces], np.float32).reshape(-1, backbone.feature_size),
        emotion=np.array([list((each.probabilities or {}).values()) for each in faces], np.float32).reshape(
            -1, len(emotions)
        ),
        sampled_frame=np.array(list(sampled), np.int64),
        sampled_time_s=np.array(list(sampled.values()), np.float64),
        emotions=emotions,
        **attributes,
    )


class FeatureStore:
    """A folder of features files, one a clip and a way of extracting it.

    The name holds a hash of the clip's content and of the analyzer's fingerprint: a clip that was moved or renamed
    is found again, one that changed, or another way of extracting, is another file.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.fingerprint = fingerprint

    def file_for(self, clip: Path) -> Path:
        """Where a clip's features are or would be. Raises InputError when the clip cannot be read."""
        return self.place_of(clip)[0]

    def place_of(self, clip: Path) -> tuple[Path, str]:
        """The same, and the hash of the clip's content."""
        refuse_pipe(clip)
        try:
            key = content_hash(clip)
        except OSError as error:
            raise InputError(f"{clip}: cannot be read: {error.strerror}; check the name") from error
        both = content_hash_of(SCHEMA, key, self.fingerprint)
        return self.folder / f"{safe_name(clip.stem)}-{both[:20]}.npz", key


def content_hash_of(*parts: str) -> str:
    """sha256 over some texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
