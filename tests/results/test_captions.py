"""Segments as captions and tiers, read back by other people's parsers."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pympi
import pytest
import srt
import webvtt
from command import fervid
from made import result
from praatio import textgrid

from fer_video.errors import OptionError
from fer_video.results.writers import CLIP_FORMATS, RowShape, make_writer
from fer_video.types import ClipResult, Person, Segment

HOSTILE = 'a "b" & <c> --> \n\x1b\ud800'


def written(format_name: str, *results: ClipResult) -> str:
    file = io.StringIO()
    with make_writer(format_name, "clips", file, RowShape(("sad", "happy"))) as writer:
        for each in results:
            writer.write(each)
    return file.getvalue()


@pytest.fixture
def two_people() -> ClipResult:
    """Person 1 from 0 to 2 s with two segments, person 2 from 1 to 3.5 s; the clip has 4 s."""
    shares = {"sad": 0.5, "happy": 0.5}
    first = (Segment(0.0, 1.25, "happy", 0.875), Segment(1.25, 2.0, None, 0.4))
    second = (Segment(1.0, 3.5, HOSTILE, 0.75),)
    people = (
        Person(1, 0.0, 2.0, 20, "happy", 0.5, shares, None, first),
        Person(2, 1.0, 3.5, 25, "happy", 0.5, shares, None, second),
    )
    return replace(result("a b.mp4"), duration_s=4.0, people=people)


def test_webvtt(two_people: ClipResult, tmp_path: Path) -> None:
    path = tmp_path / "c.vtt"
    path.write_text(written("vtt", two_people), encoding="utf-8")
    cues = [(cue.start, cue.end, cue.raw_text) for cue in webvtt.read(str(path))]
    assert cues[0] == ("00:00:00.000", "00:00:01.250", "person 1: happy 88%")
    assert cues[1][:2] == ("00:00:01.000", "00:00:03.500")
    assert cues[1][2].startswith('person 2: a "b" &amp; &lt;c&gt; --&gt; \\n\\x1b')
    assert cues[2] == ("00:00:01.250", "00:00:02.000", "person 1: uncertain 40%")
    assert len(cues) == 3


def test_every_format_with_room_for_it_says_how(two_people: ClipResult, tmp_path: Path) -> None:
    how = "Best path through the probabilities of the frames."
    said = replace(two_people, ran={"segments": {"method": "path", "how": how}})
    vtt, eaf, grid = (tmp_path / f"c.{name}" for name in ("vtt", "eaf", "TextGrid"))
    vtt.write_text(written("vtt", said), encoding="utf-8")
    assert len(webvtt.read(str(vtt))) == 3
    assert f"NOTE path: {how}" in vtt.read_text(encoding="utf-8")
    eaf.write_text(written("eaf", said), encoding="utf-8")
    assert ("fervid.segments.how", how) in pympi.Elan.Eaf(str(eaf)).properties
    grid.write_text(written("textgrid", said), encoding="utf-8")
    (entry,) = textgrid.openTextgrid(str(grid), True).getTier("method").entries
    assert tuple(entry) == (0, 4, f"path: {how}")


def test_srt(two_people: ClipResult) -> None:
    cues = list(srt.parse(written("srt", two_people)))
    assert [cue.index for cue in cues] == [1, 2, 3]
    assert [(cue.start.total_seconds(), cue.end.total_seconds()) for cue in cues] == [(0, 1.25), (1, 3.5), (1.25, 2)]
    assert cues[0].content == "person 1: happy 88%"
    assert "<" not in cues[1].content


def test_one_person_is_not_named() -> None:
    (first, _) = srt.parse(written("srt", result()))
    assert first.content == "happy 75%"


def test_elan(two_people: ClipResult, tmp_path: Path) -> None:
    path = tmp_path / "c.eaf"
    path.write_text(written("eaf", two_people), encoding="utf-8")
    eaf = pympi.Elan.Eaf(str(path))
    assert list(eaf.get_tier_names()) == ["person 1", "person 1 confidence", "person 2", "person 2 confidence"]
    assert eaf.get_annotation_data_for_tier("person 1") == [(0, 1250, "happy"), (1250, 2000, "uncertain")]
    assert eaf.get_annotation_data_for_tier("person 1 confidence") == [(0, 1250, "0.875"), (1250, 2000, "0.400")]
    ((start, end, said),) = eaf.get_annotation_data_for_tier("person 2")
    assert (start, end) == (1000, 3500)
    assert said.startswith('a "b" & <c> -->')
    (medium,) = eaf.get_linked_files()
    assert medium["MEDIA_URL"] == (Path.cwd() / "a b.mp4").as_uri()
    assert (medium["RELATIVE_MEDIA_URL"], medium["MIME_TYPE"]) == ("./a%20b.mp4", "video/mp4")


def test_praat(two_people: ClipResult, tmp_path: Path) -> None:
    path = tmp_path / "c.TextGrid"
    path.write_text(written("textgrid", two_people), encoding="utf-8")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True, reportingMode="error")
    assert grid.tierNames == ("person 1", "person 1 confidence", "person 2", "person 2 confidence")
    assert (grid.minTimestamp, grid.maxTimestamp) == (0, 4)
    assert [tuple(each) for each in grid.getTier("person 1").entries] == [
        (0, 1.25, "happy"), (1.25, 2, "uncertain"), (2, 4, ""),
    ]  # fmt: skip
    middle = grid.getTier("person 2").entries[1]
    assert (middle.start, middle.end) == (1, 3.5)
    assert middle.label.startswith('a "b" & <c> -->') or middle.label.startswith('a ""b"" & <c> -->')


@pytest.mark.parametrize("format_name", CLIP_FORMATS)
def test_nobody_and_somebody_for_a_moment(format_name: str, tmp_path: Path) -> None:
    person = Person(1, 0.5, 0.5, 1, "happy", 0.5, {}, None, (Segment(0.5, 0.5, "happy", 0.5),))
    moment = replace(result(), people=(person,), duration_s=0.5)
    path = tmp_path / f"c.{format_name}"
    for each in (replace(result(), people=()), moment, ClipResult("bad.mp4", "failed", "no")):
        path.write_text(written(format_name, each), encoding="utf-8")
        seen = each is moment
        if format_name == "vtt":
            assert [cue.end for cue in webvtt.read(str(path))] == (["00:00:00.540"] if seen else [])
        elif format_name == "srt":
            assert len(list(srt.parse(path.read_text()))) == seen
        elif format_name == "eaf":
            assert len(pympi.Elan.Eaf(str(path)).get_tier_names()) == (2 if seen else 0)
        else:
            grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False, reportingMode="error")
            assert len(grid.tiers[0].entries) == seen


def test_moments_in_a_row_do_not_overlap(tmp_path: Path) -> None:
    """Windows of a frame or two: annotations are made longer so that they can be seen, but not over the next one."""
    times = (0.5, 0.51, 0.5102, 0.53, 0.9)
    segments = tuple(Segment(start, start + 0.001, "happy", 0.5) for start in times)
    person = Person(1, 0.5, 0.5, 1, "happy", 0.5, {}, None, segments)
    whole = replace(result(), people=(person,), duration_s=1.0)
    expected = [(510, 530), (530, 570), (900, 940)]
    eaf, grid = tmp_path / "c.eaf", tmp_path / "c.TextGrid"
    for path in (eaf, grid):
        path.write_text(written(path.suffix[1:].lower(), whole), encoding="utf-8")
    found = pympi.Elan.Eaf(str(eaf)).get_annotation_data_for_tier("person 1")
    assert sorted((start, end) for start, end, *_ in found) == [(500, 510), *expected]
    tier = textgrid.openTextgrid(str(grid), includeEmptyIntervals=False, reportingMode="error").getTier("person 1")
    assert [(round(each.start * 1000), round(each.end * 1000)) for each in tier.entries] == [(500, 510), *expected]


@pytest.mark.parametrize("format_name", CLIP_FORMATS)
def test_a_second_clip_is_refused(format_name: str) -> None:
    with pytest.raises(OptionError, match="about one clip"):
        written(format_name, result(), result())


def test_the_command(face_clip: Path, faceless_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.vtt"
    run = fervid("predict", face_clip, "--fps", "5", "--out", out)
    assert (run.exit_code, run.stdout, run.stderr) == (0, "", "")
    (cue,) = webvtt.read(str(out))
    assert cue.raw_text.startswith("happiness ")
    run = fervid("predict", face_clip, faceless_clip, "--format", "srt")
    assert (run.exit_code, "about one clip" in run.stderr) == (2, True)
    run = fervid("predict", face_clip, "--format", "eaf", "--rows", "frames")
    assert (run.exit_code, "it holds segments" in run.stderr) == (2, True)
