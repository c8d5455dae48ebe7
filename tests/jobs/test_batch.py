"""Journals, outputs, plans, shards, merging and watching, with works that need no models."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scripted import Invented

from fer_video.errors import InputError, OptionError, OutputError
from fer_video.jobs.batch import JOURNAL, Job, Plan, Shard, load_job, look, open_batch
from fer_video.jobs.engine import InProcess, Outcome, stamp_of
from fer_video.jobs.journal import Entry, Journal, read_journal
from fer_video.jobs.merge import merge
from fer_video.jobs.outputs import FOLDER_FORMATS, JOINED_FORMATS, OutputOptions, Outputs
from fer_video.jobs.watch import Settling, WatchOptions
from fer_video.results.writers import CLIP_FORMATS, RowShape
from fer_video.types import ClipResult, Prediction

SHAPE = RowShape(("happiness", "fear"))
ENTRY = Entry("a.mp4", 3, 5, "00", "11", "ok", None, 0.5, 7)


def job(*inputs: str | Path, format_name: str = "jsonl", **decisive: object) -> Job:
    return Job(OutputOptions(format_name), SHAPE, decisive, tuple(map(str, inputs)))


def do(folder: Path, wanted: Job, retry_failed: bool = False, anew: bool = False) -> tuple[Plan, list[Entry]]:
    """A whole batch. Gives what was planned, and what was done in the order of the inputs."""
    with open_batch(folder, wanted, anew=anew) as batch:
        plan = batch.plan(wanted.clips, retry_failed=retry_failed)
        clips = [clip for clip, _ in plan.todo]
        with InProcess(Invented(folder)) as engine:
            assert len(list(batch.run(clips, engine))) == len(clips)
        batch.join()
        return plan, batch.entries(wanted.clips)


def make(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.fsencode(f"{name} "))
    return [folder / name for name in names]


def reasons(plan: Plan) -> dict[str, str]:
    return {Path(clip).name: reason for clip, reason in plan.todo}


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


# ---- the journal


def test_the_last_line_of_a_path_counts(tmp_path: Path) -> None:
    path, again = tmp_path / "j", replace(ENTRY, status="failed", error="e")
    with Journal(path) as journal:
        for entry in (ENTRY, replace(ENTRY, path="b\udcff\n.mp4"), again):
            journal.append(entry)
    assert list(read_journal(path).values()) == [replace(ENTRY, path="b\udcff\n.mp4"), again]
    assert path.read_bytes().count(b"\n") == 3
    with Journal(path) as journal:
        journal.take_back("a.mp4")
        assert list(journal.entries) == ["b\udcff\n.mp4"]
    assert list(read_journal(path)) == ["b\udcff\n.mp4"]


def test_a_line_cut_off_anywhere_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        journal.append(ENTRY)
        journal.append(replace(ENTRY, path="b"))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in range(first, len(whole)):
        path.write_bytes(whole[:end])
        assert list(read_journal(path)) == ["a.mp4"]
        with Journal(path) as journal:
            journal.append(replace(ENTRY, path="c"))
        assert list(read_journal(path)) == ["a.mp4", "c"], end
    path.write_bytes(whole[:first] + bytes(100) + b"\n")  # a power cut
    with Journal(path) as journal:
        journal.append(replace(ENTRY, path="c"))
    assert list(read_journal(path)) == ["a.mp4", "c"]


@pytest.mark.parametrize(
    "line", [b"text", b"[]", b"{}", b'{"path": 1, "status": "ok"}', b'{"path": "a", "status": "fine"}', b"\xff"]
)
def test_what_is_no_journal_is_left_alone(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "j"
    path.write_bytes((line + b"\n") * 2)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="line 1 is not a journal's"):
        Journal(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "line",
    [
        b"text",
        b"[]",
        b"{}",
        b'{"path": 1, "status": "ok"}',
        b'{"path": "a", "status": "fine"}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_journal_damaged_in_the_middle_keeps_its_good_lines(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: bytes
) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        journal.append(ENTRY)
        journal.append(replace(ENTRY, path="b"))
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + line + b"\n" + second)
    assert list(read_journal(path)) == [ENTRY.path, "b"]
    with Journal(path) as journal:
        journal.append(replace(ENTRY, path="c"))
    assert [record.message for record in caplog.records] == [f"{path}: damaged in line 2; what they said is done again"]
    assert path.read_bytes().startswith(first + second)
    assert list(read_journal(path)) == [ENTRY.path, "b", "c"]


def test_a_full_disk_is_said_once(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    journal = Journal(tmp_path / "j")
    journal._file.close()
    journal._file = Path("/dev/full").open("ab")  # noqa: SIM115
    with pytest.raises(OutputError, match=r"j: cannot be written: No space left on device"), journal:
        journal.append(ENTRY)


def test_a_clip_that_takes_too_long_to_read_is_done_again(tmp_path: Path) -> None:
    """A sparse file of terabytes is read in no time limit but this."""
    clip = tmp_path / "huge.mp4"
    with clip.open("wb") as file:
        file.truncate(4 << 40)
    found = stamp_of(str(clip), most_s=0.05)
    assert found is not None
    assert (found.size, found.sha256) == (4 << 40, None)


def test_a_result_that_cannot_be_written_is_its_clips_fault(tmp_path: Path) -> None:
    bad = ClipResult("bad.mp4", "ok", duration_s=float("nan"), ran={"x": {1, 2}})
    with open_batch(tmp_path / "r", Job(OutputOptions("json"), RowShape((), ()), {})) as batch:
        entry = batch.record("bad.mp4", Outcome(0, bad))
        fine = batch.record("good.mp4", Outcome(1, ClipResult("good.mp4", "ok")))
    assert (entry.status, fine.status) == ("failed", "ok")
    assert entry.error is not None
    assert entry.error.startswith("bad.mp4: ")


# ---- outputs


def test_no_two_clips_share_an_output(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, tmp_path, OutputOptions("json"), SHAPE)
    paths = [
        "a/x.mp4",
        "b/x.mp4",
        "x.mp4",
        "x.avi",
        "/x.mp4",
        "X.mp4",
        "a_x.mp4",
        "../x.mp4",
        "x.mp4/",
        "é.mp4",
        "è.mp4",
    ]
    paths += [
        "b\udcff.mp4",
        "b\udcfe.mp4",
        "n" * 250 + "1.mp4",
        "n" * 250 + "2.mp4",
        "../../etc/passwd",
        "-rf",
        "\n",
        " ",
    ]
    places = [outputs.place(path) for path in paths]
    assert len({place.name.lower() for place in places}) == len(paths)
    for place in places:
        assert place.parent == tmp_path
        assert place.name.isascii()
        assert place.name.isprintable()
        assert len(place.name) < 100
        assert place.name[0] not in "-."
        place.touch()


@pytest.mark.parametrize("format_name", FOLDER_FORMATS)
def test_every_format(tmp_path: Path, format_name: str) -> None:
    clips = make(tmp_path / "clips", "a.mp4", "bad.mp4", "b.mp4")
    out = tmp_path / "out"
    plan, entries = do(out, job(*clips, format_name=format_name))
    assert [each.status for each in entries] == ["ok", "failed", "ok"]
    assert set(reasons(plan).values()) == {"new"}
    files = {each.name for each in out.iterdir()} - {JOURNAL, ".fervid"}
    if format_name in JOINED_FORMATS:
        assert files == {f"results.{format_name}"}
    else:
        assert len(files) == (2 if format_name in CLIP_FORMATS else 3)
        assert {name.rpartition(".")[2] for name in files} == {format_name}
    assert not do(out, job(*clips, format_name=format_name))[0].todo


def test_one_file_for_all_has_them_in_the_order_of_the_inputs(tmp_path: Path) -> None:
    clips = make(tmp_path, "b.mp4", "bad.mp4", "a.mp4")
    out, wanted = tmp_path / "out", job(*clips, format_name="csv")
    with open_batch(out, wanted) as batch:
        for clip in reversed(wanted.clips):  # as several workers might finish them
            error = f"{clip}: is bad" if "bad" in clip else None
            value = None if error else ClipResult(clip, "ok", clip=Prediction(None, 0.5, {"fear": 0.5}, "m"))
            batch.record(clip, Outcome(0, value, error, 1.0, stamp_of(clip)))
        batch.join()
    rows = list(csv.DictReader((out / "results.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["path"] for row in rows] == list(wanted.clips)
    assert [row["error"] for row in rows] == ["", f"{clips[1]}: is bad", ""]
    assert [row["p_fear"] for row in rows] == ["0.5", "", "0.5"]


def test_parquet_has_the_rows_and_types(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    clips = make(tmp_path, "b.mp4", "bad.mp4", "a\udcff.mp4")
    do(tmp_path / "out", job(*clips, format_name="parquet"))
    table = pq.read_table(tmp_path / "out" / "results.parquet")
    assert [Path(path).name for path in table["path"].to_pylist()] == ["b.mp4", "bad.mp4", r"a\udcff.mp4"]
    assert table["status"].to_pylist() == ["ok", "failed", "ok"]
    assert table["frames_sampled"].to_pylist() == [6, 0, 7]
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["error"], types["people"], types["duration_s"], types["p_fear"]) == (
        "string",
        "int64",
        "double",
        "double",
    )


def test_what_a_kill_leaves_behind_is_swept_away_and_nothing_else(tmp_path: Path) -> None:
    (clip,) = make(tmp_path, "a.mp4")
    out = tmp_path / "out"
    do(out, job(clip))
    left = [
        out / ".results.jsonl.abcd1234.part",
        out / ".fervid" / ".job.json.abcd1234.part",
        out / ".fervid" / "pieces" / f".a.mp4-{'0' * 16}.jsonl.x_y12345.part",
    ]
    kept = [out / ".mine.part", out / "x.part"]
    for path in (*left, *kept):
        path.touch()
    do(out, job(clip))
    assert [path.exists() for path in (*left, *kept)] == [False, False, False, True, True]


def test_a_table_is_not_for_a_folder() -> None:
    with pytest.raises(OptionError, match="a folder cannot hold table"):
        OutputOptions("table")


# ---- what there is to do


def test_only_what_is_missing_changed_or_asked_for_is_done(tmp_path: Path) -> None:
    names = ("same.mp4", "touched.mp4", "changed.mp4", "rewritten.mp4", "bad.mp4", "lost.mp4", "missing.mp4")
    clips = make(tmp_path / "clips", *names)
    clips[-1].unlink()
    out = tmp_path / "out"
    wanted = job(*clips, format_name="json")
    _, entries = do(out, wanted)
    assert [entry.status for entry in entries] == ["ok", "ok", "ok", "ok", "failed", "ok", "failed"]
    assert (entries[-1].size, entries[-1].mtime_ns, entries[-1].sha256) == (None, None, None)
    assert entries[0].sha256 is not None
    assert not do(out, wanted)[0].todo

    by = dict(zip(names, clips, strict=True))
    os.utime(by["touched.mp4"], ns=(1, 1))
    by["changed.mp4"].write_text("longer than before")
    by["rewritten.mp4"].write_text("Rewritten.mp4 ")
    os.utime(by["rewritten.mp4"], ns=(1, 1))
    (out / "lost.json").unlink()
    (new,) = make(tmp_path / "clips", "new.mp4")
    wanted = job(*clips, new, format_name="json")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    expected = {"changed.mp4": "changed", "rewritten.mp4": "changed", "lost.mp4": "output missing", "new.mp4": "new"}
    assert reasons(look(out, wanted)) == expected
    also = {"bad.mp4": "failed before", "missing.mp4": "failed before"}
    assert reasons(look(out, wanted, retry_failed=True)) == expected | also
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before  # it only looked
    plan, entries = do(out, wanted, retry_failed=True)
    assert reasons(plan) == expected | also
    assert [entry.path for entry in plan.touched] == [str(by["touched.mp4"])]
    assert entries[2].frames == len("longer than before")
    plan, _ = do(out, wanted)
    assert (plan.todo, plan.touched) == ((), ())
    by["missing.mp4"].write_text("is there now")
    assert reasons(do(out, wanted)[0]) == {"missing.mp4": "changed"}


def test_other_options_are_refused_unless_anew(tmp_path: Path) -> None:
    clips = make(tmp_path / "clips", "a.mp4", "b.mp4")
    out = tmp_path / "out"
    do(out, job(*clips, fps=5, sampling={"start": 0, "pair": (1, 2)}))
    assert not do(out, job(*clips, fps=5, sampling={"start": 0, "pair": (1, 2)}))[0].todo
    other = job(*clips, fps=10, sampling={"start": 1, "pair": (1, 2)})
    for attempt in (lambda: do(out, other), lambda: look(out, other)):
        with pytest.raises(OptionError, match=r"other options \(--fps, --start\)"):
            attempt()
    assert len(look(out, other, anew=True).todo) == 2
    assert len(do(out, other, anew=True)[0].todo) == 2
    with pytest.raises(OptionError, match=r"\(--format\)"):
        do(out, replace(other, output=OutputOptions("csv")))


def test_a_file_that_is_redone_and_killed_before_its_line_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    (clip,) = make(tmp_path, "a.mp4")
    out, wanted = tmp_path / "out", job(clip)
    do(out, wanted)
    old, times = clip.read_bytes(), clip.stat().st_mtime_ns
    clip.write_text("another content")
    with open_batch(out, wanted) as batch:
        batch.begin(str(clip))
        batch.outputs.put(ClipResult(str(clip), "ok", frames_sampled=15))  # and the power goes
    clip.write_bytes(old)
    os.utime(clip, ns=(times, times))
    assert reasons(do(out, wanted)[0]) == {"a.mp4": "new"}
    assert lines(out / "results.jsonl")[0]["frames_sampled"] == len(old)


def test_the_joined_file_is_made_again_when_it_is_gone_or_old(tmp_path: Path) -> None:
    clips = make(tmp_path, "a.mp4", "b.mp4")
    out, file = tmp_path / "out", tmp_path / "out" / "results.jsonl"
    do(out, job(*clips))
    whole, stamp = file.read_bytes(), file.stat().st_mtime_ns
    do(out, job(*clips))
    assert file.stat().st_mtime_ns == stamp
    file.unlink()
    do(out, job(*clips))
    assert file.read_bytes() == whole
    do(out, job(clips[1]))
    assert [line["path"] for line in lines(file)] == [str(clips[1])]
    do(out, job(*clips))
    assert file.read_bytes() == whole


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    wanted = job(tmp_path / "a.mp4")
    with open_batch(tmp_path / "out", wanted), pytest.raises(OutputError, match="another fervid is at work"):
        do(tmp_path / "out", wanted)
    do(tmp_path / "out", wanted)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"schema": "fervid-job/9"}'])
def test_a_damaged_job_is_named(tmp_path: Path, text: str) -> None:
    do(tmp_path, job())
    (tmp_path / ".fervid" / "job.json").write_text(text)
    with pytest.raises(InputError, match="cannot be read as a job of fervid"):
        load_job(tmp_path)


def test_a_job_is_read_back(tmp_path: Path) -> None:
    wanted = replace(job("a", "b\udcff", fps=3), shard=Shard(2, 2))
    do(tmp_path, wanted)
    assert load_job(tmp_path) == wanted


# ---- shards


def shards(out: Path, clips: Sequence[Path], count: int = 3, leave_out: Sequence[int] = ()) -> None:
    for number in range(1, count + 1):
        if number not in leave_out:
            shard = Shard(number, count)
            do(out / shard.folder, replace(job(*clips), shard=shard))


def test_shards_share_the_clips(tmp_path: Path) -> None:
    clips = [f"{i}" for i in range(10)]
    parts = [replace(job(*clips), shard=Shard(i, 4)).clips for i in range(1, 5)]
    assert sorted(clip for part in parts for clip in part) == clips
    assert [len(part) for part in parts] == [3, 3, 2, 2]
    for wrong in ((0, 2), (3, 2), (-1, -1), (1, 0)):
        with pytest.raises(OptionError):
            Shard(*wrong)


@pytest.mark.parametrize("inside", [True, False])
def test_merged_shards_equal_one_batch(tmp_path: Path, inside: bool) -> None:
    clips = make(tmp_path / "clips", *(f"{i}.mp4" for i in range(8)), "bad.mp4", "10.mp4")
    do(tmp_path / "one", job(*clips))
    shards(tmp_path / "parts", clips)
    out = tmp_path / ("parts" if inside else "merged")
    for _ in range(2):  # the second time nothing is new
        merged = merge([tmp_path / "parts"] if inside else sorted((tmp_path / "parts").iterdir()), out)
        assert (merged.gaps, merged.duplicates, merged.missing_shards, merged.same_inputs) == ((), (), (), True)
        assert (out / "results.jsonl").read_bytes() == (tmp_path / "one" / "results.jsonl").read_bytes()
        assert [entry.path for entry in merged.entries] == list(map(str, clips))
    assert not do(out, job(*clips))[0].todo


def test_gaps_and_duplicates_are_told(tmp_path: Path) -> None:
    clips = make(tmp_path / "clips", *(f"{i}.mp4" for i in range(6)))
    shards(tmp_path, clips, leave_out=[2])
    merged = merge([tmp_path], tmp_path / "m")
    assert merged.gaps == (str(clips[1]), str(clips[4]))
    assert merged.missing_shards == ("2/3",)
    more = [*make(tmp_path / "clips", "-1.mp4"), *clips]
    do(tmp_path / "shard-2-of-3", replace(job(*more), shard=Shard(2, 3)))  # as if a file had come between
    merged = merge([tmp_path], tmp_path / "m")
    assert merged.duplicates == (str(clips[0]), str(clips[3]))
    assert merged.gaps == (str(clips[1]), str(clips[4]), str(more[0]))
    assert not merged.same_inputs
    assert len(lines(tmp_path / "m" / "results.jsonl")) == 4


def test_of_duplicates_the_best_counts(tmp_path: Path) -> None:
    (clip,) = make(tmp_path / "clips", "bad.mp4")
    do(tmp_path / "x", job(clip))
    with open_batch(tmp_path / "y", job(clip)) as batch:
        batch.record(str(clip), Outcome(0, ClipResult(str(clip), "ok"), None, 1.0, stamp_of(str(clip))))
    for order in (("x", "y"), ("y", "x")):
        merged = merge([tmp_path / name for name in order], tmp_path / "-".join(order))
        assert [entry.status for entry in merged.entries] == ["ok"]
        assert [line["status"] for line in lines(tmp_path / "-".join(order) / "results.jsonl")] == ["ok"]


def test_what_cannot_be_merged(tmp_path: Path) -> None:
    (clip,) = make(tmp_path, "a.mp4")
    do(tmp_path / "x", job(clip, fps=1))
    do(tmp_path / "y", job(clip, fps=2))
    with pytest.raises(OptionError, match=r"different options \(--fps\)"):
        merge([tmp_path / "x", tmp_path / "y"], tmp_path / "m")
    with pytest.raises(InputError, match="holds no results"):
        merge([tmp_path / "x", tmp_path], tmp_path / "m")
    with pytest.raises(InputError, match="holds no results"):
        merge([tmp_path / "nowhere"], tmp_path / "m")
    assert not (tmp_path / "m").exists()


# ---- watching


def test_a_file_is_given_once_it_has_stopped_changing(tmp_path: Path) -> None:
    now = 0.0
    settling = Settling(tmp_path, 3.0, lambda: now)
    clip, empty = tmp_path / "a.mp4", tmp_path / "b.mp4"
    given = []
    for now in np.arange(0.0, 12.0):
        if now < 4:
            with clip.open("a") as file:
                file.write("more ")
        if now == 1:
            empty.touch()
            (tmp_path / ".hidden.mp4").write_text("rsync")
            (tmp_path / "notes.txt").write_text("no clip")
        if now == 9:
            clip.write_text("again")
        given += [(now, Path(path).name) for path in settling.look()[0]]
    assert given == [(6.0, "a.mp4")]
    now = 13.0
    assert settling.look()[0] == [str(clip)]


@pytest.mark.parametrize(("interval_s", "settle_s"), [(0, 1), (-1, 1), (float("nan"), 1), (1, -1), (1, float("inf"))])
def test_wrong_watch_options(interval_s: float, settle_s: float) -> None:
    with pytest.raises(OptionError):
        WatchOptions(interval_s, settle_s)
