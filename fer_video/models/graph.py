"""ONNX graphs from elsewhere: read, and edited in memory so that fervid can use them.

Published emotion networks often give nothing but logits. The features that clips are classified by are the input of
the linear layer that makes the logits, so that tensor becomes a second output. The file is never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fer_video.errors import InputError, ModelError
from fer_video.files import read_limited
from fer_video.models.spec import ModelSpec

__all__ = ["LogitsGraph", "find_linear", "prepare", "read_graph"]

_LOGITS = "fervid_logits"
_MOST_BYTES = 2 << 30  # what protobuf can hold
# What may stand between the last linear layer and the output without changing which class leads.
_PASSED = {"Identity", "Cast", "Flatten", "Reshape", "Squeeze", "Dropout", "Softmax", "LogSoftmax"}
_LINEAR = {"Gemm", "MatMul", "Conv"}
_MOST_FOLLOWED = 100  # nodes between an output and its linear layers; a network has a handful


@dataclass(frozen=True, slots=True)
class LogitsGraph:
    """Where the features and the logits of a graph with one output are."""

    features: str  # tensor that the last linear layer takes
    logits: str  # what it gives, before any softmax


def read_graph(source: Path | bytes) -> Any:
    """An onnx.ModelProto. Raises ModelError for what is not one, or keeps its weights in further files."""
    import onnx

    try:
        data = source if isinstance(source, bytes) else read_limited(source, _MOST_BYTES)
    except InputError as error:
        raise ModelError(str(error)) from error
    name = "the graph" if isinstance(source, bytes) else str(source)
    try:
        model = onnx.load_from_string(data)
    except Exception as error:  # protobuf's own, which differ between its implementations
        raise ModelError(f"{name}: not an ONNX file") from error
    if not model.graph.node:
        raise ModelError(f"{name}: not an ONNX file with a network in it")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise ModelError(f"{name}: keeps its weights in another file; save it as a single file")
    return model


def find_linear(graph: Any, output: str) -> LogitsGraph | None:
    """Follow an output back to the linear layer that makes it; None where there is none.

    graph: onnx.GraphProto. Parallel layers over the same features that are joined (Concat) count as one.
    """
    made_by = {name: node for node in graph.node for name in node.output if name}
    weights = {tensor.name for tensor in graph.initializer}
    weights |= {name for node in graph.node if node.op_type in ("Constant", "DequantizeLinear") for name in node.output}
    return _follow(output, made_by, weights, set())


def _follow(name: str, made_by: Mapping[str, Any], weights: set[str], seen: set[str]) -> LogitsGraph | None:
    """seen: what was followed already, so that a graph that leads back to itself, or by many ways to one place, is
    gone through once."""
    logits = name
    while (node := made_by.get(name)) is not None and name not in seen and node.input:
        seen.add(name)
        if node.op_type in ("Softmax", "LogSoftmax"):
            logits = node.input[0]
        if node.op_type in _LINEAR and len(node.input) > 1 and node.input[1] in weights:
            return LogitsGraph(node.input[0], logits)
        if node.op_type == "Concat":
            if len(seen) > _MOST_FOLLOWED:
                return None
            found = [_follow(each, made_by, weights, seen) for each in dict.fromkeys(node.input)]
            branches = {branch.features for branch in found if branch is not None}
            return LogitsGraph(branches.pop(), logits) if len(branches) == 1 else None
        if node.op_type == "Add":  # the bias of a MatMul
            added = [each for each in node.input if each not in weights]
            if len(added) != 1:
                return None
            name = added[0]
        elif node.op_type in _PASSED:
            name = node.input[0]
        else:
            return None
    return None


def prepare(data: bytes, spec: ModelSpec) -> tuple[bytes, ModelSpec]:
    """What is run in place of a file's own bytes, with the description that fits it.

    Raises ModelError when the graph is not what its description says.
    """
    if spec.add_features:
        return _with_features(data, spec)
    if spec.kind == "yunet" and spec.input.size is not None:  # the embedded one takes any size as it is
        return _with_free_sides(data), spec
    return data, spec


def _with_features(data: bytes, spec: ModelSpec) -> tuple[bytes, ModelSpec]:
    """Features become an output, and heads without a named output get that of the logits."""
    import onnx

    model = read_graph(data)
    graph = model.graph
    names = {head.output for head in spec.heads} - {""} or {value.name for value in graph.output}
    if len(names) != 1:
        raise ModelError(f"{spec.path}: has the outputs {', '.join(sorted(names))}; its description must name one")
    output = names.pop()
    found = find_linear(graph, output)
    if found is None:
        raise ModelError(f"{spec.path}: no linear layer before its output {output!r}, so no features to read")
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    features, logits = _free_name(spec.features, taken), output
    # Flattened, because some networks keep pooled features as N x C x 1 x 1.
    graph.node.append(onnx.helper.make_node("Flatten", [found.features], [features], axis=1))
    added = [features]
    if found.logits != output:  # softmax would be applied twice
        logits = _free_name(_LOGITS, taken)
        graph.node.append(onnx.helper.make_node("Flatten", [found.logits], [logits], axis=1))
        added.append(logits)
    graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in added)
    heads = tuple(replace(head, output=logits) for head in spec.heads)
    return model.SerializeToString(), replace(spec, features=features, heads=heads)


def _free_name(wanted: str, taken: set[str]) -> str:
    return wanted if wanted not in taken else _free_name(f"{wanted}_", taken)


def _with_free_sides(data: bytes) -> bytes:
    """Height and width of the input become free, unless the graph holds sizes that were worked out for one."""
    model = read_graph(data)
    graph = model.graph
    shapes = {tensor.name: tensor for tensor in graph.initializer} | {
        node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant" and node.attribute
    }
    sides = graph.input[0].type.tensor_type.shape.dim[2:4]
    if len(sides) != 2 or any(_fixes_size(node, shapes) for node in graph.node):
        return data
    for side, name in zip(sides, ("height", "width"), strict=True):
        side.dim_param = name
    del graph.value_info[:]
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    return bytes(model.SerializeToString())


def _fixes_size(node: Any, constants: dict[str, Any]) -> bool:
    import onnx

    if node.op_type == "Resize":
        return len(node.input) > 3 and bool(node.input[3])  # sizes and not scales
    if node.op_type == "Reshape" and node.input[1] in constants:
        return -1 not in onnx.numpy_helper.to_array(constants[node.input[1]])
    return False
