"""Names of the files in a folder of results: as the clips are called, and each clip's own for ever."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from command import fervid

from fer_video.jobs.names import Names, hashed
from fer_video.jobs.outputs import OutputOptions, Outputs
from fer_video.results.writers import RowShape
from fer_video.types import ClipResult


def outputs(folder: Path, format_name: str = "json") -> Outputs:
    (folder / ".fervid").mkdir(exist_ok=True)
    return Outputs(folder, folder / ".fervid", OutputOptions(format_name), RowShape(("sad", "happy")))


def put(folder: Path, *paths: str, format_name: str = "json") -> list[str]:
    made = outputs(folder, format_name)
    made.prepare()
    for path in paths:
        made.put(ClipResult(path, "ok"))
    return [made.place(path).name for path in paths]


def test_a_clip_gives_its_name_and_a_hash_only_where_two_would_collide(tmp_path: Path) -> None:
    paths = [
        "a/clip.mp4",
        "b/clip.mp4",
        "clip.mov",
        "CLIP.mkv",
        "other.mp4",
        "a b.mp4",
        "https://h/web.mp4",
        "../..",
        "NUL.mp4",
    ]
    names = put(tmp_path, *paths)
    assert names[0] == "clip.json"
    assert names[1:4] == [f"{hashed(Path(path).stem, path)}.json" for path in paths[1:4]]
    assert names[4:7] == ["other.json", "a_b.json", "web.json"]
    assert names[7:] == [f"{hashed(stem, path)}.json" for stem, path in zip(("..", "NUL"), paths[7:], strict=True)]
    for path, name in zip(paths, names, strict=True):
        assert json.loads((tmp_path / name).read_text())["path"] == path


def test_names_stay_whatever_is_done_later_and_in_whatever_order(tmp_path: Path) -> None:
    before = put(tmp_path, "a/clip.mp4", "b/clip.mp4")
    assert put(tmp_path, "c/clip.mp4", "b/clip.mp4", "a/clip.mp4")[1:] == before[::-1]
    assert len(list(tmp_path.glob("*.json"))) == 3


def test_a_file_of_the_users_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "clip.json").write_text("mine")
    (name,) = put(tmp_path, "clip.mp4")
    assert name == f"{hashed('clip', 'clip.mp4')}.json"
    assert (tmp_path / "clip.json").read_text() == "mine"


def test_files_of_an_earlier_version_keep_their_names(tmp_path: Path) -> None:
    old = tmp_path / f"{hashed('clip.mp4', 'clip.mp4')}.json"
    old.write_text("{}")
    assert put(tmp_path, "clip.mp4") == [old.name]
    assert [each.name for each in tmp_path.glob("*.json")] == [old.name]


def test_what_was_cut_off_or_damaged_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "names.jsonl"
    good = b'{"path": "a.mp4", "name": "a"}\n'
    file.write_bytes(good + b'{"path": "b.mp4"}\n[]\n\xff\n{"path": "c.mp4", "name": "../c"}\n{"path": "d.mp4", "na')
    names = Names(file)
    assert [names.get(f"{each}.mp4") for each in "abcd"] == ["a", None, None, None]
    assert names.claim("d.mp4", tmp_path, ".json") == "d"
    again = Names(file)
    assert (again.get("a.mp4"), again.get("d.mp4")) == ("a", "d")
    assert "A" in again


def test_what_a_kill_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    put(tmp_path, "clip.mp4")
    (tmp_path / ".clip.json.abcdefgh.part").touch()
    (tmp_path / ".mine.json.abcdefgh.part").touch()
    outputs(tmp_path).prepare()
    assert [each.name for each in tmp_path.glob(".*.part")] == [".mine.json.abcdefgh.part"]


def test_a_batch_that_goes_on_and_shards_that_are_merged(tmp_path: Path, face_clip: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(face_clip, tmp_path / folder / "clip.mp4")
    out = tmp_path / "out"
    for shard in ("1/2", "2/2"):
        run = fervid("predict", tmp_path / "a", tmp_path / "b", "--fps", "2", "--out", f"{out}/", "--shard", shard)
        assert run.exit_code == 0, run.stderr
    assert [each.name for each in out.glob("shard-*/*.json")] == ["clip.json", "clip.json"]
    assert fervid("merge", out, "--out", out).exit_code == 0
    second = hashed("clip", str(tmp_path / "b" / "clip.mp4"))
    assert sorted(each.name for each in out.glob("*.json")) == sorted(["clip.json", f"{second}.json"])
    run = fervid("predict", tmp_path / "a", tmp_path / "b", "--fps", "2", "--out", f"{out}/", "--dry-run")
    assert run.stderr == "fervid: 0 to do; 2 done before\n"
