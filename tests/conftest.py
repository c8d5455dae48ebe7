"""Shared fixtures. Clips are drawn here or lie in examples/; nothing is downloaded."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import Browser, chromium
from command import fervid
from media import Image, encode

import fer_video
from fer_video.render.report import write_report
from fer_video.results.read import read_results
from schemas import FOLDER, watch_outputs

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # some tests import ONNX Runtime themselves
os.environ["FERVID_NO_CONFIG"] = "1"  # a fervid.toml of yours changes no test; also in the processes that tests start

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "astronaut.mp4"
SHARED_CLIPS = ROOT.parent / "shared" / "clips"


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """What --debug does to logging ends with the test that gave it."""
    loggers = logging.getLogger(), logging.getLogger("fer_video")
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def outputs_follow_their_schemas() -> Iterator[None]:
    """What is not as its schema says fails the test that writes it."""
    if not FOLDER.is_dir():
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        watch_outputs(patch)
        yield


@pytest.fixture(scope="session")
def analyzer() -> fer_video.Analyzer:
    return fer_video.Analyzer()


@pytest.fixture(scope="session")
def astronaut() -> Image:
    """512x512, one smiling face at about (182, 58)-(270, 178)."""
    import skimage.data

    return np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])


@pytest.fixture(scope="session")
def six_people() -> Image:
    """1280x886, six faces of 85 to 125 pixels."""
    import importlib.util

    home = importlib.util.find_spec("insightface")
    assert home is not None
    assert home.origin is not None
    image = cv2.imread(str(Path(home.origin).parent / "data" / "images" / "t1.jpg"))
    assert image is not None
    return np.asarray(image, np.uint8)


@pytest.fixture(scope="session")
def face_clip(tmp_path_factory: pytest.TempPathFactory, astronaut: Image) -> Path:
    """Two seconds at 10 frames a second, the face always in sight."""
    path = tmp_path_factory.mktemp("clips") / "face.mp4"
    view = astronaut[:288, 60:444]
    return encode(path, [view] * 20, [i / 10 for i in range(20)])


@pytest.fixture(scope="session")
def faceless_clip(tmp_path_factory: pytest.TempPathFactory, astronaut: Image) -> Path:
    """One second at 10 frames a second of the suit and the shuttle."""
    path = tmp_path_factory.mktemp("clips") / "faceless.mp4"
    view = astronaut[320:512, 320:512]
    return encode(path, [view] * 10, [i / 10 for i in range(10)])


@pytest.fixture(scope="session")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of the example with its frames: two people, whose tracks are not joined."""
    path = tmp_path_factory.mktemp("result") / "r.json"
    run = fervid("predict", EXAMPLE, "--frames", "--attributes", "--no-identify", "--window", "2", "--out", path)
    assert run.exit_code == 0, run.stderr
    return path


@pytest.fixture(scope="session")
def example_report(analysed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its page, beside the video."""
    folder = tmp_path_factory.mktemp("report")
    clip = shutil.copy(EXAMPLE, folder / "a #1?.mp4")
    (found,) = read_results(analysed)
    write_report(found, folder / "report.html", Path(clip))
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Not of the session: while it is open, no other test could run an event loop."""
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def shared_clips() -> Path:
    """The real clips that lie beside a checkout in development and CI."""
    if not SHARED_CLIPS.is_dir():
        pytest.skip("the shared real clips are not here")
    return SHARED_CLIPS


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory, astronaut: Image, six_people: Image) -> Path:
    """<class>/<subject>/<clip>/: frames of two people under changes of light and place, four "subjects" each.

    One clip shows nobody.
    """
    root = tmp_path_factory.mktemp("labelled")
    faces = {"her": astronaut[20:230, 120:330], "him": six_people[30:240, 850:1060]}
    rng = np.random.default_rng(0)
    for label, face in faces.items():
        for subject in range(4):
            for take in range(2):
                folder = root / label / f"s{subject}" / f"take{take}"
                folder.mkdir(parents=True)
                for frame in range(3):
                    x, y = rng.integers(0, 12, 2)
                    view = face[y : y + 190, x : x + 190] * rng.uniform(0.6 + 0.1 * subject, 1.0)
                    (folder / f"{frame}.png").write_bytes(cv2.imencode(".png", view.astype(np.uint8))[1].tobytes())
    nobody = root / "her" / "s0" / "take2"
    nobody.mkdir()
    (nobody / "0.png").write_bytes(cv2.imencode(".png", np.full((99, 99, 3), 80, np.uint8))[1].tobytes())
    return root
