"""Real clips of real people, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

import fer_video
from fer_video import Analyzer, AnalyzerOptions, Sampling
from fer_video.faces.cuts import CutDetector
from fer_video.media.decode import open_source

pytestmark = pytest.mark.shared


def test_one_man_smiles(analyzer: Analyzer, shared_clips: Path) -> None:
    result = analyzer.analyze(shared_clips / "single_face.mp4")
    assert [person.emotion for person in result.people] == ["happiness"]
    assert result.clip is not None
    assert result.clip.emotion == "happiness"
    assert result.duration_s == pytest.approx(2.4, abs=1e-3)


@pytest.mark.parametrize("fps", [None, 10, 3])
def test_no_face(shared_clips: Path, fps: float | None) -> None:
    result = fer_video.analyze(shared_clips / "no_face.mp4", AnalyzerOptions(sampling=Sampling(fps=fps)))
    assert (result.status, result.people, result.clip) == ("ok", (), None)
    # 95 of its 98 frames are shown (the container's edit list leaves out three), over 3.96 s
    assert result.frames_sampled == {None: 95, 10: 40, 3: 12}[fps]
    assert len(result.to_frame_rows()) == result.frames_sampled


@pytest.mark.parametrize("fps", [None, 10, 2])
def test_one_woman_over_the_whole_clip(shared_clips: Path, fps: float | None) -> None:
    result = fer_video.analyze(shared_clips / "pexels.mp4", AnalyzerOptions(sampling=Sampling(fps=fps)))
    (person,) = result.people
    assert person.frames == result.frames_sampled
    if fps is None:
        assert result.frames_sampled == 472
        # 23.976 frames a second: 1001 ticks of 1/24000 s each
        times = [row["time_s"] for row in result.to_frame_rows()]
        assert times == pytest.approx([i * 1001 / 24000 for i in range(472)], abs=1e-3)


def test_five_people(analyzer: Analyzer, shared_clips: Path) -> None:
    result = analyzer.analyze(shared_clips / "multi_face.jpg")
    assert len(result.people) == 5
    assert sum(person.emotion == "happiness" for person in result.people) >= 4
    assert result.group is not None
    assert result.group.emotion == "happiness"


def test_cuts_between_shots_that_look_alike(shared_clips: Path) -> None:
    """One stage, seen by several cameras: between the first two shots little more than the player changes."""
    cuts = CutDetector()
    with open_source(shared_clips / "cuts.mp4") as source:
        found = [frame.index for frame in source.frames(Sampling(fps=None)) if cuts.update(frame.picture)]
    assert found == [20, 82, 211]
