"""tools/quantize_identity.py: the network that is quantised computes what the one before it did."""

from __future__ import annotations

import runpy

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import ROOT
from onnx import TensorProto, helper, numpy_helper

pytestmark = pytest.mark.skipif(not (ROOT / "tools").is_dir(), reason="only in a checkout")


def network() -> onnx.ModelProto:
    """Convolution, PReLU, depthwise convolution, PReLU, convolution; some slopes are over 1, some negative."""
    rng, nodes, constants, last, channels = np.random.default_rng(0), [], [], "input", 3
    for name, shape, group in (("a", (4, 3, 3, 3), 1), ("b", (4, 1, 3, 3), 4), ("c", (2, 4, 1, 1), 1)):
        channels = shape[0]
        values = {"w": rng.normal(size=shape), "bias": rng.normal(size=channels)}
        nodes.append(helper.make_node("Conv", [last, f"{name}/w", f"{name}/bias"], [f"{name}/x"], group=group))
        last = f"{name}/x"
        if name != "c":
            slopes = np.array([0.3, 1.2, -0.5, 1.0]).reshape(4, 1, 1)
            values |= {"slope": slopes, "rest": 1 - slopes}
            for kind, inputs, output in (
                ("Relu", [last], "r"),
                ("Mul", [f"{name}/r", f"{name}/rest"], "b"),
                ("Mul", [last, f"{name}/slope"], "a"),
                ("Add", [f"{name}/a", f"{name}/b"], "y"),
            ):
                nodes.append(helper.make_node(kind, inputs, [f"{name}/{output}"]))
            last = f"{name}/y"
        constants += [numpy_helper.from_array(v.astype(np.float32), f"{name}/{k}") for k, v in values.items()]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 9, 9])]
    outputs = [helper.make_tensor_value_info(last, TensorProto.FLOAT, [1, 2, 5, 5])]
    graph = helper.make_graph(nodes, "net", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": image})
    return np.asarray(found)


def test_activations_are_written_shorter_and_give_the_same() -> None:
    model = network()
    image = np.random.default_rng(1).normal(size=(1, 3, 9, 9)).astype(np.float32)
    before = run(model, image)
    runpy.run_path(str(ROOT / "tools" / "quantize_identity.py"))["simplify"](model)
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["Conv", "Mul", "Max", "Conv", "Mul", "Max", "Conv"]
    assert np.abs(before).max() > 1
    assert run(model, image) == pytest.approx(before, abs=1e-5)
