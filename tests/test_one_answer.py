"""One clip asked in every way there is: the answers are the same."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pympi
import pytest
import webvtt
from command import fervid
from media import encode
from praatio import textgrid

from fer_video import Analyzer
from fer_video.media.decode import open_source
from fer_video.media.sampling import Sampling
from fer_video.results.read import read_results

pytestmark = pytest.mark.shared


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(rest)


def spoken(segments: list[dict[str, Any]]) -> list[tuple[float, float, str]]:
    return [(each["start_s"], each["end_s"], each["emotion"] or "uncertain") for each in segments]


@pytest.mark.parametrize("name", ["single_face.mp4", "pexels.mp4"])
def test_all_outputs_agree(name: str, shared_clips: Path, tmp_path: Path) -> None:
    clip = shared_clips / name
    stored = tmp_path / "r.json"
    assert fervid("predict", clip, "--frames", "--out", stored).exit_code == 0
    value = json.loads(stored.read_text(encoding="utf-8"))
    (person,) = value["people"]
    headline, group = value["clip"], value["group"]
    for other in (person, group):
        assert (other["emotion"], other["method"]) == (headline["emotion"], headline["method"])
        assert other["probabilities"] == pytest.approx(headline["probabilities"], abs=2e-6)
    assert set(value["frames"][0]["faces"][0]["probabilities"]) == set(headline["probabilities"])
    assert next(iter(person["time_shares"])) == headline["emotion"]

    segments = spoken(person["segments"])
    _check_files(clip, tmp_path, segments)
    table = " ".join(fervid("predict", clip).stdout.split())
    assert f"{name} {headline['emotion']} {headline['confidence']:.0%}" in table
    assert headline["how"] in table
    for start, _, emotion in segments[1:]:
        assert f"from {start:.1f} s {emotion}" in table
    led_by_group = fervid("predict", clip, "--group").stdout.splitlines()[0]
    assert led_by_group.endswith(f"{headline['emotion']} {headline['confidence']:.0%}")
    (read,) = read_results(stored)
    assert read.clip is not None
    assert (read.clip.how, read.people[0].method) == (headline["how"], headline["method"])
    for made, option in (("report.html", "report"), ("plot.svg", "plot")):
        assert fervid(option, stored, "--out", tmp_path / made).exit_code == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    packed = re.findall(r'id="(?:answers|json)">(H4sI[A-Za-z0-9+/=]+)', page)  # what it draws, and what it gives away
    assert len(packed) == 2
    for each in packed:
        data = json.loads(gzip.decompress(base64.b64decode(each)))
        assert spoken(data["people"][0]["segments"]) == segments
        assert (data["clip"]["emotion"], data["group"]["emotion"]) == (headline["emotion"], group["emotion"])


def _check_files(clip: Path, folder: Path, segments: list[tuple[float, float, str]]) -> None:
    vtt, eaf, grid = (folder / f"c.{kind}" for kind in ("vtt", "eaf", "textgrid"))
    for out in (vtt, eaf, grid):
        assert fervid("predict", clip, "--out", out).exit_code == 0
    cues = [(seconds(cue.start), seconds(cue.end), cue.text.rsplit(" ", 1)[0]) for cue in webvtt.read(str(vtt))]
    tier = pympi.Elan.Eaf(str(eaf)).get_annotation_data_for_tier("person 1")
    notes = [(start / 1000, end / 1000, said) for start, end, said in tier]
    entries = [
        tuple(each) for each in textgrid.openTextgrid(str(grid), includeEmptyIntervals=False).getTier("person 1")
    ]
    rows = fervid("predict", clip, "--rows", "segments", "--format", "jsonl").stdout.splitlines()
    for found in (cues, notes, entries, spoken([json.loads(row) for row in rows])):
        assert [each[2] for each in found] == [each[2] for each in segments]
        for one, other in zip(found, segments, strict=True):
            assert one[:2] == pytest.approx(other[:2], abs=1e-3)


def test_when_he_begins_to_smile(analyzer: Analyzer, shared_clips: Path) -> None:
    (person,) = analyzer.analyze(shared_clips / "single_face.mp4").people
    first, second = person.segments or ()
    assert (first.emotion, second.emotion) == ("neutral", "happiness")
    assert second.start_s == pytest.approx(0.6, abs=0.2)


def test_the_same_footage_three_times_over(analyzer: Analyzer, shared_clips: Path, tmp_path: Path) -> None:
    with open_source(shared_clips / "single_face.mp4") as source:
        once = [frame.image for frame in source.frames(Sampling(fps=None))]
    clip = encode(tmp_path / "three.mp4", once * 3, [i / 30 for i in range(3 * len(once))])
    people = analyzer.analyze(clip).people
    segments = sorted((each for person in people for each in person.segments or ()), key=lambda each: each.start_s)
    assert [each.emotion for each in segments] == ["neutral", "happiness"] * 3
    length_s = len(once) / 30
    for number in range(3):
        begin, change, end = (
            segments[2 * number].start_s, segments[2 * number].end_s, segments[2 * number + 1].end_s,
        )  # fmt: skip
        assert change - number * length_s == pytest.approx(segments[0].end_s, abs=0.1)
        assert begin - number * length_s == pytest.approx(0, abs=0.1)
        assert end - number * length_s == pytest.approx(segments[1].end_s, abs=0.1)
