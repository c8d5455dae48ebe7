"""Quality of faces: angles of heads that were turned by hand, blur, pictures that cut a face off."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from command import fervid
from conftest import EXAMPLE
from media import Image, encode
from scipy.spatial.transform import Rotation

import fer_video
from fer_video.faces.quality import _MODEL, QUALITIES, qualities_of, sharpness_of
from fer_video.types import Face

BOX = (100.0, 100.0, 200.0, 200.0)


def head(yaw: float = 0, pitch: float = 0, roll: float = 0, middle: tuple[float, float] = (150, 150)) -> Face:
    """The mean head as seen from afar. Angles as in QUALITIES."""
    turn = Rotation.from_euler("YXZ", [yaw, -pitch, -roll], degrees=True).as_matrix()
    seen = (_MODEL @ turn.T)[:, :2] * (6, -6) + middle
    return Face(BOX, 0.9, seen.astype(np.float32), 0.5)


def measured(face: Face, size: tuple[int, int] | None = (400, 400)) -> dict[str, float]:
    return dict(zip(QUALITIES, qualities_of([face], size)[0].tolist(), strict=True))


@pytest.mark.parametrize("yaw", [-60, -20, 0, 35])
@pytest.mark.parametrize("pitch", [-30, 0, 25])
def test_the_turn_of_a_head_is_found(yaw: float, pitch: float) -> None:
    found = measured(head(yaw, pitch))
    assert (found["yaw"], found["pitch"]) == (pytest.approx(yaw, abs=0.01), pytest.approx(pitch, abs=0.01))


def test_roll_is_clockwise() -> None:
    assert measured(head(roll=30))["roll"] == pytest.approx(30, abs=0.01)
    eyes = head(roll=30).landmarks
    assert eyes is not None
    assert eyes[1][1] > eyes[0][1]  # the eye on the right is lower


def test_how_much_of_a_face_is_in_the_picture() -> None:
    whole, half = measured(head()), measured(head(middle=(0, 150)))
    assert (whole["inside"], half["inside"]) == (1.0, 0.5)
    assert measured(head(middle=(400, 150)))["inside"] == 0.5
    assert measured(head(middle=(-200, 150)))["inside"] == 0.0
    assert math.isnan(measured(head(), None)["inside"])


def test_quality_is_the_worst_part() -> None:
    assert measured(head())["quality"] == pytest.approx(1.0)
    assert measured(head(yaw=45))["quality"] == pytest.approx(0.5, abs=1e-3)
    assert measured(replace(head(), sharpness=0.06))["quality"] == pytest.approx(0.2)
    assert measured(replace(head(), box=(100, 100, 120, 120)))["quality"] == 0.25
    assert measured(head(middle=(0, 150)))["quality"] == 0.5
    nothing = measured(Face(BOX, 0.9))
    assert (nothing["size_px"], nothing["quality"]) == (100.0, 1.0)
    assert math.isnan(nothing["yaw"])
    assert qualities_of([], None).shape == (0, 7)


def test_degenerate_landmarks_give_numbers() -> None:
    found = measured(Face(BOX, 0.9, np.full((5, 2), 150, np.float32), 0.5))
    assert 0 <= found["quality"] <= 1


def test_blur_lowers_sharpness_and_contrast_does_not(astronaut: Image) -> None:
    face = astronaut[58:178, 166:286]
    values = [
        sharpness_of(cv2.GaussianBlur(face, (0, 0), blur)) if blur else sharpness_of(face) for blur in (0, 1, 2, 4)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.3 > values[2]
    assert sharpness_of((face * 0.5 + 60).astype(np.uint8)) == pytest.approx(values[0], rel=0.1)
    assert sharpness_of(np.full((50, 50, 3), 99, np.uint8)) == 0.0
    small = cv2.resize(cv2.resize(face, (24, 24), interpolation=cv2.INTER_AREA), (120, 120))
    assert sharpness_of(small) < values[0] / 2


def test_the_face_that_is_turned_most_in_a_real_picture_and_in_its_mirror(six_people: Image) -> None:
    height, width = six_people.shape[:2]
    turned = []
    for image in (six_people, np.ascontiguousarray(six_people[:, ::-1])):
        yaws = [measured(face, (width, height))["yaw"] for face in _faces(image)]
        assert len(yaws) == 6
        turned.append(max(yaws, key=abs))
    assert turned[0] < -35
    assert turned[1] == pytest.approx(-turned[0], abs=15)


def _faces(image: Image) -> list[Face]:
    log = fer_video.analyze(image).observations
    return [each.face for each in log or () if each.face is not None]


def test_columns_and_the_filter_of_a_clip_that_goes_out_of_focus(tmp_path: Path, astronaut: Image) -> None:
    view = astronaut[:288, 60:444]
    blurred = cv2.GaussianBlur(view, (0, 0), 3)
    clip = encode(tmp_path / "c.mp4", [view] * 10 + [blurred] * 10, [i / 10 for i in range(20)])
    rows = fer_video.analyze(clip).to_frame()
    assert rows.quality[:10].min() > 0.7
    assert rows.quality[10:].max() < 0.6
    assert fervid("predict", clip, "--frames", "--out", tmp_path / "r.json").exit_code == 0
    frames = json.loads((tmp_path / "r.json").read_text())["frames"]
    assert [each["faces"][0]["sharpness"] for each in frames] == pytest.approx(rows.sharpness.tolist())
    run = fervid("summarize", tmp_path / "r.json", "--min-quality", "0.65", "--out", tmp_path / "s.csv")
    assert run.exit_code == 0, run.stderr
    (summary,) = pd.read_csv(tmp_path / "s.csv").to_dict("records")
    assert (summary["left_out"], summary["frames"]) == (0.5, 20)
    assert summary["mean_happiness"] == pytest.approx(rows.p_happiness[:10].mean(), abs=1e-6)
    assert summary["quality"] == pytest.approx(rows.quality.mean(), abs=1e-3)
    assert fervid("summarize", tmp_path / "r.json", "--min-quality", "2").exit_code == 2


def test_results_without_sharpness_are_read(tmp_path: Path) -> None:
    assert fervid("predict", EXAMPLE, "--frames", "--fps", "2", "--out", tmp_path / "r.json").exit_code == 0
    value = json.loads((tmp_path / "r.json").read_text())
    for frame in value["frames"]:
        for face in frame["faces"]:
            del face["sharpness"]
    (tmp_path / "old.json").write_text(json.dumps(value))
    frame = fer_video.load(tmp_path / "old.json").to_frame()
    assert frame.sharpness.isna().all()
    assert frame.quality.dropna().between(0, 1).all()
