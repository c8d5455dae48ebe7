"""Small ONNX graphs whose outputs can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SQUARE = 64  # pixels: the side of the red square that the graph below detects


def save_scrfd_like(path: Path, *, landmarks: bool = True, size: int | None = None) -> Path:
    """A face detector with SCRFD's outputs that finds red squares of 64 pixels instead of faces.

    Score at stride 8: how red the 63 pixels around an anchor are, made steep, so that only the middle of a
    square passes. The box is 4 strides to each side of the anchor, landmark k lies k/2 strides right of it.
    Strides 16 and 32 never fire.
    """
    nodes, outputs, constants = [], [], []

    def constant(name: str, value: object, dtype: type = np.float32) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(op: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    # red - (green + blue) / 2 of the normalised input: 1.99 in pure red, -1 to 0 elsewhere
    weights = constant("weights", np.array([1, -0.5, -0.5]).reshape(1, 3, 1, 1))
    redness = node("Conv", ["input.1", weights], "redness")
    flat = constant("flat", [-1, 1], np.int64)
    by_kind: dict[str, list[str]] = {"score": [], "bbox": [], "kps": []}
    for stride in (8, 16, 32):
        around = node(
            "AveragePool", [redness], f"around{stride}", kernel_shape=[63, 63], pads=[31] * 4, strides=[stride] * 2,
            count_include_pad=1,
        )  # fmt: skip
        steep = node("Mul", [around, constant(f"k{stride}", 20.0 if stride == 8 else 0.0)], f"steep{stride}")
        shifted = node("Sub", [steep, constant(f"t{stride}", 20 * 1.85)], f"shifted{stride}")
        score = node("Sigmoid", [shifted], f"map{stride}")
        two = node("Concat", [score, score], f"two{stride}", axis=1)  # two anchors a place
        last = node("Transpose", [two], f"last{stride}", perm=[0, 2, 3, 1])
        by_kind["score"].append(node("Reshape", [last, flat], f"score_{stride}"))
        zeros = node("Mul", [f"score_{stride}", constant(f"zero{stride}", 0.0)], f"zeros{stride}")
        box = constant(f"box{stride}", [[4.0] * 4])
        by_kind["bbox"].append(node("Add", [zeros, box], f"bbox_{stride}"))
        points = constant(f"points{stride}", [[v for k in range(5) for v in (k / 2, 0)]])
        by_kind["kps"].append(node("Add", [zeros, points], f"kps_{stride}"))
    kinds = [("score", 1), ("bbox", 4)] + ([("kps", 10)] if landmarks else [])
    if not landmarks:
        nodes = [each for each in nodes if not each.output[0].startswith("kps")]
    for kind, width in kinds:
        outputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width]) for name in by_kind[kind]]
    shape = [1, 3, size or "h", size or "w"]
    graph = helper.make_graph(
        nodes, "red", [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, shape)], outputs, constants
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path
