"""`fervid backbone evaluate` and `quantize` with the embedded network; `train` and `export` without torch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from faces import SIX, face_crops, write_ferplus, write_utkface
from fer_video.cli import main
from graphs import dequantised
from media import Image
from onnx import TensorProto

from fer_video.errors import ModelError
from fer_video.models import find_model, open_session
from fer_video.models.backbone import Backbone
from fer_video.models.graph import read_graph
from fer_video.models.spec import entry_of
from fer_video.training.described import write_described
from fer_video.training.evaluate import EvaluateOptions, evaluate_backbone, labelled_faces, outputs
from fer_video.training.quantize import QuantizeOptions, quantize


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, six_people: Image) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("faces")
    crops = face_crops(six_people, SIX, 120)
    return {"fer": write_ferplus(folder / "fer", crops), "utk": write_utkface(folder / "utk", crops)}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Backbone(open_session(find_model("emotion-backbone")), attributes=True)


@pytest.fixture(scope="module")
def floats(backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of floats to quantise, since the embedded one is in int8 already."""
    out = tmp_path_factory.mktemp("floats") / "floats.onnx"
    data = dequantised(backbone.spec.path.read_bytes())
    write_described(out, data, {**entry_of(backbone.spec), "name": "floats"})
    return out


def fervid(*arguments: object) -> Any:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_emotion_figures_are_those_of_the_answers(backbone: Backbone, data: dict[str, Path], cache: Path) -> None:
    faces = labelled_faces(EvaluateOptions("ferplus", data["fer"], cache, part="all"), backbone.spec)
    said = outputs(backbone, faces)["emotion"].argmax(1)
    truth = faces.targets.emotion.argmax(1)
    found = evaluate_backbone(backbone, faces)
    assert found.pictures == 36
    assert found.emotion is not None
    assert found.emotion.accuracy.value == pytest.approx(float((said == truth).mean()))
    recalls = [float((said[truth == label] == label).mean()) for label in np.unique(truth)]
    assert found.emotion.macro_recall.value == pytest.approx(np.mean(recalls))
    assert found.emotion_by is not None
    assert sum(share.n for share in found.emotion_by["gender"].values()) == 36
    assert found.age_mae is None


def test_attribute_figures_by_group(backbone: Backbone, data: dict[str, Path], cache: Path) -> None:
    faces = labelled_faces(EvaluateOptions("utkface", data["utk"], cache, part="all"), backbone.spec)
    said = outputs(backbone, faces)
    found = evaluate_backbone(backbone, faces)
    years = said["age"] @ np.arange(101)
    assert found.age_mae is not None
    assert found.age_mae["all"].value == pytest.approx(float(np.abs(years - faces.targets.age).mean()), rel=1e-5)
    assert found.gender is not None
    women = faces.targets.gender == 1
    right = said["gender"].argmax(1) == faces.targets.gender
    assert found.gender["gender: female"].value == pytest.approx(float(right[women].mean()))
    assert found.gender["gender: female"].n == women.sum() == 18
    low, high = found.gender["all"].low, found.gender["all"].high
    assert 0 <= low < found.gender["all"].value < high <= 1
    assert found.emotion is None


def test_the_command_prints_figures_for_both(data: dict[str, Path], cache: Path, tmp_path: Path) -> None:
    options = (f"--data=ferplus={data['fer']}", f"--data=utkface={data['utk']}", "--cache", cache, "--part", "all")
    table = fervid("backbone", "evaluate", *options, "--png", tmp_path / "matrix.png")
    assert table.exit_code == 0, table.stderr
    for line in ("emotion, majority rule, 36 pictures", "age: mean absolute error", "gender: accuracy", "recall"):
        assert line in table.stdout
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads(fervid("backbone", "evaluate", "mobilenet-v1-mtl", *options, "--format", "json").stdout)
    assert found["model"] == "mobilenet-v1-mtl"
    assert [each["dataset"] for each in found["datasets"]] == ["fer", "utk"]
    assert found["datasets"][1]["crop"].startswith("detect x ")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--data", "faces"), 2, "'faces' should be NAME=PATH"),
        (("--data", "zoo=x"), 1, "unknown layout 'zoo'; one of: ferplus"),
        (("--data", "utkface=none.zip"), 1, "none.zip: no such file"),
        (("no-such-model", "--data", "utkface=x"), 2, "no-such-model"),
        ((), 2, "Missing option '--data'"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], code: int, says: str) -> None:
    said = fervid("backbone", "evaluate", *arguments)
    assert said.exit_code == code
    assert says in said.stderr
    assert "Traceback" not in said.stderr


def test_a_part_that_is_not_there(data: dict[str, Path], cache: Path) -> None:
    said = fervid("backbone", "evaluate", f"--data=ferplus={data['fer']}", "--part", "test", "--cache", cache)
    assert said.exit_code == 1
    assert "has no pictures of the part test" in said.stderr


@pytest.mark.parametrize("command", [("train", "x.toml"), ("export", "run")])
def test_without_torch_the_extra_is_named(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    said = fervid("backbone", *command, "--out", "x")
    assert said.exit_code == 2
    assert "pip install 'fervid[train]'" in said.stderr


def test_int8_is_made_measured_and_kept_only_when_it_pays(
    floats: Path, data: dict[str, Path], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fer_video.training import quantize as module

    backbone = Backbone(open_session(find_model("emotion-backbone", str(floats))))

    train, val = (
        labelled_faces(EvaluateOptions("ferplus", data["fer"], cache, part=part), backbone.spec)
        for part in ("train", "val")
    )
    out = tmp_path / "int8.onnx"
    monkeypatch.setattr(module, "_speeds", lambda pair, faces, batch: (100.0, 90.0))
    slower = quantize(backbone.spec, [train], {"fer": val}, out, QuantizeOptions(pictures=8, most_lost=1.0))
    assert not slower.kept
    assert slower.reason == "it is not faster (90 faces a second instead of 100)"
    assert not out.exists()
    monkeypatch.setattr(module, "_speeds", lambda pair, faces, batch: (100.0, 190.0))
    kept = quantize(backbone.spec, [train], {"fer": val}, out, QuantizeOptions(pictures=30, most_lost=1.1))
    assert kept.kept
    assert kept.int8_bytes < 0.5 * kept.float_bytes
    entry = json.loads(out.with_suffix(".json").read_text())
    assert entry["name"].endswith("-int8")
    int8 = Backbone(open_session(find_model("emotion-backbone", str(out))))
    graph = read_graph(out).graph
    weights = {each.name: each.data_type for each in graph.initializer}
    kinds = {node.output[0]: weights.get(node.input[1]) for node in graph.node if node.op_type == "Gemm"}
    assert all(kinds[name] == TensorProto.FLOAT for name in ("age", "gender", "ethnicity"))  # too fine for 8 bits
    one, other = (each.embed(val.crops(0, 6)).features for each in (backbone, int8))
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (one, other)]
    cosines = unit[0] @ unit[1].T
    # The same network, rounded: a face is more like itself than like others.
    assert cosines.diagonal().mean() > (cosines.sum() - cosines.trace()) / 30 + 0.1


def test_what_int8_may_lose() -> None:
    from fer_video.training.quantize import _reason

    before = {"emotion.accuracy": 0.850, "age.mae": 5.0}
    assert _reason(before, {"emotion.accuracy": 0.846, "age.mae": 5.05}, 100, 200, 0.005) == ""
    assert _reason(before, {"emotion.accuracy": 0.844, "age.mae": 5.0}, 100, 200, 0.005) == (
        "emotion.accuracy loses 0.60 points"
    )
    assert _reason(before, {"emotion.accuracy": 0.85, "age.mae": 5.2}, 100, 200, 0.005) == "age.mae loses 0.20 years"


def test_what_is_quantised_already_is_refused(backbone: Backbone, data: dict[str, Path], cache: Path) -> None:
    faces = labelled_faces(EvaluateOptions("ferplus", data["fer"], cache, part="all"), backbone.spec)
    with pytest.raises(ModelError, match="is quantised already"):
        quantize(backbone.spec, [faces], {"fer": faces}, Path("never.onnx"), QuantizeOptions())


def test_quantize_on_the_command_line(
    floats: Path, data: dict[str, Path], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "fer_video.training.quantize._speeds", lambda *_: (100.0, 50.0)
    )  # on a dozen faces the rest is a matter of luck
    out = tmp_path / "int8.onnx"
    said = fervid(
        "backbone", "quantize", floats, f"--data=ferplus={data['fer']}", "--cache", cache, "--out", out,
        "--pictures", 4,
    )  # fmt: skip
    assert said.exit_code == 1
    assert "emotion.accuracy" in said.stdout
    assert "faces a second" in said.stdout
    assert "not kept: " in said.stderr
    assert not out.exists()
