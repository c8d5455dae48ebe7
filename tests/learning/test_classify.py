"""Clip models: against scikit-learn called directly, without it, and against tampering."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC, LinearSVC

from fer_video.clip.features import ClipFeatures
from fer_video.clip.model import calibrated
from fer_video.clip.pool import Pooling
from fer_video.clip.store import load_clip_model, load_estimator
from fer_video.errors import InputError, ModelError, OutputError
from fer_video.files import content_hash
from fer_video.learning.evaluate import evaluate
from fer_video.learning.fit import (
    PROTOCOLS,
    Clips,
    FitOptions,
    cross_scores,
    decision,
    fit_temperature,
    folds,
    search,
    usable_folds,
)
from fer_video.learning.learn import cross_validate, judge, train

BACKBONE = ("tiny", "ab" * 32, 6)


def clip(rng: np.random.Generator, shift: float, frames: int = 5, faces: int = 1, main: int = 1) -> ClipFeatures:
    """Embeddings of length 6 around `shift`; person `main` has the larger face."""
    rows = frames * faces
    person = np.tile(np.arange(1, faces + 1), frames).astype(np.int32)
    side = np.where(person == main, 100.0, 50.0)
    zeros = np.zeros(rows)
    return ClipFeatures(
        frame=np.repeat(np.arange(frames), faces),
        time_s=np.repeat(np.arange(frames) / 10, faces),
        person=person,
        box=np.stack((zeros, zeros, side, side), axis=1).astype(np.float32),
        score=np.full(rows, 0.9, np.float32),
        embedding=rng.normal([shift, -shift, 0, 1, 1, 1], 1.0, (rows, 6)).astype(np.float32),
        emotion=np.full((rows, 2), 0.5, np.float32),
        sampled_frame=np.arange(frames),
        sampled_time_s=np.arange(frames) / 10,
        emotions=("sad", "happy"),
        path="clip.mp4",
        backbone_name=BACKBONE[0],
        backbone_sha256=BACKBONE[1],
    )


def clips_of(classes: int = 3, subjects: int = 6, each: int = 3, faces: int = 1) -> Clips:
    rng = np.random.default_rng(0)
    features, labels, people = [], [], []
    for subject in range(subjects):
        for label in range(classes):
            for _ in range(each):
                features.append(clip(rng, 1.0 * label, faces=faces))
                labels.append("abc"[label])
                people.append(f"s{subject}")
    return Clips(features, np.array(labels), np.array(people))


def saved(folder: Path, clips: Clips, options: FitOptions) -> Path:
    train(clips, options).save(folder, "mine", {"backbone": BACKBONE})
    return folder


def retell(folder: Path, **changes: Any) -> None:
    """Change model.json as somebody would who wants a changed file to be believed."""
    path = folder / "model.json"
    document = json.loads(path.read_text()) | changes
    document["files"] = {name: content_hash(folder / name) for name in ("svm.onnx", "svm.skops")}
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("classes", [2, 3])
def test_a_stored_model_answers_as_scikit_learn_does(tmp_path: Path, protocol: str, classes: int) -> None:
    clips, options = clips_of(classes, faces=2), PROTOCOLS[protocol]
    folder = saved(tmp_path / "model", clips, options)
    model, estimator = load_clip_model(folder), load_estimator(folder)
    assert isinstance(estimator, LinearSVC if protocol == "afew" else SVC)
    descriptors = clips.descriptors(options)
    scores = model.scores(descriptors)
    assert scores == pytest.approx(decision(estimator, descriptors), abs=1e-5)
    labels = np.array(model.info.labels)[scores.argmax(axis=1)]
    assert labels.tolist() == estimator.predict(descriptors).tolist() == judge(model, clips).tolist()
    probabilities = model.probabilities(descriptors)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert probabilities.argmax(axis=1).tolist() == scores.argmax(axis=1).tolist()


def test_without_scikit_learn(tmp_path: Path) -> None:
    """A process that loads and runs the model never imports scikit-learn, and gives the same scores."""
    clips, options = clips_of(), PROTOCOLS["afew"]
    folder = saved(tmp_path / "model", clips, options)
    np.save(tmp_path / "d.npy", clips.descriptors(options))
    code = (
        "import sys, numpy as np\nfrom pathlib import Path\nfrom fer_video.clip import load_clip_model\n"
        f"model = load_clip_model(Path({str(folder)!r}))\n"
        f"np.save({str(tmp_path / 's.npy')!r}, model.scores(np.load({str(tmp_path / 'd.npy')!r})))\n"
        "print([name for name in ('sklearn', 'skops', 'skl2onnx', 'onnx', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
    estimator = load_estimator(folder)
    assert np.load(tmp_path / "s.npy") == pytest.approx(decision(estimator, np.load(tmp_path / "d.npy")), abs=1e-5)


def test_descriptors_of_the_main_person_or_of_all() -> None:
    features = clip(np.random.default_rng(0), 1.0, frames=3, faces=2, main=2)
    assert features.main_person == 2
    means = Pooling(("mean",), normalize=False)
    assert features.descriptor(means, "main") == pytest.approx(features.embedding[1::2].mean(axis=0))
    assert features.descriptor(means, "all") == pytest.approx(features.embedding.mean(axis=0))
    assert features.strided(2).frame.tolist() == [0, 0, 2, 2]


# ---- what must not get in


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_refused_and_nothing_in_it_runs(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", clips_of(), PROTOCOLS["afew"])
    (folder / "svm.skops").write_bytes(pickle.dumps(Bomb(tmp_path / "boom")))
    retell(folder)
    with pytest.raises(ModelError, match=r"svm\.skops: not a skops file"):
        load_estimator(folder)
    assert not (tmp_path / "boom").exists()


def test_a_smuggled_type_is_refused_and_nothing_of_it_runs(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", clips_of(), PROTOCOLS["afew"])
    skops.io.dump(FunctionTransformer(func=os.mkdir, kw_args={"path": str(tmp_path / "boom")}), folder / "svm.skops")
    retell(folder)
    with pytest.raises(ModelError, match="refused: it holds types that an SVM does not need"):
        load_estimator(folder)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize("name", ["svm.onnx", "svm.skops"])
def test_a_changed_byte_is_found(tmp_path: Path, name: str) -> None:
    folder = saved(tmp_path / "model", clips_of(), PROTOCOLS["afew"])
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ModelError, match="damaged"):
        (load_clip_model if name == "svm.onnx" else load_estimator)(folder)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema": "fervid-clip-model/9"}, "schema"),
        ({"labels": ["a", "b"]}, "numbers where"),
        ({"feature_size": 7}, "numbers where"),
        ({"faces": "some"}, "faces"),
        ({"pooling": {"statistics": ["mode"], "nested": False, "normalize": True}}, "statistics"),
        ({"pooling": 3}, "not the description"),
        ({"temperature": "hot"}, "not the description"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": -3}, "temperature"),
        ({"labels": ["a", "a", "b"]}, "labels"),
        ({"labels": ["a", "b", 3]}, "label"),
        ({"labels": ["a", "b", "\x1b[31m"]}, "label"),
        ({"backbone_sha256": 5}, "name"),
        ({"adaptive": {"strides": [], "thresholds": [], "false_acceptance": 0.1}}, "strides"),
        ({"adaptive": {"strides": [9, 1], "thresholds": ["x"], "false_acceptance": 0.1}}, "not the description"),
    ],
)
def test_a_description_that_does_not_fit(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    folder = saved(tmp_path / "model", clips_of(), PROTOCOLS["afew"])
    retell(folder, **changes)
    with pytest.raises(ModelError, match=says):
        load_clip_model(folder)


def test_a_model_for_another_backbone_is_refused(tmp_path: Path) -> None:
    from fer_video.models import find_model, open_session

    model = load_clip_model(saved(tmp_path / "model", clips_of(), PROTOCOLS["afew"]))
    with pytest.raises(
        ModelError, match=r"mine: trained on embeddings of tiny \(abababababab\), not of mobilenet-v1-mtl"
    ):
        model.check_backbone(open_session(find_model("emotion-backbone")))


def test_a_folder_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(OutputError, match="is no clip model"):
        saved(tmp_path / "photos", clips_of(), PROTOCOLS["afew"])
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_a_folder_with_a_model_json_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "project" / "sub").mkdir(parents=True)
    (tmp_path / "project" / "model.json").write_text("{}")
    (tmp_path / "project" / "sub" / "data.txt").write_text("precious")
    with pytest.raises(OutputError, match="is no clip model"):
        saved(tmp_path / "project", clips_of(), PROTOCOLS["afew"])
    folder = saved(tmp_path / "model", clips_of(), PROTOCOLS["afew"])
    (folder / "notes.txt").write_text("precious")
    with pytest.raises(OutputError, match="is no clip model"):
        saved(folder, clips_of(), PROTOCOLS["afew"])
    assert (folder / "notes.txt").read_text() == (tmp_path / "project" / "sub" / "data.txt").read_text() == "precious"


def test_a_description_without_hashes_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", clips_of(), PROTOCOLS["afew"])
    path = folder / "model.json"
    for text in (
        json.dumps(json.loads(path.read_text()) | {"files": {"svm.onnx": None, "svm.skops": None}}),
        "[" * 10**5,
    ):
        path.write_text(text)
        with pytest.raises(ModelError, match="not the description"):
            load_clip_model(folder)


def test_an_older_model_is_replaced(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", clips_of(2), PROTOCOLS["afew"])
    saved(folder, clips_of(3), PROTOCOLS["afew"])
    assert load_clip_model(folder).info.labels == ("a", "b", "c")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_the_older_model_comes_back_where_a_kill_came_between_taking_it_away_and_putting_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / ".model.abcd1234.part"
    saved(left / "old", clips_of(2), PROTOCOLS["afew"])
    os.utime(left, (0, 0))
    (tmp_path / ".model.young123.part").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr("skops.io.dump", _full_disk)
        with pytest.raises(OutputError):
            saved(tmp_path / "model", clips_of(3), PROTOCOLS["afew"])
    assert load_clip_model(tmp_path / "model").info.labels == ("a", "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".model.young123.part", "model"]


def _full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


# ---- learning


def test_nobody_is_trained_on_and_judged_at_once() -> None:
    clips = clips_of()
    for count in (2, 3, "subject"):
        tested = []
        for learn, test in folds(clips.labels, clips.subjects, count):  # type: ignore[arg-type]
            assert not set(clips.subjects[learn]) & set(clips.subjects[test])
            tested += test.tolist()
        assert sorted(tested) == list(range(len(clips.labels)))
    with pytest.raises(InputError, match="too few subjects"):
        list(folds(clips.labels, clips.subjects, 7))


def test_clips_without_a_face_are_not_learned_from_but_counted() -> None:
    clips = clips_of(2)
    features = list(clips.features)
    features[0] = clip(np.random.default_rng(0), 0.0, frames=0)
    clips = Clips(features, clips.labels, clips.subjects)
    said, has_face = cross_validate(clips, PROTOCOLS["afew"], "subject")
    assert has_face.tolist() == [False] + [True] * (len(said) - 1)
    assert said[0] in ("a", "b")
    result = evaluate(clips.labels, said, has_face, ["a", "b"])
    assert (result.clips, result.clips_with_face) == (36, 35)
    assert train(clips, PROTOCOLS["afew"]).held_out.clips == 35  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("labels", "says"), [(["a", "a", "a"], "only one class"), (["a", "a", "b"], "only one clip with a face of: b")]
)
def test_too_little_to_learn_from(labels: list[str], says: str) -> None:
    rng = np.random.default_rng(0)
    clips = Clips([clip(rng, 0.0) for _ in labels], np.array(labels), np.array(["x", "y", "z"]))
    with pytest.raises(InputError, match=says):
        train(clips, FitOptions())


def test_two_clips_a_class_are_enough() -> None:
    clips = clips_of(2, subjects=2, each=1)
    assert train(clips, FitOptions()).held_out is not None
    assert len(cross_validate(clips, FitOptions(), "subject")[0]) == 4


def test_too_few_subjects_leaves_a_model_uncalibrated() -> None:
    clips = clips_of(2, subjects=1)
    trained = train(clips, PROTOCOLS["afew"])
    assert (trained.held_out, trained.temperature) == (None, 1.0)
    assert usable_folds(clips.labels, clips.subjects) == 1


def test_temperature_makes_probabilities_honest() -> None:
    """Scores whose classes are drawn from softmax(2 x score): the factor is found again."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1, (20_000, 3))
    probabilities = calibrated(scores, 2.0).astype(float)
    drawn = (rng.random((20_000, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(max=2)
    names = np.array(["a", "b", "c"])
    assert fit_temperature(scores, names[drawn], names) == pytest.approx(2.0, rel=0.05)


def test_cross_scores_equal_scikit_learn_fold_by_fold() -> None:
    clips, options = clips_of(), PROTOCOLS["afew"]
    descriptors = clips.descriptors(options)
    (scores,) = cross_scores(descriptors, clips.labels, clips.subjects, options, "subject")
    for subject in np.unique(clips.subjects):
        out = clips.subjects == subject
        svm = LinearSVC(C=1.1, random_state=0, max_iter=20_000).fit(descriptors[~out], clips.labels[~out])
        assert scores[out] == pytest.approx(svm.decision_function(descriptors[out]), abs=1e-9)


def test_search_finds_what_tells_the_classes_apart() -> None:
    """Classes that differ only in spread: the mean alone cannot tell them."""
    rng = np.random.default_rng(0)
    features = []
    for i in range(40):
        seen = clip(rng, 0.0, frames=20)
        object.__setattr__(seen, "embedding", 5 + (seen.embedding - seen.embedding.mean(axis=0)) * (1 + 3 * (i % 2)))
        features.append(seen)
    clips = Clips(features, np.array(["ab"[i % 2] for i in range(40)]), np.array([f"s{i // 2}" for i in range(40)]))
    trials = search(clips, FitOptions())
    assert trials[0].accuracy > 0.95
    assert "std" in trials[0].options.pooling.statistics
    assert min(trial.accuracy for trial in trials) < 0.8
