"""Results as data frames, files and HTML."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from command import fervid as command_line
from made import FAILED, SEGMENTS
from made import result as made

import fervid
from fer_video.api.present import SUFFIXES
from fer_video.types import Affect, Person, Segment


@pytest.mark.parametrize("rows", ["frames", "people", "segments", "clips"])
def test_a_data_frame_is_what_the_command_line_writes(face_clip: Path, rows: str) -> None:
    frame = fervid.analyze(face_clip).to_frame(rows)
    text = command_line("predict", face_clip, "--rows", rows, "--format", "csv").stdout
    pd.testing.assert_frame_equal(frame, pd.read_csv(io.StringIO(text)), check_dtype=False)


def test_whole_numbers_stay_whole_where_cells_are_empty() -> None:
    frame = made().to_frame()
    assert frame.person.tolist() == [1, pd.NA, 1]
    assert str(frame.person.dtype) == "Int64"
    assert frame.age.tolist()[0] == 31.3


def test_a_summary_of_each_person() -> None:
    frame = made().to_frame("summary")
    assert frame.mean_happy.tolist() == [0.625]


def test_a_failed_result_has_no_rows() -> None:
    assert len(FAILED.to_frame()) == 0
    assert FAILED.to_frame("clips").status.tolist() == ["failed"]


def test_rows_that_are_not_there() -> None:
    with pytest.raises(fervid.OptionError, match="rows must be one of clips, people, segments, frames, summary"):
        made().to_frame("persons")
    with pytest.raises(fervid.OptionError, match="without frames"):
        replace(made(), observations=None).to_frame()


def test_it_is_saved_in_every_format(tmp_path: Path, face_clip: Path) -> None:
    result = fervid.analyze(face_clip, fps=5)
    for suffix in SUFFIXES:
        result.save(tmp_path / f"r{suffix}")
        assert (tmp_path / f"r{suffix}").stat().st_size > 40, suffix
    for suffix in ("json", "jsonl", "ndjson"):
        assert fervid.load(tmp_path / f"r.{suffix}").to_dict(frames=True) == result.to_dict(frames=True)
    frame = result.to_frame()
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "r.csv"), frame, check_dtype=False)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "r.parquet"), frame, check_dtype=False)
    pd.testing.assert_frame_equal(pd.read_excel(tmp_path / "r.xlsx"), frame, check_dtype=False)
    assert (tmp_path / "r.vtt").read_text().startswith("WEBVTT")
    assert ET.parse(tmp_path / "r.eaf").getroot().tag == "ANNOTATION_DOCUMENT"
    assert "<video" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize("suffix", ["csv", "parquet", "xlsx"])
def test_rows_are_chosen(tmp_path: Path, suffix: str) -> None:
    result = replace(made(), ran={"segments": {"method": "path", "how": "By hand."}})
    for rows in ("segments", "summary"):
        result.save(tmp_path / f"r.{suffix}", rows=rows)
        read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "xlsx": pd.read_excel}[suffix]
        pd.testing.assert_frame_equal(read(tmp_path / f"r.{suffix}"), result.to_frame(rows), check_dtype=False)


def test_a_result_without_frames_keeps_what_it_has(tmp_path: Path) -> None:
    result = replace(made(), observations=None)
    result.save(tmp_path / "r.json")
    assert fervid.load(tmp_path / "r.json").to_dict() == result.to_dict()


def test_formats_that_are_not_known(tmp_path: Path) -> None:
    with pytest.raises(fervid.OptionError, match=r"r\.sav: not a format that can be written; name it \.json"):
        made().save(tmp_path / "r.sav")
    with pytest.raises(fervid.OutputError):
        made().save(tmp_path / "no folder" / "r.json")


# ---- notebooks


def test_html_shows_the_answer_and_each_segment() -> None:
    text = made()._repr_html_()
    page = ET.fromstring(text.replace("&nbsp;", " "))
    words = " ".join(page.itertext())
    assert "clip.mp4" in words
    assert "happy 62%" in words
    assert [each.text for each in page.iter("title")] == ["happy 75%, 0.0 to 0.1 s", "uncertain 50%, 0.1 to 0.2 s"]
    first, second = (each for each in page.iter("rect") if each.find("title") is not None)
    assert float(first.attrib["width"]) == 160  # of 480 pixels for 0.3 s
    assert float(second.attrib["x"]) == 160
    assert second.attrib["fill"] == "none"


def test_html_escapes_names_and_labels() -> None:
    evil = "<script>alert('1')</script>\x1b[2J"
    person = replace(made().people[0], emotion=evil, segments=(Segment(0.0, 0.3, evil, 0.5),))
    for each in (replace(made(evil), people=(person,)), replace(FAILED, path=evil, error=evil)):
        text = each._repr_html_()
        assert "<script" not in text
        assert "\x1b" not in text
        ET.fromstring(text.replace("&nbsp;", " "))


def test_html_of_pictures_crowds_and_failures() -> None:
    picture = replace(made(), duration_s=None)
    assert "<svg" not in picture._repr_html_()
    assert "bad.mp4: no such file" in FAILED._repr_html_()
    person = made().people[0]
    crowd = tuple(replace(person, id=i, frames=i, segments=SEGMENTS) for i in range(1, 12))
    text = replace(made(), people=crowd)._repr_html_()
    assert text.count("<svg") == 8
    assert "and 3 more people" in text
    assert "no face found" in replace(made(), clip=None, people=())._repr_html_()


def test_affect_has_its_columns() -> None:
    person: Person = replace(made().people[0], affect=Affect(0.5, 0.25))
    assert replace(made(), people=(person,)).to_frame("people").valence.tolist() == [0.5]
