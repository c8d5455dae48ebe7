"""`fervid compare`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from fer_video.cli.shared.command import command, option_group
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option
from fer_video.cli.shared.output import figures_format
from fer_video.cli.shared.results import seed_option

from fer_video.errors import InputError, printable

__all__ = ["compare"]


@command()
@click.argument("results", metavar="RESULTS", shell_complete=files)
@click.argument("codes", metavar="CODES", shell_complete=files)
@option_group(
    "Comparison",
    click.option(
        "--tier",
        "tiers",
        multiple=True,
        metavar="NAME",
        help="Compare with this tier or coder. Can be repeated.  [default: the only one]",
    ),
    click.option(
        "--person",
        type=click.IntRange(1),
        metavar="ID",
        help="Number of the person that was coded.  [default: the main person]",
    ),
    click.option(
        "--rest", metavar="LABEL", help="Label for time without a code, such as neutral.  [default: not compared]"
    ),
    click.option(
        "--step",
        "step_s",
        type=float,
        default=0.1,
        show_default=True,
        metavar="SEC",
        help="Compare one moment every SEC seconds.",
    ),
    click.option(
        "--tolerance",
        "tolerance_s",
        type=float,
        default=0,
        show_default=True,
        metavar="SEC",
        help="Accept emotions that are up to SEC seconds earlier or later than those of a coder.",
    ),
    seed_option,
)
@option_group(
    "Output",
    figures_format,
)
@debug_option
@click.pass_context
def compare(
    ctx: click.Context, /, results: str, codes: str, tiers: tuple[str, ...], person: int | None, rest: str | None,
    step_s: float, tolerance_s: float, seed: int, format_name: str,
) -> None:  # fmt: skip
    """Measure how far results agree with what people coded in the same clips.

    RESULTS is a file or folder written by fervid predict, or - for JSON Lines on stdin. CODES is an .eaf (ELAN) or
    .TextGrid (Praat) file, a folder of these named as the clips are, or a CSV file with the columns start, end, name
    and, for several clips, path.

    \b
    fervid predict clip.mp4 --out r.json
    fervid compare r.json coded.eaf --tier anna --tier ben --tolerance 0.5
    """
    from fer_video.results.found import result_files
    from fer_video.results.read import stream_results
    from fer_video.study.agreement import CompareOptions, Comparison
    from fer_video.study.annotations import read_annotations

    comparison = Comparison(CompareOptions(step_s, tolerance_s, tiers, person, rest, seed))
    coded = read_annotations(Path(codes))
    coded.check_tiers(tiers)
    failures = clips = without = 0
    for file in result_files([results]):
        for result in stream_results(file):
            clips += 1
            if clips > 1 and (why := coded.why_one_clip()):
                raise InputError(why)
            if result.status == "failed":
                warn(f"error: {result.error}")
                failures += 1
            elif marked := coded.of(result):
                comparison.add(result, marked)
            else:
                without += 1
    coded.check_tiers(tiers)
    value = comparison.report()
    missing = f"{without} of {clips} clips have no codes" if without else None
    for note in (coded.unmatched(), missing, *comparison.notes()):
        if note is not None:
            warn(f"warning: {note}")
    click.echo(json.dumps(value, indent=2) if format_name == "json" else "\n".join(_lines(value)))
    ctx.exit(1 if failures else 0)


def _lines(value: Mapping[str, Any]) -> Iterator[str]:
    seconds = value["seconds"]
    coded = sum(seconds.values())
    yield f"{value['clips']} {'clip' if value['clips'] == 1 else 'clips'}, {coded:.1f} s coded"
    yield "  " + ", ".join(f"{name} {seconds[name]:.1f} s" for name in ("compared", "uncertain", "unseen"))
    yield f"  Krippendorff's alpha of {', '.join(map(printable, value['raters']))}: {_figure(value['alpha'])}"
    for pair in value["pairs"]:
        one, other = map(printable, pair["raters"])
        yield ""
        yield f"{one} and {other}"
        yield f"  kappa {_figure(pair['kappa'])}, same label {_figure(pair['agreement'])}"
        width = max(map(len, pair["labels"]), default=0)
        yield f"  {'':<{width}}  {one[:9]:>9} {other[:9]:>9}  kappa    precision recall"
        for place, label in enumerate(pair["labels"]):
            row, column = sum(pair["confusion_s"][place]), sum(each[place] for each in pair["confusion_s"])
            found = pair["by_label"][label]
            cells = f"{_number(found['kappa'])}    {_number(found['precision'])}     {_number(found['recall'])}"
            yield f"  {printable(label):<{width}}  {row:>7.1f} s {column:>7.1f} s  {cells}"
    for tier, labels in value["onsets"].items():
        yield ""
        yield f"onsets of {printable(tier)} within {value['options']['tolerance_s']:g} s"
        for label, counts in labels.items():
            coder, fervid = counts["coder"], counts["fervid"]
            yield f"  {printable(label)}: {counts['matched']} of {coder} coded, and of {fervid} in the results"


def _figure(estimate: Mapping[str, float | None]) -> str:
    said = _number(estimate["value"]).strip()
    if estimate["low"] is None:
        return said
    return f"{said} (95 % {_number(estimate['low']).strip()} to {_number(estimate['high']).strip()})"


def _number(value: float | None) -> str:
    return "    -" if value is None else f"{value:5.2f}"
