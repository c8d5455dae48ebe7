"""`fervid curves`."""

from __future__ import annotations

from pathlib import Path

import click
from fer_video.cli.shared.command import command, option_group
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option
from fer_video.cli.shared.output import put_table, table_out
from fer_video.cli.shared.results import named_results

__all__ = ["curves"]


@command()
@click.argument("results", metavar="RESULTS...", nargs=-1, required=True, shell_complete=files)
@option_group(
    "Curves",
    click.option("--smooth", "smooth_s", type=float, metavar="SEC", help="Add the curves smoothed over SEC seconds."),
    click.option(
        "--resample",
        "rate_hz",
        type=float,
        metavar="HZ",
        help="Write HZ points per second, on straight lines between frames.  [default: the frames]",
    ),
    click.option(
        "--baseline",
        metavar="START-END|FILE",
        shell_complete=files,
        help="Add the change from a person's own neutral: seconds of each clip (0-10), or the result of one clip.",
    ),
    click.option(
        "--min-quality",
        type=float,
        default=0,
        show_default=True,
        metavar="0-1",
        help="Leave out frames with a face of lower quality.",
    ),
    click.option("--meta", metavar="FILE", shell_complete=files, help="Add the columns of a CSV about the clips."),
)
@option_group(
    "Output",
    table_out,
)
@click.option("-q", "--quiet", is_flag=True, help="No warnings.")
@debug_option
def curves(
    results: tuple[str, ...], smooth_s: float | None, rate_hz: float | None, baseline: str | None, min_quality: float,
    meta: str | None, out: str | None, quiet: bool,
) -> None:  # fmt: skip
    """Write the probabilities of many clips over time, smoothed or resampled.

    RESULTS are files or folders that fervid predict --frames wrote. One row per person and moment: the probabilities
    (p_), smoothed (smooth_), and the change from a person's own neutral (change_).

    \b
    fervid predict interviews/ --frames --out results/
    fervid curves results/ --smooth 0.5 --resample 5 --out curves.csv
    """
    from fer_video.files import refuse_same
    from fer_video.results.read import stream_results
    from fer_video.study.baseline import baseline_of
    from fer_video.study.curve_table import CurveOptions, CurveTable
    from fer_video.study.meta import read_meta
    from fer_video.study.tables import check_table

    neutral = None if baseline is None else baseline_of(baseline)
    options = CurveOptions(smooth_s, rate_hz, neutral, min_quality)
    if out is not None:
        check_table(Path(out))
    found = named_results(results)
    if out is not None:
        refuse_same(Path(out), [*map(str, found), *filter(None, [meta])])
    known = None if meta is None else read_meta(Path(meta))
    made = CurveTable(options, known)
    for file in found:
        for result in stream_results(file):
            made.add(result)
    with made.table() as table:
        if known is not None and not quiet and (said := known.unmatched()):
            warn(f"warning: {said}")
        put_table(table, out)
