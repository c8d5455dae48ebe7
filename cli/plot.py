"""`fervid plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from fer_video.cli.shared.align import align_options, plot_around_events, refuse_without_align
from fer_video.cli.shared.command import command, is_typed
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.options import debug_option
from fer_video.cli.shared.results import named_results

from fer_video.errors import InputError
from fer_video.files import parse_json, read_limited

__all__ = ["plot"]

_MOST_BYTES = 1 << 20  # of an evaluation


@command()
@click.argument("results", metavar="RESULTS...", nargs=-1, required=True, shell_complete=files)
@click.option(
    "--out", required=True, shell_complete=files, metavar="FILE", help="Write the picture to FILE: .png, .svg or .pdf."
)
@click.option(
    "--kind",
    type=click.Choice(("stacked", "lines")),
    default="stacked",
    show_default=True,
    help="Draw the probabilities as stacked areas, or as lines.",
)
@click.option(
    "--person",
    type=int,
    metavar="ID",
    help="Draw only the person with this number.  [default: the 12 who are seen longest]",
)
@click.option("--group", is_flag=True, help="Add a panel with the mean of all people who are in sight.")
@align_options
@debug_option
@click.pass_context
def plot(
    ctx: click.Context,
    /,
    results: tuple[str, ...],
    out: str,
    kind: Any,
    person: int | None,
    group: bool,
    **given: Any,
) -> None:
    """Draw the emotions over time as a picture.

    RESULTS is the output of fervid predict --frames, or - for JSON Lines on stdin. One clip gives one panel per person
    with segments, hatched where the person is not in sight. Several clips, or a folder of results, give one panel per
    clip with its main person, and more than 60 several pages of a PDF. The output of fervid evaluate --format json
    gives a confusion matrix. --align gives mean curves around events.

    \b
    fervid predict clip.mp4 --frames --out r.json
    fervid plot r.json --out timeline.png
    fervid plot results/ --out clips.svg
    fervid plot results/ --align onset --events jokes.csv --out jokes.png
    """
    from fer_video.files import refuse_same
    from fer_video.render.figure import PLOT_SUFFIXES, check_drawing
    from fer_video.render.plot import plot_clip, plot_clips
    from fer_video.results.documents import STDIN
    from fer_video.results.read import read_results

    path = Path(out)
    if path.suffix.lower() not in PLOT_SUFFIXES:
        raise click.UsageError(f"{out}: not a picture that can be written; name it .png, .svg or .pdf")
    check_drawing(path)
    files = named_results(results)
    refuse_same(path, map(str, files))
    if given["align"] is not None:
        for name in ("kind", "person", "group"):
            if is_typed(ctx, name):
                raise click.UsageError(f"--{name} is not for --align, which draws mean curves of the main people")
        plot_around_events(files, path, given)
        return
    refuse_without_align(ctx)
    if len(files) == 1 and files[0] != STDIN and _plot_evaluation(files[0], path):
        return
    clips = [result for file in files for result in read_results(file)]
    if len(clips) == 1:
        plot_clip(clips[0], path, kind, person, group=group)
        return
    if person is not None or group:
        raise click.UsageError(f"{'--group' if group else '--person'} belongs to one clip; there are {len(clips)}")
    plot_clips(clips, path, kind)


def _plot_evaluation(file: Path, out: Path) -> bool:
    """Whether this was what `fervid evaluate --format json` wrote; anything else is left to the reader of results."""
    from fer_video.render.confusion import draw_confusion

    try:
        value = parse_json(read_limited(file, _MOST_BYTES))
        labels, confusion = [str(label) for label in value["labels"]], value["confusion"]
        accuracy, recall = float(value["accuracy"]["value"]), float(value["macro_recall"]["value"])
        square = all(len(row) == len(labels) and all(type(n) is int for n in row) for row in confusion)
    except (InputError, ValueError, KeyError, TypeError, OverflowError):
        return False
    if not square or len(confusion) != len(labels):
        raise InputError(f"{file}: its confusion matrix is not one of {len(labels)} labels; evaluate again")
    draw_confusion(labels, confusion, accuracy, recall, out)
    return True
