"""A float backbone -> int8 (static, QDQ, signed 8 bits for weights and activations), kept only if it is faster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from fer_video.errors import FervidError, ModelError, OptionError
from fer_video.models import ModelSpec, open_session
from fer_video.models.backbone import Backbone, preprocess
from fer_video.models.devices import import_onnxruntime, stdout_to_stderr
from fer_video.models.graph import read_graph
from fer_video.models.spec import entry_of
from fer_video.scratch import scratch_folder
from fer_video.training.described import describe, write_described
from fer_video.training.evaluate import Labelled, outputs
from fer_video.training.figures import figures
from fer_video.types import Floats

__all__ = ["Comparison", "QuantizeOptions", "quantize"]

_ROUNDS = 15  # of speed, both networks in turn


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """How an int8 network is made, and when it is kept.

    Attributes:
        pictures: Number of pictures for calibration.
        most_lost: Most that any accuracy may lose, as a share. For the error of age, this times 20 years.
        batch: Faces per call when the speed is measured.
        seed: Seed of the choice of pictures.
    """

    pictures: int = 256
    most_lost: float = 0.005
    batch: int = 8
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both networks on the same pictures, in turn, in one process."""

    float_figures: Mapping[str, float]
    int8_figures: Mapping[str, float]
    float_speed: float  # faces a second
    int8_speed: float
    float_bytes: int
    int8_bytes: int
    kept: bool
    reason: str  # why it was not kept, or ""


def quantize(
    spec: ModelSpec,
    calibration: Sequence[Labelled],
    measured: Mapping[str, Labelled],
    out: Path,
    options: QuantizeOptions,
) -> Comparison:
    """calibration: pictures that are not measured on, taken from each alike. measured: by a name for each.
    out: the int8 file, written with its description beside it only when it is faster and loses less than `most_lost`
    everywhere.

    Raises OptionError without pictures, ModelError for a graph that is quantised already or cannot be.
    """
    if not calibration or not measured:
        raise OptionError("quantize needs labelled pictures to calibrate and to measure with")
    if any(node.op_type == "QuantizeLinear" for node in read_graph(spec.path).graph.node):
        raise ModelError(f"{spec.path}: is quantised already; give the network of floats that it was made from")
    with _quantised(spec, calibration, options) as file:
        entry = _entry(spec, file)
        int8 = replace(spec, path=file, sha256=None, name=entry["name"])
        pair = [Backbone(open_session(each, "cpu"), attributes=spec.has_attributes) for each in (spec, int8)]
        found = [_figures(backbone, measured) for backbone in pair]
        speeds = _speeds(pair, next(iter(measured.values())), options.batch)
        reason = _reason(found[0], found[1], speeds[0], speeds[1], options.most_lost)
        data = file.read_bytes()
        result = Comparison(
            found[0], found[1], speeds[0], speeds[1], spec.path.stat().st_size, len(data), not reason, reason
        )
    if result.kept:
        write_described(out, data, entry)
    return result


@contextmanager
def _quantised(spec: ModelSpec, faces: Sequence[Labelled], options: QuantizeOptions) -> Iterator[Path]:
    import_onnxruntime()
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    rng = np.random.default_rng(options.seed)
    drawn = [(each, rng.permutation(len(each.rows))[: -(-options.pictures // len(faces))].tolist()) for each in faces]
    tensors = (preprocess(each.crops(row, row + 1), spec.input) for each, rows in drawn for row in rows)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Floats] | None:
            tensor = next(tensors, None)
            return None if tensor is None else {spec.input.name: tensor}

    with scratch_folder("quantize") as folder, stdout_to_stderr():
        prepared, file = folder / "prepared.onnx", folder / "int8.onnx"
        try:
            quant_pre_process(str(spec.path), str(prepared), skip_symbolic_shape=True)
            # Attributes are seldom asked for, and an expectation over 101 ages needs more than 8 bits.
            asked = {head.output for head in spec.heads if head.task not in ("emotion", "valence_arousal")}
            floats = [node.name for node in _named(prepared) if asked & set(node.output)]
            quantize_static(
                str(prepared), str(file), Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                activation_type=QuantType.QInt8, weight_type=QuantType.QInt8, nodes_to_exclude=floats,
            )  # fmt: skip
        except Exception as error:  # its errors have no common type
            raise ModelError(f"{spec.path}: ONNX Runtime cannot quantise this graph: {error}") from error
        yield file


def _named(file: Path) -> list[Any]:
    """The nodes of the graph in the file, each with a name from now on."""
    import onnx

    model = read_graph(file)
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"node_{number}"
    onnx.save(model, file)
    return list(model.graph.node)


def _entry(spec: ModelSpec, file: Path) -> dict[str, Any]:
    """The description that the float network carries, under a name of its own; written into the file too."""
    import onnx

    entry = {**entry_of(spec), "name": f"{spec.name}-int8"}
    model = onnx.load(file)
    file.write_bytes(describe(model, entry))
    return entry


def _figures(backbone: Backbone, measured: Mapping[str, Labelled]) -> dict[str, float]:
    return {
        f"{name} {figure}": value
        for name, faces in measured.items()
        for figure, value in figures(outputs(backbone, faces), faces.targets).items()
    }


def _speeds(pair: Sequence[Backbone], faces: Labelled, batch: int) -> tuple[float, float]:
    """Faces a second of each, in turn, the median of several rounds after a first one that does not count."""
    crops = faces.crops(0, batch)
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS + 1):
        for backbone, times in zip(pair, spent, strict=True):
            start = time.perf_counter()
            backbone.embed(crops)
            times.append(time.perf_counter() - start)
    typical = [median(times[1:]) for times in spent]
    if not min(typical) > 0:
        raise FervidError("the clock of this machine stands still; speeds cannot be compared")
    return len(crops) / typical[0], len(crops) / typical[1]


def _reason(
    before: Mapping[str, float], after: Mapping[str, float], speed: float, int8_speed: float, most: float
) -> str:
    """Why int8 does not pay, or ""."""
    for name, value in before.items():
        lost = (after[name] - value) / 20 if name.endswith("age.mae") else value - after[name]
        if not lost < most:
            unit = f"{after[name] - value:.2f} years" if name.endswith("age.mae") else f"{100 * lost:.2f} points"
            return f"{name} loses {unit}"
    if int8_speed <= speed:
        return f"it is not faster ({int8_speed:.0f} faces a second instead of {speed:.0f})"
    return ""
