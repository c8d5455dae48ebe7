"""Small things that users of a command line expect."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from command import fervid
from conftest import EXAMPLE
from made import result as made
from made import written
from pympi.Elan import Eaf

from fer_video.errors import OptionError
from fer_video.media.timecode import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("80.5", 80.5), ("1:20.5", 80.5), ("0:01:20,5", 80.5), (" 90 ", 90), ("1:00:00", 3600), ("90:00", 5400)],
)
def test_times_with_colons(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "1:75", "1:60:00", "x", "-5", "1:", "1:2:3:4", "1e3", "nan"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(OptionError, match="is not a time"):
        seconds_of(text)


def test_start_and_end_take_times_with_colons() -> None:
    said = [
        json.loads(fervid("predict", EXAMPLE, "--start", start, "--end", end, "--format", "json").stdout)
        for start, end in (("2", "4.5"), ("0:02", "0:00:04.5"))
    ]
    assert said[0] == said[1]
    assert said[0]["frames_sampled"] == 25
    run = fervid("predict", EXAMPLE, "--start", "0:75")
    assert run.exit_code == 2
    assert "'0:75' is not a time; write seconds (80.5), or 1:20.5" in run.stderr


@pytest.mark.parametrize("name", ["out.jsn", "out", "out.doc"])
def test_a_suffix_that_tells_no_format_is_refused(tmp_path: Path, face_clip: Path, name: str) -> None:
    run = fervid("predict", face_clip, "--out", tmp_path / name)
    assert run.exit_code == 2
    assert "its name tells no format; name it .json, .jsonl, .csv, .parquet, .xlsx, .vtt" in run.stderr
    assert not (tmp_path / name).exists()
    assert fervid("predict", face_clip, "--out", tmp_path / name, "--format", "json").exit_code == 0
    assert json.loads((tmp_path / name).read_text())["status"] == "ok"


def test_a_name_without_suffix_is_a_folder_for_several_inputs(tmp_path: Path, face_clip: Path) -> None:
    for name in "ab":
        shutil.copy(face_clip, tmp_path / f"{name}.mp4")
    run = fervid("predict", tmp_path / "a.mp4", tmp_path / "b.mp4", "--fps", "2", "--out", tmp_path / "results")
    assert run.exit_code == 0, run.stderr
    assert len(list((tmp_path / "results").glob("*.json"))) == 2


@pytest.mark.parametrize("suffix", ["parquet", "xlsx"])
def test_tables_into_a_file(tmp_path: Path, face_clip: Path, suffix: str) -> None:
    out = tmp_path / f"r.{suffix}"
    for name in (out, tmp_path / "r.csv"):
        run = fervid("predict", face_clip, "missing.mp4", "--rows", "frames", "--fps", "5", "--out", name)
        assert run.exit_code == 1, run.stderr
    read = {"parquet": pd.read_parquet, "xlsx": pd.read_excel}[suffix]
    pd.testing.assert_frame_equal(read(out), pd.read_csv(tmp_path / "r.csv"), check_dtype=False)
    run = fervid("predict", face_clip, "--format", suffix)
    assert run.exit_code == 2
    assert "give --out FILE" in run.stderr
    run = fervid("predict", face_clip, "--out", tmp_path / "no" / f"r.{suffix}")
    assert run.exit_code == 2
    assert "cannot be written" in run.stderr


def test_dev_stdout_is_stdout_also_where_that_is_a_file(tmp_path: Path, face_clip: Path) -> None:
    out = tmp_path / "all.json"
    out.write_text("before\n")
    command = [sys.executable, "-m", "fervid", "predict", face_clip, "--fps", "2", "--format", "json", "--out"]
    with out.open("a") as file:
        subprocess.run([*map(str, command), "/dev/stdout"], stdout=file, check=True)
    before, _, rest = out.read_text().partition("\n")
    assert before == "before"
    assert json.loads(rest)["status"] == "ok"
    piped = subprocess.check_output([*map(str, command), "/dev/stdout"])
    assert json.loads(piped)["status"] == "ok"


def test_an_eaf_leads_to_its_clip_from_wherever_it_is(tmp_path: Path, face_clip: Path) -> None:
    (tmp_path / "my clips").mkdir()
    (tmp_path / "tiers").mkdir()
    clip = tmp_path / "my clips" / "a é.mp4"
    shutil.copy(face_clip, clip)
    for out, expected in (
        (tmp_path / "tiers" / "a.eaf", "../my%20clips/a%20%C3%A9.mp4"),
        (tmp_path / "my clips" / "a.eaf", "./a%20%C3%A9.mp4"),
        (tmp_path / "a.eaf", "./my%20clips/a%20%C3%A9.mp4"),
    ):
        assert fervid("predict", clip, "--fps", "2", "--out", out).exit_code == 0
        (medium,) = Eaf(str(out)).media_descriptors
        assert medium["RELATIVE_MEDIA_URL"] == expected
        assert medium["MEDIA_URL"] == clip.as_uri()
    assert fervid("predict", clip, "--fps", "2", "--out", f"{tmp_path}/batch/", "--format", "eaf").exit_code == 0
    (out,) = (tmp_path / "batch").glob("*.eaf")
    assert Eaf(str(out)).media_descriptors[0]["RELATIVE_MEDIA_URL"] == "../my%20clips/a%20%C3%A9.mp4"


def test_a_csv_has_its_provenance_beside_it(tmp_path: Path, face_clip: Path) -> None:
    out = tmp_path / "r.csv"
    assert fervid("predict", face_clip, "--rows", "frames", "--fps", "2", "--out", out).exit_code == 0
    value = json.loads((tmp_path / "r.csv-metadata.json").read_text())
    assert value["url"] == "r.csv"
    assert [each["name"] for each in value["tableSchema"]["columns"]] == pd.read_csv(out).columns.tolist()
    kinds = {each["name"]: each["datatype"] for each in value["tableSchema"]["columns"]}
    assert (kinds["path"], kinds["frame"], kinds["p_happiness"]) == ("string", "integer", "double")
    said = json.loads(fervid("predict", face_clip, "--fps", "2", "--format", "json").stdout)
    for name in ("fervid", "backbone", "detector", "sampling", "versions"):
        assert value["notes"][0][name] == said["ran"][name]


def test_report_and_plot_take_a_folder_of_results(tmp_path: Path, face_clip: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    for name in "ab":
        (results / f"{name}.json").write_text(written("json", "clips", made(f"{name}.mp4"), frames=True))
    run = fervid("report", results, "--out", tmp_path / "pages")
    assert run.exit_code == 0, run.stderr
    assert len(list((tmp_path / "pages").glob("0*.html"))) == 2
    assert fervid("plot", results, "--out", tmp_path / "p.png").exit_code == 0


def test_a_folder_of_clips_stays_one_whatever_is_beside_them(tmp_path: Path, face_clip: Path) -> None:
    shutil.copy(face_clip, tmp_path / "clip.mp4")
    (tmp_path / "old.json").write_text("{}")
    run = fervid("report", tmp_path, "--fps", "2", "--out", tmp_path / "p.html")
    assert run.exit_code == 0, run.stderr


def test_no_error_is_said_twice(tmp_path: Path) -> None:
    why = "no such file; check the name"
    for arguments in ((), ("--rows", "people"), ("--format", "jsonl"), ("--out", f"{tmp_path}/r/")):
        run = fervid("predict", "missing.mp4", *arguments)
        assert run.exit_code == 1
        assert run.stderr.count(why) == 1, run.stderr
        assert run.stdout.count(why) == (1 if "jsonl" in arguments else 0)  # data says it in its own way
    assert fervid("predict", "missing.mp4", "--out", tmp_path / "r.txt").exit_code == 1
    assert why in (tmp_path / "r.txt").read_text()


def test_a_summary_at_once_is_that_of_the_results(tmp_path: Path, face_clip: Path) -> None:
    assert fervid("predict", face_clip, EXAMPLE, "--frames", "--out", tmp_path / "r.json").exit_code == 0
    expected = fervid("summarize", tmp_path / "r.json", "--by", "person").stdout
    run = fervid("predict", face_clip, EXAMPLE, "--rows", "summary")
    assert run.exit_code == 0, run.stderr
    one, two = (pd.read_csv(io.StringIO(text)) for text in (run.stdout, expected))
    angles = ["yaw", "pitch", "roll", "size_px", "inside", "quality"]  # boxes and landmarks are rounded in files
    assert one.columns.tolist() == two.columns.tolist()
    pd.testing.assert_frame_equal(one[angles], two[angles], rtol=0, atol=0.05)
    # In files 0.9999999 is 1.0, so that of several peaks another may be the first.
    rest = [name for name in one.columns if name not in angles and not name.startswith("peak_s_")]
    pd.testing.assert_frame_equal(one[rest], two[rest], rtol=0, atol=2e-5)
    run = fervid("predict", face_clip, "missing.mp4", "--rows", "summary", "--out", tmp_path / "s.xlsx")
    assert run.exit_code == 1
    assert len(pd.read_excel(tmp_path / "s.xlsx")) == 1
    for arguments, said in (
        (("--format", "json"), "is a table"),
        (("--out", f"{tmp_path}/r/"), "fervid summarize on its folder"),
        (("--out", f"{tmp_path}/no/s.csv"), "cannot be written there"),
        (("--out", f"{tmp_path}/s.json"), "not a kind of table"),
        (("--format", "xlsx"), "give --out FILE"),
    ):
        run = fervid("predict", face_clip, "--rows", "summary", *arguments)
        assert run.exit_code == 2
        assert said in run.stderr


def test_a_format_that_the_name_of_the_file_contradicts(tmp_path: Path, face_clip: Path) -> None:
    out = tmp_path / "r.json"
    done = fervid("predict", face_clip, "--out", out, "--format", "csv")
    assert done.exit_code == 2
    assert "--format csv and the suffix of --out" in done.stderr
    assert not out.exists()
