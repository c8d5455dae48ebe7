"""Small ONNX graphs whose outputs can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
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


def save_classifier(
    path: Path,
    outputs: int = 8,
    *,
    size: int = 32,
    layout: str = "NCHW",
    batch: int | None = None,
    tail: str = "gemm",
    features: int = 16,
) -> dict[str, npt.NDArray[np.float32]]:
    """An emotion network that gives nothing but logits: 1x1 convolution, ReLU, global average pooling, linear layer.

    tail: "gemm"; "matmul" (with Add); "softmax" (after the Gemm); "concat" (two Gemms joined: the first outputs - 2
    numbers, then 2); "conv" (a 1x1 convolution over the pooled features, then Flatten). Gives its weights, so that
    `run_classifier` can work out what it should give.
    """
    random = np.random.default_rng(outputs)
    weights = {
        "conv": random.normal(0, 1, (features, 3, 1, 1)).astype(np.float32),
        "linear": random.normal(0, 1, (outputs, features)).astype(np.float32),
        "bias": random.normal(0, 1, outputs).astype(np.float32),
    }
    linear, bias, split = weights["linear"], weights["bias"], outputs - 2
    stored = {"conv": weights["conv"]} | {
        "gemm": {"w": linear, "b": bias},
        "softmax": {"w": linear, "b": bias},
        "matmul": {"w": np.ascontiguousarray(linear.T), "b": bias},
        "conv": {"w": linear[:, :, None, None], "b": bias},
        "concat": {"w": linear[:split], "b": bias[:split], "w2": linear[split:], "b2": bias[split:]},
    }[tail]
    make = helper.make_node
    pixels = "pixels" if layout == "NHWC" else "input"
    nodes = [make("Transpose", ["input"], [pixels], perm=[0, 3, 1, 2])] if layout == "NHWC" else []
    nodes += [
        make("Conv", [pixels, "conv"], ["maps"]),
        make("Relu", ["maps"], ["positive"]),
        make("GlobalAveragePool", ["positive"], ["pooled"]),
    ]
    if tail != "conv":
        nodes.append(make("Flatten", ["pooled"], ["flat"]))
    nodes += {
        "gemm": [make("Gemm", ["flat", "w", "b"], ["output"], transB=1)],
        "softmax": [make("Gemm", ["flat", "w", "b"], ["z"], transB=1), make("Softmax", ["z"], ["output"], axis=1)],
        "matmul": [make("MatMul", ["flat", "w"], ["product"]), make("Add", ["product", "b"], ["output"])],
        "conv": [make("Conv", ["pooled", "w", "b"], ["z"]), make("Flatten", ["z"], ["output"])],
        "concat": [
            make("Gemm", ["flat", "w", "b"], ["one"], transB=1),
            make("Gemm", ["flat", "w2", "b2"], ["two"], transB=1),
            make("Concat", ["one", "two"], ["output"], axis=1),
        ],
    }[tail]
    shape = [batch or "N", 3, size, size] if layout == "NCHW" else [batch or "N", size, size, 3]
    graph = helper.make_graph(
        nodes,
        "logits",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch or "N", outputs])],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return weights


def run_classifier(
    weights: dict[str, npt.NDArray[np.float32]], tensor: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What `save_classifier` should give for (N, 3, H, W): features (N, D) and logits (N, outputs), in NumPy."""
    maps = np.einsum("fc,nchw->nfhw", weights["conv"][:, :, 0, 0], tensor)
    features = np.maximum(maps, 0).mean(axis=(2, 3), dtype=np.float32)
    return features, features @ weights["linear"].T + weights["bias"]


def save_yunet_like(path: Path, *, sizes_worked_out: bool = False) -> Path:
    """A face detector with YuNet's outputs that finds red squares of 64 pixels; it declares an input of 640 x 640.

    Only stride 8 fires. sizes_worked_out: its Reshapes name the number of cells, as an optimiser leaves them, so that
    it runs at no other size.
    """
    nodes, constants, outputs = [], [], []

    def constant(name: str, value: object, dtype: type = np.float32) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(op: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    # red - (green + blue) / 2 of BGR 0..255: 255 in pure red
    redness = node("Conv", ["input", constant("weights", np.array([-0.5, -0.5, 1]).reshape(1, 3, 1, 1))], "redness")
    for stride in (8, 16, 32):
        around = node(
            "AveragePool", [redness], f"around{stride}", kernel_shape=[63, 63], pads=[31] * 4, strides=[stride] * 2,
            count_include_pad=1,
        )  # fmt: skip
        steep = node("Mul", [around, constant(f"k{stride}", 0.5 if stride == 8 else 0.0)], f"steep{stride}")
        score = node(
            "Sigmoid", [node("Sub", [steep, constant(f"t{stride}", 0.5 * 240)], f"shift{stride}")], f"map{stride}"
        )
        zeros = node("Mul", [score, constant(f"zero{stride}", 0.0)], f"zeros{stride}")
        side = float(np.log(SQUARE / 8))
        for part, values in {
            "cls": None,
            "obj": None,
            "bbox": [0, 0, side, side],
            "kps": [each for k in range(5) for each in (k / 2, 0)],
        }.items():
            name, width = f"{part}_{stride}", 1 if values is None else len(values)
            maps = score
            if values is not None:
                maps = node("Add", [zeros, constant(f"v{name}", np.reshape(values, (1, width, 1, 1)))], f"maps{name}")
            last = node("Transpose", [maps], f"last{name}", perm=[0, 2, 3, 1])
            cells = (640 // stride) ** 2
            shape = [1, cells if sizes_worked_out else -1, width]
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, cells, width]))
            node("Reshape", [last, constant(f"s{name}", shape, np.int64)], name)
    graph = helper.make_graph(
        nodes, "red", [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])], outputs, constants
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def dequantised(data: bytes) -> bytes:
    """An int8 graph (QDQ) -> the graph of floats that computes the same but for the rounding.

    What is outside the range of an activation's integers is cut off as before: activation functions may hide in it.
    """
    model = onnx.load_from_string(data)
    graph = model.graph
    values = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    nodes, made, same = [], [], {}

    def constant(name: str, value: npt.NDArray[np.float32]) -> str:
        made.append(numpy_helper.from_array(value.astype(np.float32), name))
        return name

    for node in graph.node:
        names = [same.get(name, name) for name in node.input]
        if node.op_type == "DequantizeLinear" and names[0] in values:
            number, scale, zero = (values[name] for name in names)
            axis = next((each.i for each in node.attribute if each.name == "axis"), 1)
            shape = [-1 if place == axis and scale.ndim else 1 for place in range(number.ndim)]
            wide = (number.astype(np.float32) - zero.astype(np.float32).reshape(shape)) * scale.reshape(shape)
            constant(node.output[0], wide)
        elif node.op_type == "DequantizeLinear":
            same[node.output[0]] = names[0]
        elif node.op_type == "QuantizeLinear":
            scale, zero = values[names[1]], values[names[2]].astype(np.float32)
            limits = [constant(f"{node.output[0]}_{end}", scale * (end - zero)) for end in (-128, 127)]
            nodes.append(helper.make_node("Clip", [names[0], *limits], [node.output[0]]))
        else:
            nodes.append(helper.make_node(node.op_type, names, node.output))
            nodes[-1].attribute.extend(node.attribute)
    last = {same[each.name]: each.name for each in graph.output if each.name in same}
    for node in nodes:
        node.input[:] = [last.get(name, name) for name in node.input]
        node.output[:] = [last.get(name, name) for name in node.output]
    used = {name for node in nodes for name in node.input}
    made += [numpy_helper.from_array(value, name) for name, value in values.items() if name in used]
    # ONNX Runtime makes names of its own when it quantises again, from those that are there.
    ends = {each.name for each in (*graph.input, *graph.output)}
    fresh = {name: name if name in ends else f"t{place}" for place, name in enumerate(sorted(used))}
    for node in nodes:
        node.input[:] = [fresh[name] for name in node.input]
        node.output[:] = [fresh.get(name, name) for name in node.output]
    for each in made:
        each.name = fresh[each.name]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(made)
    return bytes(model.SerializeToString())
