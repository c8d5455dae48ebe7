"""extract, train, evaluate and predict --model, from folders of pictures to answers, as users call them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from fer_video.cli import main
from media import Image, encode
from sklearn.metrics import f1_score
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.svm import LinearSVC

from fer_video.clip.features import load_features


def fervid(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_train_evaluate_predict(labelled: Path, tmp_path: Path, face_clip: Path) -> None:
    features, model = tmp_path / "features", tmp_path / "model"
    done = fervid("train", labelled, "--out", model, "--features", features, "--every-frame", "-q")
    assert done.exit_code == 0, done.stderr
    assert "cross-validated" in done.stdout
    assert sorted(path.name for path in model.iterdir()) == ["model.json", "svm.onnx", "svm.skops"]

    done = fervid("evaluate", model, labelled, "--features", features, "--every-frame", "-q", "--by", "gender")
    assert done.exit_code == 0, done.stderr
    assert "17 clips, 1 of them without a face" in done.stdout
    assert "accuracy, clips with a face  100.00%" in done.stdout
    assert "by predicted gender" in done.stdout

    result = fervid("predict", face_clip, "--model", model, "--format", "json")
    value = json.loads(result.stdout)
    assert value["clip"]["method"] == "svm:model"
    assert value["clip"]["emotion"] == "her"
    assert set(value["clip"]["probabilities"]) == {"her", "him"}
    assert value["people"][0]["emotion"] == "her"
    assert value["ran"]["clip_model"]["name"] == "model"
    header = fervid("predict", face_clip, "--model", model, "--format", "csv", "--rows", "people").stdout.splitlines()[
        0
    ]
    assert header.endswith("p_her,p_him")
    assert "her" in fervid("predict", face_clip, "--model", model).stdout


def test_leave_one_subject_out_equals_scikit_learn(labelled: Path, tmp_path: Path) -> None:
    """An independent script on the stored arrays, with nothing of fervid's pooling or cross-validation."""
    features = tmp_path / "features"
    options = ("--features", features, "--every-frame", "-q")
    done = fervid("evaluate", labelled, "--cv", "subject", "--format", "json", *options)
    assert done.exit_code == 0, done.stderr
    value = json.loads(done.stdout)

    rows, labels, subjects = [], [], []
    for path in features.glob("*.npz"):
        with np.load(path, allow_pickle=False) as file:
            clip = Path(json.loads(str(file["meta"]))["path"])
            found, people = file["embedding"].astype(np.float64), file["person"]
        assert len(set(people.tolist())) <= 1
        if len(found):
            row = np.concatenate([found.mean(0), found.std(0), found.min(0), found.max(0)])
            row = (row / np.linalg.norm(row)).astype(np.float32)
        else:
            row = np.zeros(4 * 1280, np.float32)
        rows.append(row)
        labels.append(clip.parts[-3])
        subjects.append(clip.parts[-2])
    x, y, groups = np.array(rows), np.array(labels), np.array(subjects)
    said = y.copy()
    face = x.any(axis=1)
    for learn, test in LeaveOneGroupOut().split(x, y, groups):
        learn = learn[face[learn]]
        said[test] = LinearSVC(C=1.1, random_state=0, max_iter=20_000).fit(x[learn], y[learn]).predict(x[test])
    assert value["clips"] == len(y) == 17
    assert value["accuracy"]["value"] == pytest.approx((said == y).mean())
    assert value["accuracy_with_face"]["value"] == pytest.approx((said == y)[face].mean())
    assert value["macro_f1"]["value"] == pytest.approx(f1_score(y, said, average="macro"))


def test_extract_twice(labelled: Path, tmp_path: Path, face_clip: Path) -> None:
    first = fervid("extract", face_clip, "--out", tmp_path / "f", "--fps", "5", "--attributes")
    assert first.exit_code == 0
    clip, file = first.stdout.strip().split("\t")
    assert clip == str(face_clip)
    assert "1 extracted, 0 found, 0 failed" in first.stderr
    stamp = Path(file).stat().st_mtime_ns
    second = fervid("extract", face_clip, "--out", tmp_path / "f", "--fps", "5", "--attributes")
    assert second.stdout == first.stdout
    assert "0 extracted, 1 found, 0 failed" in second.stderr
    assert Path(file).stat().st_mtime_ns == stamp
    other = fervid("extract", face_clip, "--out", tmp_path / "f", "--fps", "2")
    assert other.stdout != first.stdout

    features = load_features(Path(file))
    assert features.embedding.shape == (10, 1280)
    assert features.emotion.shape == (10, 8)
    assert features.emotion.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert features.time_s == pytest.approx([i / 5 for i in range(10)])
    assert features.sampled_frame.tolist() == list(range(0, 20, 2))
    assert features.gender is not None
    assert features.gender.shape == (10, 2)
    assert features.person.tolist() == [1] * 10


def test_extract_in_processes(tmp_path: Path, face_clip: Path, faceless_clip: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    clips = (face_clip, tmp_path / "text.mp4", faceless_clip)
    done = fervid("extract", *clips, "--out", tmp_path / "f", "--workers", "2", "--fps", "2")
    assert done.exit_code == 1
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [str(face_clip), str(faceless_clip)]
    assert f"error: {tmp_path / 'text.mp4'}: no video" in done.stderr
    alone = fervid("extract", face_clip, "--out", tmp_path / "g", "--fps", "2")
    one, other = (load_features(Path(each.stdout.splitlines()[0].split("\t")[1])) for each in (done, alone))
    assert one.embedding == pytest.approx(other.embedding, abs=1e-4)


def test_features_that_are_none(tmp_path: Path) -> None:
    from fer_video.errors import InputError

    path = tmp_path / "x.npz"
    for data in (b"", b"PK\x03\x04 no zip", b"text"):
        path.write_bytes(data)
        with pytest.raises(InputError, match="not a features file"):
            load_features(path)
    np.savez(path, meta=np.array([{"a": 1}], dtype=object))  # a pickle inside
    with pytest.raises(InputError, match="not a features file"):
        load_features(path)


def test_search_and_json(labelled: Path, tmp_path: Path) -> None:
    done = fervid(
        "train", labelled, "--out", tmp_path / "m", "--features", tmp_path / "f", "--fps", "25", "--search", "-q"
    )
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count("tried ") == 5
    png = tmp_path / "confusion.png"
    done = fervid(
        "evaluate", tmp_path / "m", labelled, "--features", tmp_path / "f", "--fps", "25", "-q", "--png", png,
        "--by", "age", "--by", "ethnicity", "--format", "json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    value = json.loads(done.stdout)
    assert sum(sum(part["support"].values()) for part in value["by"]["age"].values()) == 17
    picture = cv2.imread(str(png))
    assert picture is not None
    assert picture.shape[0] > 300


def test_adaptive_thresholds_from_a_training(labelled: Path, tmp_path: Path, face_clip: Path) -> None:
    options = ("--features", tmp_path / "f", "--every-frame", "-q", "--adaptive-rate", "0.3")
    done = fervid("train", labelled, "--out", tmp_path / "m", *options)
    assert done.exit_code == 0, done.stderr
    adaptive = json.loads((tmp_path / "m" / "model.json").read_text())["adaptive"]
    assert adaptive["strides"] == [18, 9, 1]
    assert len(adaptive["thresholds"]) == 2
    value = json.loads(fervid("predict", face_clip, "--model", tmp_path / "m", "--adaptive", "--format", "json").stdout)
    assert value["clip"]["emotion"] == "her"
    assert value["ran"]["adaptive"]["frames_used"] == value["frames_sampled"] <= 20


def test_adaptive_says_the_same_for_fewer_frames(astronaut: Image, six_people: Image, tmp_path: Path) -> None:
    """The embedded model on clips of 40 frames of seven people: as with every frame on most, from fewer frames."""
    boxes = [(182, 58, 270, 178, astronaut)]
    corners = ((746, 347, 845, 479), (899, 58, 1011, 209), (1135, 272, 1228, 396), (462, 268, 571, 418))
    boxes += [(*corner, six_people) for corner in (*corners, (55, 259, 169, 391), (273, 155, 372, 272))]
    rng = np.random.default_rng(0)
    clips = tmp_path / "clips"
    clips.mkdir()
    for number, (x1, y1, x2, y2, image) in enumerate(boxes):
        x, y = max((x1 + x2) // 2 - 100, 0), max((y1 + y2) // 2 - 100, 0)
        light = 1 + 0.2 * np.sin(np.arange(40) / 6)
        views = [np.clip(image[y : y + 200, x : x + 200] * g + rng.normal(0, 3, 3), 0, 255) for g in light]
        frames = [view.astype(np.uint8)[:, : view.shape[1] // 2 * 2] for view in views]
        encode(clips / f"{number}.mp4", frames, [i / 25 for i in range(40)])
    said = {}
    for how in ("--adaptive", "--every-frame"):
        values = json.loads(fervid("predict", clips, how, "--format", "json").stdout)
        said[how] = [(value["clip"]["emotion"], value["frames_sampled"]) for value in values]
    fewer, every = said["--adaptive"], said["--every-frame"]
    assert sum(a[0] == b[0] for a, b in zip(fewer, every, strict=True)) >= 6
    assert sum(frames for _, frames in every) == 7 * 40
    assert sum(frames for _, frames in fewer) < 0.9 * 7 * 40


def test_windows_give_segments(analyzer_clip: Path) -> None:
    options = ("--window", "1", "--step", "0.5", "--model", "none")
    value = json.loads(fervid("predict", analyzer_clip, *options, "--format", "json").stdout)
    (segments,) = [person["segments"] for person in value["people"]]
    assert [segment["emotion"] for segment in segments] == ["happiness"]
    assert (segments[0]["start_s"], segments[0]["end_s"]) == (0.0, pytest.approx(2.9, abs=0.01))
    rows = fervid("predict", analyzer_clip, *options, "--rows", "segments", "--format", "csv").stdout.splitlines()
    assert rows[0] == "path,person,start_s,end_s,emotion,confidence,method"
    assert rows[1].endswith(",windows")
    assert value["ran"]["segments"] == {
        "method": "windows", "how": "Answers for windows of 1 s, one every 0.5 s; equal neighbours are joined.",
        "length_s": 1.0, "step_s": 0.5,
    }  # fmt: skip
    assert len(rows) == 2
    assert "time: happiness 100%" in fervid("predict", analyzer_clip, *options).stdout


@pytest.fixture(scope="session")
def analyzer_clip(tmp_path_factory: pytest.TempPathFactory, astronaut: Image) -> Path:
    view = astronaut[:288, 60:444]
    return encode(tmp_path_factory.mktemp("w") / "three.mp4", [view] * 30, [i / 10 for i in range(30)])


def test_the_group_answers(six_people: Image, tmp_path: Path) -> None:
    views = [six_people[:, 4 * i : 4 * i + 1200] for i in range(4)]
    clip = encode(tmp_path / "six.mp4", views, [i / 10 for i in range(4)])
    value = json.loads(fervid("predict", clip, "--group", "--format", "json").stdout)
    group = value["group"]
    assert group["method"] == value["clip"]["method"] == value["people"][0]["method"]
    assert list(group["probabilities"]) == list(value["clip"]["probabilities"])
    assert group["valence"]["probabilities"]["positive"] == group["probabilities"]["happiness"]
    assert sum(group["valence"]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    table = fervid("predict", clip, "--group").stdout
    assert f"{clip}  {group['emotion']}" in table
    assert f"valence {group['valence']['label']}" in table
    by_name = ("--group-model", "pseudo-vgaf-3", "--format", "json")
    named = json.loads(fervid("predict", clip, "--group", *by_name).stdout)["group"]
    assert named["method"] == "svm:pseudo-vgaf-3"
    assert named["valence"]["probabilities"] == named["probabilities"]
    assert set(named["probabilities"]) == {"positive", "neutral", "negative"}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("train", "missing", "--out", "m"), 1, "no such file"),
        (("evaluate", "missing", "--cv", "subject"), 1, "no such file"),
        (("evaluate", "DATA"), 2, "MODEL and a DATASET"),
        (("evaluate", "DATA", "--cv", "1"), 2, "--cv takes"),
        (("evaluate", "no-model", "DATA"), 2, "no clip model"),
        (("evaluate", "pseudo-afew-7", "DATA"), 1, "the clips are labelled her, him"),
        (("train", "DATA", "--out", "m", "--statistics", "mode"), 2, "statistics"),
        (("train", "DATA", "--out", "m", "-C", "0"), 2, "C must be positive"),
        (("train", "DATA", "--out", "m", "--layout", "csv"), 1, "is a file"),
        (("train", "DATA", "--out", "m", "--adaptive-rate", "0.1"), 2, "--every-frame"),
        (("train", "ONE", "--out", "m"), 1, "only one class"),
        (("extract", "DATA", "--out", "f", "--workers", "0"), 2, "workers"),
    ],
)
def test_bad_input(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FERVID_CACHE", str(tmp_path / "cache"))
    (tmp_path / "ONE").mkdir()
    (tmp_path / "ONE" / "her").symlink_to(labelled / "her", target_is_directory=True)
    done = fervid(*(str(labelled) if each == "DATA" else each for each in arguments))
    assert done.exit_code == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "m").exists()


def test_the_same_clip_twice_is_one_and_two_labels_are_refused(labelled: Path, tmp_path: Path) -> None:
    her, him = labelled / "her" / "s0" / "take0", labelled / "him" / "s0" / "take0"
    again = her.parent / ".." / "s0" / "take0"
    options = ("--features", tmp_path / "f", "--fps", "25", "-q", "--cv", "2")
    table = tmp_path / "clips.csv"
    table.write_text(f"path,label\n{her},a\n{again},a\n{him},b\n")
    done = fervid("evaluate", table, *options)
    assert "too few clips (1 at most of a, b)" in done.stderr
    table.write_text(f"path,label\n{her},a\n{again},b\n{him},b\n")
    done = fervid("evaluate", table, *options)
    assert done.exit_code == 1
    assert "the same clip with different labels" in done.stderr


def test_wrong_options_with_workers_are_one_line(face_clip: Path, faceless_clip: Path, tmp_path: Path) -> None:
    done = fervid("extract", face_clip, faceless_clip, "--out", tmp_path / "f", "--workers", "2", "--detector", "nope")
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_damaged_features_file_is_made_again(face_clip: Path, tmp_path: Path) -> None:
    first = fervid("extract", face_clip, "--out", tmp_path / "f", "--fps", "2")
    file = Path(first.stdout.strip().split("\t")[1])
    file.write_bytes(b"half a file")
    assert "1 extracted, 0 found" in fervid("extract", face_clip, "--out", tmp_path / "f", "--fps", "2").stderr
    load_features(file)
