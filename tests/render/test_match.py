"""A result names its clip; a file of that name may be another."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from command import fervid
from conftest import EXAMPLE

from fer_video.errors import InputError
from fer_video.render.match import check_match
from fer_video.results.read import read_results
from fer_video.types import ClipResult


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> ClipResult:
    out = tmp_path_factory.mktemp("match") / "r.json"
    assert fervid("predict", EXAMPLE, "--fps", "2", "--frames", "--out", out).exit_code == 0
    return read_results(out)[0]


def test_the_clip_itself(found: ClipResult) -> None:
    check_match(found, EXAMPLE)
    check_match(replace(found, size=None), EXAMPLE)


def test_other_files(found: ClipResult, face_clip: Path, tmp_path: Path) -> None:
    assert found.size is not None
    assert found.duration_s is not None
    picture = tmp_path / "p.png"
    cv2.imwrite(str(picture), np.zeros((found.size[1] + 1, found.size[0], 3), np.uint8))
    for path, change, says in [
        (face_clip, {}, r"pixels, the clip of this result"),
        (picture, {}, "pixels, the clip of this result"),
        (Path(__file__), {}, "is not a video|no video"),
        (EXAMPLE, {"duration_s": found.duration_s + 5}, r"lasts 10\.5 s, the clip of this result 15\.5 s"),
        (EXAMPLE, {"duration_s": found.duration_s - 5}, "lasts"),
        (EXAMPLE, {"duration_s": None}, r"the clip of this result 0\.0 s"),  # of a picture
        (EXAMPLE, {"size": None, "duration_s": None}, "neither its size nor its length"),
    ]:
        with pytest.raises(InputError, match=says):
            check_match(replace(found, **change), path)  # type: ignore[arg-type]
    check_match(replace(found, duration_s=5.0, status="partial"), EXAMPLE)


def test_a_page_takes_no_other_file_in(face_clip: Path, tmp_path: Path) -> None:
    clip = Path(shutil.copy(EXAMPLE, tmp_path / "clip.mp4"))
    assert fervid("predict", clip, "--fps", "2", "--frames", "--out", tmp_path / "r.json").exit_code == 0
    shutil.copy(face_clip, clip)
    run = fervid("report", tmp_path / "r.json", "--video", "embed", "--out", tmp_path / "r.html")
    assert run.exit_code == 0
    assert "warning: its page has neither video nor pictures: " in run.stderr
    assert "data:video" not in (tmp_path / "r.html").read_text()


def test_render_refuses_the_result_of_another_clip(face_clip: Path, tmp_path: Path) -> None:
    assert fervid("predict", EXAMPLE, "--fps", "2", "--frames", "--out", tmp_path / "r.json").exit_code == 0
    run = fervid("render", face_clip, "--result", tmp_path / "r.json", "--out", tmp_path / "o.mp4")
    assert run.exit_code == 1
    assert "the clip of this result" in run.stderr
    assert not (tmp_path / "o.mp4").exists()
