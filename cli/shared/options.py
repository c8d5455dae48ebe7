"""Options that several commands share, and what they mean to the library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import show_details

if TYPE_CHECKING:
    from fer_video.options import AnalyzerOptions

__all__ = [
    "BATCH_OPTIONS",
    "FILE_SUFFIXES",
    "analyzer_options",
    "batch_options",
    "debug_option",
    "device_options",
    "engine_options",
    "face_options",
    "input_argument",
    "model_options",
    "output_options",
    "sampling_options",
    "training_options",
    "worker_options",
]

F = TypeVar("F", bound=Callable[..., Any])

# Spelled out because fer_video.results.writers takes time to import; a test compares.
_FORMATS = ("table", "json", "jsonl", "csv")
_CLIP_FORMATS = ("vtt", "srt", "eaf", "textgrid")
_FOLDER_ONLY = ("parquet",)
FILE_SUFFIXES = {f".{name}": name for name in (*_FORMATS[1:], *_CLIP_FORMATS, *_FOLDER_ONLY)} | {".ndjson": "jsonl"}
# Spelled out here because fer_video.models.devices, which checks them, takes time to import; a test compares.
_DEVICES = ("auto", "cpu", "cuda", "tensorrt", "openvino", "coreml", "directml", "qnn")


def _together(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


input_argument: Callable[[F], F] = click.argument(
    "inputs", metavar="INPUT...", nargs=-1, required=True, shell_complete=files
)


def _format_from_name(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """--format, or else what the suffix of --out says, or else a table."""
    out = ctx.params.get("out")
    return value or FILE_SUFFIXES.get(Path(out).suffix.lower() if out else "", "table")


output_options: Callable[[F], F] = _together(
    click.option(
        "--out",
        metavar="FILE|DIR/",
        shell_complete=files,
        is_eager=True,
        help="Write to FILE, whole or not at all; without --format its suffix (.json .jsonl .csv .vtt …) decides. "
        "Into a folder: a batch that can be stopped and gone on with, JSON unless --format says otherwise.",
    ),
    click.option(
        "--format",
        "format_name",
        type=click.Choice((*_FORMATS, *_FOLDER_ONLY, *_CLIP_FORMATS)),
        callback=_format_from_name,
        help="Of the output; table is for reading, parquet for a folder, the last four hold the segments of one clip.  "
        "[default: table]",
    ),
    click.option(
        "--rows",
        type=click.Choice(("clips", "people", "segments", "frames")),
        default="clips",
        show_default=True,
        help="What one row or object is: a clip, a person in it, a segment, or a sampled frame and face.",
    ),
    click.option(
        "--frames",
        is_flag=True,
        help="JSON clips also hold every sampled frame: what render, plot and report can be made from.",
    ),
    click.option(
        "--identity-embeddings",
        is_flag=True,
        help="JSON clips also hold an embedding of each person's face, for fervid people: biometric data.",
    ),
)

worker_options: Callable[[F], F] = _together(
    click.option("--workers", type=int, default=1, show_default=True, metavar="N", help="Processes."),
    click.option("--timeout", "timeout_s", type=float, metavar="SEC", help="Give up a file after SEC seconds, twice."),
)

engine_options: Callable[[F], F] = _together(
    click.option(
        "--engine",
        type=click.Choice(("local", "ray")),
        default="local",
        show_default=True,
        help="Processes of this machine, or of a Ray cluster: as many as it has room for unless --workers says less, "
        "each with --threads cores (1).",
    ),
    click.option("--address", metavar="HOST:PORT", help="Of the cluster; local: made here.  [default: where we are]"),
    click.option(
        "--gpus-per-worker",
        type=float,
        default=0.0,
        show_default=True,
        metavar="N",
        help="GPUs of the cluster that each process has to itself; 0.25: four share one.",
    ),
)

batch_options: Callable[[F], F] = _together(
    worker_options,
    engine_options,
    click.option("--retry-failed", is_flag=True, help="Try again what failed before."),
    click.option("--anew", is_flag=True, help="Do all of it again, whatever the folder holds."),
    click.option("--dry-run", is_flag=True, help="Only print what would be done, and why."),
    click.option("--shard", metavar="I/N", help="Do every N-th file from the I-th on; fervid merge joins the results."),
)
# Their parameters: each makes a batch of what it is given to.
BATCH_OPTIONS = (
    "workers",
    "timeout_s",
    "engine",
    "address",
    "gpus_per_worker",
    "retry_failed",
    "anew",
    "dry_run",
    "shard",
)

model_options: Callable[[F], F] = _together(
    click.option(
        "--model",
        metavar="NAME|DIR",
        default="auto",
        show_default=True,
        help="What answers for a person and the clip: auto is the best method for the backbone, a clip model answers "
        "alone, none is the mean of the probabilities of the frames.",
    ),
    click.option(
        "--group", is_flag=True, help="Lead with the group: all people in the clip together, and its valence."
    ),
    click.option(
        "--group-model",
        metavar="NAME|DIR",
        help="Clip model that answers for the group, such as pseudo-vgaf-3.  [default: mean of the people's answers]",
    ),
    click.option("--adaptive", is_flag=True, help="Look at more frames only while the answer is not certain."),
    click.option(
        "--window", "window_s", type=float, metavar="SEC", help="Segments from windows of SEC seconds, not from frames."
    ),
    click.option("--step", "step_s", type=float, metavar="SEC", help="A window begins every SEC.  [default: half]"),
    click.option(
        "--identify/--no-identify",
        default=True,
        show_default=True,
        help="Join tracks of the same face, before and after a cut or a gap, to one person.",
    ),
    click.option("--identity-model", metavar="NAME|PATH", help="Network that tells people apart.  [default: sface]"),
    click.option(
        "--min-confidence",
        type=float,
        default=0.0,
        metavar="0-1",
        help="Abstain (no emotion) where the best probability lies below this.",
    ),
)

sampling_options: Callable[[F], F] = _together(
    click.option("--fps", type=float, metavar="N", help="Look at N frames a second of video.  [default: 10]"),
    click.option("--every-frame", is_flag=True, help="Look at every frame: slower, and the surest."),
    click.option("--start", "start_s", type=float, default=0.0, metavar="SEC", help="Begin there."),
    click.option("--end", "end_s", type=float, metavar="SEC", help="Stop before there."),
    click.option(
        "--detect",
        type=click.Choice(("keyframes", "every")),
        default="keyframes",
        show_default=True,
        help="Look for faces in key frames, up to 0.2 s apart, and in others where these do not agree; or in every "
        "frame that is sampled.",
    ),
)

face_options: Callable[[F], F] = _together(
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
        metavar="0-1",
        help="Leave out faces the detector is less sure of.  [default: as the detector needs, 0.65 for yunet]",
    ),
    click.option("--max-faces", type=int, metavar="N", help="At most N a frame, the most prominent.  [default: all]"),
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
    click.option("--threads", type=int, metavar="N", help="Cores that the networks use.  [default: all]"),
)


training_options: Callable[[F], F] = _together(
    click.option(
        "--layout",
        type=click.Choice(("afew", "vgaf", "classes", "csv")),
        help="How the dataset lies on disk (docs/datasets.md).  [default: recognised]",
    ),
    click.option(
        "--protocol",
        type=click.Choice(("afew", "vgaf")),
        default="afew",
        show_default=True,
        help="Preset of the options below: one person (afew) or a group (vgaf).",
    ),
    click.option("--faces", type=click.Choice(("main", "all")), help="Embeddings of the main person, or of all."),
    click.option("--statistics", metavar="LIST", help="Some of mean,std,min,max, with commas."),
    click.option("--nested/--flat", default=None, help="First over the faces of a frame, then over the frames."),
    click.option("--normalize/--raw", default=None, help="Descriptors to unit length (L2), or as they are."),
    click.option("--kernel", type=click.Choice(("linear", "rbf")), help="LinearSVC, or SVC with an RBF kernel."),
    click.option("-C", "--cost", type=float, metavar="C", help="The SVM's C."),
    click.option("--balanced", is_flag=True, help="Weigh classes inversely to how often they occur."),
    click.option("--seed", type=int, default=0, show_default=True, help="Of folds and of the solver."),
    click.option(
        "--features",
        "features_dir",
        metavar="DIR",
        help="Where extracted features are kept and found again.  [default: a cache folder of the user]",
    ),
    click.option("--workers", type=int, default=1, show_default=True, metavar="N", help="Processes that extract."),
    click.option("-q", "--quiet", is_flag=True, help="No progress."),
)


def _debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        show_details()


debug_option: Callable[[F], F] = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_debug, help="Show tracebacks and what the decoders report."
)


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
