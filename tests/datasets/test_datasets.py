"""Dataset layouts, drawn as empty files: reading them needs names only."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_video.datasets.clips import load_clips
from fer_video.datasets.ferplus import read_ferplus
from fer_video.errors import InputError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def found(path: Path, layout: str | None = None) -> list[tuple[str, ...]]:
    dataset = load_clips(path, layout)  # type: ignore[arg-type]
    root = path if path.is_dir() else path.parent
    return [
        (each.path.relative_to(root).as_posix(), each.label, each.subject or "", each.split or "")
        for each in dataset.samples
    ]


def test_afew(tmp_path: Path) -> None:
    touch(
        tmp_path, "Train_AFEW/Angry/2.avi", "Train_AFEW/Angry/10.avi", "Val_AFEW/Happy/a.avi", "Val_AFEW/x.txt",
        "Test_AFEW/0.avi",
    )  # fmt: skip
    assert load_clips(tmp_path).layout == "afew"
    assert found(tmp_path) == [
        ("Train_AFEW/Angry/2.avi", "anger", "", "train"),
        ("Train_AFEW/Angry/10.avi", "anger", "", "train"),
        ("Val_AFEW/Happy/a.avi", "happiness", "", "val"),
    ]
    assert [each.label for each in load_clips(tmp_path).part("val").samples] == ["happiness"]


def test_afew_in_plain_folders(tmp_path: Path) -> None:
    touch(tmp_path, "train/Sad/1.mp4", "val/Surprise/1.mp4")
    assert [row[1] for row in found(tmp_path)] == ["sadness", "surprise"]


def test_vgaf(tmp_path: Path) -> None:
    touch(tmp_path, "Train/1_1.mp4", "Train/2_1.mp4", "Val/my clip.mp4")
    (tmp_path / "Train_labels.txt").write_text("Vid_name Label\n1_1 1\n2_1 3\n9_9 2\n\n")
    (tmp_path / "Val_labels.txt").write_text("Vid_name Label\nmy clip 2\n")
    dataset = load_clips(tmp_path)
    assert dataset.layout == "vgaf"
    assert found(tmp_path) == [
        ("Train/1_1.mp4", "positive", "", "train"),
        ("Train/2_1.mp4", "negative", "", "train"),
        ("Val/my clip.mp4", "neutral", "", "val"),
    ]
    assert [path.name for path in dataset.missing] == ["9_9"]
    (tmp_path / "Val_labels.txt").write_text("Vid_name Label\nmy clip 4\n")
    with pytest.raises(InputError, match=r"Val_labels\.txt: line 2"):
        load_clips(tmp_path)


def test_folders_of_classes_with_subjects_and_sequences(tmp_path: Path) -> None:
    touch(tmp_path, "calm/a.mp4", "calm/notes.txt", "calm/seq/1.png", "calm/seq/2.png", "calm/anna/b.mp4")
    touch(tmp_path, "wild/bert/run/1.jpg", "wild/.hidden.mp4")
    assert found(tmp_path) == [
        ("calm/a.mp4", "calm", "", ""),
        ("calm/seq", "calm", "", ""),
        ("calm/anna/b.mp4", "calm", "anna", ""),
        ("wild/bert/run", "wild", "bert", ""),
    ]
    assert not load_clips(tmp_path).has_subjects


def test_csv(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "sub/b.mp4")
    table = tmp_path / "clips.csv"
    table.write_text("\ufeffpath,label,subject,split\na.mp4,calm,anna,train\nsub/b.mp4,wild,bert,VAL\nc.mp4,wild,x,\n")
    assert found(table) == [("a.mp4", "calm", "anna", "train"), ("sub/b.mp4", "wild", "bert", "val")]
    dataset = load_clips(table)
    assert dataset.has_subjects
    assert dataset.labels == ("calm", "wild")
    assert [path.name for path in dataset.missing] == ["c.mp4"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,label\na.mp4,x\n", "no column path"),
        ("", "no column path and label"),
        ("path,label\na.mp4,\n", "line 2"),
        ("path,label,split\na.mp4,x,dev\n", "split 'dev'"),
        ("path,label\nnone.mp4,x\n", "no clip found"),
        (b"path,label\n\xff,x\n", "not a CSV file"),
    ],
)
def test_bad_csv(tmp_path: Path, text: str | bytes, says: str) -> None:
    touch(tmp_path, "a.mp4")
    table = tmp_path / "clips.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=says):
        load_clips(table)


@pytest.mark.parametrize("layout", ["afew", "vgaf", "classes", "csv", None])
def test_nothing_there(tmp_path: Path, layout: str | None) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_clips(tmp_path / "none", layout)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"no clip|is a file"):
        load_clips(tmp_path, layout)  # type: ignore[arg-type]


def ferplus_files() -> dict[str, bytes]:
    image = cv2.imencode(".png", np.full((48, 48), 9, np.uint8))[1].tobytes()
    rows = [
        "a.png,box,4,0,0,0,1,0,0,4,1,0",  # a tie of 4 and 4: the first one's, and no majority
        "b.png,box,0,8,1,1,0,0,0,0,0,0",  # single votes go: 8 of 8
        "c.png,box,3,0,0,0,0,0,0,0,7,0",  # unknown wins
        "gone.png,box,9,0,0,0,0,0,0,0,0,0",
    ]
    files = {f"FER2013Valid/{name}.png": image for name in "abc"}
    return files | {"FER2013Valid/label.csv": "\n".join(rows).encode()}


def test_ferplus_in_a_folder_and_in_a_zip(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in ferplus_files().items():
            archive.writestr(name, data)
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(data)
    (tmp_path / "ferplus.zip").write_bytes(packed.getvalue())
    for path in (tmp_path, tmp_path / "ferplus.zip"):
        samples = list(read_ferplus(path, "valid"))
        assert [each.name for each in samples] == ["a.png", "b.png", "c.png"]
        assert [each.label for each in samples] == ["neutral", "happiness", None]
        assert [each.has_majority for each in samples] == [False, True, False]
        assert samples[0].image().shape == (48, 48, 3)
        with pytest.raises(InputError, match="FER2013Train/label"):
            list(read_ferplus(path, "train"))


def test_parts_with_classes_of_any_name(tmp_path: Path) -> None:
    touch(tmp_path, "train/anger/1.mp4", "train/joy/2.mp4", "val/anger/3.mp4", "test/anger/4.mp4")
    assert found(tmp_path, "classes") == [
        ("train/anger/1.mp4", "anger", "", "train"),
        ("train/joy/2.mp4", "joy", "", "train"),
        ("val/anger/3.mp4", "anger", "", "val"),
    ]
    assert {row[1] for row in found(tmp_path)} == {"anger", "joy"}


def test_other_words_for_an_emotion_are_known_everywhere(tmp_path: Path) -> None:
    touch(tmp_path, "classes/Happy/1.mp4", "classes/SAD/anna/2.mp4", "classes/Calm/3.mp4", "4.mp4")
    assert {row[1] for row in found(tmp_path / "classes")} == {"happiness", "sadness", "Calm"}
    (tmp_path / "clips.csv").write_text("path,label\n4.mp4, Angry\n")
    assert [row.label for row in load_clips(tmp_path / "clips.csv").samples] == ["anger"]


def test_what_is_for_validation_is_not_trained_on(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    table = tmp_path / "clips.csv"
    table.write_text("path,label,split\na.mp4,calm ,\nb.mp4,wild,val\n")
    assert [(each.path.name, each.label) for each in load_clips(table).for_training().samples] == [("a.mp4", "calm")]
    table.write_text("path,label,split\nb.mp4,wild,val\n")
    with pytest.raises(InputError, match="all clips are for validation"):
        load_clips(table).for_training()


def test_labels_that_would_drive_a_terminal(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "clips.csv").write_text("path,label\na.mp4,\x1b[31mred\n")
    with pytest.raises(InputError, match="not printable"):
        load_clips(tmp_path / "clips.csv")


def test_tabs_between_vgaf_columns(tmp_path: Path) -> None:
    touch(tmp_path, "Train/1_1.mp4")
    (tmp_path / "Train_labels.txt").write_text("Vid_name\tLabel\n1_1\t1\n")
    assert [row[1] for row in found(tmp_path)] == ["positive"]
    (tmp_path / "Train_labels.txt").write_bytes(b"Vid_name Label\n\xff 1\n")
    with pytest.raises(InputError, match="cannot be read: not text"):
        load_clips(tmp_path)
