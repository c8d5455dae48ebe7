"""Tables of many clips: figures against pandas and by hand, groups, joins with a user's table, formats, memory."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
from command import fervid
from conftest import EXAMPLE, ROOT
from made import FAILED, written
from made import result as made

from fer_video.errors import InputError, OptionError
from fer_video.results.observations import ObservationLog
from fer_video.study.meta import read_meta
from fer_video.study.summarize import Summarizer, SummaryOptions
from fer_video.study.tables import check_table
from fer_video.types import ClipResult, Face, Observation, Person, Prediction, Segment

EMOTIONS = ("neutral", "happiness")
FACE = Face((0.0, 0.0, 50.0, 50.0), 0.9)


def clip(path: str, happiness: Sequence[float], segments: Sequence[Segment] = (), *, person: int = 1) -> ClipResult:
    """One person, ten frames a second, as happy in each frame as said; NaN: out of sight."""
    log, seen = ObservationLog(EMOTIONS), 0
    for i, value in enumerate(happiness):
        if value != value:
            log.append(Observation(i, i / 10))
            continue
        seen += 1
        log.append(Observation(i, i / 10, person, FACE, {"neutral": 1 - value, "happiness": value}))
    shares = {"neutral": 0.25, "happiness": 0.75}
    people = (Person(person, 0.0, (len(happiness) - 1) / 10, seen, "happiness", 0.75, shares, None, tuple(segments)),)
    return ClipResult(
        path,
        "ok",
        duration_s=len(happiness) / 10,
        frames_sampled=len(happiness),
        frames_with_face=seen,
        clip=Prediction("happiness", 0.75, shares, "mean-probability", person),
        people=people,
        observations=log,
    )


def rows_of(results: Sequence[ClipResult], meta: Path | None = None, **options: Any) -> list[dict[str, Any]]:
    with Summarizer(SummaryOptions(**options), None if meta is None else read_meta(meta)) as summarizer:
        for each in results:
            summarizer.add(each)
        with summarizer.table() as table:
            return [{name: row.get(name) for name in table.columns} for row in table]


def test_figures_are_those_that_pandas_computes_from_the_frame_rows(tmp_path: Path, face_clip: Path) -> None:
    frames, results = tmp_path / "frames.csv", tmp_path / "results"
    assert fervid("predict", EXAMPLE, face_clip, "--rows", "frames", "--out", frames).exit_code == 0
    assert fervid("predict", EXAMPLE, face_clip, "--frames", "--out", f"{results}/").exit_code == 0
    run = fervid("summarize", results, "--by", "person")
    assert run.exit_code == 0, run.stderr
    assert run.stderr == ""
    summary = pd.read_csv(io.StringIO(run.stdout)).set_index(["path", "person"])
    rows = pd.read_csv(frames)
    sampled = rows.groupby("path").frame.nunique()
    faces = rows.dropna(subset="person").groupby(["path", "person"])
    assert len(summary) == faces.ngroups == 2
    for name in [column.removeprefix("p_") for column in rows.columns if column.startswith("p_")]:
        level = faces[f"p_{name}"]
        close = {"rtol": 0, "atol": 1e-6, "check_names": False, "check_index_type": False}
        pd.testing.assert_series_equal(summary[f"mean_{name}"], level.mean(), **close)
        pd.testing.assert_series_equal(summary[f"sd_{name}"], level.std(), **close)
        pd.testing.assert_series_equal(summary[f"peak_{name}"], level.max(), **close)
        times = rows.time_s.loc[level.idxmax()].set_axis(summary.index)
        pd.testing.assert_series_equal(summary[f"peak_s_{name}"], times, **close)
    assert (summary.frames == faces.size()).all()
    assert summary.visibility.tolist() == pytest.approx([n / sampled[path] for (path, _), n in faces.size().items()])
    segments = fervid("predict", EXAMPLE, "--rows", "segments", "--format", "csv").stdout
    lengths = pd.read_csv(io.StringIO(segments)).eval("end_s - start_s")
    assert summary.seen_s.loc[str(EXAMPLE)].iloc[0] == pytest.approx(lengths.sum(), abs=1e-5)


def test_time_onsets_and_changes_by_hand() -> None:
    """Happy, neutral, out of sight for a second, neutral again (no onset), uncertain, happy."""
    segments = [
        Segment(0.0, 1.0, "happiness", 0.9),
        Segment(1.0, 1.5, "neutral", 0.9),
        Segment(2.5, 3.0, "neutral", 0.9),
        Segment(3.0, 4.0, None, 0.3),
        Segment(4.0, 5.0, "happiness", 0.9),
    ]
    (row,) = rows_of([clip("a.mp4", [0.5] * 51, segments)])
    assert row["seen_s"] == 4.0
    assert (row["share_happiness"], row["share_neutral"], row["share_uncertain"]) == (0.5, 0.25, 0.25)
    assert (row["onsets_happiness"], row["onsets_neutral"], row["onsets_uncertain"]) == (2, 1, 1)
    assert (row["first_onset_s_happiness"], row["first_onset_s_neutral"]) == (0.0, 1.0)
    assert (row["changes"], row["changes_per_min"]) == (3, 45.0)
    assert "mean_uncertain" not in row


def test_levels_by_hand() -> None:
    (row,) = rows_of([clip("a.mp4", [0.25, float("nan"), 0.75, 0.75, float("nan")])])
    assert row["visibility"] == 0.6
    assert row["mean_happiness"] == pytest.approx(7 / 12, abs=1e-6)
    assert row["sd_happiness"] == pytest.approx(np.sqrt(1 / 12), abs=1e-6)
    assert (row["peak_happiness"], row["peak_s_happiness"]) == (0.75, 0.2)


def test_each_clip_has_a_row_whatever_became_of_it() -> None:
    nobody = replace(clip("nobody.mp4", [float("nan")] * 4), clip=None, people=())
    ok, empty, failed = rows_of([clip("a.mp4", [0.5], [Segment(0.0, 0.0, "neutral", 0.5)]), nobody, FAILED])
    assert (ok["sd_neutral"], ok["share_neutral"], ok["first_onset_s_happiness"]) == (None, 1.0, None)
    assert (empty["visibility"], empty["mean_neutral"], empty["person"]) == (0.0, None, None)
    assert (failed["status"], failed["visibility"], failed["onsets_neutral"]) == ("failed", None, None)


def test_without_frames_there_are_no_levels_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(written("json", "clips", made()))
    run = fervid("summarize", path)
    assert run.exit_code == 0
    assert "1 clip without frames" in run.stderr
    row = pd.read_csv(io.StringIO(run.stdout)).iloc[0]
    assert np.isnan(row.mean_happy)
    assert (row.share_happy, row.share_uncertain, row.visibility) == (0.5, 0.5, pytest.approx(2 / 3, abs=1e-6))


def test_long_has_a_row_per_emotion() -> None:
    rows = rows_of([clip("a.mp4", [0.25, 0.75], [Segment(0.0, 0.1, "happiness", 0.5)])], long=True)
    assert [row["label"] for row in rows] == ["neutral", "happiness", "uncertain"]
    assert [row["mean"] for row in rows] == [0.5, 0.5, None]
    assert [row["onsets"] for row in rows] == [0, 1, 0]


# ---- groups


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(
        "path,subject,condition\na1,anna,film\na2.mp4,anna,film\nb1,ben,film\nb2,ben,quiet\nc1,cleo,quiet\n"
    )
    return path


LEVELS = {"a1": 0.25, "a2": 0.75, "b1": 0.75, "b2": 0.25, "c1": 0.5}


def study() -> list[ClipResult]:
    return [clip(f"/clips/{name}.mp4", [value, value]) for name, value in LEVELS.items()]


def test_a_condition_is_the_mean_of_its_subjects_not_of_their_clips(people: Path) -> None:
    film, quiet = rows_of(study(), people, by="condition")
    assert (film["condition"], film["subjects"], film["clips"]) == ("film", 2, 3)
    assert film["mean_happiness"] == 0.625  # of 0.5 (Anna, two clips) and 0.75
    assert (film["mean_happiness_low"], film["mean_happiness_high"], film["mean_happiness_n"]) == (0.5, 0.75, 2)
    assert quiet["mean_happiness"] == 0.375


def test_intervals_are_those_of_scipy(tmp_path: Path) -> None:
    from scipy.stats import bootstrap

    rng = np.random.default_rng(5)
    levels = rng.uniform(0, 1, 30)
    (tmp_path / "m.csv").write_text("clip,subject,all\n" + "".join(f"c{i},s{i},x\n" for i in range(30)))
    clips = [clip(f"c{i}.mp4", [value]) for i, value in enumerate(levels)]
    (row,) = rows_of(clips, tmp_path / "m.csv", by="all")
    theirs = bootstrap((levels,), np.mean, method="percentile", n_resamples=20000, rng=rng).confidence_interval
    assert row["mean_happiness_low"] == pytest.approx(theirs.low, abs=0.01)
    assert row["mean_happiness_high"] == pytest.approx(theirs.high, abs=0.01)
    assert rows_of(clips, tmp_path / "m.csv", by="all") == [row]
    assert rows_of(clips, tmp_path / "m.csv", by="all", seed=1) != [row]


def test_by_subject_there_is_no_interval(people: Path) -> None:
    rows = rows_of(study(), people, by="subject,condition")
    assert [(row["subject"], row["condition"], row["clips"]) for row in rows] == [
        ("anna", "film", 2), ("ben", "film", 1), ("ben", "quiet", 1), ("cleo", "quiet", 1),
    ]  # fmt: skip
    assert [row["mean_happiness"] for row in rows] == [0.5, 0.75, 0.25, 0.5]
    assert "mean_happiness_low" not in rows[0]


def test_clips_without_a_subject_count_for_themselves_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("name,condition\na,film\nb,film\n")
    summarizer = Summarizer(SummaryOptions("condition"), read_meta(tmp_path / "m.csv"))
    for name in "ab":
        summarizer.add(clip(f"{name}.mp4", [0.5]))
    with summarizer.table() as table:
        assert next(iter(table))["subjects"] == 2
    assert summarizer.notes == ["2 clips without a subject: each counts as a subject of its own"]


# ---- the table of the user's


def found(tmp_path: Path, text: str, path: str, person: int | None = 1) -> Any:
    (tmp_path / "meta.csv").write_text(text)
    return read_meta(tmp_path / "meta.csv").find(path, person)


@pytest.mark.parametrize(
    ("named", "path"),
    [("/d/a.mp4", "/d/a.mp4"), ("s1/a.mp4", "/d/s1/a.mp4"), ("a.mp4", "x/a.mp4"), ("a", "x/a.mp4"), ("a.mov", "a.mp4"),
     ("a.b", "a.b.mp4")],
)  # fmt: skip
def test_a_row_is_found_by_path_or_name(tmp_path: Path, named: str, path: str) -> None:
    assert found(tmp_path, f"Path;Group\n{named};x\n", path) == {"Group": "x"}


def test_a_path_with_folders_is_not_a_mere_name(tmp_path: Path) -> None:
    assert found(tmp_path, "path,group\ns1/a.mp4,x\n", "/d/s2/a.mp4") is None


def test_a_path_counts_from_the_folder_of_the_table(tmp_path: Path) -> None:
    assert found(tmp_path, "path,group\n./a.mp4,x\n", str(tmp_path / "a.mp4")) == {"group": "x"}


def test_rows_about_people(tmp_path: Path) -> None:
    text = "path,person,subject\na,1,anna\na,2,ben\n"
    assert found(tmp_path, text, "a.mp4", 2) == {"subject": "ben"}
    assert found(tmp_path, text, "a.mp4", 3) is None


def test_rows_that_match_twice_are_refused(tmp_path: Path) -> None:
    assert found(tmp_path, "path,group\na,1\na.mp4,2\n", "x/a.mp4") == {"group": "2"}  # what says more comes first
    with pytest.raises(OptionError, match=r"lines 2 and 3 both match x/a\.mp4"):
        found(tmp_path, "path,group\na,1\na,2\n", "x/a.mp4")
    (tmp_path / "meta.csv").write_text("path,group\na,1\n")
    meta = read_meta(tmp_path / "meta.csv")
    meta.find("s1/a.mp4", 1)
    with pytest.raises(OptionError, match=r"line 2 \(a\) matches both s1/a.mp4 and s2/a.mp4"):
        meta.find("s2/a.mp4", 1)


def test_a_row_that_says_less_of_a_clip_than_another_is_refused_too(tmp_path: Path) -> None:
    """Unless it is about another clip."""
    path = tmp_path / "m.csv"
    path.write_text("path,group\ns1/a.mp4,x\na,y\n")
    clips = [clip("d/s1/a.mp4", [0.25]), clip("d/s2/a.mp4", [0.75])]
    with pytest.raises(OptionError, match=r"lines 2 and 3 both match d/s1/a\.mp4; leave one out"):
        rows_of(clips[:1], path)
    assert [row["group"] for row in rows_of(clips, path)] == ["x", "y"]
    path.write_text("path,group\na.mp4,x\na.mov,y\n")
    assert [row["group"] for row in rows_of(clips[:1], path)] == ["x"]
    path.write_text("path,group\ns1/a.mp4,x\na.mp4,y\n")
    (tmp_path / "a.mp4").touch()  # another clip, of which there is no result
    assert [row["group"] for row in rows_of(clips[:1], path)] == ["x"]


def test_a_row_about_somebody_who_is_not_in_the_clip(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("path,person,subject\na,1,anna\na,99,ben\nz,1,cleo\n")
    summarizer = Summarizer(SummaryOptions("subject"), read_meta(path))
    summarizer.add(clip("a.mp4", [0.5]))
    with summarizer.table():
        assert summarizer.notes == [f"{path}: 1 of 3 rows match no clip: z; a.mp4 has no person 99"]


def test_names_of_columns_match_without_case(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("Path,Subject,CONDITION\na1,anna,film\na2,anna,film\n")
    clips = [clip("a1.mp4", [0.25]), clip("a2.mp4", [0.75])]
    (row,) = rows_of(clips, path, by="condition")
    assert (row["CONDITION"], row["subjects"], row["clips"]) == ("film", 1, 2)
    (row,) = rows_of(clips, path, by="SUBJECT")
    assert (row["Subject"], row["mean_happiness"]) == ("anna", 0.5)
    assert "subjects" not in row
    with pytest.raises(
        OptionError, match=r"by conditon: no such column; known are Subject, CONDITION; is it CONDITION\?"
    ):
        rows_of([], path, by="conditon")


def test_events_are_a_column_where_they_are_given(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="by event: no events are given; give --events"):
        rows_of([], by="event")
    path = tmp_path / "m.csv"
    path.write_text("path,event\na,wedding\n")
    (row,) = rows_of([clip("a.mp4", [0.25])], path, by="event")
    assert (row["event"], row["mean_happiness"]) == ("wedding", 0.25)


def test_what_matches_nothing_is_one_line_each(tmp_path: Path, people: Path) -> None:
    results = tmp_path / "r.jsonl"
    results.write_text(written("jsonl", "clips", made("a1.mp4"), made("z.mp4"), frames=True))
    run = fervid("summarize", results, "--meta", people, "--by", "condition")
    assert run.exit_code == 0
    first, second = run.stderr.splitlines()
    assert first.endswith("people.csv: 4 of 5 rows match no clip: a2.mp4, b1, b2 and 1 more")
    assert second.endswith("people.csv, left out: z.mp4")
    assert "film,1,1,1," in run.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names the clips"),
        ("who,what\n1,2\n", "no column names the clips"),
        ("path,a,a\nx,1,2\n", "two of one name"),
        ("path,a\n", "no row below its header"),
        ("path,a\nx\n", "line 2: 1 cells where the header has 2"),
        ("path,a\n,1\n", "names no clip"),
        ("path,person\nx,she\n", "'she' is not a number"),
        ('path,a\nx,"1\n', "is not CSV"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        found(tmp_path, text, "a.mp4")


def test_a_table_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes("path,a\nä,1\n".encode("latin-1"))
    with pytest.raises(InputError, match="not text in UTF-8"):
        read_meta(tmp_path / "m.csv")


# ---- options, formats, memory


def test_options_that_make_no_sense(tmp_path: Path, people: Path) -> None:
    for by, said in (("clip,subject", "stand alone"), ("subject,", "an empty name")):
        with pytest.raises(OptionError, match=said):
            SummaryOptions(by)
    with pytest.raises(OptionError, match=r"by age: no such column; known are subject, condition"):
        Summarizer(SummaryOptions("age"), read_meta(people))
    with pytest.raises(OptionError, match="by subject: no such column; give --meta"):
        Summarizer(SummaryOptions("subject"))
    (tmp_path / "m.csv").write_text("path,mean_age\na,1\n")
    with pytest.raises(OptionError, match="mean_age"):
        Summarizer(SummaryOptions(), read_meta(tmp_path / "m.csv"))
    with pytest.raises(OptionError, match=r"\.csv, \.parquet, \.xlsx"):
        check_table(tmp_path / "a.ods")


def test_all_formats_hold_the_same(tmp_path: Path, people: Path) -> None:
    results = tmp_path / "r.json"
    results.write_text(written("json", "clips", made("=a1.mp4"), made("b1.mp4"), FAILED, frames=True))
    for suffix in ("csv", "parquet", "xlsx"):
        run = fervid("summarize", results, "--meta", people, "-q", "--out", tmp_path / f"s.{suffix}")
        assert run.exit_code == 1, run.stderr  # one of the clips failed
        assert run.stderr == ""
    parquet = pd.read_parquet(tmp_path / "s.parquet")
    xlsx = pd.read_excel(tmp_path / "s.xlsx")
    table = pd.read_csv(tmp_path / "s.csv")
    assert parquet.path.tolist() == xlsx.path.tolist() == ["=a1.mp4", "b1.mp4", "bad\n.mp4"]
    assert table.path.tolist() == ["'=a1.mp4", "b1.mp4", "bad\n.mp4"]
    for other in (parquet, xlsx):
        pd.testing.assert_frame_equal(other.drop(columns="path"), table.drop(columns="path"), check_dtype=False)
    cell = openpyxl.load_workbook(tmp_path / "s.xlsx").active["A2"]
    assert (cell.value, cell.data_type) == ("=a1.mp4", "s")


def test_one_bad_file_does_not_end_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(written("json", "clips", made("a.mp4"), frames=True))
    (tmp_path / "b.json").write_text("{}")
    (tmp_path / "c.json").write_text(written("json", "clips", made("a.mp4"), frames=True))
    run = fervid("summarize", tmp_path)
    assert run.exit_code == 1
    assert [line.split(":")[1:3] for line in run.stderr.splitlines()] == [
        [" error", " a.mp4"],  # is in two of the results
        [" error", f" {tmp_path / 'b.json'}"],
    ]
    assert len(pd.read_csv(io.StringIO(run.stdout))) == 1


def test_clips_that_failed_are_named(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    others = [replace(FAILED, path=f"{i}.mp4") for i in range(4)]
    path.write_text(written("json", "clips", made("a.mp4"), *others, frames=True))
    run = fervid("summarize", path)
    assert run.exit_code == 1
    assert run.stderr == "fervid: warning: 4 clips failed: 0.mp4, 1.mp4, 2.mp4 and 1 more\n"


def test_results_on_stdin(tmp_path: Path) -> None:
    clips = [made("a.mp4"), made("b.mp4")]
    lines = written("jsonl", "clips", *clips, frames=True).encode()
    (tmp_path / "r.jsonl").write_bytes(lines)
    asked = fervid("summarize", tmp_path / "r.jsonl").stdout
    assert pd.read_csv(io.StringIO(asked)).path.tolist() == ["a.mp4", "b.mp4"]
    for given in (lines, written("json", "clips", *clips, frames=True).encode()):
        run = fervid("summarize", "-", stdin=given)
        assert (run.exit_code, run.stdout) == (0, asked), run.stderr
    run = fervid("summarize", "-", stdin=b"")
    assert run.exit_code == 1
    assert "-: holds no clip" in run.stderr
    run = fervid("summarize", "-", stdin=lines + b"a,b\n")
    assert "-: not a result of schema fervid/1: line 3 is no JSON; make one with" in run.stderr


def test_all_files_of_a_folder_may_be_named(tmp_path: Path) -> None:
    """fervid summarize results/*: what is no result is passed over, and said."""
    (tmp_path / "a.json").write_text(written("json", "clips", made("a.mp4"), frames=True))
    (tmp_path / "fervid.journal").write_text('{"path": "a.mp4"}\n')
    (tmp_path / "t.csv").write_text("path,emotion\na.mp4,happy\n")
    (tmp_path / "t.csv-metadata.json").write_text("{}")
    run = fervid("summarize", *sorted(tmp_path.iterdir()))
    assert run.exit_code == 0
    assert [line.split(": ", 4)[3:] for line in run.stderr.splitlines()] == [
        [f"{tmp_path}/fervid.journal", "is kept by a batch for itself and is no result"],
        [f"{tmp_path}/t.csv", "is no result, which is a .json or .jsonl file; make one with fervid predict CLIP "
         "--frames --out r.json"],
        [f"{tmp_path}/t.csv-metadata.json", "says how a table was made and is no result"],
    ]  # fmt: skip
    assert len(pd.read_csv(io.StringIO(run.stdout))) == 1
    assert fervid("summarize", tmp_path).stderr == ""
    run = fervid("summarize", tmp_path / "t.csv")
    assert run.exit_code == 1
    assert "t.csv: is no result, which is a .json or .jsonl file" in run.stderr
    (tmp_path / "b.json").write_text("path,emotion\n")
    assert "b.json: is no JSON (line 1, column 1)" in fervid("summarize", tmp_path / "b.json").stderr


def test_rows_are_in_the_order_of_the_clips(tmp_path: Path) -> None:
    """As predict takes the clips of a folder, whatever the files of the results are called."""
    paths = ["in/b.mp4", "in/clip2.mp4", "in/clip10.mp4", "in/sub/a.mp4"]
    for name, path in zip("dacb", paths, strict=True):
        (tmp_path / f"{name}.json").write_text(written("json", "clips", made(path), frames=True))
    run = fervid("summarize", tmp_path)
    assert pd.read_csv(io.StringIO(run.stdout)).path.tolist() == paths


def test_memory_does_not_grow_with_the_length_of_the_results() -> None:
    """A thousand clips, each of 40 frames, take hardly more memory than a hundred."""

    def peak(count: int) -> int:
        summarizer = Summarizer(SummaryOptions())
        first = clip("0.mp4", [0.5] * 40)
        tracemalloc.start()
        for i in range(count):
            summarizer.add(replace(first, path=f"{i}.mp4"))
        with summarizer.table() as table:
            assert sum(1 for _ in table) == count
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    few, many = peak(100), peak(1000)
    assert many - few < 900 * 250  # bytes a clip: its path, once


def test_the_how_to_of_the_page(tmp_path: Path, face_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of docs/study.md, in order, with its table of clips, and what Python makes of their output."""
    page = (ROOT / "docs" / "study.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[::-1])
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text(blocks["csv"])
    Path("interviews").mkdir()
    clips = pd.read_csv("people.csv").path
    for name in clips:
        shutil.copy(face_clip, Path("interviews", name))
    for command in blocks["sh"].splitlines():
        run = fervid(*shlex.split(command)[1:])
        assert run.exit_code == 0, run.stderr
    summary = pd.read_csv("summary.csv")
    assert sorted(Path(each).name for each in summary.path) == sorted(clips)
    assert "mean_happiness ~ condition" in blocks["r"]
    exec(blocks["python"], {})
    happy = pd.read_csv("conditions.csv").query("label == 'happiness'").set_index("condition")
    assert happy.subjects.to_dict() == {"film": 2, "rest": 1}
    by_hand = summary.groupby(["condition", "subject"]).mean_happiness.mean().groupby("condition").mean()
    assert happy["mean"].to_dict() == pytest.approx(by_hand.to_dict(), abs=1e-6)


def test_the_list_of_commands_loads_no_data_frames() -> None:
    import subprocess
    import sys

    code = "import sys; from fer_video.cli import main; main(['--help'], standalone_mode=False); "
    code += "print([m for m in ('pandas', 'onnxruntime', 'sklearn', 'pyarrow', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_json_of_a_table_keeps_names_that_are_no_text() -> None:
    (row,) = rows_of([replace(clip("a.mp4", [0.5]), path="\udcff.mp4")])
    assert row["path"] == "\udcff.mp4"
    assert json.loads(json.dumps(row)) == row
