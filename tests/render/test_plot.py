"""Pictures of results: what is drawn, and the command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from command import fervid
from conftest import EXAMPLE
from svg import words

from fer_video.errors import InputError, OptionError
from fer_video.render.palette import colour_of
from fer_video.render.plot import _DASHES, _curves, plot_clip, plot_clips
from fer_video.results.observations import ObservationLog
from fer_video.results.rows import clip_object
from fer_video.types import ClipResult, Face, Observation, Person, Prediction, Segment

EMOTIONS = ("neutral", "happiness")


def clip(path: str = "clip.mp4", frames: int = 40, seen: range = range(10, 30), *, people: int = 1) -> ClipResult:
    log, face = ObservationLog(EMOTIONS), Face((0, 0, 9, 9), 0.9)
    for i in range(frames):
        if i not in seen:
            log.append(Observation(i, i / 10))
        for person in range(1, people + 1) if i in seen else ():
            log.append(Observation(i, i / 10, person, face, {"neutral": 0.25, "happiness": 0.75}))
    shares = {"neutral": 0.25, "happiness": 0.75}
    segments = (Segment(1.0, 2.0, "happiness", 0.75), Segment(2.0, 2.9, None, 0.4))
    everybody = tuple(Person(i, 1.0, 2.9, 20, "happiness", 0.75, shares, None, segments) for i in range(1, people + 1))
    return ClipResult(
        path,
        "ok",
        duration_s=frames / 10,
        fps=10.0,
        frames_sampled=frames,
        frames_with_face=len(seen),
        clip=Prediction("happiness", 0.75, shares, "mean-probability", 1),
        people=everybody,
        observations=log,
    )


def stored(path: Path, *results: ClipResult) -> Path:
    path.write_text(json.dumps([clip_object(each, frames=True) for each in results]))
    return path


def test_curves_are_the_frames_and_gaps_are_none() -> None:
    result = clip()
    times, shares = _curves(result, result.people[0])
    assert times == pytest.approx([i / 10 for i in range(40)])
    assert np.isnan(shares[:10]).all()
    assert np.isnan(shares[30:]).all()
    assert shares[10:30] == pytest.approx(np.tile([0.25, 0.75], (20, 1)))


def test_a_long_clip_is_drawn_in_stretches() -> None:
    result = clip(frames=6000, seen=range(3000))
    times, shares = _curves(result, result.people[0])
    assert times.shape == (600,)
    assert shares[:300] == pytest.approx(np.tile([0.25, 0.75], (300, 1)))
    assert np.isnan(shares[300:]).all()


@pytest.mark.parametrize("kind", ["stacked", "lines"])
def test_the_colours_are_in_the_picture(tmp_path: Path, kind: str) -> None:
    plot_clip(clip(), tmp_path / "p.png", kind)  # type: ignore[arg-type]
    image = cv2.imread(str(tmp_path / "p.png"))
    assert image is not None
    drawn = {tuple(pixel) for pixel in image.reshape(-1, 3)[:, ::-1].tolist()}
    for label in EMOTIONS:
        assert tuple(int(colour_of(label)[i : i + 2], 16) for i in (1, 3, 5)) in drawn


def test_names_people_and_segments_are_written_out(tmp_path: Path) -> None:
    out = tmp_path / "p.svg"
    plot_clip(clip("a$b_{x}$ <b>.mp4", people=2), out)
    for said in ("person 1: happiness 75%", "person 2: happiness 75%", "happiness", "neutral", "uncertain"):
        assert said in words(out)
    ET.parse(out)
    first = out.read_bytes()
    plot_clip(clip("a$b_{x}$ <b>.mp4", people=2), out)
    assert out.read_bytes() == first
    plot_clip(clip(people=2), out, person=2)
    assert "person 1" not in words(out)
    with pytest.raises(OptionError, match="person 3 is not in"):
        plot_clip(clip(people=2), out, person=3)


def test_small_multiples(tmp_path: Path) -> None:
    out = tmp_path / "p.svg"
    picture, nobody = replace(clip("p.jpg"), duration_s=None), replace(clip("nobody.mp4"), clip=None, people=())
    failed = ClipResult("bad.mp4", "failed", "no")
    plot_clips([clip("one.mp4"), clip("two.mp4"), failed, picture, nobody, nobody], out)
    left_out = "not shown of 6 clips: 1 failed, 1 picture, 2 without a face"
    assert all(said in words(out) for said in ("one", "two", "seconds", left_out))
    with pytest.raises(InputError, match="nothing to plot"):
        plot_clips([ClipResult("bad.mp4", "failed", "no")], out)
    with pytest.raises(OptionError, match=r"61 clips .* name it \.pdf"):
        plot_clips([clip()] * 61, out)


def test_many_clips_are_pages_of_a_pdf(tmp_path: Path) -> None:
    out = tmp_path / "p.pdf"
    plot_clips([clip(frames=10, seen=range(3, 8))] * 61, out, "lines")
    data = out.read_bytes()
    assert data.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", data)) == 2
    plot_clips([clip("a.mp4"), clip("b.mp4")], out)
    first = out.read_bytes()
    assert len(re.findall(rb"/Type /Page\b", first)) == 1
    plot_clips([clip("a.mp4"), clip("b.mp4")], out)
    assert out.read_bytes() == first  # no date


def test_the_group_is_the_mean_of_those_in_sight(tmp_path: Path) -> None:
    log, face = ObservationLog(EMOTIONS), Face((0, 0, 9, 9), 0.9)
    for time_s, people in ((0.0, {1: 0.2, 2: 0.6}), (0.5, {2: 0.5}), (1.0, {})):
        for person, happy in people.items():
            log.append(Observation(0, time_s, person, face, {"neutral": 1 - happy, "happiness": happy}))
        if not people:
            log.append(Observation(0, time_s))
    two = replace(clip(people=2), observations=log, duration_s=3.0)
    times, shares = _curves(two, None)
    assert times.tolist() == [0.0, 0.5, 1.0]
    assert shares[:2, 1] == pytest.approx([0.4, 0.5])
    assert np.isnan(shares[2]).all()
    out = tmp_path / "p.svg"
    plot_clip(two, out, group=True)
    assert "all 2 together" in words(out)
    plot_clip(two, out)
    assert "together" not in words(out)


def test_no_two_of_eight_lines_are_dashed_alike() -> None:
    assert len(set(_DASHES)) == 8


def test_nobody_is_nothing_to_plot(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to plot"):
        plot_clip(ClipResult("a.mp4", "ok", duration_s=1.0, observations=ObservationLog(())), tmp_path / "p.png")
    assert not list(tmp_path.iterdir())


# ---- the command


def test_a_clip_and_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    one = stored(folder / "a.json", clip("one.mp4"))
    (folder / "notes.txt").touch()
    out = tmp_path / "p.svg"
    assert fervid("plot", one, "--out", out).exit_code == 0
    assert "person 1: happiness 75%" in words(out)
    stored(folder / "b.json", clip("two.mp4"))
    run = fervid("plot", folder, "--out", out, "--kind", "lines")
    assert (run.exit_code, run.stdout, run.stderr) == (0, "", "")
    assert "two" in words(out)


def test_a_confusion_matrix(tmp_path: Path) -> None:
    value = {
        "labels": ["anger", "happiness"],
        "confusion": [[31, 2], [0, 47]],
        "accuracy": {"value": 0.975},
        "macro_recall": {"value": 0.9697},
    }
    path, out = tmp_path / "e.json", tmp_path / "p.svg"
    path.write_text(json.dumps(value))
    assert fervid("plot", path, "--out", out).exit_code == 0
    assert all(said in words(out) for said in ("31", "47", "accuracy 97.5%, mean recall 97.0%"))
    path.write_text(json.dumps(value | {"confusion": [[31, 2]]}))
    run = fervid("plot", path, "--out", out)
    assert (run.exit_code, "not one of 2 labels" in run.stderr) == (1, True)


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    one = stored(tmp_path / "a.json", clip())
    two = stored(tmp_path / "b.json", clip(), clip("b.mp4"))
    (tmp_path / "empty").mkdir()
    for arguments, code, said in (
        ((one, "--out", "p.jpg"), 2, "name it .png, .svg or .pdf"),
        ((EXAMPLE, "--out", tmp_path / "p.png"), 1, "predict CLIP --frames"),
        ((two, "--group", "--out", tmp_path / "p.png"), 2, "--group belongs to one clip"),
        ((two, "--person", "1", "--out", tmp_path / "p.png"), 2, "--person belongs to one clip"),
        ((tmp_path / "empty", "--out", tmp_path / "p.png"), 1, "in this folder"),
        ((tmp_path / "none.json", "--out", tmp_path / "p.png"), 1, "No such file"),
    ):
        run = fervid("plot", *arguments)
        assert (run.exit_code, said in run.stderr) == (code, True), run.stderr
    assert not (tmp_path / "p.png").exists()


def test_without_the_extra_it_says_which(tmp_path: Path) -> None:
    code = "import sys; sys.modules['matplotlib'] = None; from fer_video.cli import main; main()"
    arguments = [sys.executable, "-c", code, "plot", str(stored(tmp_path / "a.json", clip())), "--out", "p.png"]
    run = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr == "fervid: error: pictures need matplotlib: pip install 'fervid[plot]'\n"


def test_letters_that_no_font_has_are_told_in_one_line(tmp_path: Path) -> None:
    result = stored(tmp_path / "r.json", clip("𓀀.mp4"))
    command = [sys.executable, "-m", "fer_video.cli", "plot", str(result), "--out", str(tmp_path / "p.png")]
    environment = {**os.environ, "MPLCONFIGDIR": "/dev/null/nowhere"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert "letters of these names are in none of the fonts here" in line
