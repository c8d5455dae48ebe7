"""The training itself, on a tiny network and faces that packages ship. Needs the extra [train]."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from faces import SIX, face_crops, varied, write_ferplus, write_utkface
from media import Image
from onnx import numpy_helper

torch = pytest.importorskip("torch", reason="training needs the extra [train]")

from fer_video.cli import main  # noqa: E402
from torch import nn  # noqa: E402

from fer_video.errors import FervidError, OptionError, OutputError  # noqa: E402
from fer_video.models.spec import parse_spec  # noqa: E402
from fer_video.training.augment import plain  # noqa: E402
from fer_video.training.batches import Part  # noqa: E402
from fer_video.training.checkpoint import load_tensors, write_tensors  # noqa: E402
from fer_video.training.data import decode, read_labels  # noqa: E402
from fer_video.training.depthwise import speed_up_depthwise  # noqa: E402
from fer_video.training.export import AGREEMENT, export  # noqa: E402
from fer_video.training.losses import losses_for, total_loss  # noqa: E402
from fer_video.training.network import ARCHITECTURES, Network, build, load_weights  # noqa: E402
from fer_video.training.optim import Averaged, learning_rate, sharpness_aware_step  # noqa: E402
from fer_video.training.recipe import Head, Recipe, Stage, recipe_from  # noqa: E402
from fer_video.training.targets import Targets, empty  # noqa: E402
from fer_video.training.teachers import open_teachers, taught  # noqa: E402
from fer_video.training.train import Event, TrainOptions, train  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

TINY: dict[str, Any] = {
    "name": "tiny", "architecture": "test_efficientnet", "size": 48, "ema": 0.9, "dropout": 0.2, "drop_path": 0.1,
    "heads": [
        {"task": "emotion", "logit_adjustment": 0.3, "label_smoothing": 0.1, "class_weights": "sqrt"},
        {"task": "age", "spread": 2.0, "l1": 1.0},
        {"task": "gender"},
        {"task": "ethnicity"},
    ],
    "sources": [
        {"name": "fer", "layout": "ferplus", "size": 48, "ratio": 2},
        {"name": "utk", "layout": "utkface", "size": 48, "validation": 0.3},
    ],
    "stages": [
        {"name": "heads", "epochs": 2, "size": 32, "batch": 8, "lr": 3e-3, "train": "heads"},
        {"name": "all", "epochs": 6, "size": 48, "batch": 8, "lr": 5e-3, "strength": 0.3},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, six_people: Image) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("faces")
    crops = face_crops(six_people, SIX, 64)
    return {"fer": write_ferplus(folder / "fer", crops), "utk": write_utkface(folder / "utk", crops)}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, data: dict[str, Path], cache: Path) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    train(recipe_from(TINY, Path()), data, out, TrainOptions(cache, threads=1))
    return out


def weights(path: Path) -> dict[str, Any]:
    return {name: value for name, value in load_tensors(path)[0].items() if not name.startswith("optimizer.")}


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_leaves_its_curves_and_the_loss_falls(trained: Path) -> None:
    rows = list(csv.DictReader((trained / "curves.csv").open()))
    assert [row["stage"] for row in rows] == ["heads"] * 2 + ["all"] * 6
    for name in ("loss.emotion", "loss.gender", "loss.age"):
        assert float(rows[-1][name]) < float(rows[0][name]), name
    assert float(rows[-1]["emotion.accuracy"]) > 0.6  # six faces, three emotions: learned by heart
    assert (trained / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((trained / "recipe.json").read_text())["architecture"] == "test_efficientnet"
    assert (trained / "skipped.csv").read_text() == "source,name,reason\n"


def test_emotions_are_exported_calibrated(trained: Path, tmp_path: Path) -> None:
    tensors, facts = load_tensors(trained / "best.safetensors")
    temperature = facts["temperature"]
    assert 0.25 <= temperature <= 4
    data = onnx.load(export(trained / "best.safetensors", tmp_path / "x.onnx").path)
    stored = [numpy_helper.to_array(each) for each in data.graph.initializer]
    for name in ("weight", "bias"):
        expected = tensors[f"heads.emotion.{name}"].numpy() / temperature
        assert any(each.shape == expected.shape and np.allclose(each, expected, rtol=1e-5) for each in stored), name


class _Killed(BaseException):
    """As if the power went: no handler sees it."""


@pytest.mark.parametrize("step", [3, 7, 20, 30])
def test_going_on_gives_the_weights_of_an_undisturbed_run(
    trained: Path, tmp_path: Path, data: dict[str, Path], cache: Path, step: int
) -> None:
    recipe, options = recipe_from(TINY, Path()), TrainOptions(cache, threads=1, checkpoint_s=0.0)

    def kill(event: Event) -> None:
        if event.kind == "step" and event.step == step:
            raise _Killed

    with pytest.raises(_Killed):
        train(recipe, data, tmp_path / "run", options, kill)
    train(recipe, data, tmp_path / "run", replace(options, resume=True, checkpoint_s=300.0))
    for name in ("last.safetensors", "best.safetensors"):
        assert same(weights(tmp_path / "run" / name), weights(trained / name)), name
    assert (tmp_path / "run" / "curves.csv").read_text() == (trained / "curves.csv").read_text()


def fervid(*arguments: object) -> Any:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def as_toml(recipe: Mapping[str, Any]) -> str:
    def line(key: str, value: Any) -> str:
        return f"{key} = {json.dumps(value)}"

    lines = [line(key, value) for key, value in recipe.items() if not isinstance(value, list)]
    for table in ("heads", "sources", "stages"):
        for each in recipe[table]:
            lines += [f"[[{table}]]", *(line(key, value) for key, value in each.items())]
    return "\n".join(lines)


def test_a_process_that_is_killed_and_one_that_is_interrupted(
    trained: Path, tmp_path: Path, data: dict[str, Path], cache: Path
) -> None:
    (tmp_path / "tiny.toml").write_text(as_toml(TINY))
    run = [
        sys.executable, "-m", "fer_video.cli", "backbone", "train", str(tmp_path / "tiny.toml"), "--out",
        str(tmp_path / "run"), "--cache", str(cache), "--threads", "1", "--data", f"fer={data['fer']}", "--data",
        f"utk={data['utk']}",
    ]  # fmt: skip
    for signal_, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
        resume = ["--resume"] if (tmp_path / "run" / "last.safetensors").is_file() else []
        before = len(resume) and (tmp_path / "run" / "last.safetensors").stat().st_mtime_ns
        process = subprocess.Popen(
            [*run, *resume], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        last = tmp_path / "run" / "last.safetensors"
        until = time.monotonic() + 120
        while not (last.is_file() and last.stat().st_mtime_ns != before):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.02)
        os.kill(process.pid, signal_)
        _, said = process.communicate(timeout=60)
        assert process.returncode == code, said
        assert "Traceback" not in said
    done = subprocess.run([*run, "--resume"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "emotion.accuracy" in done.stdout
    assert same(weights(last), weights(trained / "last.safetensors"))


def test_the_exported_network_agrees_and_says_what_it_is(trained: Path, tmp_path: Path) -> None:
    done = export(trained / "best.safetensors", tmp_path / "tiny.onnx", licence="mine")
    assert done.difference < AGREEMENT
    entry = json.loads((tmp_path / "tiny.json").read_text())
    assert entry == done.entry
    assert entry["licence"] == "mine"
    assert entry["heads"][1] == {"task": "age", "output": "age", "labels": ["0..100"]}
    (tmp_path / "tiny.json").unlink()  # the file itself says the same
    cv2.imwrite(str(tmp_path / "face.png"), np.zeros((64, 64, 3), np.uint8))
    said = fervid("predict", tmp_path / "face.png", "--backbone", tmp_path / "tiny.onnx", "--format", "json")
    assert said.exit_code == 0
    assert json.loads(said.stdout)["ran"]["backbone"]["name"] == "tiny"


def test_from_a_folder_of_pictures_to_predict(
    tmp_path: Path, six_people: Image, astronaut: Image, face_clip: Path, cache: Path
) -> None:
    """The way docs/training.md goes, in commands."""
    faces = [*face_crops(six_people, SIX, 80), *face_crops(astronaut, ((182, 58, 270, 178),), 80)]
    for k, face in enumerate(faces):
        for turn in range(6):
            folder = tmp_path / "mine" / ("happy" if k % 2 else "sad") / f"person{k}"
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"{turn}.png"), varied(face, turn))
    (tmp_path / "mine" / "happy" / "person1" / "empty.png").write_bytes(b"")
    recipe = {**TINY, "heads": [{"task": "emotion", "labels": ["happiness", "sadness"]}]}
    recipe["sources"] = [{"name": "mine", "layout": "classes", "size": 48, "validation": 0.3}]
    (tmp_path / "tiny.toml").write_text(as_toml(recipe))
    options = ("--data", f"mine={tmp_path / 'mine'}", "--cache", cache, "--threads", 1)
    run = fervid("backbone", "train", tmp_path / "tiny.toml", "--out", tmp_path / "run", *options)
    assert run.exit_code == 0, run.stderr
    assert "1 pictures are left out" in run.stderr
    assert "person1/empty.png" in (tmp_path / "run" / "skipped.csv").read_text()
    assert fervid("backbone", "export", tmp_path / "run", "--out", tmp_path / "mine.onnx").exit_code == 0
    measured = fervid(
        "backbone", "evaluate", tmp_path / "mine.onnx", "--data", f"classes={tmp_path / 'mine'}", "--cache", cache,
        "--validation", 0.3, "--crop", "whole", "--format", "json",
    )  # fmt: skip
    assert measured.exit_code == 0, measured.stderr
    found = json.loads(measured.stdout)["datasets"][0]["emotion"]["accuracy"]["value"]
    assert found == pytest.approx(float(run.stdout.split()[1]), abs=1e-3)
    said = fervid("predict", face_clip, "--backbone", tmp_path / "mine.onnx", "--format", "json")
    assert said.exit_code == 0
    assert set(json.loads(said.stdout)["clip"]["probabilities"]) == {"happiness", "sadness"}


def test_other_heads_and_ways(tmp_path: Path, six_people: Image, cache: Path) -> None:
    """Identity with a margin, valence and arousal from a table, sharpness-aware steps."""
    lines = ["path,subject,valence,arousal,split"]
    for k, crop in enumerate(face_crops(six_people, SIX, 64)):
        for turn in range(5):
            cv2.imwrite(str(tmp_path / f"{k}{turn}.png"), varied(crop, turn))
            lines.append(f"{k}{turn}.png,p{k},{k / 5 - 0.5},{0.5 - k / 5},{'val' if k > 3 else 'train'}")
    (tmp_path / "faces.csv").write_text("\n".join(lines))
    recipe = recipe_from(
        {
            **TINY,
            "heads": [{"task": "identity", "margin": 0.3, "scale": 16.0}, {"task": "valence_arousal"}],
            "sources": [{"name": "mine", "layout": "csv", "size": 48}],
            "stages": [{"name": "all", "epochs": 3, "size": 48, "batch": 8, "optimizer": "sam", "schedule": "cosine"}],
        },
        Path(),
    )  # fmt: skip
    found = train(recipe, {"mine": tmp_path / "faces.csv"}, tmp_path / "run", TrainOptions(cache, threads=1))
    assert set(found) == {"valence_arousal.ccc", "identity.auc"}
    done = export(tmp_path / "run" / "best.safetensors", tmp_path / "x.onnx")
    heads = [(head["task"], head["columns"]) for head in done.entry["heads"]]
    assert heads == [("valence", [0, 1]), ("arousal", [1, 2])]
    assert parse_spec(done.entry, done.path).has_affect


def test_what_is_wrong_is_said_before_the_first_step(
    trained: Path, tmp_path: Path, data: dict[str, Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, options = recipe_from(TINY, Path()), TrainOptions(cache, threads=1)

    def fails(says: str, recipe: Recipe = recipe, out: Path = tmp_path / "run", **change: Any) -> None:
        def step(event: Event) -> None:
            assert event.kind != "step"

        with pytest.raises(FervidError, match=says):
            train(recipe, data, out, replace(options, **change), step)

    fails("is not an empty folder; give --resume", out=trained)
    fails("no last.safetensors to go on from", resume=True)
    fails("was trained with another recipe", replace(recipe, seed=9), trained, resume=True)
    fails("'no_such_net' is not one of timm's", replace(recipe, architecture="no_such_net"))
    fails("'hf-hub:a/b' is not one of timm's", replace(recipe, architecture="hf-hub:a/b"))
    fails(
        "weights of another architecture", replace(recipe, architecture="resnet18"), start=trained / "best.safetensors"
    )
    (tmp_path / "x.safetensors").write_bytes(b"nonsense")
    fails("not a safetensors file", start=tmp_path / "x.safetensors")
    pseudo = tuple(replace(source, pseudo_emotion=True) for source in recipe.sources)
    fails(
        "source fer: pseudo_emotion needs a network that reads emotions; give --teacher",
        replace(recipe, sources=pseudo),
    )
    fails("teaching needs a network that reads emotions", replace(recipe, teaching=0.5))
    fails("has no teaching and no source with pseudo_emotion; leave --teacher out", teachers=("effnet-lite0-mtl",))
    if not torch.cuda.is_available():
        fails("device cuda is not available to torch", device="cuda")
    from fer_video.training import place as module

    class Full:
        free = 1000

    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: Full)
    with pytest.raises(OutputError, match="are needed for checkpoints"):
        train(recipe, data, tmp_path / "run", options)


def test_a_loss_that_is_not_finite_stops(tmp_path: Path, data: dict[str, Path], cache: Path) -> None:
    recipe = recipe_from({**TINY, "clip_norm": 0, "stages": [{**TINY["stages"][1], "lr": 1e30}]}, Path())
    with pytest.raises(FervidError, match="the loss is not finite; lower the stage's lr"):
        train(recipe, data, tmp_path / "run", TrainOptions(cache, threads=1))


def test_starting_from_other_heads(trained: Path, tmp_path: Path, data: dict[str, Path], cache: Path) -> None:
    heads = [{"task": "emotion"}, {"task": "gender", "labels": ["male", "female", "other"]}]
    recipe = recipe_from({**TINY, "heads": heads, "stages": [{**TINY["stages"][1], "epochs": 0.5}]}, Path())
    said: list[str] = []
    options = TrainOptions(cache, start=trained / "best.safetensors", threads=1)
    train(recipe, data, tmp_path / "run", options, lambda event: said.append(event.message) if event.message else None)
    assert said[0].endswith("new heads: gender")


def test_pseudo_emotions_come_from_teachers(trained: Path, tmp_path: Path, data: dict[str, Path], cache: Path) -> None:
    teacher = export(trained / "best.safetensors", tmp_path / "teacher.onnx").path
    sources = [{**TINY["sources"][1], "pseudo_emotion": True}]  # nobody labelled an emotion here
    recipe = recipe_from({**TINY, "sources": sources, "stages": [{**TINY["stages"][1], "epochs": 0.5}]}, Path())
    losses: list[Mapping[str, float]] = []
    options = TrainOptions(cache, teachers=(str(teacher),), threads=1)

    def watch(event: Event) -> None:
        if event.kind == "step":
            losses.append(event.figures or {})

    train(recipe, {"utk": data["utk"]}, tmp_path / "run", options, watch)
    assert all(0 < each["emotion"] < 5 for each in losses)
    heads = [{"task": "emotion", "labels": ["anger", "fear"]}, {"task": "age"}]
    other = recipe_from({**TINY, "heads": heads, "sources": sources}, Path())
    with pytest.raises(OptionError, match="teacher tiny gives neutral, which the recipe's emotion head does not have"):
        train(other, {"utk": data["utk"]}, tmp_path / "other", options)


def test_teachers_are_mixed_with_the_labels(trained: Path, tmp_path: Path, data: dict[str, Path], cache: Path) -> None:
    teacher = export(trained / "best.safetensors", tmp_path / "teacher.onnx").path
    (backbone,) = open_teachers([str(teacher)])
    recipe = recipe_from({**TINY, "teaching": 0.25}, Path())
    (fer, utk) = decode(read_labels(recipe, data, cache), cache).train
    mixed, without = taught((fer, utk), recipe, [backbone], tmp_path)
    crops = [plain(fer.pictures.picture(int(row)), 48, 1.0) for row in fer.rows]
    said = sum(backbone.embed([crop[:, ::step].copy() for crop in crops]).probabilities["emotion"] for step in (1, -1))
    expected = 0.75 * fer.targets.emotion + 0.25 * said / 2
    np.testing.assert_allclose(mixed.targets.emotion, expected, atol=1e-6)
    assert not without.targets.known("emotion").any()  # its source does not ask for pseudo emotions
    again = taught((fer, utk), recipe, [None], tmp_path)  # type: ignore[list-item]  # kept in the folder of the run
    np.testing.assert_array_equal(again[0].targets.emotion, mixed.targets.emotion)


def test_the_prior_is_that_of_what_is_drawn(data: dict[str, Path], cache: Path) -> None:
    recipe = recipe_from(TINY, Path())
    fer = decode(read_labels(recipe, data, cache), cache).train[0]
    first = fer.targets.emotion.argmax(1) == 0
    rows = np.flatnonzero(first | (np.cumsum(~first) <= 2))  # nearly all neutral
    few = replace(fer, rows=fer.rows[rows], targets=fer.targets.take(rows))
    assert len(rows) > 6
    head = replace(recipe.heads[0], logit_adjustment=1.0)

    def most_over_least(part: Part) -> float:
        shares = losses_for([head], [part])["emotion"].adjustment.exp().numpy()
        drawn = shares[few.targets.emotion.sum(0) > 0]
        return float(drawn.max() / drawn.min())

    assert most_over_least(replace(few, balance=1.0)) < 1.5 < 2 < most_over_least(few)


def test_two_runs_do_not_share_a_folder(tmp_path: Path, data: dict[str, Path], cache: Path) -> None:
    recipe, out = recipe_from(TINY, Path()), tmp_path / "run"
    tried: list[str] = []

    def watch(event: Event) -> None:
        if event.kind == "step" and not tried:
            with pytest.raises(OutputError, match="run: another training is at work there; choose another --out"):
                train(recipe, data, out, replace(options, resume=True))
            tried.append("refused")
            raise _Killed

    options = TrainOptions(cache, threads=1)
    with pytest.raises(_Killed):
        train(recipe, data, out, options, watch)
    assert tried == ["refused"]
    train(replace(recipe), data, out, replace(options, resume=True))  # and it is free again


@pytest.mark.parametrize("moment", ["step", "measured"])
def test_ctrl_c_ends_the_step_in_hand(
    trained: Path, tmp_path: Path, data: dict[str, Path], cache: Path, moment: str
) -> None:
    """At any moment, also in the middle of a step or of a measurement: whole steps are kept."""
    recipe, options = recipe_from(TINY, Path()), TrainOptions(cache, threads=1)
    real = Averaged.update
    seen = 0

    def update(self: Averaged, network: Any, steps: int) -> None:
        nonlocal seen
        seen += 1
        if moment == "step" and seen == 13:
            os.kill(os.getpid(), signal.SIGINT)
        real(self, network, steps)

    def watch(event: Event) -> None:
        if event.kind == moment == "measured" and event.step > 10:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Averaged, "update", update)
        train(recipe, data, tmp_path / "run", options, watch)
    train(recipe, data, tmp_path / "run", replace(options, resume=True))
    for name in ("last.safetensors", "best.safetensors"):
        assert same(weights(tmp_path / "run" / name), weights(trained / name)), name


def test_a_run_that_never_made_a_checkpoint_of_its_own_goes_on(
    trained: Path, tmp_path: Path, data: dict[str, Path], cache: Path
) -> None:
    recipe, options = recipe_from(TINY, Path()), TrainOptions(cache, threads=1)

    def kill(event: Event) -> None:
        if event.kind == "step":
            raise _Killed

    with pytest.raises(_Killed):
        train(recipe, data, tmp_path / "run", options, kill)
    train(recipe, data, tmp_path / "run", replace(options, resume=True))
    assert same(weights(tmp_path / "run" / "best.safetensors"), weights(trained / "best.safetensors"))


def test_going_on_with_other_data_is_refused(trained: Path, data: dict[str, Path], cache: Path) -> None:
    options = TrainOptions(cache, threads=1, resume=True)
    with pytest.raises(OptionError, match="was trained with another data"):
        train(recipe_from(TINY, Path()), _fewer(data), trained, options)
    with pytest.raises(OptionError, match="was trained with another start"):
        train(recipe_from(TINY, Path()), data, trained, replace(options, start=trained / "best.safetensors"))


def _fewer(data: dict[str, Path]) -> dict[str, Path]:
    folder = data["utk"].parent / "fewer"
    folder.mkdir(exist_ok=True)
    for file in sorted(data["utk"].iterdir())[::2]:
        (folder / file.name).write_bytes(file.read_bytes())
    return {**data, "utk": folder}


def test_timms_own_weights_start_a_training(tmp_path: Path) -> None:
    network = Network("test_efficientnet", [Head("gender", ("male", "female"))])
    tensors = {name.removeprefix("backbone."): value + 1 for name, value in network.state_dict().items()}
    assert load_weights(network, tensors, "x") == ["gender"]
    first = next(name for name in network.state_dict() if name.startswith("backbone."))
    assert torch.equal(network.state_dict()[first], tensors[first.removeprefix("backbone.")])


def part_of(targets: Targets) -> Part:
    return Part(None, np.arange(len(targets)), targets)  # type: ignore[arg-type]


def test_losses_worked_by_hand() -> None:
    heads = [
        Head("emotion", ("a", "b"), label_smoothing=0.2),
        Head("age", tuple(str(age) for age in range(101)), l1=1.0, weight=2.0),
        Head("gender", ("male", "female"), class_weights="inverse"),
    ]
    targets = empty(2, {head.task: head for head in heads})
    targets.emotion[0] = [1, 0]
    targets.age[1] = 50
    targets.gender[:] = [0, 0]
    losses = losses_for(heads, [part_of(targets)])
    # (2 + 1, 0 + 1) pictures after adding one: priors 3/4 and 1/4, weights 4/3 and 4 over their mean 8/3
    assert losses["gender"].weights.tolist() == pytest.approx([0.5, 1.5])
    logits = {"emotion": torch.zeros(2, 2), "age": torch.zeros(2, 101), "gender": torch.zeros(2, 2)}
    total, each = total_loss(logits, targets, losses, ("emotion", "age", "gender"))
    assert each["emotion"] == pytest.approx(np.log(2))
    assert each["age"] == pytest.approx(np.log(101))  # the expectation of equal chances is 50
    assert each["gender"] == pytest.approx(0.5 * np.log(2))
    # half of the batch has an emotion, half an age
    assert float(total) == pytest.approx(0.5 * np.log(2) + 2 * 0.5 * np.log(101) + 0.5 * np.log(2), rel=1e-5)


def test_logit_adjustment_asks_for_more_of_the_rare() -> None:
    head = Head("gender", ("male", "female"), logit_adjustment=1.0)
    targets = empty(100, {"gender": head})
    targets.gender[:] = [0] * 98 + [1] * 2
    loss = losses_for([head], [part_of(targets)])["gender"]
    assert loss.adjustment.tolist() == pytest.approx(np.log([99 / 102, 3 / 102]), rel=1e-5)


def test_arcface_moves_the_true_angle() -> None:
    head = Head("identity", ("a", "b"), margin=0.5, scale=10.0)
    targets = empty(1, {})
    targets.identity[:] = [0]
    loss = losses_for([head], [part_of(targets)])["identity"]
    cosines = torch.tensor([[0.5, 0.1]])
    angle = np.arccos(0.5) + 0.5
    expected = np.log(1 + np.exp(10 * (0.1 - np.cos(angle))))
    assert float(loss(10 * cosines, torch.tensor([0]))) == pytest.approx(expected, rel=1e-4)


def test_valence_and_arousal_are_lost_by_distance_and_by_disagreement() -> None:
    loss = losses_for([Head("valence_arousal", ("valence", "arousal"))], [])["valence_arousal"]
    target = torch.tensor([[0.5, -0.5], [-0.5, 0.5]])
    assert float(loss(torch.atanh(target), target)) == pytest.approx(0.0, abs=1e-4)
    assert float(loss(torch.atanh(-target), target)) == pytest.approx(1.0 + 2.0, abs=1e-3)  # mse 1, ccc -1


@pytest.mark.parametrize(
    ("kernel", "stride", "size"), [(5, 1, 4), (5, 2, 4), (5, 1, 2), (3, 1, 2), (5, 2, 3), (7, 2, 5)]
)
def test_fast_depthwise_is_the_same_sum(kernel: int, stride: int, size: int) -> None:
    torch.manual_seed(0)
    slow = nn.Conv2d(6, 6, kernel, stride, kernel // 2, groups=6, bias=False).double()
    fast = nn.Conv2d(6, 6, kernel, stride, kernel // 2, groups=6, bias=False).double()
    fast.load_state_dict(slow.state_dict())
    holder = nn.Sequential(fast)
    speed_up_depthwise(holder)
    assert type(holder[0]) is not nn.Conv2d
    found = []
    for conv in (slow, holder[0]):
        inputs = torch.arange(3 * 6 * size * size, dtype=torch.double).sin().reshape(3, 6, size, size).requires_grad_()
        outputs = conv(inputs)
        gradients = torch.autograd.grad(outputs, [inputs, conv.weight], outputs.detach().cos())
        found.append((outputs, *gradients))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


def test_schedules() -> None:
    cycle = Stage("s", lr=1.0, warmup=0.1, final_lr=0.01)
    assert learning_rate(cycle, 0.0) == pytest.approx(0.04)
    assert learning_rate(cycle, 0.1) == pytest.approx(1.0)
    assert learning_rate(cycle, 0.55) == pytest.approx(0.505)
    assert learning_rate(cycle, 1.0) == pytest.approx(0.01)
    assert learning_rate(replace(cycle, schedule="cosine"), 0.05) == pytest.approx(0.5)
    assert learning_rate(replace(cycle, schedule="constant"), 0.7) == 1.0


def test_a_sharpness_aware_step_takes_the_gradient_from_uphill() -> None:
    weight = nn.Parameter(torch.tensor([3.0, 4.0]))

    def gradients() -> None:
        weight.square().sum().backward()

    gradients()
    sharpness_aware_step([weight], 0.5, gradients)
    assert weight.grad is not None
    assert weight.grad.tolist() == pytest.approx([6.6, 8.8])  # at (3.3, 4.4): half a step further out
    assert weight.tolist() == pytest.approx([3.0, 4.0])


def test_averaged_weights() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    averaged = Averaged(network, 0.5)
    nn.init.constant_(network.weight, 3.0)
    averaged.update(network, 1)  # (1 + 1) / (10 + 1) of the old one is kept at first
    assert float(averaged.state["weight"]) == pytest.approx(1 * 2 / 11 + 3 * 9 / 11)
    averaged.update(network, 1000)
    assert float(averaged.state["weight"]) == pytest.approx((1 * 2 / 11 + 3 * 9 / 11 + 3) / 2)


def test_no_pickle_is_loaded(tmp_path: Path, trained: Path) -> None:
    bomb = tmp_path / "bomb.safetensors"
    torch.save({"x": torch.zeros(1)}, bomb)
    with pytest.raises(OptionError, match="not a safetensors file"):
        load_tensors(bomb)
    write_tensors(tmp_path / "bare.safetensors", {"x": torch.zeros(1)}, {})
    with pytest.raises(OptionError, match=r"is not best.safetensors"):
        export(tmp_path / "bare.safetensors", tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_named_architecture_builds_steps_and_exports(name: str, tmp_path: Path) -> None:
    heads = [Head("emotion", ("a", "b")), Head("age", ("0", "1")), Head("valence_arousal", ("valence", "arousal"))]
    network = build(name, heads, 0.1, 0.1)
    features, logits = network(torch.randn(4, 3, 64, 64))
    assert features.shape == (4, network.feature_size)
    assert {task: values.shape for task, values in logits.items()} == {head.task: (4, 2) for head in heads}
    sum(values.square().mean() for values in logits.values()).backward()
    assert all(each.grad is not None and torch.isfinite(each.grad).all() for each in network.heads.parameters())
    facts = {"heads": [{"task": head.task, "labels": list(head.labels)} for head in heads]}
    recipe = {**TINY, "architecture": name, "size": 64, "stages": [{"name": "s", "size": 64}]}
    write_tensors(tmp_path / "best.safetensors", network.state_dict(), {**facts, "recipe": recipe})
    done = export(tmp_path / "best.safetensors", tmp_path / "x.onnx")
    assert done.difference < AGREEMENT
    assert done.entry["features"]["size"] == network.feature_size
    assert isinstance(network, Network)
