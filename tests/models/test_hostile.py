"""Networks that are not meant well: graphs without end, descriptions of any shape, numbers that are none."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from fer_video.cli import main
from graphs import save_classifier
from onnx import TensorProto, helper, numpy_helper
from test_foreign import SEVEN, entry

from fer_video.engine.trial import try_model
from fer_video.errors import ModelError
from fer_video.faces.detectors.base import faces_from
from fer_video.models.graph import find_linear
from fer_video.models.spec import parse_spec


def graph_of(*nodes: onnx.NodeProto) -> onnx.GraphProto:
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 32, 32])
    output = helper.make_tensor_value_info("emotion", TensorProto.FLOAT, ["N", 7])
    weights = [numpy_helper.from_array(np.zeros((3072, 7), np.float32), "w")]
    return helper.make_graph(list(nodes), "g", [picture], [output], weights)


def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [output], **attributes)


HOSTILE = {
    "a node that takes its own output": [node("Identity", ["emotion"], "emotion")],
    "a circle": [node("Identity", ["b"], "a"), node("Identity", ["a"], "b"), node("Identity", ["a"], "emotion")],
    "a circle of joins": [node("Concat", ["a", "emotion"], "a"), node("Concat", ["a", "a"], "emotion")],
    "ways without number": [
        node("Concat", ["input", "input"], "x0"),
        *(node("Concat", [f"x{i}", f"x{i}"], f"x{i + 1}") for i in range(200)),
        node("Identity", ["x200"], "emotion"),
    ],
    "a sum of weights": [node("Add", ["w", "w"], "emotion")],
    "a layer without weights": [node("Gemm", ["input"], "emotion")],
    "a layer without inputs": [node("Softmax", [], "emotion")],
    "thousands in a row": [
        *(node("Concat", [f"y{i + 1}"], f"y{i}") for i in range(5000)),
        node("Identity", ["y0"], "emotion"),
    ],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_graph_has_no_linear_layer(what: str) -> None:
    started = time.monotonic()
    assert find_linear(graph_of(*HOSTILE[what]), "emotion") is None
    assert time.monotonic() - started < 5


DESCRIPTIONS: list[Any] = [
    [], "text", 1, None, {}, {"name": 1}, {"task": {}}, {"task": "emotions"}, {"input": []}, {"input": {"name": []}},
    {"input": {"name": "input", "size": "big"}}, {"input": {"name": "input", "size": 32, "mean": [1e999, 0, 0]}},
    {"features": [1]}, {"features": {"output": {}}}, {"heads": [[]]}, {"heads": {"emotion": 1}}, {"heads": 5},
    {"heads": [{"task": "emotion", "labels": "text"}]}, {"heads": [{"task": "emotion", "labels": [[], []]}]},
    {"heads": [{"task": "emotion", "labels": SEVEN, "columns": 5}]}, {"crop": []}, {"crop": {"factor": "x"}},
    {"heads": [{"task": "emotion", "labels": ["\x1b[31m", "b"]}]}, {"name": "a\nb"}, {"licence": "\x1b]0;x\x07"},
    {"identity": 7}, {"outputs": [1]}, {"figures": [1]}, {"sha256": 12}, {"note": {}},
]  # fmt: skip


@pytest.mark.parametrize("changes", DESCRIPTIONS, ids=repr)
def test_a_description_of_any_shape_is_refused_by_one_kind_of_error(changes: Any) -> None:
    given = entry(SEVEN) | changes if isinstance(changes, dict) and changes else changes
    with pytest.raises(ValueError, match=r"\w"):
        parse_spec(given, Path("net.onnx"))


def test_labels_with_escape_codes_never_reach_the_terminal(tmp_path: Path) -> None:
    save_classifier(tmp_path / "n.onnx", 7)
    model = onnx.load(tmp_path / "n.onnx")
    described = entry(["\x1b[31m", *SEVEN[1:]])
    model.metadata_props.add(key="fervid", value=json.dumps(described))
    onnx.save(model, tmp_path / "n.onnx")
    result = CliRunner().invoke(main, ["models", "import", str(tmp_path / "n.onnx")])
    assert result.exit_code == 1
    assert "\x1b" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def endless(path: Path) -> Path:
    """A loop whose condition stays true, for 2^62 rounds."""
    true = numpy_helper.from_array(np.array(True), "true")
    body = helper.make_graph(
        [node("Identity", ["going"], "goes_on"), node("Identity", ["held"], "holds")],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("held", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("holds", TensorProto.FLOAT, None),
        ],
    )
    save_classifier(path, 7)
    model = onnx.load(path)
    graph = model.graph
    graph.initializer.extend([true, numpy_helper.from_array(np.array(1 << 62), "rounds")])
    first = graph.node[0]
    graph.node.insert(0, helper.make_node("Loop", ["rounds", "true", "input"], ["looped"], body=body))
    first = graph.node[1]
    for i, name in enumerate(first.input):
        if name == "input":
            first.input[i] = "looped"
    onnx.save(model, path)
    return path


def test_a_network_without_end_is_stopped(tmp_path: Path) -> None:
    described = entry(SEVEN, features={"added": True, "size": 16})
    spec = parse_spec(described, endless(tmp_path / "n.onnx"))
    with pytest.raises(ModelError, match="runs for more than 3 s on one small picture"):
        try_model(spec, limit_s=3)


def test_a_network_that_gives_no_number(tmp_path: Path, face_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused when it is tried; where only some faces bring it out, their clip has failed and others go on."""
    monkeypatch.setenv("FERVID_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "n.onnx"
    save_classifier(path, 7)
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).copy()
        if values.dtype == np.float32 and values.size > 7:
            values.flat[0] = np.nan
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, path)
    (tmp_path / "n.json").write_text(json.dumps(entry(SEVEN)))
    result = CliRunner().invoke(main, ["predict", str(face_clip), "--backbone", str(path), "--fps", "2"])
    assert result.exit_code == 1
    assert result.stderr == f"fervid: error: {path}: theirs gives numbers that are not finite (features)\n"

    monkeypatch.setattr("fer_video.engine.networks.try_once", lambda spec: None)
    out = tmp_path / "out.jsonl"
    result = CliRunner().invoke(
        main, ["predict", str(face_clip), "--backbone", str(path), "--fps", "2", "--format", "jsonl", "--out", str(out)]
    )
    assert result.exit_code == 1
    assert f"{face_clip}: theirs gives numbers that are not finite" in result.stderr


def test_a_detector_that_gives_no_number() -> None:
    boxes, scores, points = np.full((1, 4), np.nan), np.ones(1), np.zeros((1, 5, 2))
    with pytest.raises(Exception, match="not finite"):
        faces_from(boxes, scores, points, (64, 64), 0.5, 0.3)
