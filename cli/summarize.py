"""`fervid summarize`."""

from __future__ import annotations

from pathlib import Path

import click
from fer_video.cli.shared.command import command, option_group
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option
from fer_video.cli.shared.output import put_table, table_out
from fer_video.cli.shared.results import named_results, seed_option

from fer_video.errors import InputError

__all__ = ["summarize"]


@command()
@click.argument("results", metavar="RESULTS...", nargs=-1, required=True, shell_complete=files)
@option_group(
    "Rows",
    click.option(
        "--by",
        default="clip",
        show_default=True,
        metavar="clip|person|COLUMN,...",
        help="Write one row per clip (its main person), per person, or per group of clips with the same values in "
        "columns of --meta, such as subject or condition.",
    ),
    click.option(
        "--meta",
        metavar="FILE",
        shell_complete=files,
        help="CSV file about the clips: the column path (a path, a file name, or a name without suffix) and any "
        "others, such as subject and condition. With a column person, a row is about that person of the clip.",
    ),
    click.option("--long", is_flag=True, help="Write one row per emotion, instead of columns for each emotion."),
    seed_option,
)
@option_group(
    "Output",
    table_out,
)
@option_group(
    "Time",
    click.option(
        "--events",
        metavar="FILE",
        shell_complete=files,
        help="Write one row per event, with --by event too. FILE is a CSV file with start, end and name, for all "
        "clips or with a column path; an .eaf (ELAN) or .TextGrid (Praat) file; or a folder of these, named as the "
        "clips are.",
    ),
    click.option(
        "--tier",
        "tiers",
        multiple=True,
        metavar="NAME",
        help="Use only the events of this tier. Can be repeated.  [default: the only one]",
    ),
    click.option(
        "--smooth",
        "smooth_s",
        type=float,
        metavar="SEC",
        help="Smooth the probabilities over SEC seconds first.  [default: not smoothed]",
    ),
    click.option(
        "--min-quality",
        type=float,
        default=0,
        show_default=True,
        metavar="0-1",
        help="Leave out faces that are smaller, more turned or more blurred than this when levels are taken.",
    ),
    click.option(
        "--baseline",
        metavar="START-END|FILE",
        shell_complete=files,
        help="Add the change from a person's own neutral, which is found in some seconds of each clip (0-10), or in "
        "the result of one clip.",
    ),
)
@click.option("-q", "--quiet", is_flag=True, help="Show no warnings.")
@debug_option
@click.pass_context
def summarize(
    ctx: click.Context, /, results: tuple[str, ...], by: str, meta: str | None, events: str | None,
    tiers: tuple[str, ...], smooth_s: float | None, baseline: str | None, min_quality: float, long: bool, seed: int,
    out: str | None, quiet: bool,
) -> None:  # fmt: skip
    """Summarise the results of many clips in one table.

    RESULTS are files or folders written by fervid predict --frames, or - for JSON Lines on stdin. The columns are, for
    each emotion: mean, standard deviation, peak and its time, share of the time, number of onsets and time of the first
    one; and visibility, time in sight and changes per minute. Groups have means over subjects with 95 % bootstrap
    intervals.

    \b
    fervid predict interviews/ --frames --out results/
    fervid summarize results/ --out summary.csv
    fervid summarize results/ --meta people.csv --by condition --long
    fervid summarize results/ --events film.csv --by event --baseline 0-10
    """
    from fer_video.files import refuse_same
    from fer_video.results.read import stream_results
    from fer_video.study.annotations import read_annotations
    from fer_video.study.baseline import baseline_of
    from fer_video.study.meta import read_meta
    from fer_video.study.said import first_of
    from fer_video.study.summarize import Summarizer, SummaryOptions
    from fer_video.study.tables import check_table

    if tiers and events is None:
        raise click.UsageError("--tier needs --events")
    neutral = None if baseline is None else baseline_of(baseline)
    options = SummaryOptions(by, long, seed, smooth_s, neutral, tiers, min_quality)
    if out is not None:
        check_table(Path(out))
    found = named_results(results)
    if out is not None:
        refuse_same(Path(out), [*map(str, found), *filter(None, [meta, events])])
    marked = None if events is None else read_annotations(Path(events))
    failed: list[str] = []
    errors = 0
    with Summarizer(options, None if meta is None else read_meta(Path(meta)), marked) as summarizer:
        for file in found:
            try:
                for result in stream_results(file):
                    failed += [result.path] if result.status == "failed" else []
                    summarizer.add(result)
            except InputError as error:
                if len(found) == 1:
                    raise
                warn(f"error: {error}")
                errors += 1
        with summarizer.table() as table:
            if failed:
                clips = "1 clip failed" if len(failed) == 1 else f"{len(failed)} clips failed"
                summarizer.notes.append(f"{clips}: {first_of(failed)}")
            for note in () if quiet else summarizer.notes:
                warn(f"warning: {note}")
            put_table(table, out)
    ctx.exit(1 if failed or errors else 0)
