"""Options and tables that `fervid train` and `fervid evaluate` share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from fer_video.cli.shared.command import RareOption, option_group, together
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import analyzer_options
from fer_video.cli.shared.progress import BatchProgress

if TYPE_CHECKING:
    from fer_video.datasets.clips import ClipDataset
    from fer_video.jobs.extract import Extracted
    from fer_video.learning.evaluate import Evaluation
    from fer_video.learning.fit import FitOptions
    from fer_video.learning.learn import Gathered

HASH_LENGTH = 16  # of the content hashes of training clips that a model keeps

__all__ = [
    "HASH_LENGTH",
    "confusion_lines",
    "evaluation_lines",
    "features_of",
    "fit_options",
    "read_dataset",
    "training_options",
]

F = TypeVar("F", bound=Callable[..., Any])

training_options: Callable[[F], F] = together(
    option_group(
        "Dataset",
        click.option(
            "--layout",
            type=click.Choice(("afew", "vgaf", "classes", "csv")),
            metavar="NAME",
            help="Layout of the dataset: afew, vgaf, classes or csv (docs/datasets.md).  [default: recognised]",
        ),
        click.option(
            "--features",
            "features_dir",
            metavar="DIR",
            help="Folder for extracted features, which later runs use again.  [default: a folder in fervid's cache]",
        ),
        click.option(
            "--workers", type=int, default=1, show_default=True, metavar="N", help="Extract features in N processes."
        ),
    ),
    option_group(
        "Training",
        click.option(
            "--protocol",
            type=click.Choice(("afew", "vgaf")),
            default="afew",
            show_default=True,
            metavar="NAME",
            help="Preset for the other training options: afew for one person per clip, vgaf for a group.",
        ),
        click.option(
            "--faces",
            type=click.Choice(("main", "all")),
            cls=RareOption,
            help="Use the embeddings of the main person, or of all faces.  [default: as in --protocol]",
        ),
        click.option(
            "--statistics",
            metavar="LIST",
            cls=RareOption,
            help="Statistics in the descriptor: mean, std, min and max, separated by commas.  [default: as in "
            "--protocol]",
        ),
        click.option(
            "--nested/--flat",
            default=None,
            cls=RareOption,
            help="Pool over the faces of each frame before pooling over frames, or over all at once.  [default: as in "
            "--protocol]",
        ),
        click.option(
            "--normalize/--raw",
            default=None,
            cls=RareOption,
            help="Scale descriptors to unit length (L2), or leave them as they are.  [default: as in --protocol]",
        ),
        click.option(
            "--kernel",
            type=click.Choice(("linear", "rbf")),
            cls=RareOption,
            help="Kernel of the SVM.  [default: as in --protocol]",
        ),
        click.option(
            "-C",
            "--cost",
            type=float,
            metavar="C",
            cls=RareOption,
            help="Regularisation parameter C of the SVM.  [default: as in --protocol]",
        ),
        click.option("--balanced", is_flag=True, help="Weight classes inversely to their frequency."),
        click.option(
            "--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of the folds and the solver."
        ),
    ),
    click.option("-q", "--quiet", is_flag=True, help="Show no progress."),
)


def fit_options(given: dict[str, Any]) -> FitOptions:
    """The protocol, with every part that was named replaced. Raises OptionError."""
    from fer_video.learning.fit import PROTOCOLS

    options = PROTOCOLS[given["protocol"]]
    pooling = options.pooling
    if given["statistics"] is not None:
        pooling = replace(pooling, statistics=tuple(name.strip() for name in given["statistics"].split(",")))
    if given["nested"] is not None:
        pooling = replace(pooling, nested=given["nested"])
    if given["normalize"] is not None:
        pooling = replace(pooling, normalize=given["normalize"])
    named = {"faces": given["faces"], "kernel": given["kernel"], "C": given["cost"]}
    return replace(
        options,
        pooling=pooling,
        class_weight="balanced" if given["balanced"] else None,
        seed=given["seed"],
        **{name: value for name, value in named.items() if value is not None},
    )


def read_dataset(path: str, layout: str | None) -> ClipDataset:
    from fer_video.datasets.clips import load_clips

    dataset = load_clips(Path(path), layout)  # type: ignore[arg-type]
    if dataset.missing:
        warn(f"warning: {path}: {len(dataset.missing)} labelled clips are not there, the first: {dataset.missing[0]}")
    return dataset


def features_of(dataset: ClipDataset, given: dict[str, Any]) -> Gathered:
    """Extracted, or found extracted before. Says which clips failed."""
    from fer_video.files import cache_dir
    from fer_video.learning.learn import gather

    folder = Path(given["features_dir"]) if given["features_dir"] else cache_dir() / "features"
    with BatchProgress(len(dataset.samples), quiet=given["quiet"]) as progress:

        def each(done: Extracted) -> None:
            if done.error is not None:
                progress.say(f"error: {done.error}")
            progress.finish()

        return gather(dataset, folder, analyzer_options(given), given["workers"], each)


def evaluation_lines(result: Evaluation) -> list[str]:
    """The figures as a table to read."""
    without = result.clips - result.clips_with_face
    lines = [f"{result.clips} clips, {without} of them without a face", ""]
    for name, figure in (
        ("accuracy, clips with a face", result.accuracy_with_face),
        ("accuracy, all clips", result.accuracy),
        ("mean recall of the classes", result.macro_recall),
        ("mean F1 of the classes", result.macro_f1),
    ):
        lines.append(f"{name:<28} {figure.value:7.2%}   95 % {figure.low:.2%} to {figure.high:.2%}")
    return [*lines, "", *confusion_lines(result)]


def confusion_lines(result: Evaluation) -> list[str]:
    """The predictions for each class: counts, recall and precision."""
    corner = "true \\ predicted"
    width = max(len(label) for label in (*result.labels, corner))
    columns = [max(len(label), 5) for label in result.labels]
    heads = "  ".join(label.rjust(column) for label, column in zip(result.labels, columns, strict=True))
    lines = [f"{corner:<{width}}  {heads}  recall  precision"]
    for label, row in zip(result.labels, result.confusion, strict=True):
        cells = "  ".join(str(count).rjust(column) for count, column in zip(row, columns, strict=True))
        lines.append(
            f"{label:<{width}}  {cells}  {_percent(result.recall[label]):>6}  {_percent(result.precision[label]):>9}"
        )
    return lines


def _percent(value: float) -> str:
    """A dash where there is nothing to divide by."""
    return f"{value:.1%}" if math.isfinite(value) else "-"
