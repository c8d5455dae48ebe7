"""Options that several commands share, in their groups (command.py), and what they mean to the library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from fer_video.cli.shared.command import RareOption, is_typed, option_group, together
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import show_details
from fer_video.cli.shared.times import TIME

if TYPE_CHECKING:
    from fer_video.options import AnalyzerOptions

__all__ = [
    "FILE_SUFFIXES",
    "TABLE_FORMATS",
    "analyzer_options",
    "bench_sampling_options",
    "debug_option",
    "device_options",
    "face_options",
    "folder_output_options",
    "input_argument",
    "min_confidence_option",
    "model_options",
    "output_options",
    "sampling_options",
]

F = TypeVar("F", bound=Callable[..., Any])

# Spelled out because fer_video.results.writers takes time to import; a test compares.
_FORMATS = ("table", "json", "jsonl", "csv")
_CLIP_FORMATS = ("vtt", "srt", "eaf", "textgrid")
TABLE_FORMATS = ("parquet", "xlsx")  # not text
_OTHER_SUFFIXES = {".ndjson": "jsonl", ".txt": "table"}
FILE_SUFFIXES = {f".{name}": name for name in (*_FORMATS[1:], *TABLE_FORMATS, *_CLIP_FORMATS)} | _OTHER_SUFFIXES
# Spelled out here because fer_video.models.devices, which checks them, takes time to import; a test compares.
_DEVICES = ("auto", "cpu", "cuda", "tensorrt", "openvino", "coreml", "directml", "qnn")


input_argument: Callable[[F], F] = click.argument(
    "inputs", metavar="INPUT...", nargs=-1, required=True, shell_complete=files
)


def _format_from_name(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """--format, or else what the suffix of --out says, or else what a config file says, or else a table."""
    out = ctx.params.get("out")
    by_suffix = FILE_SUFFIXES.get(Path(out).suffix.lower()) if out and not out.endswith("/") else None
    if by_suffix not in (None, "table", value) and is_typed(ctx, "format_name"):
        raise click.UsageError(f"--format {value} and the suffix of --out {out} contradict each other; give one")
    return (value if is_typed(ctx, "format_name") else by_suffix or value) or "table"


def _output_options(out: click.decorators.FC, usual: str) -> Callable[[F], F]:
    return option_group(
        "Output",
        out,
        click.option(
            "--format",
            "format_name",
            metavar="NAME",
            type=click.Choice((*_FORMATS, *TABLE_FORMATS, *_CLIP_FORMATS)),
            callback=_format_from_name,
            help="Write table, json, jsonl, csv, parquet or xlsx (not in batches); or vtt, srt, eaf or textgrid, which "
            f"hold the segments of one clip.  [default: {usual}]",
        ),
        click.option(
            "--rows",
            metavar="NAME",
            type=click.Choice(("clips", "people", "segments", "frames", "summary")),
            default="clips",
            show_default=True,
            help="Write one row per clip (clips), person (people), segment (segments) or face in a sampled frame "
            "(frames), or figures of each person (summary).",
        ),
        click.option(
            "--frames",
            is_flag=True,
            help="Include every sampled frame in JSON, as fervid render, plot and report need it.",
        ),
        click.option(
            "--identity-embeddings",
            is_flag=True,
            cls=RareOption,
            help="Include an embedding of each person's face in JSON, for fervid people. It is biometric data.",
        ),
    )


output_options: Callable[[F], F] = _output_options(
    click.option(
        "--out",
        metavar="FILE|DIR/",
        shell_complete=files,
        is_eager=True,
        help="Write to FILE, whole or not at all; its suffix (.json, .csv, .vtt ...) sets the format. DIR/ makes a "
        "batch that can be stopped and resumed.  [default: stdout]",
    ),
    "table; json in a batch",
)
folder_output_options: Callable[[F], F] = _output_options(
    click.option(
        "--out",
        metavar="DIR/",
        shell_complete=files,
        is_eager=True,
        help="Write results and journal to this folder, which is made if it does not exist.  [required]",
    ),
    "json",
)

min_confidence_option: Callable[[F], F] = click.option(
    "--min-confidence",
    type=float,
    default=0,
    show_default=True,
    metavar="0-1",
    help="Give no emotion if its probability is lower than this.",
)
model_options: Callable[[F], F] = together(
    option_group(
        "Answers",
        click.option(
            "--model",
            metavar="NAME|DIR",
            default="auto",
            show_default=True,
            help="Clip model for the answers: auto (the best for the backbone), a name, a folder written by fervid "
            "train, or none (mean over frames).",
        ),
        click.option(
            "--group", is_flag=True, help="Put the answer for the group of all people first, with its valence."
        ),
        click.option(
            "--group-model",
            metavar="NAME|DIR",
            cls=RareOption,
            help="Clip model for the group, such as pseudo-vgaf-3.  [default: mean of the answers for people]",
        ),
        min_confidence_option,
        click.option(
            "--window",
            "window_s",
            type=float,
            metavar="SEC",
            cls=RareOption,
            help="Classify windows of SEC seconds and merge them into segments.  [default: segments from frames]",
        ),
        click.option(
            "--step",
            "step_s",
            type=float,
            metavar="SEC",
            cls=RareOption,
            help="Seconds between the starts of two windows.  [default: half a window]",
        ),
    ),
    option_group(
        "Frames",
        click.option(
            "--adaptive",
            is_flag=True,
            help="Sample every 18th frame, and more only while the clip model is not certain.",
        ),
    ),
    option_group(
        "People",
        click.option(
            "--identify/--no-identify",
            default=True,
            help="Join tracks of the same face into one person, also across cuts and gaps.  [default: identify]",
        ),
        click.option(
            "--identity-model",
            metavar="NAME|PATH",
            cls=RareOption,
            help="Network that compares faces.  [default: sface]",
        ),
    ),
)


def _sampling_options(usual: str) -> Callable[[F], F]:
    return option_group(
        "Frames",
        click.option("--fps", type=float, metavar="N", help=f"Sample N frames per second.  [default: {usual}]"),
        click.option("--every-frame", is_flag=True, help="Sample every frame. This is slower and more accurate."),
        click.option(
            "--start",
            "start_s",
            type=TIME,
            default=0,
            show_default=True,
            metavar="TIME",
            help="Start at this time, in seconds or as 1:20.5.",
        ),
        click.option(
            "--end", "end_s", type=TIME, metavar="TIME", help="Stop before this time.  [default: end of clip]"
        ),
        click.option(
            "--detect",
            type=click.Choice(("keyframes", "every")),
            default="keyframes",
            show_default=True,
            metavar="WHERE",
            cls=RareOption,
            help="Run the face detector on key frames, at most 0.2 seconds apart (keyframes), or on every sampled "
            "frame (every). Between key frames that agree, boxes are interpolated.",
        ),
    )


sampling_options = _sampling_options("10")
bench_sampling_options = _sampling_options("every frame")

face_options: Callable[[F], F] = option_group(
    "Faces",
    click.option(
        "--min-face",
        type=int,
        default=40,
        show_default=True,
        metavar="PX",
        help="Ignore faces smaller than PX pixels.",
    ),
    click.option(
        "--min-score",
        type=float,
        metavar="0-1",
        cls=RareOption,
        help="Ignore faces with a lower score.  [default: 0.65 for yunet, 0.5 for other detectors]",
    ),
    click.option(
        "--max-faces",
        type=int,
        metavar="N",
        help="Analyse at most N faces per frame.  [default: all]",
    ),
    click.option(
        "--attributes",
        is_flag=True,
        help="Also estimate age, gender and ethnicity. Read the limits in the model card first.",
    ),
)

device_options: Callable[[F], F] = option_group(
    "Models and device",
    click.option(
        "--backbone",
        metavar="NAME|PATH",
        help="Emotion network: a name or an ONNX file.  [default: mobilenet-v1-mtl]",
    ),
    click.option(
        "--detector",
        metavar="NAME|PATH",
        help="Face detector: a name or scrfd:PATH.  [default: yunet-2023mar]",
    ),
    click.option(
        "--device",
        metavar="NAME",
        type=click.Choice(_DEVICES),
        default="auto",
        show_default=True,
        help=f"Run the networks on {', '.join(_DEVICES[1:-1])} or {_DEVICES[-1]}; auto is cuda or else cpu.",
    ),
    click.option("--threads", type=int, metavar="N", help="CPU cores for the networks.  [default: all]"),
)


def _debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        show_details()


debug_option: Callable[[F], F] = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_debug, help="Show tracebacks and messages of the decoders."
)


def _drop_what_does_not_go_with(given: dict[str, Any]) -> None:
    """A --format that was given makes --rows and --frames of a config file meaningless where it cannot hold them."""
    context = click.get_current_context(silent=True)
    if context is None or "format_name" not in given:
        return
    if given["format_name"] in _CLIP_FORMATS and not is_typed(context, "rows"):
        given["rows"] = "clips"
    for name in ("frames", "identity_embeddings"):
        if given["format_name"] not in ("json", "jsonl") or given["rows"] != "clips":
            given[name] = given.get(name, False) and is_typed(context, name)


def analyzer_options(given: dict[str, Any]) -> AnalyzerOptions:
    """What the options above gave; those that a command does not have stay at their defaults.

    Raises OptionError, UsageError.
    """
    from fer_video.clip.segments import WindowOptions
    from fer_video.faces.detectors import DetectorOptions
    from fer_video.media.sampling import Sampling
    from fer_video.options import AnalyzerOptions

    if given["every_frame"] and given["fps"] is not None:
        raise click.UsageError("--fps and --every-frame contradict each other; give one of them")
    if given.get("adaptive") and (given["every_frame"] or given["fps"] is not None):
        raise click.UsageError("--adaptive chooses the frames itself; leave out --fps and --every-frame")
    if given.get("step_s") is not None and given["window_s"] is None:
        raise click.UsageError("--step needs --window")
    _drop_what_does_not_go_with(given)
    if given.get("frames") and (given["format_name"] not in ("json", "jsonl") or given["rows"] != "clips"):
        raise click.UsageError("--frames belongs to JSON clips; use --format json or jsonl, or --rows frames instead")
    if given.get("identity_embeddings"):
        if given["format_name"] not in ("json", "jsonl") or given["rows"] != "clips":
            raise click.UsageError("--identity-embeddings belongs to JSON clips; use --format json or jsonl")
        if not given["identify"]:
            raise click.UsageError("--identity-embeddings and --no-identify contradict each other; give one of them")
    window_s = given.get("window_s")
    if given.get("format_name") in _CLIP_FORMATS and given["rows"] != "clips":
        raise click.UsageError(f"--rows does not go with --format {given['format_name']}: it holds segments")
    windows = (
        None
        if window_s is None
        else WindowOptions(window_s, window_s / 2 if given["step_s"] is None else given["step_s"])
    )
    fps = None if given["every_frame"] else Sampling().fps if given["fps"] is None else given["fps"]
    return AnalyzerOptions(
        sampling=Sampling(fps, given["start_s"], given["end_s"]),
        faces=DetectorOptions(given["min_face"], given["min_score"], given["max_faces"]),
        detect=given.get("detect", "every"),
        detector=given["detector"],
        backbone=given["backbone"],
        device=given["device"],
        threads=given["threads"],
        attributes=given["attributes"],
        min_confidence=given.get("min_confidence", 0.0),
        model=given.get("model", "none"),
        group_model=given.get("group_model"),
        adaptive=given.get("adaptive", False),
        identify=given.get("identify", True),
        identity_model=given.get("identity_model"),
        identity_embeddings=given.get("identity_embeddings", False),
        windows=windows,
    )
