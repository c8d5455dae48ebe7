"""Readers of labelled faces: each layout, in folders and zips, and what may be wrong in them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_video.datasets.faces import load_faces
from fer_video.datasets.samples import FaceDataset, FaceSample
from fer_video.datasets.tree import Tree
from fer_video.errors import InputError

PNG = cv2.imencode(".png", np.full((8, 8, 3), 90, np.uint8))[1].tobytes()


def write(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def packed(path: Path, files: Mapping[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def array(value: object) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array(value), allow_pickle=True)
    return out.getvalue()


def pictures(*names: str) -> dict[str, bytes | str]:
    return dict.fromkeys(names, PNG)


def by_name(dataset: FaceDataset) -> dict[str, FaceSample]:
    return {sample.name: sample for sample in dataset.samples}


FERPLUS = pictures("FER2013Train/a.png", "FER2013Valid/b.png", "FER2013Valid/c.png") | {
    "FER2013Train/label.csv": "a.png,box,6,3,1,0,0,0,0,0,0,0\ngone.png,box,9,0,0,0,0,0,0,0,0,0\n",
    "FER2013Valid/label.csv": "b.png,box,4,0,0,4,0,0,0,0,0,0\nc.png,box,0,0,0,0,0,0,0,0,9,0\n",
}


@pytest.mark.parametrize("zipped", [False, True])
def test_ferplus_votes_become_shares(tmp_path: Path, zipped: bool) -> None:
    path = packed(tmp_path / "fer.zip", FERPLUS) if zipped else write(tmp_path / "fer", FERPLUS)
    dataset = load_faces(path, "ferplus")
    a, b = dataset.samples
    assert dataset.emotions[:2] == ("neutral", "happiness")
    assert a.emotion == pytest.approx((6 / 9, 3 / 9, 0, 0, 0, 0, 0, 0))  # the single vote is a slip
    assert (a.part, a.scored) == ("train", True)
    assert (b.part, b.scored) == ("val", False)  # four of eight is no majority
    assert dict(dataset.skipped) == {
        "FER2013Train/gone.png": "is not there",
        "FER2013Valid/c.png": "no emotion has the most votes",
    }


@pytest.mark.parametrize("line", ["a.png,box,1,2", "a.png,box,a,b,c,d,e,f,g,h,i,j", "a.png,box,-1,0,0,0,0,0,0,0,0,0"])
def test_ferplus_with_a_bad_line(tmp_path: Path, line: str) -> None:
    write(tmp_path, {"FER2013Train/label.csv": line})
    with pytest.raises(InputError, match="line 1 should be a name, a box and ten counts"):
        load_faces(tmp_path, "ferplus")


def test_utkface_names(tmp_path: Path) -> None:
    good, odd = "UTKFace/26_1_3_20170112.jpg.chip.jpg", "UTKFace/61_3_20170109150557335.jpg.chip.jpg"
    write(tmp_path, pictures(good, odd, "UTKFace/200_0_0_1.jpg", "UTKFace/20_2_0_1.jpg", "UTKFace/20_0_5_1.jpg"))
    dataset = load_faces(tmp_path, "utkface")
    (sample,) = dataset.samples
    assert (sample.age, sample.gender, sample.ethnicity, sample.emotion) == (26.0, "female", "Indian", None)
    assert len(dataset.skipped) == 4


def test_affectnet_tables(tmp_path: Path) -> None:
    head = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"
    files = pictures("Manually_Annotated_Images/1/a.jpg", "Manually_Annotated_Images/1/b.jpg") | {
        "training.csv": head + "1/a.jpg,10,20,30,40,x,6,-0.5,0.25\n1/none.jpg,1,1,1,1,x,1,0,0\n"
                        "1/b.jpg,0,0,5,5,x,9,-2,-2\n",
        "validation.csv": head + "1/b.jpg,0,0,5,5,x,1,-2,-2\n",
    }  # fmt: skip
    dataset = load_faces(write(tmp_path, files), "affectnet")
    a, b = dataset.samples
    assert dataset.emotions[a.emotion.index(1.0)] == "anger"  # type: ignore[union-attr]
    assert (a.valence, a.arousal, a.box, a.part) == (-0.5, 0.25, (10, 20, 40, 60), "train")
    assert (b.valence, b.arousal, b.part) == (None, None, "val")
    assert [reason for _, reason in dataset.skipped] == ["is not there", "expression 9 is none of 0 to 7"]


def test_affectnet_arrays(tmp_path: Path) -> None:
    files = pictures("train_set/images/0.jpg", "train_set/images/1.jpg", "val_set/images/7.jpg") | {
        "train_set/annotations/0_exp.npy": array("3"), "train_set/annotations/0_val.npy": array(0.5),
        "train_set/annotations/0_aro.npy": array("-0.25"), "val_set/annotations/7_exp.npy": array(7),
    }  # fmt: skip
    dataset = load_faces(write(tmp_path, files), "affectnet")
    first, second = dataset.samples
    assert dataset.emotions[first.emotion.index(1.0)] == "surprise"  # type: ignore[union-attr]
    assert (first.valence, first.arousal, first.part) == (0.5, -0.25, "train")
    assert (second.part, second.valence) == ("val", None)
    assert len(dataset.skipped) == 1


def test_a_pickle_among_the_arrays_is_refused(tmp_path: Path) -> None:
    files = pictures("train_set/images/0.jpg") | {"train_set/annotations/0_exp.npy": array({"a": 1})}
    with pytest.raises(InputError, match="not an array of one number"):
        load_faces(write(tmp_path, files), "affectnet")


@pytest.mark.parametrize("top", ["", "VGGFace2/"])
def test_people(tmp_path: Path, top: str) -> None:
    names = [f"{top}train/n1/1.jpg", f"{top}train/n1/2.jpg", f"{top}test/n2/1.jpg"]
    dataset = load_faces(write(tmp_path, pictures(*names)), "people")
    assert [(sample.person, sample.part) for sample in dataset.samples] == [
        ("n2", "test"), ("n1", "train"), ("n1", "train"),
    ]  # fmt: skip


def test_classes_and_their_other_names(tmp_path: Path) -> None:
    write(tmp_path, pictures("Happy/a.png", "angry/anna/b.png", "angry/c.png"))
    dataset = load_faces(tmp_path, "classes")
    assert dataset.emotions == ("anger", "happiness")
    found = by_name(dataset)
    assert found["Happy/a.png"].emotion == (0.0, 1.0)
    assert found["angry/anna/b.png"].person == "anna"


def test_csv_with_labels_of_some_kinds(tmp_path: Path) -> None:
    text = (
        "path,label,subject,split,age,gender,ethnicity,valence,arousal\n"
        "a.png,sad,anna,train,30,female,,0.1,-0.2\nb.png,,,val,,,Asian,,\ngone.png,sad,,,,,,,\n../c.png,sad,,,,,,,\n"
    )
    write(tmp_path / "in", pictures("a.png", "b.png") | {"faces.csv": text})
    write(tmp_path, pictures("c.png"))
    dataset = load_faces(tmp_path / "in" / "faces.csv", "csv")
    a, b = dataset.samples
    assert (a.emotion, a.age, a.gender, a.person, a.valence) == ((1.0,), 30.0, "female", "anna", 0.1)
    assert (b.emotion, b.age, b.ethnicity, b.part) == (None, None, "Asian", "val")
    assert [name for name, _ in dataset.skipped] == ["gone.png", "../c.png"]  # never out of the dataset's folder


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file\na.png\n", "no column path"),
        ("path,age\na.png,old\n", "line 2: 'old' should be a number"),
        ("path,age\na.png,300\n", "age 300 should lie between 0 and 116"),
        ("path,age\na.png,nan\n", "should be a number"),
        ("path,split\na.png,dev\n", "split 'dev'"),
        ("path\nnone.png\n", "no labelled picture found"),
        (b"path\n\xff\n", "not a CSV file"),
    ],
)
def test_bad_csv(tmp_path: Path, text: str | bytes, says: str) -> None:
    write(tmp_path, pictures("a.png") | {"faces.csv": text})
    with pytest.raises(InputError, match=says):
        load_faces(tmp_path / "faces.csv", "csv")


def test_nothing_and_no_zip(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_faces(tmp_path / "none", "utkface")
    (tmp_path / "x.zip").write_bytes(b"PK nonsense")
    with pytest.raises(InputError, match="not a zip file"):
        load_faces(tmp_path / "x.zip", "utkface")
    with pytest.raises(InputError, match="no labelled picture"):
        load_faces(write(tmp_path / "d", {"readme.txt": "x"}), "people")
    with pytest.raises(InputError, match="csv is a file"):
        load_faces(tmp_path / "d", "csv")


def test_a_zip_that_claims_gigabytes_and_a_damaged_one(tmp_path: Path) -> None:
    path = packed(tmp_path / "bomb.zip", {"a.png": bytes(1000)})
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = (1 << 31).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(InputError, match="claims 2147483648 bytes"):
        Tree(path).read("a.png")
    path = packed(tmp_path / "torn.zip", {"a.png": b"0123456789" * 10})
    path.write_bytes(path.read_bytes().replace(b"0123456789", b"0123456780", 1))
    with pytest.raises(InputError, match=r"torn.zip: a.png cannot be read"):
        Tree(path).read("a.png")


def test_names_do_not_lead_out_of_a_folder(tmp_path: Path) -> None:
    write(tmp_path, {"secret.txt": "x", "in/a.png": PNG, "in/.hidden.png": PNG})
    tree = Tree(tmp_path / "in")
    assert tree.names() == ["a.png"]
    assert tree.read("../secret.txt") is None
    assert tree.read(str(tmp_path / "secret.txt")) is None


def test_splits_are_of_the_name_alone(tmp_path: Path) -> None:
    names = [f"{age}_0_0_{age}0.jpg" for age in range(100)]
    one = load_faces(write(tmp_path / "one", pictures(*names)), "utkface").split(0.2)
    other = load_faces(write(tmp_path / "other", pictures(*(f"deep/{name}" for name in names[::2]))), "utkface")
    parts = {sample.name: sample.part for sample in one.samples}
    assert 12 <= list(parts.values()).count("val") <= 28  # a share of 0.2, by hash
    assert len(parts) == 100
    for sample in other.split(0.2).samples:
        assert sample.part == parts[sample.name.removeprefix("deep/")]


def test_nobody_is_trained_on_and_measured(tmp_path: Path) -> None:
    names = [f"p{person}/{i}.jpg" for person in range(30) for i in range(3)]
    dataset = load_faces(write(tmp_path / "people", pictures(*names)), "people").split(0.3)
    people = {part: {sample.person for sample in dataset.part(part).samples} for part in ("train", "val")}  # type: ignore[arg-type]
    assert people["train"]
    assert people["val"]
    assert not people["train"] & people["val"]
    named = pictures("train/anger/anna/1.png", "val/anger/anna/2.png", "val/anger/ben/3.png", "train/fear/cleo/4.png")
    kept = load_faces(write(tmp_path / "classes", named), "classes").split(0.1)
    assert {sample.name for sample in kept.part("val").samples} == {"val/anger/ben/3.png"}
