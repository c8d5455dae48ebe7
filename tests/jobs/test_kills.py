"""SIGKILL at any moment: a file is whole or not there, what is there already stays, and the next run ends as if nothing
had been.

A few kills a command by default; FERVID_KILLS=20 for as many. Those of a batch are in test_batch_cli.py.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command import fervid
from conftest import EXAMPLE

from fer_video.clip.features import load_features
from fer_video.clip.store import load_clip_model
from fer_video.media.decode import open_source
from fer_video.media.sampling import Sampling

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="SIGKILL")]
KILLS = int(os.environ.get("FERVID_KILLS", "4"))

Check = Callable[[Path], object]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """result.json, and shards/ of two small batches."""
    folder = tmp_path_factory.mktemp("kills")
    assert fervid("predict", EXAMPLE, "--frames", "--out", folder / "result.json").exit_code == 0
    clips = folder / "clips"
    clips.mkdir()
    for number in range(6):
        shutil.copy(EXAMPLE, clips / f"{number}.mp4")
    for shard in ("1/2", "2/2"):
        batch = ("predict", clips, "--fps", "1", "--shard", shard, "--format", "jsonl", "--out", f"{folder}/shards/")
        assert fervid(*batch).exit_code == 0
    return folder


def _frames(path: Path) -> int:
    with open_source(path) as source:
        frames = sum(1 for _ in source.frames(Sampling(fps=None)))
        assert source.ended_early is None
    return frames


def _page(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    assert text.rstrip().endswith("</html>")
    return text


def _all_features(path: Path) -> list[tuple[str, int]]:
    return sorted((file.name, len(load_features(file).frame)) for file in path.glob("*.npz"))


def _merged(path: Path) -> list[str]:
    file = path / "results.jsonl"  # written last, so that the folder may be there without it
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return sorted(json.loads(line)["path"] for line in lines)


def _commands(work: Path, labelled: Path, out: Path) -> dict[str, tuple[list[object], Path, Check]]:
    """What is run, what it makes, and how that is read."""
    model = out / "model"
    return {
        "report": (["report", work / "result.json", "--out", out / "r.html"], out / "r.html", _page),
        "render": (
            ["render", EXAMPLE, "--result", work / "result.json", "--out", out / "o.mp4", "-q"], out / "o.mp4", _frames
        ),
        "train": (
            ["train", labelled, "--out", model, "--fps", "1"], model, lambda path: load_clip_model(path).info.labels
        ),
        "extract": (["extract", work / "clips", "--fps", "1", "--out", out / "f", "-q"], out / "f", _all_features),
        "merge": (["merge", work / "shards", "--out", out / "merged", "-q"], out / "merged", _merged),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["report", "render", "train", "extract", "merge"])
def test_killed_at_any_moment(name: str, work: Path, labelled: Path, tmp_path: Path) -> None:
    arguments, _, read = _commands(work, labelled, tmp_path / "undisturbed")[name]
    (tmp_path / "undisturbed").mkdir()
    began_s = time.monotonic()
    expected = _whole_run(arguments, _commands(work, labelled, tmp_path / "undisturbed")[name][1], read)
    took_s = time.monotonic() - began_s
    (tmp_path / "out").mkdir()
    arguments, made, read = _commands(work, labelled, tmp_path / "out")[name]
    draw, killed = random.Random(3), 0
    for _ in range(KILLS):
        with subprocess.Popen([sys.executable, "-m", "fer_video.cli", *map(str, arguments)], **_SILENT) as process:
            try:
                process.wait(draw.uniform(0.1, 1.0) * took_s)
            except subprocess.TimeoutExpired:
                process.kill()
                killed += 1
        if made.exists():
            found = read(made)
            assert found == expected or made.is_dir()  # folders fill; each file in them was read
    assert killed
    assert _whole_run(arguments, made, read) == expected


_SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def _whole_run(arguments: list[object], made: Path, read: Check) -> object:
    command = [sys.executable, "-m", "fer_video.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr  # 1: one of the labelled clips shows nobody
    return read(made)
