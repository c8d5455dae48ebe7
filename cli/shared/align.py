"""`fervid plot --align`: curves around the onsets of events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from fer_video.cli.shared.command import is_typed, option_group
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import warn

__all__ = ["align_options", "plot_around_events", "refuse_without_align"]

F = TypeVar("F", bound=Callable[..., Any])

align_options: Callable[[F], F] = option_group(
    "Events",
    click.option("--align", type=click.Choice(("onset",)), help="Draw mean curves of the main people around events."),
    click.option(
        "--events",
        metavar="FILE",
        shell_complete=files,
        help="Events: a CSV with start, end and name, an .eaf, a .TextGrid, or a folder of these.",
    ),
    click.option(
        "--tier", "tiers", multiple=True, metavar="NAME", help="Only events of this tier.  [default: the only one]"
    ),
    click.option(
        "--meta", metavar="FILE", shell_complete=files, help="CSV about the clips, with their subject and condition."
    ),
    click.option(
        "--group-by",
        metavar="COLUMN,...",
        help="Draw one line for each value of these columns of --meta, or of event.  [default: one line]",
    ),
    click.option(
        "--before", "before_s", type=float, default=1, show_default=True, metavar="SEC", help="Time before an onset."
    ),
    click.option(
        "--after", "after_s", type=float, default=3, show_default=True, metavar="SEC", help="Time after an onset."
    ),
    click.option(
        "--resample", "rate_hz", type=float, default=10, show_default=True, metavar="HZ", help="Points per second."
    ),
    click.option("--smooth", "smooth_s", type=float, metavar="SEC", help="Smooth the curves over SEC seconds."),
    click.option(
        "--baseline",
        metavar="START-END|FILE",
        shell_complete=files,
        help="Draw changes from a person's own neutral: seconds of each clip, or the result of one clip.",
    ),
)


def refuse_without_align(ctx: click.Context) -> None:
    """Raises UsageError for an option that means nothing alone."""
    names = ("events", "tiers", "meta", "group_by", "before_s", "after_s", "rate_hz", "smooth_s", "baseline")
    for parameter in ctx.command.params:
        if parameter.name in names and is_typed(ctx, parameter.name):
            raise click.UsageError(f"{parameter.opts[0]} needs --align")


def plot_around_events(results: Sequence[Path], out: Path, given: dict[str, Any]) -> None:
    """Raises UsageError, InputError, OptionError, OutputError."""
    from fer_video.render.aligned import plot_aligned
    from fer_video.results.read import stream_results
    from fer_video.study.annotations import read_annotations
    from fer_video.study.baseline import baseline_of
    from fer_video.study.epochs import AlignOptions, Epochs
    from fer_video.study.meta import read_meta

    if given["events"] is None:
        raise click.UsageError("--align needs --events")
    options = AlignOptions(
        group_by=tuple(name.strip() for name in (given["group_by"] or "").split(",") if name.strip()),
        before_s=given["before_s"],
        after_s=given["after_s"],
        rate_hz=given["rate_hz"],
        smooth_s=given["smooth_s"],
        baseline=None if given["baseline"] is None else baseline_of(given["baseline"]),
        tiers=given["tiers"],
    )
    events = read_annotations(Path(given["events"]))
    meta = None if given["meta"] is None else read_meta(Path(given["meta"]))
    epochs = Epochs(options, events, meta)
    for file in results:
        for result in stream_results(file):
            epochs.add(result)
    curves = list(epochs.aligned())
    for note in epochs.notes():
        warn(f"warning: {note}")
    plot_aligned(curves, out, change=options.baseline is not None)
