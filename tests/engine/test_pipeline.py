"""The stages together: the same answers as one after the other, and an end when one of them breaks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from faces import overlap
from media import encode

from fer_video import Analyzer, AnalyzerOptions, Face, InputError, Sampling
from fer_video.engine.networks import make_networks
from fer_video.engine.pipeline import Looks, Pipeline
from fer_video.faces.align import crop_face
from fer_video.faces.detectors import Detector
from fer_video.media.decode import open_source
from fer_video.models.backbone import Backbone, Embedded
from fer_video.types import Frame, Image

STAGES = {"decode", "detect", "embed"}
Networks = tuple[Detector, Backbone]


@pytest.fixture(scope="module")
def networks() -> Networks:
    return make_networks(AnalyzerOptions())


@pytest.fixture(scope="module")
def moving_clip(tmp_path_factory: pytest.TempPathFactory, astronaut: Image) -> Path:
    """Two seconds at 30 frames a second; the face goes from left to right, and a cut takes it away at the end."""
    views = [astronaut[:288, 110 - i : 494 - i] for i in range(60)]
    scenes = [*views, *[astronaut[224:512, 64:448]] * 6]
    return encode(tmp_path_factory.mktemp("moving") / "moving.mp4", scenes, [i / 30 for i in range(66)])


def read(path: Path) -> list[Frame]:
    with open_source(path) as source:
        return list(source.frames(Sampling(fps=None)))


def stages_left() -> set[str]:
    return {thread.name for thread in threading.enumerate()} & STAGES


def test_threads_change_nothing(networks: Networks, moving_clip: Path) -> None:
    """Against the detector and the backbone called by hand, on each frame alone."""
    detector, backbone = networks
    frames = read(moving_clip)
    seen = list(Pipeline(detector, backbone, 1.0, key_s=0.0).observe(iter(frames)))
    assert [observation.frame for observation in seen] == list(range(66))
    for frame, observation in zip(frames, seen, strict=True):
        faces = detector.detect([frame.picture])[0]
        assert bool(faces) == (observation.face is not None)
        if observation.face is None:
            continue
        assert observation.face.box == pytest.approx(faces[0].box, abs=0.01)
        alone = backbone.embed([crop_face(frame.picture, faces[0], backbone.size, backbone.spec.crop)])
        assert observation.embedding == pytest.approx(alone.features[0], abs=1e-3)
    assert not stages_left()


def test_key_frames_agree_with_every_frame(networks: Networks, moving_clip: Path) -> None:
    frames = read(moving_clip)
    every, some = (list(Pipeline(*networks, 1.0, key_s).observe(iter(frames))) for key_s in (0.0, 0.2))
    overlaps = []
    for a, b in zip(every, some, strict=True):
        assert (a.person, a.face is None) == (b.person, b.face is None)
        if a.face is not None and b.face is not None:
            overlaps.append(overlap(a.face.box, b.face.box))
    assert len(overlaps) == 60
    assert np.mean(overlaps) > 0.95
    assert min(overlaps) > 0.85


def test_frames_known_from_before_are_not_embedded_again(networks: Networks, face_clip: Path) -> None:
    detector, backbone = networks
    looks: Looks = {}
    frames = read(face_clip)
    list(Pipeline(detector, backbone, 1.0).observe(iter(frames[::5]), looks))
    assert sorted(looks) == [0, 5, 10, 15]
    counting = Counting(backbone)
    seen = list(Pipeline(detector, counting, 1.0).observe(iter(frames), looks))
    assert counting.crops == 16
    assert [observation.frame for observation in seen] == sorted(looks) == list(range(20))


class Counting(Backbone):
    def __init__(self, inner: Backbone) -> None:
        super().__init__(inner.session)
        self.crops = 0

    def embed(self, crops: Sequence[Image]) -> Embedded:
        self.crops += len(crops)
        return super().embed(crops)


class BrokenDetector(Detector):
    def detect(self, images: Sequence[Image]) -> list[list[Face]]:
        raise MemoryError("no room for a frame")


class BrokenBackbone(Backbone):
    def embed(self, crops: Sequence[Image]) -> Embedded:
        raise RuntimeError("the device is gone")


def broken_frames(path: Path) -> Iterator[Frame]:
    yield from read(path)[:5]
    raise InputError(f"{path}: the disk was pulled out")


Broken = Callable[[Networks, Path], tuple[Pipeline, Iterator[Frame]]]
BROKEN: dict[str, tuple[type[Exception], Broken]] = {
    "decode": (InputError, lambda both, path: (Pipeline(*both, 1.0), broken_frames(path))),
    "detect": (
        MemoryError,
        lambda both, path: (Pipeline(BrokenDetector(both[0].session, both[0].options), both[1], 1.0), iter(read(path))),
    ),
    "embed": (
        RuntimeError,
        lambda both, path: (Pipeline(both[0], BrokenBackbone(both[1].session), 1.0), iter(read(path))),
    ),
}


@pytest.mark.parametrize("stage", BROKEN)
def test_a_stage_that_breaks_ends_all(networks: Networks, face_clip: Path, stage: str) -> None:
    error, make = BROKEN[stage]
    pipeline, frames = make(networks, face_clip)
    with pytest.raises(error):
        list(pipeline.observe(frames))
    assert not stages_left()


def test_leaving_in_the_middle(networks: Networks, moving_clip: Path) -> None:
    """Somebody who has seen enough, or Ctrl-C: the file is let go only when nobody reads it any more."""
    with open_source(moving_clip) as source:
        seen = Pipeline(*networks, 1.0).observe(source.frames(Sampling(fps=None)))
        assert next(seen).frame == 0
        assert stages_left()
        seen.close()
        assert not stages_left()


def test_a_clip_that_breaks_does_not_harm_the_next(face_clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(face_clip.read_bytes()[:3000])
    results = list(Analyzer().analyze_many([broken, face_clip]))
    assert [result.status for result in results] == ["failed", "ok"]
    assert not stages_left()
