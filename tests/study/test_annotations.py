"""What people marked: tables, and tiers as other programs and fervid itself write them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made import result as made
from made import written
from praatio import textgrid
from pympi.Elan import Eaf

from fer_video.errors import InputError, OptionError
from fer_video.study.annotations import Interval, read_annotations
from fer_video.types import ClipResult, Timing

CLIP = ClipResult("takes/a.mp4", "ok", duration_s=10.0)


def marked(path: Path, clip: ClipResult = CLIP) -> list[Interval]:
    return read_annotations(path).of(clip)


def eaf(path: Path, **tiers: list[tuple[int, int, str]]) -> Path:
    """Made by hand with pympi."""
    file = Eaf()
    file.remove_tier("default")
    for name, entries in tiers.items():
        file.add_tier(name)
        for start_ms, end_ms, text in entries:
            file.add_annotation(name, start_ms, end_ms, text)
    file.to_file(str(path))
    return path


def grid(path: Path, **tiers: list[tuple[float, float, str]]) -> Path:
    """Made by hand with praatio."""
    file = textgrid.Textgrid()
    for name, entries in tiers.items():
        file.addTier(textgrid.IntervalTier(name, entries, 0, 10))
    file.addTier(textgrid.PointTier("points", [(1.0, "blink")], 0, 10))
    file.save(str(path), format="long_textgrid", includeBlankSpaces=True)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "start,end,name\n0.5,2,film\n1:00,1:02.5,rest\n",
        "Onset;duration;trial_type\n0.5;1.5;film\n60;2,5;rest\n",
        "start_s\tend_s\tlabel\n0.5\t2\tfilm\n60\t0:01:02.5\trest\n",
    ],
)
def test_a_table_is_for_all_clips(tmp_path: Path, text: str) -> None:
    (tmp_path / "e.csv").write_text(text)
    assert marked(tmp_path / "e.csv") == [Interval(0.5, 2.0, "film"), Interval(60.0, 62.5, "rest")]


def test_a_table_with_paths_is_for_each_clip(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("start,end,name,path,coder\n2,3,b,a,x\n1,2,a,a.mp4,\n0,1,c,z,\n0,1,all,,\n")
    events = read_annotations(tmp_path / "e.csv")
    assert events.of(CLIP) == [Interval(0.0, 1.0, "all"), Interval(1.0, 2.0, "a")]  # the full name is the better match
    assert events.of(replace(CLIP, path="other.mp4")) == [Interval(0.0, 1.0, "all")]
    assert events.unmatched() == f"{tmp_path / 'e.csv'}: 2 in it match no clip: a, z"
    assert (
        events.why_one_clip()
        == f"{tmp_path / 'e.csv'}: rows without a clip, and there are several clips; name it in " + ("a column path")
    )


def test_tiers_made_by_hand_with_pympi(tmp_path: Path) -> None:
    path = eaf(tmp_path / "a.eaf", anna=[(0, 1500, "Happy"), (1500, 2000, "")], ben=[(100, 900, "Sad")])
    assert marked(path) == [Interval(0.0, 1.5, "Happy", "anna"), Interval(0.1, 0.9, "Sad", "ben")]
    assert "is about one clip" in str(read_annotations(path).why_one_clip())


def test_tiers_made_by_hand_with_praatio(tmp_path: Path) -> None:
    path = grid(tmp_path / "a.TextGrid", anna=[(0.5, 1.5, "Happy")], ben=[(2, 3, "Sad")])
    assert marked(path) == [Interval(0.5, 1.5, "Happy", "anna"), Interval(2.0, 3.0, "Sad", "ben")]


@pytest.mark.parametrize("suffix", ["eaf", "textgrid"])
def test_tiers_that_fervid_wrote_are_read_back_as_its_segments(tmp_path: Path, suffix: str) -> None:
    """Also where a player shows the first frame later: tiers have a player's times, results do not."""
    clip = replace(made(), timing=Timing(offset_s=4.0), ran={"segments": {"method": "path", "how": "By hand."}})
    path = tmp_path / f"clip.{suffix}"
    path.write_text(written(suffix, "clips", clip))
    assert [each for each in marked(path, clip) if each.tier == "person 1"] == [
        Interval(pytest.approx(0.0), pytest.approx(0.1), "happy", "person 1"),  # type: ignore[arg-type]
        Interval(pytest.approx(0.1), pytest.approx(0.2), "uncertain", "person 1"),  # type: ignore[arg-type]
    ]


def test_a_folder_has_a_file_per_clip(tmp_path: Path) -> None:
    eaf(tmp_path / "a.eaf", anna=[(0, 1000, "Happy")])
    grid(tmp_path / "b.TextGrid", anna=[(1, 2, "Sad")])
    codes = read_annotations(tmp_path)
    assert codes.of(CLIP) == [Interval(0.0, 1.0, "Happy", "anna")]
    assert codes.of(replace(CLIP, path="c.mp4")) == []
    assert codes.unmatched() == f"{tmp_path}: 1 in it match no clip: {tmp_path / 'b.TextGrid'}"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("e.csv", "", "no row below its header"),
        ("e.csv", "start,end,name\n", "no row below its header"),
        ("e.csv", "from,to,what\n1,2,a\n", "no column start, end, name"),
        ("e.csv", "start,name\n1,a\n", "no column end"),
        ("e.csv", "start,end,name\n1,x,a\n", "line 2: 'x' is not a time"),
        ("e.csv", "start,end,name\n1,,a\n", "line 2: '' is not a time"),
        ("e.csv", "start,end,name\n3,2,a\n", "line 2: ends before it starts"),
        ("e.csv", "start,end,name\n1,2,\n", "line 2: has no name"),
        (
            "e.csv",
            "start,end,duration,name\n1,2,1,a\n1,2,3,a\n",
            "line 3: lasts 1 s from its start to its end, and 3 s",
        ),
        ("e.csv", "start,end,duration,name\n1,2,x,a\n", "line 2: 'x' is not a time"),
        ("e.csv", 'start,end,name\n1,2,"a\n', "is not CSV"),
        ("e.eaf", "<a", "cannot be read; check that its program opens it"),
        ("e.eaf", "<ANNOTATION_DOCUMENT/>", "cannot be read"),
        ("e.textgrid", "no grid", "cannot be read"),
        ("e.doc", "", "is not one of .eaf, .textgrid, .csv"),
    ],
)
def test_files_that_are_not_what_they_should_be(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        marked(tmp_path / name)


def test_files_without_anything(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing is marked"):
        read_annotations(eaf(tmp_path / "a.eaf", anna=[]))
    with pytest.raises(InputError, match="cannot be opened"):
        read_annotations(tmp_path / "none.eaf")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"no \.eaf"):
        read_annotations(tmp_path / "folder")
    (tmp_path / "latin.csv").write_bytes("start,end,name\n1,2,ä\n".encode("latin-1"))
    with pytest.raises(InputError, match="not text in UTF-8"):
        read_annotations(tmp_path / "latin.csv")


def test_an_eaf_that_unfolds_without_end_is_refused(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    (tmp_path / "e.eaf").write_text(
        f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]><ANNOTATION_DOCUMENT>&e11;</ANNOTATION_DOCUMENT>'
    )
    with pytest.raises(InputError, match="cannot be read"):
        marked(tmp_path / "e.eaf")


def test_tiers_are_chosen_by_name(tmp_path: Path) -> None:
    path = eaf(tmp_path / "a.eaf", anna=[(0, 1500, "Happy")], ben=[(100, 900, "Sad")])
    events = read_annotations(path)
    with pytest.raises(OptionError, match=r"a\.eaf: has several tiers; choose with --tier from anna, ben"):
        events.events(CLIP, ())
    assert events.events(CLIP, ("ben",)) == [Interval(0.1, 0.9, "Sad", "ben")]
    events.check_tiers(("ben", "anna"))
    with pytest.raises(OptionError, match=r"a\.eaf: has no tier cleo; choose with --tier from anna, ben"):
        events.check_tiers(("cleo",))
    (tmp_path / "e.csv").write_text("start,end,name\n1,2,a\n")
    with pytest.raises(OptionError, match="has no column tier, so there is no tier x; leave out --tier"):
        read_annotations(tmp_path / "e.csv").check_tiers(("x",))


def test_tiers_of_a_folder_are_known_when_its_files_were_read(tmp_path: Path) -> None:
    eaf(tmp_path / "a.eaf", anna=[(0, 1000, "Happy")])
    events = read_annotations(tmp_path)
    events.check_tiers(("cleo",))
    assert events.events(CLIP, ("cleo",)) == []
    with pytest.raises(OptionError, match="has no tier cleo; choose with --tier from anna"):
        events.check_tiers(("cleo",))
