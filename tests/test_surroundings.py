"""What lies around a run: environment variables, Ctrl-C at any moment, and libraries that talk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from fer_video.cli import main

from fer_video import interrupt
from fer_video.errors import InputError
from fer_video.media.decode import open_source
from fer_video.media.said import decode_picture
from fer_video.media.sampling import Sampling
from fer_video.types import Image

FERVID = [sys.executable, "-m", "fer_video.cli"]


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*FERVID, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


@pytest.fixture
def picture(tmp_path: Path, astronaut: Image) -> Path:
    path = tmp_path / "p.jpg"
    cv2.imwrite(str(path), astronaut)
    return path


# ---- OpenCV's variables


@pytest.mark.parametrize(
    ("name", "value"),
    [("IO_MAX_IMAGE_HEIGHT", "1"), ("FOR_THREADS_NUM", "many"), ("DUMP_CONFIG", "1"), ("TRACE", "maybe")],
)
def test_opencv_is_not_led_astray(picture: Path, name: str, value: str) -> None:
    """They refuse each picture, end with an error of C++, print pages, and abort."""
    done = run("predict", picture, "--format", "csv", **{f"OPENCV_{name}": value})
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{picture},ok," in done.stdout


def test_a_limit_that_is_no_number(picture: Path) -> None:
    done = run("predict", picture, FERVID_MAX_PIXELS="many")
    assert done.returncode == 2
    assert done.stderr == "fervid: error: FERVID_MAX_PIXELS must be a number above 0, not 'many'\n"


# ---- Ctrl-C


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="POSIX signals")
def test_ctrl_c_while_the_command_line_is_loaded_gives_no_account_of_imports() -> None:
    code = """
import os, signal, sys
class Meanwhile:
    def find_spec(self, name, *_):
        if name == "cloup":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Meanwhile())
import fer_video.cli
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_what_loads_modules_of_c_and_hears_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """They raise an ImportError for it, which is no bug of ours."""

    @click.command()
    def broken() -> None:
        monkeypatch.setattr(interrupt, "_heard", True)
        raise ImportError("initialization failed")

    monkeypatch.setattr(type(main), "get_command", lambda *_: broken)
    done = CliRunner().invoke(main, ["predict"])
    assert done.exit_code == 130
    assert done.stderr == "fervid: interrupted\n"


# ---- libjpeg, libpng


def damaged(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(200) + data[middle + 200 :]


def test_a_damaged_jpeg_is_partial_and_says_so_once(picture: Path) -> None:
    picture.write_bytes(damaged(picture.read_bytes()))
    done = run("predict", picture, "--format", "csv")
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"fervid: warning: {picture}: partial: the picture is damaged: Corrupt JPEG data")
    assert f"{picture},partial," in done.stdout


def test_a_damaged_png(tmp_path: Path, astronaut: Image) -> None:
    path = tmp_path / "p.png"
    cv2.imwrite(str(path), astronaut)
    path.write_bytes(path.read_bytes()[:5000])
    done = run("predict", path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "not a picture that can be decoded" in line


def test_a_png_whose_part_claims_gigabytes(tmp_path: Path, astronaut: Image) -> None:
    data = cv2.imencode(".png", astronaut[:40, :40])[1].tobytes()
    at = data.index(b"IDAT") - 4
    path = tmp_path / "p.png"
    path.write_bytes(data[:at] + (0xF0000000).to_bytes(4, "big") + data[at + 4 :])
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="a part of it is longer than the file"):
        open_source(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_a_damaged_picture_among_the_frames_of_a_clip(tmp_path: Path, astronaut: Image) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for name in ("f1.jpg", "f2.jpg", "f3.jpg"):
        cv2.imwrite(str(folder / name), astronaut)
    (folder / "f2.jpg").write_bytes(damaged((folder / "f2.jpg").read_bytes()))
    with open_source(folder) as source:
        assert len(list(source.frames(Sampling(fps=None)))) == 3
        assert source.ended_early == "1 of its pictures are damaged, the last of them f2.jpg"


def test_what_others_write_to_stderr_meanwhile_is_not_lost(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def noisy(*_: object) -> Image:
        os.write(2, b"Corrupt JPEG data: 3 extraneous bytes\nsomebody else's line\n\rprogress 3 %")
        return np.zeros((2, 2, 3), np.uint8)

    monkeypatch.setattr(cv2, "imdecode", noisy)
    assert decode_picture(b"x").damage == "Corrupt JPEG data: 3 extraneous bytes"
    assert capfd.readouterr().err == "somebody else's line\n\rprogress 3 %"
