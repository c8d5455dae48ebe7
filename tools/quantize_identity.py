"""SFace with its weights in blocks -> int8 weights and activations: less memory and time for the same people.

    python tools/quantize_identity.py sface_2021dec.onnx FACES out.onnx

FACES is a folder of pictures of faces to calibrate with; figures of both files come from benchmarks/identity.py. The
network's PReLUs, written as s x + (1 - s) relu(x), become max(x, s x), which is the same for s <= 1; channels with a
larger slope change their sign before and after.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from fer_video.faces.align import crop_aligned
from fer_video.faces.detectors import DetectorOptions, make_detector
from fer_video.models import find_model, open_session

PICTURES, PERCENTILE = 300, 99.999
Array = npt.NDArray[np.float32]


def folded(source: Path, out: Path) -> onnx.ModelProto:
    """With constants and batch normalisation folded into the convolutions."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(out)
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    model = onnx.load(out)
    plain = [each for each in model.opset_import if not each.domain]
    del model.opset_import[:]
    model.opset_import.extend(plain)
    return model


class Graph:
    """Nodes by what they read and write, and the constants."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph = model.graph
        self.values = {each.name: each for each in model.graph.initializer}

    def readers(self, name: str) -> list[onnx.NodeProto]:
        return [node for node in self.graph.node if name in node.input]

    def writer(self, name: str) -> onnx.NodeProto:
        return next(node for node in self.graph.node if name in node.output)

    def array(self, name: str) -> Array:
        return np.array(numpy_helper.to_array(self.values[name]))

    def store(self, name: str, array: Array) -> None:
        self.values[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))


def simplify(model: onnx.ModelProto) -> None:
    """Each Relu, Mul, Mul, Add becomes Mul, Max."""
    graph = Graph(model)
    for relu in [node for node in graph.graph.node if node.op_type == "Relu"]:
        (rest,) = graph.readers(relu.output[0])
        (total,) = graph.readers(rest.output[0])
        slope = graph.writer(next(name for name in total.input if name != rest.output[0]))
        before = graph.writer(relu.input[0])
        slopes = next(name for name in slope.input if name in graph.values)
        if (turned := graph.array(slopes).ravel() > 1).any():
            signs = np.where(turned, -1.0, 1.0).astype(np.float32)
            for name in before.input[1:]:
                graph.store(name, graph.array(name) * signs.reshape(-1, *[1] * (graph.array(name).ndim - 1)))
            (after,) = graph.readers(total.output[0])
            weights = graph.array(after.input[1])
            depthwise = weights.shape[1] == 1
            graph.store(after.input[1], weights * signs.reshape((-1, 1, 1, 1) if depthwise else (1, -1, 1, 1)))
        total.CopyFrom(
            helper.make_node("Max", [before.output[0], slope.output[0]], list(total.output), name=total.name)
        )
        for node in (relu, rest):
            graph.graph.node.remove(node)
    used = {name for node in graph.graph.node for name in node.input}
    for each in [each for each in graph.graph.initializer if each.name not in used]:
        graph.graph.initializer.remove(each)


def crops(folder: Path) -> Iterator[Array]:
    """Up to so many aligned faces, drawn at random, as the network takes them."""
    detector = make_detector(open_session(find_model("face-detector")), DetectorOptions(min_face_px=20))
    files, found = sorted(path for path in folder.rglob("*") if path.is_file()), 0
    for place in np.random.default_rng(0).permutation(len(files)):
        image = cv2.imread(str(files[place]))
        if image is None:
            continue
        framed = np.asarray(cv2.copyMakeBorder(image, 40, 40, 40, 40, cv2.BORDER_REPLICATE), np.uint8)
        largest = max(detector.detect([framed])[0], key=lambda face: face.side, default=None)
        if largest is not None and largest.landmarks is not None:
            crop = crop_aligned(framed, largest.landmarks, 112)[..., ::-1].transpose(2, 0, 1)[None]
            yield np.ascontiguousarray(crop, np.float32)
            found += 1
        if found == PICTURES:
            return


class Reader(CalibrationDataReader):  # type: ignore[misc]  # the package has no types
    def __init__(self, faces: Iterator[Array]) -> None:
        self._faces = faces

    def get_next(self) -> dict[str, Any] | None:
        face = next(self._faces, None)
        return None if face is None else {"input": face}


def main() -> None:
    source, faces, out = map(Path, sys.argv[1:4])
    with tempfile.TemporaryDirectory() as place:
        work = Path(place) / "folded.onnx"
        model = folded(source, work)
        simplify(model)
        onnx.checker.check_model(model)
        onnx.save(model, work)
        quantize_static(
            work, out, Reader(crops(faces)), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=["Conv", "Gemm"],
            calibrate_method=CalibrationMethod.Percentile, extra_options={"CalibPercentile": PERCENTILE},
        )  # fmt: skip


if __name__ == "__main__":
    main()
