"""fervid predict into a folder, fervid merge and fervid watch, as users call them."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import pytest
from click.testing import CliRunner, Result
from fer_video.cli import main
from media import Image, cut_off, encode, encode_sound_only
from processes import eventually, gone

FERVID = [sys.executable, "-m", "fer_video.cli"]
LINUX = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks at /proc")
# Where the tests run in the background SIGINT is ignored, and a child would inherit that.
HEARS: dict[str, Any] = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}


def fervid(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def process(*arguments: str | Path, seconds: float = 3600) -> subprocess.CompletedProcess[str]:
    command = [*FERVID, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


@contextmanager
def running(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    command = [*FERVID, *map(str, arguments)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **HEARS) as child:
        try:
            yield child
        finally:
            child.kill()


def journal(folder: Path) -> list[dict[str, Any]]:
    path = folder / "fervid.journal"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def results(folder: Path) -> dict[str, bytes]:
    """All that a user sees but the journal."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.suffix != ".journal"}


def timeless(folder: Path) -> list[dict[str, Any]]:
    lines = [line | {"seconds": None} for line in journal(folder)]
    return sorted(lines, key=lambda line: str(line["path"]))


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def has_open(pid: int, clip: Path) -> bool:
    try:
        return any(Path(each).readlink() == clip for each in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory, astronaut: Image) -> Path:
    """A fifth of a second without a face."""
    view = astronaut[320:512, 320:512]
    return encode(tmp_path_factory.mktemp("blank") / "blank.mp4", [view] * 2, [0, 0.1])


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory, astronaut: Image) -> Path:
    """A minute and a half without a face."""
    view = astronaut[320:512, 320:512]
    return encode(tmp_path_factory.mktemp("long") / "long.mp4", [view] * 900, [i / 10 for i in range(900)])


def many(folder: Path, clip: Path, count: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    clips = [folder / f"{i}.mp4" for i in range(count)]
    for each in clips:
        shutil.copy(clip, each)
    return clips


# ---- what is written


def test_a_json_a_clip_and_nothing_to_do_the_second_time(tmp_path: Path, face_clip: Path, blank: Path) -> None:
    (tmp_path / "text.mp4").write_text("Dear diary")
    out = tmp_path / "out"
    inputs = (face_clip, tmp_path / "text.mp4", blank)
    done = process("predict", *inputs, "--out", f"{out}/", "--workers", "2", "--fps", "5")
    assert done.returncode == 1
    assert done.stdout == ""
    error, total = done.stderr.splitlines()
    assert error.startswith(f"fervid: error: {tmp_path / 'text.mp4'}: no video")
    assert total.startswith(f"fervid: {out}: 3 files: 2 done, 0 partial, 1 failed; now 3 files, 11 frames in ")
    values = {Path(value["path"]).name: value for value in map(json.loads, results(out).values())}
    assert values["face.mp4"]["clip"]["emotion"] == "happiness"
    assert values["face.mp4"]["ran"]["sampling"]["fps"] == 5
    assert values["text.mp4"]["status"] == "failed"
    alone = json.loads(fervid("predict", face_clip, "--fps", "5", "--format", "json", "--threads", "1").stdout)
    assert values["face.mp4"].keys() == alone.keys()
    assert values["face.mp4"]["clip"]["probabilities"] == pytest.approx(alone["clip"]["probabilities"], abs=1e-4)

    before = results(out) | {"journal": (out / "fervid.journal").read_bytes()}
    again = process("predict", *inputs, "--out", out, "--workers", "2", "--fps", "5")
    assert again.returncode == 1
    assert again.stderr.splitlines() == [
        error.replace("fervid: error", "fervid: failed before"),
        f"fervid: {out}: 3 files: 2 done, 0 partial, 1 failed; nothing to do",
    ]
    assert results(out) | {"journal": (out / "fervid.journal").read_bytes()} == before


@pytest.mark.parametrize("format_name", ["jsonl", "csv"])
def test_one_file_for_all_is_what_predict_writes_alone(
    tmp_path: Path, face_clip: Path, blank: Path, format_name: str
) -> None:
    options = ("--rows", "frames", "--fps", "5", "--threads", "1")
    alone = tmp_path / f"alone.{format_name}"
    fervid("predict", face_clip, blank, *options, "--out", alone)
    done = fervid("predict", face_clip, blank, *options, "--out", tmp_path / "out", "--format", format_name, "--anew")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "out" / f"results.{format_name}").read_bytes() == alone.read_bytes()


def test_parquet_of_people(tmp_path: Path, face_clip: Path) -> None:
    import pyarrow.parquet as pq

    out = tmp_path / "out"
    done = fervid("predict", face_clip, "--out", f"{out}/", "--format", "parquet", "--rows", "people", "--fps", "5")
    assert done.exit_code == 0, done.stderr
    (row,) = pq.read_table(out / "results.parquet").to_pylist()
    assert (row["person"], row["frames"], row["emotion"]) == (1, 10, "happiness")
    assert row["p_happiness"] == row["confidence"]


def test_captions_of_many_clips(tmp_path: Path, face_clip: Path, blank: Path) -> None:
    out = tmp_path / "out"
    assert fervid("predict", face_clip, blank, "--out", f"{out}/", "--format", "vtt", "-q").exit_code == 0
    texts = {name: data.decode() for name, data in results(out).items()}
    assert "happiness" in texts["face.vtt"]
    assert texts["blank.vtt"].startswith("WEBVTT\n\nNOTE path: ")
    assert "-->" not in texts["blank.vtt"]


def test_dry_run_says_what_it_would_do_and_does_nothing(tmp_path: Path, blank: Path) -> None:
    (first, second) = many(tmp_path / "clips", blank, 2)
    out = tmp_path / "out"
    done = fervid("predict", tmp_path / "clips", "--out", out, "--dry-run")
    assert done.stdout == f"new\t{first}\nnew\t{second}\n"
    assert done.stderr == "fervid: 2 to do (2 new); 0 done before\n"
    assert not out.exists()
    fervid("predict", first, "--out", f"{out}/")
    done = fervid("predict", tmp_path / "clips", "--out", out, "--dry-run")
    assert done.stdout == f"new\t{second}\n"
    assert done.exit_code == 0
    done = fervid("predict", tmp_path / "clips", "--out", out, "--dry-run", "--fps", "1")
    assert done.exit_code == 2
    assert "other options (--fps)" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--workers", "2"), "--workers is for a batch"),
        (("--timeout", "2", "--format", "csv"), "--timeout is for a batch"),
        (("--dry-run", "--out", "x.csv"), "a batch writes into a folder"),
        (("--workers", "0", "--out", "r/"), "workers must be 1 or more"),
        (("--timeout", "0", "--out", "r/"), "the timeout must be more than 0"),
        (("--shard", "3/2", "--out", "r"), "a shard is i/n"),
        (("--shard", "half", "--out", "r"), "a shard is i/n"),
        (("--out", "r/", "--format", "table"), "a folder cannot hold table"),
        (("--out", "r/", "--format", "csv", "--frames"), "--frames belongs to JSON"),
        (("--out", "r/", "--model", "pseudo-vgaf-3"), "is a model of a group"),
        (("--out", "r/", "--device", "tensorrt"), "tensorrt"),
        (("--format", "parquet"), "give --out FILE"),
        (("--out", "r/", "--format", "xlsx"), "a folder cannot hold xlsx"),
        (("--out", "file.txt/"), "cannot be made"),
    ],
)
def test_wrong_usage(
    tmp_path: Path, blank: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").touch()
    done = fervid("predict", blank, *arguments)
    assert done.exit_code == 2, done.stderr
    assert says in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("results.*"))


def test_failed_ones_are_tried_again_when_asked(tmp_path: Path, blank: Path) -> None:
    (clip,) = many(tmp_path / "clips", blank, 1)
    data = clip.read_bytes()
    clip.write_text("x" * len(data))
    times = clip.stat().st_mtime_ns
    out = tmp_path / "out"
    assert fervid("predict", clip, "--out", f"{out}/").exit_code == 1
    clip.write_bytes(data)
    os.utime(clip, ns=(times, times))  # nothing tells that it is another file
    assert "nothing to do" in fervid("predict", clip, "--out", out).stderr
    done = fervid("predict", clip, "--out", out, "--retry-failed")
    assert (done.exit_code, "1 done, 0 partial, 0 failed" in done.stderr) == (0, True)


# ---- shards


def test_shards_and_merge(tmp_path: Path, blank: Path) -> None:
    many(tmp_path / "clips", blank, 5)
    options = (tmp_path / "clips", "--format", "jsonl", "--threads", "1", "-q", "--out")
    for shard in ("1/2", "2/2"):
        assert fervid("predict", *options, tmp_path / "shards", "--shard", shard).exit_code == 0
    assert fervid("predict", *options, f"{tmp_path / 'one'}/").exit_code == 0
    done = fervid("merge", tmp_path / "shards", "--out", tmp_path / "merged")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"fervid: {tmp_path / 'merged'}: 5 files: 5 done, 0 partial, 0 failed\n"
    assert results(tmp_path / "merged") == results(tmp_path / "one")
    done = fervid("merge", tmp_path / "shards" / "shard-2-of-2", "--out", tmp_path / "half")
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "fervid: warning: shard 1/2 is missing",
        f"fervid: {tmp_path / 'half'}: 5 files: 2 done, 0 partial, 0 failed, 3 not done",
        *(f"fervid: error: not done by any shard: {tmp_path / 'clips' / f'{i}.mp4'}" for i in (0, 2, 4)),
    ]


# ---- stopping


@LINUX
def test_ctrl_c_finishes_what_is_in_hand_and_twice_stops_now(tmp_path: Path, blank: Path, long_clip: Path) -> None:
    clips = many(tmp_path / "clips", blank, 40)
    shutil.copy(long_clip, clips[3])
    out = tmp_path / "out"
    command = ("predict", tmp_path / "clips", "--out", f"{out}/", "--format", "jsonl", "--workers", "2")
    with running(*command) as child:
        eventually(lambda: any(has_open(each, clips[3]) for each in children(child.pid)), 600)
        eventually(lambda: len(journal(out)) >= 3, 600)
        child.send_signal(signal.SIGINT)
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        workers = children(child.pid)
        assert child.wait(200) == 130
        eventually(lambda: all(map(gone, workers)))
    assert not (out / "results.jsonl").exists()
    assert str(clips[3]) not in {line["path"] for line in journal(out)}

    with running(*command) as child:
        eventually(lambda: any(has_open(each, clips[3]) for each in children(child.pid)), 600)
        child.send_signal(signal.SIGTERM)
        assert child.wait(600) == 130
        assert child.stderr is not None
        said = child.stderr.read()
    assert "fervid: finishing the current files; Ctrl-C again stops at once\n" in said
    assert "not done; now" in said
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert 4 <= len(lines) < 40
    assert lines[3]["path"] == str(clips[3])
    assert lines[3]["frames_sampled"] == 900


def test_another_one_in_the_same_folder_is_refused(tmp_path: Path, long_clip: Path, blank: Path) -> None:
    out = tmp_path / "out"
    with running("predict", long_clip, "--out", f"{out}/"):
        eventually(lambda: (out / "fervid.journal").exists(), 600)
        done = process("predict", blank, "--out", out)
    assert done.returncode == 2
    assert (
        done.stderr == f"fervid: error: {out}: another fervid is at work here; wait for it, or choose another folder\n"
    )


# ---- the bars: two hundred clips, ten of them broken; and kills at any moment


def broken(folder: Path, blank: Path, long_clip: Path, face: Image) -> dict[str, Path]:
    """Ten clips that cannot be done. `killer` and `stuck` are fine themselves, see `befall`."""
    names = ("empty", "text", "noise", "cut", "sound", "dangling", "pipe", "killer", "stuck")
    made = {name: folder / f"{name}.mp4" for name in names} | {"picture": folder / "picture.png"}
    made["empty"].touch()
    made["text"].write_text("Dear diary,\n" * 100)
    made["noise"].write_bytes(random.Random(0).randbytes(5000))
    cut_off(blank, made["cut"], 0.6)
    encode_sound_only(made["sound"])
    made["dangling"].symlink_to("nowhere.mp4")
    os.mkfifo(made["pipe"])
    shutil.copy(long_clip, made["killer"])
    shutil.copy(long_clip, made["stuck"])
    made["picture"].write_bytes(cv2.imencode(".png", face)[1].tobytes()[:2000])
    return made


def befall(child: int, signals: dict[Path, signal.Signals], ended: threading.Event) -> None:
    """Whatever worker opens one of the files gets the signal: SIGKILL as the kernel does for want of memory, SIGSTOP
    as a file system does that answers no more."""
    stopped: set[int] = set()
    while not ended.is_set():
        for worker in children(child):
            for clip, sent in signals.items():
                if worker not in stopped and has_open(worker, clip):
                    stopped.add(worker)
                    os.kill(worker, sent)
        time.sleep(0.002)


@LINUX
@pytest.mark.slow
def test_two_hundred_clips_ten_of_them_broken(
    tmp_path: Path, blank: Path, long_clip: Path, astronaut: Image, record_property: Callable[[str, object], None]
) -> None:
    many(tmp_path / "clips", blank, 190)
    bad = broken(tmp_path / "clips", blank, long_clip, astronaut)
    out = tmp_path / "out"
    command = (
        "predict",
        tmp_path / "clips",
        "--out",
        f"{out}/",
        "--format",
        "csv",
        "--workers",
        "2",
        "--timeout",
        "10",
    )
    signals = {bad["killer"]: signal.SIGKILL, bad["stuck"]: signal.SIGSTOP}
    ended = threading.Event()
    with running(*command) as child:
        demon = threading.Thread(target=befall, args=(child.pid, signals, ended))
        demon.start()
        try:
            assert child.stderr is not None
            said = child.stderr.read().splitlines()
            assert child.wait(3600) == 1
        finally:
            ended.set()
            demon.join()
    reasons = {name: next(line for line in said if f"{path}: " in line) for name, path in bad.items()}
    assert len(said) == 11, said
    assert "190 done, 0 partial, 10 failed; now 200 files" in said[-1]
    assert "its worker died twice, by SIGKILL" in reasons["killer"]
    assert "took longer than 10 s, twice" in reasons["stuck"]
    statuses = [(line["path"], line["status"]) for line in journal(out)]
    assert len(statuses) == len(dict(statuses)) == 200
    assert {Path(path) for path, status in statuses if status == "failed"} == set(bad.values())
    assert (out / "results.csv").read_text().count("\n") == 201

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    again = process(*command)
    took = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    record_property("second run", f"{took:.2f} s, {busy:.2f} s of processor time")
    assert again.returncode == 1
    assert len([line for line in again.stderr.splitlines() if "failed before" in line]) == 10
    assert again.stderr.splitlines()[-1].endswith("nothing to do")
    assert busy < 2  # and so was the time that passed, unless the machine had other work


@LINUX
@pytest.mark.slow
def test_killed_at_random_moments_the_results_are_those_of_an_undisturbed_run(
    tmp_path: Path, blank: Path, face_clip: Path, record_property: Callable[[str, object], None]
) -> None:
    kills = 2 * int(os.environ.get("FERVID_KILLS", "10"))
    clips = many(tmp_path / "clips", blank, 10 * kills)
    for clip in clips[::40]:
        shutil.copy(face_clip, clip)
    for clip in clips[5::50]:
        clip.write_text("no video")
    command = (
        "predict",
        tmp_path / "clips",
        "--format",
        "jsonl",
        "--rows",
        "frames",
        "--workers",
        "2",
        "--threads",
        "1",
    )
    undisturbed, out = tmp_path / "undisturbed", tmp_path / "out"
    assert process(*command, "--out", f"{undisturbed}/").returncode == 1
    rng, moments, workers = random.Random(7), [], set()
    for _ in range(kills):
        known = len(journal(out))
        with running(*command, "--out", f"{out}/") as child:
            # Some while it starts, the others somewhere in the work.
            more = rng.choice((0, 1, 3, 6, 9))
            eventually(lambda: child.poll() is not None or len(journal(out)) >= known + more, 600)  # noqa: B023
            time.sleep(rng.uniform(0, 0.1 if more else 0.5))
            assert child.poll() is None, "it came to its end before it was killed"
            workers |= {*children(child.pid)}
            child.send_signal(signal.SIGKILL)
            child.wait()
        moments.append(len(journal(out)))
    assert process(*command, "--out", f"{out}/").returncode == 1
    record_property("lines in the journal at each kill", moments)
    assert moments == sorted(moments)
    assert results(out) == results(undisturbed)
    assert timeless(out) == timeless(undisturbed)  # each file once: nothing lost, nothing twice
    assert len(timeless(out)) == 10 * kills
    assert not list(out.rglob("*.part"))
    eventually(lambda: all(map(gone, workers)))


# ---- watching


@LINUX
def test_watch_takes_files_once_they_are_fully_written(tmp_path: Path, face_clip: Path, blank: Path) -> None:
    incoming, out = tmp_path / "incoming", tmp_path / "out"
    incoming.mkdir()
    shutil.copy(blank, incoming / "before.mp4")
    data = face_clip.read_bytes()
    command = ("watch", incoming, "--out", f"{out}/", "--interval", "0.2", "--settle", "1.5", "--format", "jsonl")
    with running(*command) as child:
        eventually(lambda: len(journal(out)) == 1, 600)
        with (incoming / "slow.mp4").open("wb") as file:
            for start in range(0, len(data), len(data) // 8 + 1):  # copied over two seconds
                file.write(data[start : start + len(data) // 8 + 1])
                file.flush()
                time.sleep(0.25)
        eventually(lambda: len(journal(out)) == 2, 600)
        eventually(lambda: (out / "results.jsonl").exists() and b"slow" in (out / "results.jsonl").read_bytes())
        (incoming / "bad.mp4").write_text("no video")
        eventually(lambda: len(journal(out)) == 3, 600)
        child.send_signal(signal.SIGINT)
        assert child.wait(600) == 1
        assert child.stderr is not None
        said = child.stderr.read()
    assert "Traceback" not in said
    assert [(Path(line["path"]).name, line["status"], line["frames"]) for line in journal(out)] == [
        ("before.mp4", "ok", 2),
        ("slow.mp4", "ok", 20),
        ("bad.mp4", "failed", 0),
    ]
    assert f"fervid: error: {incoming / 'bad.mp4'}: no video" in said
    done = process("predict", incoming, "--out", out, "--format", "jsonl")  # the same journal
    assert done.stderr.splitlines()[-1].endswith("nothing to do")


def test_watch_needs_folders(tmp_path: Path) -> None:
    done = fervid("watch", tmp_path / "nowhere", "--out", f"{tmp_path}/out/")
    assert (done.exit_code, "no such folder" in done.stderr) == (1, True)
    done = fervid("watch", tmp_path)
    assert (done.exit_code, "give the folder of the results" in done.stderr) == (2, True)
