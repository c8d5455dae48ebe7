"""Every format read back by another reader, and files that appear whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made import EMOTIONS, FAILED, result, written

from fer_video.errors import OutputError, printable
from fer_video.files import content_hash, open_output
from fer_video.results.observations import ObservationLog
from fer_video.results.rows import column_names
from fer_video.results.timeline import Timeline
from fer_video.results.writers import FORMATS, ROWS, RowShape, make_writer
from fer_video.results.writers.csv import safe_cell
from fer_video.types import ClipResult, Face, Observation, Prediction, Segment


def test_who_comes_back_as_before_has_not_changed() -> None:
    (person,) = result().people
    segments = (Segment(0.0, 0.1, "happy", 0.75), Segment(0.15, 0.2, "happy", 0.75))
    same = replace(result(), people=(replace(person, segments=segments),))
    assert "changes:" not in written("table", "clips", same)


def no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is not JSON")


def test_the_json_of_a_clip() -> None:
    (value,) = json.loads(written("json", "clips", result()))
    assert json.loads(written("json", "clips", result(), single=True)) == value
    assert [json.loads(line) for line in written("jsonl", "clips", result()).splitlines()] == [value]
    probabilities = {"sad": 0.375, "happy": 0.625}
    said = {"emotion": "happy", "confidence": 0.625, "probabilities": probabilities}
    assert value == {
        "schema": "fervid/1",
        "path": "clip.mp4",
        "status": "ok",
        "error": None,
        "duration_s": 0.3,
        "fps": 30.0,
        "width": None,
        "height": None,
        "timing": {"origin_s": None, "offset_s": 0.0, "jumps": []},
        "frames_sampled": 3,
        "frames_with_face": 2,
        "clip": said | {"method": "mean-probability", "how": None, "person": 1},
        "group": said | {"method": "mean-probability", "how": None, "valence": None},
        "people": [
            {"id": 1, "identity": None, "start_s": 0.0, "end_s": 0.2, "frames": 2}
            | said
            | {
                "attributes": {
                    "age_years": 31.3,
                    "age_std_years": 4.0,
                    "gender": {"male": 0.25, "female": 0.75},
                    "ethnicity": {"White": 0.5, "Black": 0.5},
                },
                "affect": None,
                "segments": [
                    {"start_s": 0.0, "end_s": 0.1, "emotion": "happy", "confidence": 0.75},
                    {"start_s": 0.1, "end_s": 0.2, "emotion": None, "confidence": 0.5},
                ],
                "time_shares": {"happy": 0.5, "uncertain": 0.5},
                "method": None,
            }
        ],
        "tracks": [{"id": 1, "start_s": 0.0, "end_s": 0.2, "frames": 2, "person": 1}],
        "ran": {"fervid": "0.1.0"},
    }


def test_csv_of_frames() -> None:
    header, *rows = csv.reader(io.StringIO(written("csv", "frames", result(attributes=False))))
    assert ",".join(header) == (
        "path,frame,time_s,person,track,x1,y1,x2,y2,face_score,emotion,confidence,p_sad,p_happy,"
        "size_px,yaw,pitch,roll,inside,sharpness,quality"
    )
    face = ["1", "1", "1.5", "2.25", "30.0", "40.12", "0.875"]
    quality = ["32.9", "", "", "", "", "", "0.411"]  # the square root of 28.5 x 37.875, and that over 80
    assert rows == [
        ["clip.mp4", "0", "0.0", *face, "happy", "0.75", "0.25", "0.75", *quality],
        ["clip.mp4", "3", "0.1"] + [""] * 18,
        ["clip.mp4", "6", "0.2", *face, "sad", "0.5", "0.5", "0.5", *quality],
    ]


def test_csv_with_attributes() -> None:
    (row, *_) = csv.DictReader(io.StringIO(written("csv", "people", result(), attributes=True)))
    assert row["age"] == "31.3"
    assert (row["gender"], row["gender_confidence"]) == ("female", "0.75")
    assert (row["person"], row["start_s"], row["p_happy"]) == ("1", "0.0", "0.625")


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_takes_good_bad_and_none(format_name: str, rows: str) -> None:
    faceless = ClipResult("none.mp4", "ok", frames_sampled=1, observations=ObservationLog(EMOTIONS))
    for results in ((), (FAILED,), (result(attributes=False), FAILED, faceless)):
        text = written(format_name, rows, *results)
        if format_name == "json":
            values = json.loads(text, parse_constant=no_constant)
        elif format_name == "jsonl":
            values = [json.loads(line, parse_constant=no_constant) for line in text.splitlines()]
        elif format_name == "csv":
            values = list(csv.DictReader(io.StringIO(text)))
        else:
            assert "\x1b" not in text
            continue
        if rows == "clips":
            assert [value["status"] for value in values] == [each.status for each in results]
        else:
            failures = [value for value in values if value.get("status") == "failed"]
            assert len(failures) == (len(results) > 0 if format_name != "csv" else 0)
            good = 0 if len(results) < 3 else {"people": 1, "segments": 2, "frames": 3}[rows]
            assert len(values) - len(failures) == good


def test_same_values_in_every_machine_format() -> None:
    from_json = json.loads(written("json", "frames", result(attributes=False)))
    from_lines = [json.loads(line) for line in written("jsonl", "frames", result(attributes=False)).splitlines()]
    assert from_json == from_lines == result(attributes=False).to_frame_rows()
    from_csv = list(csv.DictReader(io.StringIO(written("csv", "frames", result(attributes=False)))))
    for a, b in zip(from_json, from_csv, strict=True):
        assert {name: "" if value is None else str(value) for name, value in a.items()} == b


@pytest.mark.parametrize("text", ["=1+1", "+1", "-clip.mp4", "@SUM(A1)", "\t=1", "\r=1"])
def test_formulas_are_defused(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


def test_numbers_are_not() -> None:
    assert safe_cell(-1.5) == -1.5
    assert safe_cell("plain - text") == "plain - text"
    (row,) = csv.DictReader(io.StringIO(written("csv", "people", result("=cmd|x.mp4", attributes=False))))
    assert row["path"] == "'=cmd|x.mp4"


def test_names_that_are_no_text() -> None:
    name = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    assert json.loads(written("jsonl", "clips", result(name)))["path"] == name
    text = written("csv", "clips", result(name))
    text.encode("utf-8")
    assert "caf\\udce9.mp4" in text
    written("table", "clips", result(name)).encode("utf-8")


def test_names_cannot_drive_the_terminal() -> None:
    name = "\x1b]0;owned\x07\r\nclip.mp4"
    for rows in ROWS:
        text = written("table", rows, result(name, attributes=False))
        assert "\x1b" not in text
        assert "\r" not in text
        assert "\\x1b]0;owned\\x07\\r\\nclip.mp4" in text
    assert printable("grün ü") == "grün ü"


def test_no_number_that_json_cannot_hold() -> None:
    odd = ClipResult("clip.mp4", "ok", fps=math.nan)
    with pytest.raises(ValueError, match="JSON"):
        written("json", "clips", odd)


def test_the_table_for_reading() -> None:
    text = written("table", "clips", result())
    assert "clip.mp4  happy 62%" in text
    assert "person 1" in text
    assert "looks 31 ± 4 years, female 75%, White 50%" in text
    assert "0.3 s, 3 frames analysed, 2 with a face" in text
    assert "time: happy 50%, uncertain 50%" in text
    assert "changes: happy, from 0.1 s uncertain" in text
    assert "group" not in text  # of one person
    assert "by mean-probability of the group" in written("table", "clips", result(), group=True)
    assert "\x1b[" in written("table", "clips", result(), colour=True)
    written("table", "clips", result(), ascii_only=True).replace("±", "").encode("ascii")
    unsure = ClipResult("c.mp4", "ok", clip=Prediction(None, 0.4, {"sad": 0.4, "happy": 0.3}, "mean-probability", 1))
    assert "uncertain (at best 40%)" in written("table", "clips", unsure)


def long_result() -> ClipResult:
    """An hour: 20 changes, three emotions and stretches without any."""
    names = ["happy", "sad", None, "sad"] * 5 + ["happy"]
    segments = tuple(Segment(170.0 * i, 170.0 * (i + 1), name, 0.7) for i, name in enumerate(names))
    log = ObservationLog(EMOTIONS)
    face = Face((0, 0, 1, 1), 1.0)
    for i in range(600):
        log.append(Observation(i, 6.0 * i, 1, face, {"sad": 0.4, "happy": 0.6}))
    (person,) = result().people
    person = replace(person, segments=segments, end_s=3570.0)
    return replace(result("long.mp4"), duration_s=3600.0, frames_sampled=600, people=(person,), observations=log)


def test_the_table_of_a_long_clip_fits_and_is_true() -> None:
    for width in (60, 100):
        lines = written("table", "clips", long_result(), width=width).splitlines()
        assert max(map(len, lines)) == width  # the strip takes what there is
        text = " ".join(" ".join(lines).split())
        assert "time: sad 48%, happy 29%, uncertain 24%" in text
        assert "changes: happy, from 170.0 s sad, from 340.0 s uncertain, from 510.0 s sad" in text
        assert "and 15 more changes, see --rows segments" in text


def test_several_clips_end_with_totals() -> None:
    nobody = ClipResult("none.mp4", "ok", frames_sampled=1, observations=ObservationLog(EMOTIONS))
    text = written("table", "clips", result(), result(), FAILED, nobody)
    assert text.endswith("4 clips, 1 failed: happy 2, no face 1\n")
    assert "clips" not in written("table", "clips", result())


def test_timeline_by_hand() -> None:
    log = ObservationLog(EMOTIONS)
    face = Face((0, 0, 1, 1), 1.0)
    happy = [0.0, 0.25, None, 0.75, 1.0, 1.0]
    for i, value in enumerate(happy):
        if value is None:
            log.append(Observation(i, i / 10))
        else:
            log.append(Observation(i, i / 10, 1, face, {"sad": 1 - value, "happy": value}))
    clip = ClipResult("c", "ok", duration_s=0.6, frames_sampled=6, observations=log)
    cells = Timeline(clip).cells(1)
    assert [cell and cell.probabilities["happy"] for cell in cells] == [0, 0.25, None, 0.75, 1, 1]
    coarse = Timeline(clip, width=2).cells(1)  # 0 to 0.25 s and 0.25 s to the end
    assert [cell and cell.probabilities["happy"] for cell in coarse] == pytest.approx([0.125, 2.75 / 3])
    assert Timeline(clip).cells(2) == [None] * 6


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    with open_output(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["out.csv"]
    assert path.stat().st_mode & 0o044  # readable as other new files are


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), open_output(path) as file:
        file.write("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_interrupt_leaves_the_old_file_too(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), open_output(path):
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_was_private_stays_private(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.touch(mode=0o600)
    with open_output(path) as file:
        file.write("new")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_keeps_pointing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with open_output(tmp_path / "link") as file:
        file.write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder"), open_output(tmp_path):
        pass
    with (
        pytest.raises(OutputError, match=r"none/out\.csv: cannot be written: No such file"),
        open_output(tmp_path / "none" / "out.csv"),
    ):
        pass


def test_a_device_is_written_not_replaced() -> None:
    with open_output(Path("/dev/null")) as file:
        file.write("gone")
    assert Path("/dev/null").is_char_device()


def test_binary_files_too(tmp_path: Path) -> None:
    with open_output(tmp_path / "x.bin", binary=True) as file:
        file.write(b"\0\r\n")
    assert (tmp_path / "x.bin").read_bytes() == b"\0\r\n"


def test_hash_of_a_folder_knows_names_and_contents(tmp_path: Path) -> None:
    hashes = set()
    for names, contents in ((("a", "b"), ("1", "2")), (("a", "c"), ("1", "2")), (("a", "b"), ("2", "1"))):
        folder = tmp_path / str(len(hashes))
        folder.mkdir()
        for name, content in zip(names, contents, strict=True):
            (folder / name).write_text(content)
        hashes.add(content_hash(folder))
    assert len(hashes) == 3


def test_rows_abstain_too() -> None:
    log = ObservationLog(EMOTIONS, min_confidence=0.6)
    for happy in (0.5, 0.75):
        log.append(Observation(0, 0.0, 1, Face((0, 0, 1, 1), 1.0), {"sad": 1 - happy, "happy": happy}))
    rows = ClipResult("c", "ok", observations=log).to_frame_rows()
    assert [(row["emotion"], row["confidence"]) for row in rows] == [(None, 0.5), ("happy", 0.75)]


def test_columns_are_those_of_the_model_that_answers() -> None:
    shape = RowShape(EMOTIONS, ("positive", "negative"))
    assert column_names("frames", shape)[12:14] == ["p_sad", "p_happy"]
    assert column_names("people", shape)[-2:] == column_names("clips", shape)[-2:] == ["p_positive", "p_negative"]
    file = io.StringIO()
    with make_writer("csv", "clips", file, shape) as writer:
        writer.write(result())  # a clip of too few frames for the model: its probabilities have no column
    (row,) = csv.DictReader(io.StringIO(file.getvalue()))
    assert (row["emotion"], row["p_positive"]) == ("happy", "")
