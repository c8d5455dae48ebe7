"""Networks of others: graphs that give nothing but logits, in the forms exporters leave them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from click.testing import CliRunner, Result
from fer_video.cli import main
from graphs import run_classifier, save_classifier
from media import Image

from fer_video.clip.features import load_features
from fer_video.errors import ModelError
from fer_video.faces.align import crop_face
from fer_video.models import ModelSpec, open_session
from fer_video.models.backbone import Backbone
from fer_video.models.graph import find_linear, read_graph
from fer_video.models.spec import parse_spec
from fer_video.types import Face

EIGHT = ["anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
SEVEN = [label for label in EIGHT if label != "contempt"]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def entry(labels: list[str], *, size: int = 32, affect: bool = False, **changes: Any) -> dict[str, Any]:
    heads: list[dict[str, Any]] = [{"task": "emotion", "labels": labels}]
    if affect:
        n = len(labels)
        heads[0]["columns"] = [0, n]
        heads += [{"task": "valence", "columns": [n, n + 1]}, {"task": "arousal", "columns": [n + 1, n + 2]}]
    return {
        "name": "theirs",
        "task": "emotion-backbone",
        "kind": "onnx",
        "input": {"name": "input", "size": size, "mean": MEAN, "std": STD},
        "features": {"added": True},
        "heads": heads,
    } | changes


def spec_of(path: Path, *given: Any, **changes: Any) -> ModelSpec:
    return parse_spec(entry(*given, **changes), path)


def tensor_of(crops: list[Image]) -> np.ndarray:
    rgb = np.stack(crops)[..., ::-1] / 255
    return ((rgb - MEAN) / STD).transpose(0, 3, 1, 2).astype(np.float32)


def noise(count: int, size: int = 32) -> list[Image]:
    return list(np.random.default_rng(1).integers(0, 255, (count, size, size, 3), np.uint8))


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("tail", ["gemm", "matmul", "softmax", "concat", "conv"])
def test_features_are_what_the_last_linear_layer_takes(tmp_path: Path, tail: str) -> None:
    path = tmp_path / "net.onnx"
    weights = save_classifier(path, 8, tail=tail)
    backbone = Backbone(open_session(spec_of(path, EIGHT)))
    crops = noise(5)
    told = backbone.embed(crops)
    features, logits = run_classifier(weights, tensor_of(crops))
    assert backbone.feature_size == 16
    assert told.features == pytest.approx(features, abs=1e-4)
    assert told.probabilities["emotion"] == pytest.approx(softmax(logits), abs=1e-5)  # one softmax, not two
    assert onnx.load(path).graph.output[0].name == "output"  # the file stays as it was
    assert len(onnx.load(path).graph.output) == 1


def test_seven_classes(tmp_path: Path) -> None:
    weights = save_classifier(tmp_path / "net.onnx", 7)
    backbone = Backbone(open_session(spec_of(tmp_path / "net.onnx", SEVEN)))
    crops = noise(3)
    assert backbone.emotions == tuple(SEVEN)
    expected = softmax(run_classifier(weights, tensor_of(crops))[1])
    assert backbone.embed(crops).probabilities["emotion"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("tail", ["gemm", "concat"])
def test_valence_and_arousal(tmp_path: Path, tail: str) -> None:
    weights = save_classifier(tmp_path / "net.onnx", 10, tail=tail)
    backbone = Backbone(open_session(spec_of(tmp_path / "net.onnx", EIGHT, affect=True)))
    crops = noise(3)
    told = backbone.embed(crops).probabilities
    _, logits = run_classifier(weights, tensor_of(crops))
    assert told["emotion"] == pytest.approx(softmax(logits[:, :8]), abs=1e-5)
    assert told["valence"] == pytest.approx(logits[:, 8:9], abs=1e-4)
    assert told["arousal"] == pytest.approx(logits[:, 9:], abs=1e-4)


def test_channels_last(tmp_path: Path) -> None:
    weights = save_classifier(tmp_path / "net.onnx", 8, layout="NHWC")
    given = entry(EIGHT)
    given["input"]["layout"] = "NHWC"
    backbone = Backbone(open_session(parse_spec(given, tmp_path / "net.onnx")))
    crops = noise(3)
    expected, _ = run_classifier(weights, tensor_of(crops))
    assert backbone.embed(crops).features == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ModelError, match="as described"):
        Backbone(open_session(spec_of(tmp_path / "net.onnx", EIGHT)))


@pytest.mark.parametrize("batch", [1, 4])
def test_a_graph_for_so_many_pictures_at_a_time(tmp_path: Path, batch: int) -> None:
    weights = save_classifier(tmp_path / "net.onnx", 8, batch=batch)
    backbone = Backbone(open_session(spec_of(tmp_path / "net.onnx", EIGHT)))
    crops = noise(5)
    told = backbone.embed(crops)
    expected, _ = run_classifier(weights, tensor_of(crops))
    assert told.features == pytest.approx(expected, abs=1e-4)
    assert told.probabilities["emotion"].shape == (5, 8)
    assert backbone.embed([]).features.shape == (0, 16)


def test_labels_that_do_not_fit(tmp_path: Path) -> None:
    save_classifier(tmp_path / "net.onnx", 10)
    with pytest.raises(ModelError, match="'output' has 10 values for 8 labels"):
        Backbone(open_session(spec_of(tmp_path / "net.onnx", EIGHT)))
    save_classifier(tmp_path / "net.onnx", 8)
    with pytest.raises(ModelError, match="'output' has 8 values for valence"):
        Backbone(open_session(spec_of(tmp_path / "net.onnx", EIGHT, affect=True)))


def test_a_feature_size_that_does_not_fit(tmp_path: Path) -> None:
    save_classifier(tmp_path / "net.onnx", 8)
    with pytest.raises(ModelError, match="gives 16 features where 1280 are described"):
        Backbone(open_session(spec_of(tmp_path / "net.onnx", EIGHT, features={"added": True, "size": 1280})))


def test_a_graph_without_a_linear_layer(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    save_classifier(path, 8)
    model = onnx.load(path)
    model.graph.node[-1].CopyFrom(onnx.helper.make_node("Relu", ["flat"], ["output"]))
    onnx.save(model, path)
    with pytest.raises(ModelError, match="no linear layer before its output 'output'"):
        open_session(spec_of(path, EIGHT))


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    save_classifier(path, 8, features=64)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    with pytest.raises(ModelError, match="keeps its weights in another file"):
        read_graph(path)


def test_parallel_layers_over_different_features_are_not_joined(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    save_classifier(path, 8, tail="concat")
    graph = onnx.load(path).graph
    graph.node[-2].input[0] = "other"
    assert find_linear(graph, "output") is None


# ---- in the commands


def fervid(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """8 classes, valence and arousal, logits only, with its description beside it."""
    path = tmp_path / "theirs.onnx"
    save_classifier(path, 10)
    path.with_suffix(".json").write_text(json.dumps(entry(EIGHT, affect=True)))
    return path


def test_predict_says_valence_and_arousal(network: Path, face_clip: Path) -> None:
    value = json.loads(fervid("predict", face_clip, "--backbone", network, "--format", "json", "--fps", "2").stdout)
    (person,) = value["people"]
    assert set(person["affect"]) == {"valence", "arousal"}
    assert set(person["probabilities"]) == set(EIGHT)
    told = fervid("predict", face_clip, "--backbone", network, "--format", "csv", "--rows", "frames", "--fps", "2")
    rows = list(csv.DictReader(io.StringIO(told.stdout)))
    means = {name: np.mean([float(row[name]) for row in rows]) for name in ("valence", "arousal")}
    assert person["affect"] == pytest.approx(means, abs=1e-3)
    table = fervid("predict", face_clip, "--backbone", network, "--fps", "2").stdout
    assert f"valence {person['affect']['valence']:+.2f}" in table


def test_other_networks_have_no_such_columns(face_clip: Path) -> None:
    told = fervid("predict", face_clip, "--format", "csv", "--rows", "frames", "--fps", "2").stdout
    assert "valence" not in told
    assert (
        json.loads(fervid("predict", face_clip, "--format", "json", "--fps", "2").stdout)["people"][0]["affect"] is None
    )


def test_extract_and_train(network: Path, face_clip: Path, tmp_path: Path) -> None:
    found = fervid("extract", face_clip, "--backbone", network, "--out", tmp_path / "features", "--fps", "5", "-q")
    features = load_features(Path(found.stdout.strip().split("\t")[1]))
    assert features.embedding.shape == (10, 16)
    assert features.valence is not None
    assert features.valence.shape == (10,)
    assert features.strided(2).arousal is not None
    assert features.emotions == tuple(EIGHT)
    clips = tmp_path / "clips.csv"
    rows = ["path,label"]
    for i, label in enumerate(("happiness", "happiness", "anger", "anger")):
        clip = tmp_path / f"{i}.mp4"  # each another clip by its content: an empty box at the end
        clip.write_bytes(face_clip.read_bytes() + b"\0\0\0\x09free" + bytes([i]))
        rows.append(f"{clip},{label}")
    clips.write_text("\n".join(rows))
    trained = fervid(
        "train", clips, "--backbone", network, "--out", tmp_path / "model", "--features", tmp_path / "f", "--fps", "5"
    )
    assert trained.exit_code == 0, trained.output
    told = fervid("predict", face_clip, "--backbone", network, "--model", tmp_path / "model", "--format", "json")
    assert json.loads(told.stdout)["clip"]["method"] == "svm:model"


# ---- aligned crops


def test_aligned_crops_bring_landmarks_to_the_template(tmp_path: Path, astronaut: Image) -> None:
    from fer_video.faces.align import _TEMPLATE, crop_aligned

    angle, scale, shift = np.deg2rad(20), 1.7, np.array([40, 25])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (_TEMPLATE @ turn.T * scale + shift).astype(np.float32)
    image = np.zeros((400, 400, 3), np.uint8)
    for x, y in points.round().astype(int):
        image[y - 3 : y + 4, x - 3 : x + 4] = 255
    crop = crop_aligned(image, points, 224)
    for x, y in (_TEMPLATE * 2).round().astype(int):
        assert crop[y, x].min() > 200
    assert (crop > 128).mean() < 0.02
    save_classifier(tmp_path / "net.onnx", 8)
    backbone = Backbone(open_session(spec_of(tmp_path / "net.onnx", EIGHT, crop={"shape": "aligned"})))
    face, spec = Face((0, 0, 9, 9), 0.9, points), backbone.spec
    assert crop_face(image, face, backbone.size, spec.crop).shape == (32, 32, 3)
    with pytest.raises(ModelError, match="needs faces with landmarks"):
        crop_face(astronaut, Face((182, 58, 270, 178), 0.9), backbone.size, spec.crop)


# ---- the published architectures themselves


@pytest.mark.parametrize(
    ("name", "outputs", "size", "features"),
    [("tf_efficientnet_b0", 8, 224, 1280), ("tf_efficientnet_b0", 10, 224, 1280), ("tf_efficientnet_b2", 7, 260, 1408)],
)
def test_networks_of_the_very_architecture(
    tmp_path: Path, name: str, outputs: int, size: int, features: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("torch", "timm", "onnxscript"):
        pytest.importorskip(module, reason=f"{module} is not installed: only the training extra brings it")
    from conftest import ROOT

    monkeypatch.syspath_prepend(ROOT / "tools")
    import foreign_graphs

    path = tmp_path / "net.onnx"
    made = foreign_graphs.export(name, outputs, size, path)
    labels = SEVEN if outputs == 7 else EIGHT
    backbone = Backbone(open_session(spec_of(path, labels, size=size, affect=outputs == 10)))
    assert backbone.feature_size == features
    told, _ = foreign_graphs.run(backbone, made.tensor)
    assert told == pytest.approx(made.features, abs=1e-4)


def test_the_reference_is_what_onnxruntime_gives(tmp_path: Path) -> None:
    """The NumPy account of the small network against its own graph."""
    weights = save_classifier(tmp_path / "net.onnx", 8)
    tensor = np.random.default_rng(2).normal(0, 1, (3, 3, 32, 32)).astype(np.float32)
    (logits,) = ort.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"]).run(
        None, {"input": tensor}
    )
    assert run_classifier(weights, tensor)[1] == pytest.approx(logits, abs=1e-4)
