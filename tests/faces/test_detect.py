"""Detectors: hand-made output maps, real pictures, and a graph that finds red squares through SCRFD's reader."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from faces import overlap
from graphs import save_scrfd_like, save_yunet_like
from media import Image

from fer_video.errors import ModelError, OptionError
from fer_video.faces.detectors import Detector, DetectorOptions, make_detector, select_faces
from fer_video.faces.detectors.base import faces_from, input_size, to_blob
from fer_video.faces.detectors.centerface import decode_maps
from fer_video.faces.detectors.yunet import candidates
from fer_video.models import InputSpec, ModelSpec, find_model, open_session
from fer_video.models.manifest import find_entry
from fer_video.types import Face


def centerface(**options: object):  # type: ignore[no-untyped-def]
    return make_detector(open_session(find_model("face-detector", "centerface")), DetectorOptions(**options))  # type: ignore[arg-type]


def test_maps_by_hand() -> None:
    """One peak at row 3, column 5 of a 10 x 8 map (a 40 x 32 input), the frame twice as large."""
    heatmap, log_size = np.zeros((1, 8, 10), np.float32), np.zeros((2, 8, 10), np.float32)
    offset, landmarks = np.zeros((2, 8, 10), np.float32), np.zeros((10, 8, 10), np.float32)
    heatmap[0, 3, 5] = 0.9
    log_size[:, 3, 5] = np.log([3, 2])  # 12 high, 8 wide
    offset[:, 3, 5] = (0.25, -0.25)  # centre y (3 + 0.25 + 0.5) * 4 = 15, x (5 - 0.25 + 0.5) * 4 = 21
    landmarks[:2, 3, 5] = (0.5, 0.25)  # first point: y 9 + 0.5 * 12, x 17 + 0.25 * 8
    (face,) = decode_maps(heatmap, log_size, offset, landmarks, 0.5, (80, 64), 0.5)
    assert face.box == pytest.approx((2 * 17, 2 * 9, 2 * 25, 2 * 21))
    assert face.score == pytest.approx(0.9)
    assert face.landmarks is not None
    assert face.landmarks[0] == pytest.approx([2 * 19, 2 * 15])
    assert face.landmarks[1] == pytest.approx([2 * 17, 2 * 9])


def test_neighbouring_peaks_are_one_face_and_boxes_end_at_the_frame() -> None:
    heatmap, rest = np.zeros((1, 8, 10), np.float32), np.zeros((10, 8, 10), np.float32)
    heatmap[0, 0, 0], heatmap[0, 0, 1] = 0.8, 0.6
    (face,) = decode_maps(heatmap, np.full((2, 8, 10), np.log(8), np.float32), rest[:2], rest, 1.0, (40, 32), 0.5)
    assert face.score == pytest.approx(0.8)
    assert face.box == pytest.approx((0, 0, 18, 18))  # centre 2, side 32, cut at the corner


def test_nothing_found() -> None:
    empty = np.zeros((10, 8, 10), np.float32)
    assert decode_maps(empty[:1], empty[:2], empty[:2], empty, 1.0, (40, 32), 0.5) == []


@pytest.mark.parametrize(
    ("frame", "min_face", "expected"),
    [
        ((640, 360), 40, (256, 160, 0.4)),  # 16 / 40, which is also the least
        ((1920, 1080), 40, (768, 448, 0.4)),
        ((1920, 1080), 16, (1920, 1088, 1.0)),
        ((3840, 2160), 16, (1920, 1088, 0.5)),  # no further
        ((100, 50), 40, (256, 128, 2.56)),
        ((320, 240), 2, (640, 480, 2.0)),  # twice as large shows all there is
    ],
)
def test_input_size(frame: tuple[int, int], min_face: int, expected: tuple[int, int, float]) -> None:
    width, height, scale = input_size(*frame, min_face)
    assert (width, height, pytest.approx(scale)) == expected


# ---- every detector over the same pictures, where its weights are at hand


def weights_of(name: str) -> ModelSpec:
    """An embedded detector, or one that was pulled into the user's own store."""
    spec = find_entry(name)
    if not spec.path.exists():
        pytest.skip(f"{name} is not on this machine: fervid models pull {name}")
    return spec


@pytest.fixture(scope="module", params=["centerface", "yunet-2023mar", "scrfd-10g", "scrfd-2.5g", "scrfd-500m"])
def detector(request: pytest.FixtureRequest) -> Detector:
    return make_detector(open_session(weights_of(request.param)), DetectorOptions())


def test_the_astronaut_is_found(detector: Detector, astronaut: Image) -> None:
    ((face,),) = detector.detect([astronaut])
    assert overlap(face.box, (181, 58, 270, 178)) > 0.6
    assert face.score > 0.6
    assert face.landmarks is not None
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_eye[1] < nose[1] < left_mouth[1]
    assert left_mouth[0] < right_mouth[0]


def test_six_people_are_found(detector: Detector, six_people: Image) -> None:
    (faces,) = detector.detect([six_people])
    assert len(faces) == 6
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)
    assert all(40 < face.side < 160 for face in faces)


def test_nobody_is_found(detector: Detector) -> None:
    assert detector.detect([np.full((240, 320, 3), 127, np.uint8)]) == [[]]
    assert detector.detect([]) == []


def test_mirrored_people_are_found_where_they_are(detector: Detector, six_people: Image) -> None:
    height, width = six_people.shape[:2]
    plain, mirrored = detector.detect([six_people, np.ascontiguousarray(six_people[:, ::-1])])
    for face in plain:
        x1, y1, x2, y2 = face.box
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
        assert max(overlap(each.box, (width - x2, y1, width - x1, y2)) for each in mirrored) > 0.7


def test_a_batch_gives_what_single_pictures_give(six_people: Image) -> None:
    detector = centerface()
    mirrored = np.ascontiguousarray(six_people[:, ::-1])
    together = detector.detect([six_people, mirrored])
    for faces, image in zip(together, (six_people, mirrored), strict=True):
        (alone,) = detector.detect([image])
        assert [face.box for face in faces] == [pytest.approx(face.box, abs=0.1) for face in alone]
    assert detector.detect([]) == []


@pytest.mark.parametrize("shape", [(90, 60), (61, 203), (32, 32)])
def test_any_frame_size(astronaut: Image, shape: tuple[int, int]) -> None:
    """The face small in frames of odd shapes: boxes come back in the frame's own pixels."""
    height, width = shape
    frame = np.zeros((height, width, 3), np.uint8)
    side = min(height, width)
    frame[:side, :side] = cv2.resize(astronaut[20:276, 100:356], (side, side))
    (faces,) = centerface(min_face_px=8).detect([frame])
    assert len(faces) == 1
    expected = np.array([81, 38, 170, 158]) * side / 256
    assert overlap(faces[0].box, tuple(expected)) > 0.6


def test_no_face_in_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    assert centerface().detect([noise]) == [[]]


def test_selection() -> None:
    large, small, unsure = Face((50, 0, 150, 100), 0.9), Face((0, 0, 30, 100), 0.9), Face((300, 0, 390, 90), 0.6)
    faces = [large, small, unsure]
    assert select_faces(faces, DetectorOptions(min_face_px=10)) == [small, large, unsure]  # left to right
    assert select_faces(faces, DetectorOptions()) == [large, unsure]  # the shorter side counts
    assert select_faces(faces, DetectorOptions(max_faces=1)) == [large]


@pytest.mark.parametrize("wrong", [{"min_face_px": 0}, {"min_score": 0.0}, {"min_score": 1.0}, {"max_faces": 0}])
def test_senseless_options(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        DetectorOptions(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [None, 320])
def test_scrfd_reads_its_outputs(tmp_path: Path, size: int | None) -> None:
    path = save_scrfd_like(tmp_path / "red.onnx", size=size)
    detector = make_detector(
        open_session(find_model("face-detector", f"scrfd:{path}")), DetectorOptions(min_face_px=16)
    )
    image = np.full((240, 320, 3), 60, np.uint8)
    image[48:112, 96:160] = (0, 0, 255)  # centre (128, 80), on the anchors' grid
    image[144:208, 224:288] = (0, 0, 255)
    found = detector.detect([image, np.full_like(image, 60)])
    assert [len(faces) for faces in found] == [2, 0]
    boxes = sorted(face.box for face in found[0])
    assert boxes[0] == pytest.approx((96, 48, 160, 112), abs=0.5)
    assert boxes[1] == pytest.approx((224, 144, 288, 208), abs=0.5)
    face = min(found[0], key=lambda each: each.box)
    assert face.landmarks is not None
    assert face.landmarks.tolist() == [pytest.approx([128 + 4 * k, 80], abs=0.5) for k in range(5)]


def test_scrfd_without_landmarks(tmp_path: Path) -> None:
    path = save_scrfd_like(tmp_path / "red.onnx", landmarks=False)
    detector = make_detector(open_session(find_model("face-detector", f"scrfd:{path}")), DetectorOptions())
    image = np.zeros((256, 256, 3), np.uint8)
    image[64:128, 64:128] = (0, 0, 255)
    ((face,),) = detector.detect([image])
    assert face.landmarks is None


def test_another_network_is_not_scrfd() -> None:
    path = find_model("emotion-backbone").path
    with pytest.raises(ModelError, match="not a face detector of the SCRFD family"):
        make_detector(open_session(find_model("face-detector", f"scrfd:{path}")), DetectorOptions())


def test_the_input_is_rgb_in_the_upper_left() -> None:
    image = np.full((20, 40, 3), (10, 20, 30), np.uint8)  # blue, green, red
    blob = to_blob([image, image], 64, 32, 0.5)
    assert blob.shape == (2, 3, 32, 64)
    assert blob[1, :, 9, 19].tolist() == [30, 20, 10]
    assert blob[0, :, 10:].max() == blob[0, :, :, 20:].max() == 0


def test_large_inputs_are_taken_in_small_batches(six_people: Image) -> None:
    detector, sizes = centerface(min_face_px=8), []
    real = detector.session.raw

    class Spy:
        def run(self, names: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            sizes.extend(blob.shape for blob in inputs.values())
            return real.run(names, inputs)  # type: ignore[no-any-return]

    detector.session = replace(detector.session, raw=Spy())
    assert [len(faces) for faces in detector.detect([six_people[:443]] * 3)] == [6, 6, 6]
    assert sum(shape[0] for shape in sizes) == 3
    assert all(shape[0] == 1 or np.prod((shape[0], *shape[2:])) <= 1 << 20 for shape in sizes)


def test_a_large_picture_alone_is_seen_as_among_others(six_people: Image) -> None:
    """Alone, all cores work at it, in another session."""
    spec = find_model("face-detector")
    detector = make_detector(open_session(spec, "cpu", threads=3, networks=2), DetectorOptions(min_face_px=8))
    assert detector.session.at_once == 1
    (alone,), (first, _) = detector.detect([six_people]), detector.detect([six_people] * 2)
    assert len(alone) == len(first) == 6
    assert np.allclose([face.box for face in alone], [face.box for face in first], atol=0.01)


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (1, 1)])
def test_pictures_of_one_row(shape: tuple[int, int]) -> None:
    assert centerface().detect([np.zeros((*shape, 3), np.uint8)]) == [[]]


def test_a_backbone_is_no_centerface() -> None:
    spec = replace(find_model("emotion-backbone"), kind="centerface")
    with pytest.raises(ModelError, match="not a CenterFace network"):
        make_detector(open_session(spec), DetectorOptions())


def red_squares() -> Image:
    image = np.full((240, 320, 3), 60, np.uint8)
    image[48:112, 96:160] = (0, 0, 255)  # centre (128, 80), on the grid of stride 8
    image[144:208, 224:288] = (0, 0, 255)
    return image


def yunet(path: Path) -> Detector:
    spec = ModelSpec("y", "face-detector", "yunet", path, None, InputSpec("input", 640, channels="BGR"))
    return make_detector(open_session(spec), DetectorOptions(min_face_px=28, min_score=0.5))


def test_yunet_at_the_size_that_shows_the_smallest_face(tmp_path: Path) -> None:
    """The published graph declares 640 x 640; its sides are freed."""
    detector = yunet(save_yunet_like(tmp_path / "y.onnx"))
    assert detector.session.inputs["input"][2:] == ["height", "width"]
    found = detector.detect([red_squares(), np.full((240, 320, 3), 60, np.uint8)])
    assert [len(faces) for faces in found] == [2, 0]
    first, second = sorted(found[0], key=lambda face: face.box)
    assert first.box == pytest.approx((96, 48, 160, 112), abs=0.5)
    assert second.box == pytest.approx((224, 144, 288, 208), abs=0.5)
    assert first.landmarks is not None
    assert first.landmarks.tolist() == [pytest.approx([128 + 4 * k, 80], abs=0.5) for k in range(5)]


def test_yunet_with_a_size_that_cannot_be_freed(tmp_path: Path) -> None:
    detector = yunet(save_yunet_like(tmp_path / "y.onnx", sizes_worked_out=True))
    assert detector.session.inputs["input"][2:] == [640, 640]
    image = cv2.resize(red_squares(), (640, 480), interpolation=cv2.INTER_NEAREST)  # squares of 128 pixels
    (faces,) = detector.detect([cv2.resize(image, (1280, 960), interpolation=cv2.INTER_NEAREST)])
    assert faces
    centers = np.array([face.center for face in faces])
    expected = np.array([[512, 320], [1024, 704]])
    assert all(np.abs(centers - each).max(axis=1).min() < 64 for each in expected)


def test_yunet_grids_by_hand() -> None:
    """One cell of stride 16 in a 64 x 32 input, the frame twice as large."""
    cells = {8: 32, 16: 8, 32: 2}
    outputs = {
        f"{part}_{stride}": np.zeros((1, count, width), np.float32)
        for stride, count in cells.items()
        for part, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
    }
    cell = 1 * 4 + 2  # row 1, column 2 of 2 x 4
    outputs["cls_16"][0, cell], outputs["obj_16"][0, cell] = 0.81, 1.2  # the second is cut to 1: the score is 0.9
    outputs["bbox_16"][0, cell] = (0.25, -0.5, np.log(1.5), 0)  # centre (36, 8), 24 x 16
    outputs["kps_16"][0, cell, :2] = (0.5, 0.25)  # (40, 20)
    (face,) = faces_from(*candidates(outputs, 64, 0.5, 0.5), (128, 64), 0.5, 0.3)
    assert face.box == pytest.approx((2 * 24, 0, 2 * 48, 2 * 16))
    assert face.score == pytest.approx(0.9)
    assert face.landmarks is not None
    assert face.landmarks[0] == pytest.approx([80, 40])
    assert face.landmarks[1] == pytest.approx([64, 32])  # the cell's corner


def test_a_backbone_is_no_yunet() -> None:
    path = find_model("emotion-backbone").path
    with pytest.raises(ModelError, match="not a YuNet network"):
        yunet(path)


def test_yunet_is_what_opencv_reads_from_it(six_people: Image) -> None:
    spec = weights_of("yunet-2023mar")
    height, width = six_people.shape[:2]
    reference = cv2.FaceDetectorYN.create(str(spec.path), "", (width, height), 0.5, 0.3)
    _, theirs = reference.detect(six_people)
    (ours,) = make_detector(open_session(spec), DetectorOptions(min_face_px=20)).detect([six_people])
    for x, y, w, h in theirs[:, :4]:
        assert max(overlap(face.box, (x, y, x + w, y + h)) for face in ours) > 0.9


def test_scrfd_leaves_stdout_alone(tmp_path: Path, face_clip: Path) -> None:
    """insightface and all it imports, in a process of its own: stdout holds the result and nothing else."""
    path = save_scrfd_like(tmp_path / "red.onnx")
    command = [sys.executable, "-m", "fer_video.cli", "predict", face_clip, "--detector", f"scrfd:{path}"]
    code = "no network: the test would fail where a download was tried"
    done = subprocess.run(
        [*map(str, command), "--format", "json", "--fps", "2"], capture_output=True, text=True, timeout=120, check=True,
        env=os.environ | {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
    )  # fmt: skip
    assert json.loads(done.stdout)["status"] == "ok", code
