"""Options that several commands share, and what they mean to the library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from fer_video.analyzer import AnalyzerOptions

__all__ = ["analyzer_options", "device_options", "face_options", "input_argument", "output_options"]

F = TypeVar("F", bound=Callable[..., Any])

_FORMATS = ("table", "json", "jsonl", "csv")
_SUFFIXES = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
# Spelled out here because fer_video.models.session, which checks them, takes time to import; a test compares.
_DEVICES = ("auto", "cpu", "cuda", "tensorrt", "openvino", "directml", "coreml")


def _together(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


input_argument: Callable[[F], F] = click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)


def _format_from_name(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """--format, or else what the suffix of --out says, or else a table."""
    out = ctx.params.get("out")
    return value or _SUFFIXES.get(Path(out).suffix.lower() if out else "", "table")


output_options: Callable[[F], F] = _together(
    click.option(
        "--out",
        metavar="FILE",
        is_eager=True,
        help="Write to FILE, whole or not at all; without --format its suffix (.json .jsonl .csv) decides.",
    ),
    click.option(
        "--format",
        "format_name",
        type=click.Choice(_FORMATS),
        callback=_format_from_name,
        help="Of the output; table is for reading.  [default: table]",
    ),
    click.option(
        "--rows",
        type=click.Choice(("clips", "people", "frames")),
        default="clips",
        show_default=True,
        help="What one row or object is: a clip, a person in it, or a sampled frame and face.",
    ),
)

face_options: Callable[[F], F] = _together(
    click.option("--fps", type=float, metavar="N", help="Look at N frames a second of video.  [default: 10]"),
    click.option("--every-frame", is_flag=True, help="Look at every frame: slower, and the surest."),
    click.option("--start", "start_s", type=float, default=0.0, metavar="SEC", help="Begin there."),
    click.option("--end", "end_s", type=float, metavar="SEC", help="Stop before there."),
    click.option(
        "--min-face",
        type=int,
        default=40,
        show_default=True,
        metavar="PX",
        help="Leave out faces smaller than this in the frame. Smaller values find more and take longer.",
    ),
    click.option(
        "--min-score",
        type=float,
        default=0.5,
        show_default=True,
        metavar="0-1",
        help="Leave out faces the detector is less sure of.",
    ),
    click.option("--max-faces", type=int, metavar="N", help="At most N a frame, the most prominent.  [default: all]"),
    click.option(
        "--min-confidence",
        type=float,
        default=0.0,
        metavar="0-1",
        help="Abstain (no emotion) where the best probability lies below this.",
    ),
    click.option(
        "--attributes",
        is_flag=True,
        help="Also guess age, gender and ethnicity from appearance. For research on the model's own errors; "
        "read the limits in its card.",
    ),
)

device_options: Callable[[F], F] = _together(
    click.option("--detector", metavar="NAME|PATH", help="Face detector; scrfd:PATH for an SCRFD file of yours."),
    click.option("--backbone", metavar="NAME|PATH", help="Emotion network: an embedded one or an ONNX file."),
    click.option(
        "--device",
        type=click.Choice(_DEVICES),
        default="auto",
        show_default=True,
        help="Where the networks run. A device asked for by name and not there is an error.",
    ),
    click.option("--threads", type=int, metavar="N", help="Of each network.  [default: one a core]"),
)


def analyzer_options(given: dict[str, Any]) -> AnalyzerOptions:
    """What `face_options` and `device_options` gave. Raises OptionError, UsageError."""
    from fer_video.analyzer import AnalyzerOptions
    from fer_video.decode import Sampling
    from fer_video.detect import DetectorOptions

    if given["every_frame"] and given["fps"] is not None:
        raise click.UsageError("--fps and --every-frame contradict each other; give one of them")
    fps = None if given["every_frame"] else Sampling().fps if given["fps"] is None else given["fps"]
    return AnalyzerOptions(
        sampling=Sampling(fps, given["start_s"], given["end_s"]),
        faces=DetectorOptions(given["min_face"], given["min_score"], given["max_faces"]),
        detector=given["detector"],
        backbone=given["backbone"],
        device=given["device"],
        threads=given["threads"],
        attributes=given["attributes"],
        min_confidence=given["min_confidence"],
    )
