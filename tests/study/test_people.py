"""Who occurs in many clips: results made by hand with embeddings of two numbers, and drawn clips of real faces."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from command import fervid
from faces import SIX, face_crops
from media import Image, encode

from fer_video.errors import InputError, OptionError
from fer_video.results.documents import change_documents
from fer_video.results.read import read_answers, read_results
from fer_video.results.writers import ROWS, RowShape, make_writer
from fer_video.study.gallery import clear_match
from fer_video.study.names import NameRow, read_names
from fer_video.study.people import find_people, gather

RAN = {"options": {"identity_embeddings": True}, "identity": {"name": "net", "sha256": "ab", "same": 0.5}}


def person(number: int, degrees: float | None, *spans: tuple[float, float], **more: Any) -> dict[str, Any]:
    """degrees: direction of the embedding; None: there is none."""
    turn = np.radians(degrees or 0)
    embedding = {"vector": [np.cos(turn), np.sin(turn)], "crops": 1, "time_s": spans[0][0], "box": [10, 10, 50, 50]}
    value = {
        "id": number, "identity": None, "start_s": spans[0][0], "end_s": spans[-1][1], "frames": 10, "emotion": "happy",
        "confidence": 1.0, "probabilities": {"sad": 0.0, "happy": 1.0}, "affect": None, "attributes": None,
        "segments": [{"start_s": s, "end_s": e, "emotion": "happy", "confidence": 1.0} for s, e in spans],
        "spans": spans, "method": None,
    }  # fmt: skip
    return value | ({} if degrees is None else {"embedding": embedding}) | more


def clip(path: str, *people: dict[str, Any], ran: dict[str, Any] | None = None) -> dict[str, Any]:
    tracks = [
        {"id": 1, "start_s": start, "end_s": end, "frames": 5, "person": each["id"]}
        for each in people
        for start, end in each["spans"]
    ]
    return {
        "schema": "fervid/1", "path": path, "status": "ok", "error": None, "duration_s": 9.0, "fps": 10.0,
        "frames_sampled": 90, "frames_with_face": 90, "clip": None, "group": None, "people": list(people),
        "tracks": tracks, "ran": ran or RAN, "of the future": [1, 2],
    }  # fmt: skip


def store(path: Path, *clips: dict[str, Any]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(each) + "\n" for each in clips))
    else:
        path.write_text(json.dumps(clips[0] if len(clips) == 1 else clips))
    return path


def numbers(path: Path) -> list[list[tuple[str, int]]]:
    gathered = gather([path])
    people = find_people(gathered.appearances, gathered.network.same)
    return [[(seen.path, seen.person.id) for seen in each.appearances] for each in people]


# ---- by hand


def test_people_of_several_clips(tmp_path: Path) -> None:
    """0, 10 and 20 degrees agree (cos 20 = 0.94), 90 with none of them; who is in more clips comes first."""
    path = store(
        tmp_path / "r.jsonl",
        clip("a.mp4", person(1, 90, (0, 8)), person(2, 0, (0, 1))),
        clip("b.mp4", person(1, 10, (0, 2), (4, 5))),
        clip("c.mp4", person(1, 20, (0, 1)), person(2, None, (0, 1))),
    )
    assert numbers(path) == [[("a.mp4", 2), ("b.mp4", 1), ("c.mp4", 1)], [("a.mp4", 1)], [("c.mp4", 2)]]


def test_average_linkage_with_the_threshold_of_the_network(tmp_path: Path) -> None:
    """0 and 30 degrees: 0.87. 100 has cos 70 = 0.34 and cos 100 = -0.17 to them, so it stays alone from 0.5 on; with a
    network whose people agree from 0.08 on it does not: the mean is 0.084."""
    people = [clip(f"{at}.mp4", person(1, at, (0, 1))) for at in (0, 30, 100)]
    assert [len(each) for each in numbers(store(tmp_path / "r.jsonl", *people))] == [2, 1]
    for each in people:
        each["ran"] = RAN | {"identity": {"name": "net", "sha256": "ab", "same": 0.08}}
    assert [len(each) for each in numbers(store(tmp_path / "r.jsonl", *people))] == [3]


def test_who_is_seen_at_the_same_time_is_never_one(tmp_path: Path) -> None:
    """Three of one clip look alike: two overlap in time, the third comes after both. Another clip has the same face."""
    alike = [person(1, 0, (0, 3)), person(2, 1, (2, 4)), person(3, 4, (5, 6))]
    found = numbers(store(tmp_path / "r.jsonl", clip("a.mp4", *alike), clip("b.mp4", person(1, 3, (0, 4)))))
    assert len(found) == 2
    together = next(each for each in found if ("a.mp4", 1) in each)
    assert ("a.mp4", 2) not in together
    # the same times in another clip are another time
    assert len(numbers(store(tmp_path / "s.jsonl", *(clip(f"{n}.mp4", person(1, 0, (0, 3))) for n in "ab")))) == 1


def test_six_at_once_are_six_in_any_number_of_clips(tmp_path: Path) -> None:
    clips = [clip(f"{n}.mp4", *(person(i, i, (0, 9)) for i in range(1, 7))) for n in range(4)]
    found = numbers(store(tmp_path / "r.jsonl", *clips))
    assert len(found) >= 6
    for each in found:
        assert len({path for path, _ in each}) == len(each)


def test_seconds_and_mean_shares_by_hand(tmp_path: Path) -> None:
    """3 s of happiness, and 1 s of which a quarter is uncertain: (3 x 1 + 1 x 0.75) / 4."""
    last = [
        {"start_s": 0, "end_s": 0.75, "emotion": "happy", "confidence": 1},
        {"start_s": 0.75, "end_s": 1, "emotion": None, "confidence": 0.3},
    ]
    path = store(
        tmp_path / "r.json",
        clip("a.mp4", person(1, 0, (0, 1), (2, 4))),
        clip("b.mp4", person(1, 5, (0, 1), segments=last)),
    )
    gathered = gather([path])
    (found,) = find_people(gathered.appearances, 0.5)
    assert (found.clips, found.seconds) == (2, 4.0)
    assert found.shares == pytest.approx({"happy": 0.9375, "uncertain": 0.0625})


def test_names_count_more_than_looks(tmp_path: Path) -> None:
    path = store(tmp_path / "r.jsonl", *(clip(f"{at}.mp4", person(1, at, (0, 1))) for at in (0, 5, 90, 95)))
    seen = gather([path]).appearances
    assert [len(each.appearances) for each in find_people(seen, 0.5)] == [2, 2]
    one = find_people(seen, 0.5, {0: "Anna", 2: "Anna"})
    assert [(each.number, each.identity, len(each.appearances)) for each in one] == [(1, "Anna", 4)]
    parted = find_people(seen, 0.5, {0: "Anna", 1: "Ben"})
    assert [(each.number, each.identity, len(each.appearances)) for each in parted] == [
        (1, "Anna", 1), (2, None, 2), (3, "Ben", 1),
    ]  # fmt: skip


def test_a_name_for_two_at_once_is_refused(tmp_path: Path) -> None:
    path = store(tmp_path / "r.json", clip("a.mp4", person(1, 0, (0, 3)), person(2, 90, (1, 4))))
    with pytest.raises(OptionError, match="persons 1 and 2 are in sight at the same time and cannot both be Anna"):
        find_people(gather([path]).appearances, 0.5, {0: "Anna", 1: "Anna"})


def test_a_match_is_clear_or_none() -> None:
    def match(*scores: float) -> int | None:
        return clear_match(np.array(scores, np.float32), 0.42)

    assert match(0.2, 0.6) == 1
    assert match(0.43) == 0
    assert match(0.41, 0.1) is None  # not alike enough
    assert match(0.55, 0.6) is None  # either may be right
    assert match(0.45, 0.6) == 1


# ---- files


def test_the_table_names_and_writing_back(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    store(results / "a.json", clip("in/a.mp4", person(1, 0, (0, 2)), person(2, 90, (0, 1))))
    store(results / "b.jsonl", clip("in/b.mp4", person(1, 5, (0, 1))), clip("in/c.mp4", person(1, 170, (0, 1))))
    run = fervid("people", results)
    assert run.exit_code == 0, run.stderr
    assert [line.split()[:4] for line in run.stdout.splitlines()[1:]] == [
        ["1", "-", "2", "3.0"], ["2", "-", "1", "1.0"], ["3", "-", "1", "1.0"],
    ]  # fmt: skip
    (tmp_path / "names.csv").write_text("person,path,identity\n1,,Anna\n1,c.mp4,Ben\n2,,\n", encoding="utf-8-sig")
    run = fervid("people", results, "--names", tmp_path / "names.csv", "--write", "--format", "csv")
    assert run.exit_code == 0, run.stderr
    rows = list(csv.DictReader(run.stdout.splitlines()))
    assert [(row["person"], row["identity"], row["clips"]) for row in rows] == [
        ("1", "Anna", "2"), ("2", "", "1"), ("3", "Ben", "1"),
    ]  # fmt: skip
    assert rows[0]["share_happy"] == "1.0"
    a, (b, c) = (
        json.loads((results / "a.json").read_text()),
        map(json.loads, (results / "b.jsonl").read_text().splitlines()),
    )
    assert [[each["identity"] for each in one["people"]] for one in (a, b, c)] == [["Anna", None], ["Anna"], ["Ben"]]
    assert a["of the future"] == [1, 2]
    assert len(a["people"][0]["embedding"]["vector"]) == 2
    # names in the results stay, and are found again; numbers of before name no others
    found = json.loads(fervid("people", results, "--format", "json").stdout)
    assert [(each["person"], each["identity"]) for each in found["people"]] == [(1, "Anna"), (2, None), (3, "Ben")]
    assert found["people"][0]["appearances"][0] == {"path": "in/a.mp4", "person": 1, "seconds": 2.0}
    # the filled-in list is a file of names
    (tmp_path / "again.csv").write_text(run.stdout.replace(",Ben,", ",Bo,"))
    run = fervid("people", results, "--names", tmp_path / "again.csv", "--out", tmp_path / "out", "--rows", "segments")
    assert run.exit_code == 0, run.stderr
    assert json.loads((results / "b.jsonl").read_text().splitlines()[1])["people"][0]["identity"] == "Ben"
    assert read_answers(tmp_path / "out" / "b.jsonl")[1].people[0].identity == "Bo"
    rows = list(csv.DictReader((tmp_path / "out" / "segments.csv").read_text().splitlines()))
    assert [(row["path"], row["person"], row["identity"]) for row in rows] == [
        ("in/a.mp4", "1", "Anna"), ("in/a.mp4", "2", ""), ("in/b.mp4", "1", "Anna"), ("in/c.mp4", "1", "Bo"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["r.json", "r.jsonl"])
def test_forgetting_deletes_embeddings_and_nothing_else(tmp_path: Path, name: str) -> None:
    path = store(tmp_path / name, clip("a.mp4", person(1, 0, (0, 2)), person(2, None, (0, 1))), clip("b.mp4"))
    before = [value.to_dict() for value in read_answers(path)]
    run = fervid("people", path, "--forget")
    assert run.exit_code == 0
    assert run.stderr == f"fervid: {path}: deleted the embeddings of 1 person\n"
    assert 'embedding"' not in path.read_text()
    assert "vector" not in path.read_text()
    for value in before:
        value["ran"] = RAN | {"options": {"identity_embeddings": False}}
        for each in value["people"]:
            each.pop("embedding", None)
    assert [value.to_dict() for value in read_answers(path)] == before
    stamp = path.stat().st_mtime_ns, path.stat().st_ino
    run = fervid("people", path, "--forget")
    assert run.stderr == f"fervid: {path}: holds no embeddings\n"
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == stamp
    run = fervid("people", path)
    assert run.exit_code == 1
    assert run.stderr == (
        f"fervid: error: {path}: a.mp4 holds no embeddings of faces; make the result with fervid predict "
        "--identity-embeddings\n"
    )


def test_what_cannot_be_used_is_told_and_the_rest_is_done(tmp_path: Path) -> None:
    store(tmp_path / "a.json", clip("a.mp4", person(1, 0, (0, 2))))
    store(tmp_path / "b.json", clip("b.mp4", person(1, 0, (0, 2)), ran={"options": {"identity_embeddings": False}}))
    (tmp_path / "c.json").write_text("{}")
    store(tmp_path / "d.json", clip("d.mp4"))  # shows nobody
    run = fervid("people", tmp_path)
    assert run.exit_code == 1
    assert len(run.stdout.splitlines()) == 2
    assert [line.split(": ")[2] for line in run.stderr.splitlines()] == [
        str(tmp_path / "b.json"),
        str(tmp_path / "c.json"),
    ]


def test_results_of_different_networks_are_refused(tmp_path: Path) -> None:
    store(tmp_path / "a.json", clip("a.mp4", person(1, 0, (0, 2))))
    other = RAN | {"identity": {"name": "other", "sha256": "cd", "same": 0.5}}
    store(tmp_path / "b.json", clip("b.mp4", person(1, 0, (0, 2)), ran=other))
    run = fervid("people", tmp_path)
    assert run.exit_code == 2
    assert run.stdout == ""
    assert "of the network net" in run.stderr
    assert "of other, which cannot be compared" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def embedding(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = value["people"][0]["embedding"]
    return found


BREAKAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "'x' where a number belongs": lambda value: embedding(value).update(vector=["x", 0.0]),
    "an embedding that no network gives": lambda value: embedding(value).update(vector=[]),
    "an embedding that no  network gives": lambda value: embedding(value).update(vector=[1.0, 1.0]),
    "an embedding that no network  gives": lambda value: embedding(value).update(vector=[0.0] * 5000),
    "'vector' is missing": lambda value: embedding(value).pop("vector"),
    "not enough values to unpack": lambda value: embedding(value).update(box=[1, 2, 3]),
    "'box' is missing": lambda value: embedding(value).pop("box"),
    "where an object belongs": lambda value: value["people"][0].update(embedding=[1.0]),
    "'-1' where a whole number belongs": lambda value: embedding(value).update(crops=-1),
    "'5' where a text belongs": lambda value: value["people"][0].update(identity=5),
    "does not tell which network": lambda value: value["ran"].pop("identity"),
    "does not tell which  network": lambda value: value["ran"]["identity"].update(same="high"),
    "does not tell which   network": lambda value: value["ran"]["identity"].update(same=7),
    "does not  tell which network": lambda value: value["ran"]["identity"].pop("sha256"),
    "holds no embeddings of faces": lambda value: value["ran"].update(options=[True]),
}


@pytest.mark.parametrize("said", BREAKAGES)
def test_hostile_results_are_refused_in_one_line(tmp_path: Path, said: str) -> None:
    value: dict[str, Any] = json.loads(json.dumps(clip("a.mp4", person(1, 0, (0, 2)))))
    BREAKAGES[said](value)
    path = store(tmp_path / "r.json", value)
    run = fervid("people", path)
    assert run.exit_code == 1
    assert " ".join(said.split()) in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert fervid("people", path, "--forget").exit_code == 0  # deletes them, whatever they are
    assert "vector" not in path.read_text()
    assert '"embedding"' not in path.read_text()


def test_embeddings_of_different_lengths_are_refused(tmp_path: Path) -> None:
    odd = person(1, 0, (0, 2))
    odd["embedding"]["vector"] = [1.0, 0.0, 0.0]
    path = store(tmp_path / "r.json", clip("a.mp4", person(1, 0, (0, 2))), clip("b.mp4", odd))
    with pytest.raises(InputError, match="different lengths"):
        gather([path])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"who,name\n1,Anna\n", "needs the columns person and identity"),
        (b"", "needs the columns person and identity"),
        (b"person,name\n1,\n", "gives nobody a name"),
        (b"person,name\nx,Anna\n", "line 2: person is 'x', not a number"),
        (b"person,name\n,Anna\n", "line 2: person is 'empty', not a number"),
        (b"person,name\n9,Anna\n", "line 2: there is no person 9"),
        (b"person,name,path\n1,Anna,z.mp4\n", "line 2: z.mp4 has no person 1"),
        (b"person,name\n1,Anna\n1,Ben\n", "line 3: the same person is called Anna above and Ben here"),
        (b"person,name\n1,\xff\n", "is no text in UTF-8"),
        (b"person,name\n1,\x1b[31mAnna\n", "a name is a line of up to 200 characters"),
        (b"person,name\n1," + b"x" * 201 + b"\n", "a name is a line of up to 200 characters"),
        (b'person,name\n1,"Anna\n', "is no CSV"),
    ],
)
def test_names_that_make_no_sense(tmp_path: Path, text: bytes, said: str) -> None:
    path = store(tmp_path / "r.json", clip("a.mp4", person(1, 0, (0, 2))))
    (tmp_path / "names.csv").write_bytes(text)
    run = fervid("people", path, "--names", tmp_path / "names.csv", "--write")
    assert run.exit_code == 1
    assert said in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert read_answers(path)[0].people[0].identity is None


@pytest.mark.parametrize(("line", "cells"), [("1,Anna,Smith", 3), ("1", 1)])
def test_a_row_of_names_with_more_or_fewer_cells_is_refused(tmp_path: Path, line: str, cells: int) -> None:
    (tmp_path / "names.csv").write_text(f"person,identity\n2,Ben\n{line}\n")
    with pytest.raises(InputError, match=rf"names\.csv: line 3: {cells} cells? where the header has 2"):
        read_names(tmp_path / "names.csv")


def test_what_is_no_result_is_passed_over(tmp_path: Path) -> None:
    path = store(tmp_path / "r.json", clip("a.mp4", person(1, 0, (0.0, 1.0))))
    (tmp_path / "fervid.journal").write_text('{"path": "a.mp4"}\n')
    run = fervid("people", path, tmp_path / "fervid.journal")
    assert run.exit_code == 0
    assert "warning: passed over: " in run.stderr
    assert "fervid.journal: is kept by a batch for itself" in run.stderr
    assert fervid("people", tmp_path / "fervid.journal").exit_code == 1


def test_without_names_there_is_nothing_to_write(tmp_path: Path) -> None:
    path = store(tmp_path / "r.json", clip("a.mp4", person(1, 0, (0.0, 1.0))))
    before = path.read_bytes()
    run = fervid("people", path, "--write")
    assert run.exit_code == 2
    assert run.stdout == ""
    assert "no names to write: nobody has one; give them with --names or --gallery" in run.stderr
    assert path.read_bytes() == before


def test_a_name_for_a_clip_whose_path_is_in_two_results(tmp_path: Path) -> None:
    path = store(tmp_path / "r.json", clip("x/a.mp4", person(1, 0, (0, 2))), clip("y/a.mp4", person(1, 90, (0, 2))))
    (tmp_path / "names.csv").write_text("person,name,path\n1,Anna,a.mp4\n")
    run = fervid("people", path, "--names", tmp_path / "names.csv")
    assert "2 clips are called a.mp4; write more of the path" in run.stderr
    (tmp_path / "names.csv").write_text("person,name,path\n1,Anna,y/a.mp4\n")
    assert read_names(tmp_path / "names.csv") == [NameRow(2, "y/a.mp4", 1, "Anna")]
    run = fervid("people", path, "--names", tmp_path / "names.csv", "--format", "csv")
    assert [row["identity"] for row in csv.DictReader(run.stdout.splitlines())] == ["", "Anna"]


def test_options_that_contradict(tmp_path: Path) -> None:
    path = store(tmp_path / "r.json", clip("a.mp4", person(1, 0, (0, 2))))
    for arguments, said in (
        (["--rows", "people"], "--rows needs --out"),
        (["--write", "--out", tmp_path / "o"], "contradict each other"),
        (["--forget", "--write"], "--forget goes alone"),
        (["--identity-model", "sface"], "--gallery"),
        (["--sheet", tmp_path / "s.gif"], "name it .png"),
        (["--gallery", tmp_path], "embeddings of the network net, not of sface"),
    ):
        run = fervid("people", path, *arguments)
        assert run.exit_code == 2, arguments
        assert said in run.stderr
    assert fervid("people", tmp_path / "none.json").exit_code == 1
    (tmp_path / "empty").mkdir()
    assert "no .json or .jsonl in it" in fervid("people", tmp_path / "empty").stderr
    copy = tmp_path / "other"
    copy.mkdir()
    store(copy / "r.json", clip("b.mp4", person(1, 0, (0, 2))))
    run = fervid("people", path, copy / "r.json", "--out", tmp_path / "o")
    assert "several results have the same name" in run.stderr
    assert fervid("people", copy / "r.json", "--out", copy).exit_code == 2
    for flags in (["--format", "csv"], ["--format", "json", "--rows", "people"], []):
        run = fervid("predict", path, "--identity-embeddings", *flags)
        assert run.exit_code == 2
        assert "--identity-embeddings belongs to JSON clips" in run.stderr
    run = fervid("predict", path, "--identity-embeddings", "--no-identify", "--format", "json")
    assert run.exit_code == 2
    assert "contradict each other" in run.stderr


def test_a_result_that_cannot_be_changed_stays_whole(tmp_path: Path) -> None:
    path = store(tmp_path / "r.jsonl", clip("a.mp4", person(1, 0, (0, 2))), clip("b.mp4", person(1, 9, (0, 2))))
    before = path.read_bytes()

    def fail(number: int, value: dict[str, Any]) -> None:
        if number:
            raise KeyError("people")

    with pytest.raises(InputError, match="'people' is missing"):
        change_documents(path, path, fail)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# ---- drawn clips


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, six_people: Image, astronaut: Image) -> Path:
    """Three clips of three people, and what predict made of them: A and B, then B, then C."""
    home = tmp_path_factory.mktemp("people")
    faces = [*face_crops(six_people, (SIX[0], SIX[2]), 240), cv2.resize(astronaut[20:220, 120:320], (240, 240))]
    for name, places in (("ab", [(0, 40), (1, 360)]), ("b", [(1, 100)]), ("c", [(2, 200)])):
        view = np.full((360, 640, 3), 40 + 30 * len(name), np.uint8)
        for who, x in places:
            view[60:300, x : x + 240] = faces[who] if name != "b" else cv2.convertScaleAbs(faces[who], alpha=0.8)
        encode(home / f"{name}.mp4", [view] * 10, [i / 10 for i in range(10)])
    run = fervid("predict", home, "--identity-embeddings", "--frames", "--format", "jsonl", "--out", f"{home / 'r'}/")
    assert run.exit_code == 0, run.stderr
    for who, name in ((0, "Anna"), (1, "Ben"), (2, "Cleo")):
        (home / "faces" / name).mkdir(parents=True)
        cv2.imwrite(
            str(home / "faces" / name / "1.png"), cv2.copyMakeBorder(faces[who], *[60] * 4, cv2.BORDER_REPLICATE)
        )
    (home / "faces" / "Cleo" / "wall.png").write_bytes(
        cv2.imencode(".png", np.full((99, 99, 3), 80, np.uint8))[1].tobytes()
    )
    (home / "faces" / "Nobody").mkdir()
    return home


def test_drawn_people_in_three_clips(folder: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "people.png"
    run = fervid("people", folder / "r", "--format", "json", "--sheet", sheet)
    assert run.exit_code == 0, run.stderr
    found = json.loads(run.stdout)["people"]
    assert [(each["person"], each["clips"]) for each in found] == [(1, 2), (2, 1), (3, 1)]
    assert sorted(Path(seen["path"]).name for seen in found[0]["appearances"]) == ["ab.mp4", "b.mp4"]
    picture = cv2.imread(str(sheet))
    assert picture is not None
    assert picture.shape[1] > 8 * 128
    rows = picture.reshape(3, -1, *picture.shape[1:])  # one per person, of equal height
    paper = [(row[40:150, 8 + 136 * column : 136 + 136 * column] == 255).all() for row in rows for column in range(3)]
    assert paper == [False, False, True, False, True, True, False, True, True]  # two pictures, one, one


def test_a_gallery_gives_names_and_forgetting_reaches_the_pieces(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "r"
    for file in (folder / "r").rglob("*"):
        target = copy / file.relative_to(folder / "r")
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file():
            target.write_bytes(file.read_bytes())
    run = fervid("people", copy, "--gallery", folder / "faces", "--format", "csv", "--write")
    assert run.exit_code == 0, run.stderr
    assert [row["identity"] for row in csv.DictReader(run.stdout.splitlines())] == ["Ben", "Anna", "Cleo"]
    assert "wall.png: no face found" in run.stderr
    assert "Nobody: has no picture of one clear face" in run.stderr
    (results, pieces) = copy / "results.jsonl", sorted((copy / ".fervid" / "pieces").iterdir())
    named = {seen.identity for file in (results, *pieces) for value in read_results(file) for seen in value.people}
    assert named == {"Anna", "Ben", "Cleo"}
    for file in (results, *pieces):
        assert all(each.identity for value in read_results(file) for each in value.people)
    run = fervid("people", copy, "--forget")
    assert run.stderr == f"fervid: {results}: deleted the embeddings of 4 people\n"
    for file in copy.rglob("*"):
        assert not file.is_file() or b'"vector"' not in file.read_bytes()
    # the batch goes on from there: nothing is done again
    run = fervid("predict", *sorted(folder.glob("*.mp4")), "--identity-embeddings", "--frames", "--format", "jsonl",
                 "--out", f"{copy}/")  # fmt: skip
    assert run.exit_code == 0, run.stderr
    assert b'"vector"' not in results.read_bytes()


def test_embeddings_survive_reading_and_merging_and_are_in_no_journal(folder: Path, tmp_path: Path) -> None:
    clips = sorted(folder.glob("*.mp4"))
    for shard in ("1/2", "2/2"):
        run = fervid("predict", *clips, "--identity-embeddings", "--shard", shard, "--out", f"{tmp_path / 'r'}/")
        assert run.exit_code == 0, run.stderr
    assert fervid("merge", tmp_path / "r", "--out", tmp_path / "r").exit_code == 0
    files = sorted((tmp_path / "r").glob("*.json"))
    assert len(files) == 3
    for file in files:
        (value,) = read_answers(file)
        assert all(each.embedding is not None and len(each.embedding.vector) == 128 for each in value.people)
        assert value.to_dict() == json.loads(file.read_text())
    for file in (tmp_path / "r").rglob("*"):
        assert not file.is_file() or file.suffix == ".json" or b'"vector"' not in file.read_bytes()
    run = fervid("predict", *clips, "--shard", "2/2", "--anew", "--out", f"{tmp_path / 'r'}/")
    assert run.exit_code == 0, run.stderr
    run = fervid("merge", tmp_path / "r", "--out", tmp_path / "s")
    assert run.exit_code == 2
    assert "of different options (--identity-embeddings)" in run.stderr


def test_csv_and_other_rows_hold_no_embeddings(folder: Path) -> None:
    (value, *_) = read_results(folder / "r" / "results.jsonl")
    for rows in ROWS:
        for format_name in ("csv", "jsonl"):
            text = io.StringIO()
            shape = RowShape(("neutral",), (), False)
            with make_writer(format_name, rows, text, shape) as writer:
                writer.write(value)
            assert ('"vector"' in text.getvalue()) == (format_name == "jsonl" and rows == "clips")


def test_pages_and_rows_hold_no_embeddings(folder: Path, tmp_path: Path) -> None:
    (value, *_) = read_results(folder / "r" / "results.jsonl")
    assert value.people[0].embedding is not None
    assert all("embedding" not in row for row in value.to_frame_rows())
    assert "embedding" not in value.without_embeddings().to_dict()["people"][0]
    run = fervid("report", folder / "r" / "results.jsonl", "--out", tmp_path / "pages", "--video", "none", "--no-crops")
    assert run.exit_code == 0, run.stderr
    page = next((tmp_path / "pages").glob("0001-*.html")).read_text()
    packed = [gzip.decompress(base64.b64decode(each)) for each in re.findall(r"H4sI[A-Za-z0-9+/=]+", page)]
    assert any(b'"people"' in each for each in packed)
    assert not any(b'"vector"' in each for each in packed)


def test_a_video_that_is_gone_is_told_in_a_line(folder: Path, tmp_path: Path) -> None:
    results = tmp_path / "r.jsonl"
    text = (folder / "r" / "results.jsonl").read_text()
    results.write_text(text.replace("/c.mp4", "/gone.mp4"))
    run = fervid("people", results, "--sheet", tmp_path / "s.png")
    assert run.exit_code == 0
    (line,) = run.stderr.splitlines()
    assert "gone.mp4: is not here any more; its pictures are left out" in line
    assert cv2.imread(str(tmp_path / "s.png")) is not None


def test_embeddings_are_only_kept_when_asked_for(folder: Path) -> None:
    run = fervid("predict", folder / "ab.mp4", "--format", "json", "--frames")
    value = json.loads(run.stdout)
    assert all("embedding" not in each for each in value["people"])
    assert value["ran"]["options"]["identity_embeddings"] is False
