"""The command line as users call it."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from command import fervid
from conftest import EXAMPLE
from fer_video.cli.shared.options import _CLIP_FORMATS, _DEVICES, _FORMATS
from media import encode_sound_only

from fer_video.models import find_model
from fer_video.models.devices import DEVICES
from fer_video.results.writers import CLIP_FORMATS, FORMATS

FERVID = [sys.executable, "-m", "fer_video.cli"]


def process(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [*FERVID, *map(str, arguments)], capture_output=True, timeout=60, check=False, **options
    )


@pytest.fixture
def bad(tmp_path: Path) -> dict[str, Path]:
    files = {name: tmp_path / f"{name}.mp4" for name in ("missing", "empty", "text")}
    files["empty"].touch()
    files["text"].write_text("Dear diary,\n" * 100)
    files["sound"] = encode_sound_only(tmp_path / "sound.mp4")
    return files


# ---- what a user sees


def test_a_table_for_reading(face_clip: Path) -> None:
    result = fervid("predict", face_clip)
    assert result.exit_code == 0
    assert f"{face_clip}  happiness " in result.stdout
    assert "person 1" in result.stdout
    assert "\x1b" not in result.stdout  # not a terminal
    assert result.stderr == ""


def test_json_of_one_clip_is_its_object(face_clip: Path) -> None:
    result = fervid("predict", face_clip, "--format", "json")
    value = json.loads(result.stdout)
    assert value["schema"] == "fervid/1"
    assert value["path"] == str(face_clip)
    assert value["clip"]["emotion"] == "happiness"
    assert value["people"][0]["frames"] == value["frames_with_face"] == 20
    assert value["people"][0]["attributes"] is None


def test_json_of_a_folder_is_an_array_even_of_one(face_clip: Path) -> None:
    values = json.loads(fervid("predict", face_clip.parent, "--format", "json").stdout)
    assert [value["path"] for value in values] == [str(face_clip)]


def test_csv_of_frames(face_clip: Path, faceless_clip: Path) -> None:
    result = fervid("predict", face_clip, faceless_clip, "--format", "csv", "--rows", "frames", "--fps", "5")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["path"] for row in rows] == [str(face_clip)] * 10 + [str(faceless_clip)] * 5
    assert [float(row["time_s"]) for row in rows[:10]] == pytest.approx([i / 5 for i in range(10)])
    assert {row["emotion"] for row in rows} == {"happiness", ""}


def test_people_with_attributes(face_clip: Path) -> None:
    result = fervid("predict", face_clip, "--rows", "people", "--format", "jsonl", "--attributes", "--fps", "2")
    (row,) = map(json.loads, result.stdout.splitlines())
    assert row["gender"] == "female"
    assert row["person"] == 1


def test_start_end_every_frame(face_clip: Path) -> None:
    result = fervid(
        "predict", face_clip, "--every-frame", "--start", "0.5", "--end", "1.0", "--format", "csv", "--rows", "frames"
    )
    assert [row["frame"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["5", "6", "7", "8", "9"]


def test_out_takes_its_format_from_the_name(face_clip: Path, tmp_path: Path) -> None:
    for name, read in (
        ("a.json", json.load),
        ("a.jsonl", json.load),
        ("a.csv", lambda file: list(csv.DictReader(file))),
    ):
        path = tmp_path / name
        result = fervid("predict", face_clip, "--out", path, "--fps", "2")
        assert (result.exit_code, result.stdout) == (0, "")
        with path.open(encoding="utf-8") as file:
            assert read(file)  # type: ignore[operator]
    path = tmp_path / "plain.txt"
    fervid("predict", face_clip, "--out", path, "--fps", "2", "--format", "csv")
    assert path.read_text().startswith("path,status")


def test_a_list_on_stdin(face_clip: Path, faceless_clip: Path) -> None:
    listed = f"{face_clip}\r\n\n{faceless_clip}\n".encode()
    result = fervid("predict", "-", "--format", "jsonl", "--fps", "2", stdin=listed)
    assert [json.loads(line)["path"] for line in result.stdout.splitlines()] == [str(face_clip), str(faceless_clip)]


def test_a_quoted_pattern(face_clip: Path) -> None:
    result = fervid("predict", face_clip.parent / "*.mp4", "--format", "jsonl", "--fps", "2")
    assert [json.loads(line)["path"] for line in result.stdout.splitlines()] == [str(face_clip)]


def test_abstaining(face_clip: Path) -> None:
    value = json.loads(fervid("predict", face_clip, "--format", "json", "--min-confidence", "1").stdout)
    assert value["clip"]["emotion"] is None
    assert value["clip"]["confidence"] > 0.9


def test_no_face_is_no_failure(faceless_clip: Path) -> None:
    result = fervid("predict", faceless_clip)
    assert result.exit_code == 0
    assert "no face found" in result.stdout


def test_verbose_says_what_runs_on_stderr(face_clip: Path) -> None:
    result = fervid("predict", face_clip, "-v", "--format", "json", "--fps", "2")
    assert json.loads(result.stdout)["status"] == "ok"
    assert "yunet-2023mar" in result.stderr
    assert "CPUExecutionProvider" in result.stderr


# ---- bad input: one line that names it, the rest done, the exit code


@pytest.mark.parametrize("format_name", ["json", "jsonl", "csv", "table"])
def test_bad_files_in_a_batch(bad: dict[str, Path], face_clip: Path, format_name: str) -> None:
    result = fervid("predict", *bad.values(), face_clip, "--format", format_name, "-v", "--fps", "2")
    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if "error" in line]
    assert len(errors) == len(bad)
    for line, path in zip(errors, bad.values(), strict=True):
        assert line.startswith(f"fervid: error: {path}: ")
    assert "Traceback" not in result.stderr
    if format_name == "json":
        values = json.loads(result.stdout)
    elif format_name == "jsonl":
        values = [json.loads(line) for line in result.stdout.splitlines()]
    elif format_name == "csv":
        values = list(csv.DictReader(io.StringIO(result.stdout)))
    else:
        assert "happiness" in result.stdout
        return
    assert [value["status"] for value in values] == ["failed"] * len(bad) + ["ok"]
    assert all(str(path) in value["error"] for path, value in zip(bad.values(), values, strict=False))


def test_a_bad_file_as_a_process(bad: dict[str, Path]) -> None:
    """FFmpeg and OpenCV inside the process keep quiet too."""
    for path in bad.values():
        done = process("predict", path, "--format", "jsonl")
        assert done.returncode == 1
        assert json.loads(done.stdout)["status"] == "failed"
        assert len(done.stderr.decode().splitlines()) == 1, done.stderr.decode()


def test_an_empty_folder(tmp_path: Path) -> None:
    result = fervid("predict", tmp_path)
    assert result.exit_code == 1
    assert f"{tmp_path}: no video or picture" in result.stderr


def test_a_cut_off_clip_is_analysed_and_marked(tmp_path: Path, face_clip: Path) -> None:
    data = face_clip.read_bytes()
    # its last frames declared but gone: the closing moov box must stay, so cut the file's tail behind it
    path = tmp_path / "cut.mp4"
    path.write_bytes(data + (4096).to_bytes(4, "big") + b"free" + bytes(16))
    result = fervid("predict", path, "--format", "json")
    value = json.loads(result.stdout)
    assert (result.exit_code, value["status"]) == (0, "partial")
    assert "cut off" in value["error"]
    assert "warning" in result.stderr
    assert fervid("predict", path, "-q").stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "xml"),
        ("--rows", "faces"),
        ("--fps", "0"),
        ("--fps", "many"),
        ("--fps", "5", "--every-frame"),
        ("--start", "5", "--end", "1"),
        ("--min-face", "0"),
        ("--min-score", "2"),
        ("--max-faces", "0"),
        ("--min-confidence", "-1"),
        ("--threads", "0"),
        ("--threads", "99999999999"),
        ("--end", "inf"),
        ("--adaptive", "--fps", "5"),
        ("--step", "1"),
        ("--window", "1", "--step", "2"),
        ("--model", "no/such/model"),
        ("--model", "pseudo-vgaf-3"),
        ("--adaptive", "--model", "none"),
        ("--device", "abacus"),
        ("--device", "tensorrt"),
        ("--detector", "haar"),
        ("--backbone", "resnet"),
        ("--out", "no/such/folder/out.csv"),
        ("--nonsense",),
    ],
)
def test_wrong_usage(face_clip: Path, arguments: tuple[str, ...]) -> None:
    result = fervid("predict", face_clip, *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert "rror: " in result.stderr


def test_an_output_that_is_an_input_is_refused(tmp_path: Path, face_clip: Path) -> None:
    clip = tmp_path / "clip.mp4"
    shutil.copy(face_clip, clip)
    result = fervid("predict", tmp_path, "--out", clip)
    assert result.exit_code == 2
    assert "is one of the inputs" in result.stderr
    assert clip.read_bytes() == face_clip.read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [(), ("--out", "/dev/full")])
def test_no_space_left(face_clip: Path, arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [*FERVID, "predict", str(face_clip), "--format", "jsonl", *arguments],
            stdout=full, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode in (1, 2)
    assert b"No space left" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
@pytest.mark.parametrize(("closed", "code"), [(">&-", 2), ("<&-", 2), ("2>&-", 0)])
def test_closed_streams(face_clip: Path, closed: str, code: int, tmp_path: Path) -> None:
    given = "-" if closed == "<&-" else str(face_clip)
    command = " ".join([*map(str, FERVID), "predict", given, "--format", "jsonl", "--fps", "2", closed])
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert (b"happiness" in done.stdout) == (code == 0)


def test_output_is_utf8_whatever_the_locale(tmp_path: Path, face_clip: Path) -> None:
    clip = tmp_path / "grün 表情.mp4"
    shutil.copy(face_clip, clip)
    env = os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    done = process("predict", clip, "--format", "jsonl", "--fps", "2", env=env)
    assert json.loads(done.stdout.decode("utf-8"))["path"] == str(clip)


def test_an_empty_list(face_clip: Path) -> None:
    result = fervid("predict", "-", stdin=b"\n\n")
    assert result.exit_code == 2
    assert "no inputs" in result.stderr


def test_no_input() -> None:
    assert fervid("predict").exit_code == 2


def test_a_folder_as_output_takes_a_file_a_clip(face_clip: Path, tmp_path: Path) -> None:
    result = fervid("predict", face_clip, "--out", tmp_path, "--fps", "2")
    assert (result.exit_code, result.stdout) == (0, "")
    (written,) = tmp_path.glob("face.json")
    assert json.loads(written.read_text())["clip"]["emotion"] == "happiness"


def test_damaged_weights(tmp_path: Path, face_clip: Path) -> None:
    path = tmp_path / "mine.onnx"
    shutil.copy(find_model("emotion-backbone").path, path)
    models = json.loads((find_model("emotion-backbone").path.parent / "manifest.json").read_text())["models"]
    (entry,) = [each for each in models if each["name"] == "mobilenet-v1-mtl"]
    path.with_suffix(".json").write_text(json.dumps(entry))
    path.write_bytes(path.read_bytes()[:-1])
    result = fervid("predict", face_clip, "--backbone", path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"fervid: error: {path}: damaged weights")
    assert len(result.stderr.splitlines()) == 1


def test_debug_shows_the_traceback() -> None:
    for arguments in (("--debug", "predict", "missing.mp4"), ("predict", "missing.mp4", "--debug")):
        done = process(*arguments)
        assert done.returncode == 1
        assert b"Traceback" in done.stderr
    assert b"Traceback" not in process("predict", "missing.mp4").stderr


# ---- as a process


def test_a_real_process() -> None:
    done = process("predict", EXAMPLE, "--format", "json", "-v")
    assert done.returncode == 0
    assert json.loads(done.stdout)["clip"]["emotion"] == "happiness"
    assert b"Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough(face_clip: Path) -> None:
    command = [*FERVID, "predict", str(face_clip), "--rows", "frames", "--format", "csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes")
def test_a_pipe_is_refused_not_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.mp4"
    os.mkfifo(fifo)
    result = fervid("predict", fifo)
    assert result.exit_code == 1
    assert f"{fifo}: is a pipe" in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_ctrl_c_keeps_what_was_done(tmp_path: Path, face_clip: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for i in range(1000):
        (clips / f"{i}.mp4").hardlink_to(face_clip)
    out = tmp_path / "out.json"
    out.write_text("old")
    command = [*FERVID, "predict", str(clips), "--out", str(out)]
    # Where the tests run in the background SIGINT is ignored, and a child would inherit that.
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, **heard) as running, ExitStack() as stack:  # type: ignore[call-overload]
        stack.callback(running.kill)
        deadline = time.monotonic() + 30
        while not (parts := list(tmp_path.glob(".out.json.*"))) or b"happiness" not in parts[0].read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
        assert running.stderr is not None
        assert running.stderr.read() == b"fervid: interrupted\n"
    values = json.loads(out.read_text())
    assert 1 <= len(values) < 1000
    assert {value["clip"]["emotion"] for value in values} == {"happiness"}


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom fer_video.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "print([name for name in ('numpy', 'cv2', 'onnxruntime', 'sklearn', 'scipy', 'insightface') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_predict_loads_only_what_it_needs(face_clip: Path) -> None:
    code = (
        "import sys\nimport fer_video\n"
        f"fer_video.analyze({str(face_clip)!r})\n"
        "print([name for name in ('sklearn', 'scipy', 'insightface', 'onnx', 'skimage') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


# ---- options spelled out in two places


def test_choices_are_those_of_the_library() -> None:
    assert set(_DEVICES) == {"auto", *DEVICES}
    assert tuple(FORMATS) == _FORMATS
    assert tuple(CLIP_FORMATS) == _CLIP_FORMATS
