"""`fervid people`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from fer_video.cli.shared.command import command, is_typed, option_group
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option

from fer_video.errors import InputError, OptionError, printable

if TYPE_CHECKING:
    from fer_video.study.people import Appearance, Found, Gathered

__all__ = ["people"]

_MOST_SHARES = 3


@command()
@click.argument("results", metavar="RESULTS...", nargs=-1, required=True, shell_complete=files)
@option_group(
    "Output",
    click.option(
        "--format",
        "format_name",
        type=click.Choice(("table", "json", "csv")),
        default="table",
        show_default=True,
        help="Print a table, or JSON or CSV for programs.",
    ),
    click.option(
        "--sheet",
        metavar="FILE",
        shell_complete=files,
        help="Write a contact sheet, with pictures of all people, to FILE (.png).",
    ),
    click.option("--write", is_flag=True, help="Write the names into the result files."),
    click.option(
        "--out", metavar="DIR", shell_complete=files, help="Write copies of the results, with the names, to DIR."
    ),
    click.option(
        "--rows",
        type=click.Choice(("clips", "people", "segments", "frames")),
        metavar="NAME",
        help="Also write clips, people, segments or frames of all clips to --out, as CSV with a column identity.",
    ),
    click.option("--forget", is_flag=True, help="Only delete the embeddings from the result files."),
)
@option_group(
    "Names",
    click.option(
        "--names",
        metavar="FILE",
        shell_complete=files,
        help="CSV file with the columns person (a number of the list) and identity (a name). With a column path, the "
        "number is that of the person in this clip.",
    ),
    click.option(
        "--gallery",
        metavar="DIR",
        shell_complete=files,
        help="Folder with one subfolder of pictures per name. People get the name that they clearly match.",
    ),
    click.option(
        "--identity-model", metavar="NAME|PATH", help="Network that compares faces in --gallery.  [default: sface]"
    ),
)
@click.option("-q", "--quiet", is_flag=True, help="Show errors only: no warnings.")
@debug_option
@click.pass_context
def people(
    ctx: click.Context, /, results: tuple[str, ...], format_name: str, sheet: str | None, names: str | None,
    gallery: str | None, identity_model: str | None, write: bool, out: str | None, rows: Any, forget: bool, quiet: bool,
) -> None:  # fmt: skip
    """Find the same people in the results of many clips.

    RESULTS are JSON files, or folders of JSON files, written by fervid predict with --identity-embeddings; or - for
    JSON Lines on stdin. Prints the people, in how many clips each of them is, for how long, and with which emotions.

    \b
    fervid predict recordings/ --identity-embeddings --out results/
    fervid people results/ --sheet people.png
    fervid people results/ --names people.csv --write
    fervid people results/ --forget
    """
    from fer_video.study.people import gather

    if out is None and not is_typed(ctx, "rows"):  # a config file is for other commands too
        rows = None
    if gallery is None and not is_typed(ctx, "identity_model"):
        identity_model = None
    if rows and out is None:
        raise click.UsageError("--rows needs --out DIR")
    if write and out is not None:
        raise click.UsageError("--write and --out contradict each other; give one of them")
    if identity_model is not None and gallery is None:
        raise click.UsageError("--identity-model is for the pictures of --gallery")
    if "-" in results and (write or forget or out is not None):
        raise click.UsageError("--write, --out and --forget are for files of results, not for stdin")
    found, errors = _files(results)
    if forget:
        if any(is_typed(ctx, name) for name in ctx.params if name not in ("results", "format_name", "forget", "quiet")):
            raise click.UsageError("--forget goes alone")
        ctx.exit(1 if _forget(found, quiet=quiet) + len(errors) else 0)
    if sheet is not None:
        from fer_video.render.sheet import check_sheet

        check_sheet(Path(sheet))
    gathered = gather(found)
    for error in gathered.errors:
        warn(f"error: {error}")
    named = _named(gathered, names, gallery, identity_model, quiet=quiet)
    if write and all(each.identity is None for each in named):
        raise OptionError("no names to write: nobody has one; give them with --names or --gallery")
    _print(named, format_name)
    if sheet is not None:
        from fer_video.files import refuse_same
        from fer_video.render.sheet import write_sheet

        refuse_same(Path(sheet), [str(file) for file in found])
        for missing in write_sheet(named, Path(sheet), _video_of):
            warn(f"warning: {missing}")
    if write or out is not None:
        _write(named, None if out is None else Path(out), rows)
    ctx.exit(1 if gathered.errors or errors else 0)


def _files(named: Sequence[str]) -> tuple[list[Path], list[InputError]]:
    """Files as named, each once; of folders the results right in them, in natural order."""
    from fer_video.media.decode import natural
    from fer_video.results.documents import RESULT_SUFFIXES
    from fer_video.results.found import why_no_result

    found: dict[Path, Path] = {}
    errors: list[InputError] = []
    others: list[str] = []
    for each in map(Path, named):
        inside = [each]
        if not each.is_dir() and (why := why_no_result(each)):
            others.append(why)
            continue
        if each.is_dir():
            inside = [file for file in each.iterdir() if file.is_file() and file.suffix.lower() in RESULT_SUFFIXES]
            if not inside:
                errors.append(
                    InputError(
                        f"{each}: no .json or .jsonl in it; fervid predict --identity-embeddings --out makes some"
                    )
                )
        for file in sorted(inside, key=lambda file: natural(file.name)):
            found.setdefault(file.resolve(), file)
    if not found:
        raise errors[0] if errors else InputError(others[0])
    for said in others:
        warn(f"warning: passed over: {said}")
    for error in errors:
        warn(f"error: {error}")
    return list(found.values()), errors


def _forget(found: Sequence[Path], *, quiet: bool) -> int:
    """Returns how many files could not be changed."""
    from fer_video.jobs.batch import pieces_of
    from fer_video.study.stored import forget

    failures = 0
    for file in found:
        try:
            for piece in pieces_of(file):
                forget(piece)
            count = forget(file)
        except InputError as error:
            warn(f"error: {error}")
            failures += 1
        else:
            if not quiet:
                whose = "person" if count == 1 else "people"
                warn(f"{file}: " + (f"deleted the embeddings of {count} {whose}" if count else "holds no embeddings"))
    return failures


def _named(
    gathered: Gathered, names: str | None, gallery: str | None, identity_model: str | None, *, quiet: bool
) -> list[Found]:
    """The people with the names of the results, of the file and of the gallery; the file counts most."""
    from fer_video.study.gallery import gallery_names, read_gallery
    from fer_video.study.names import named_places, read_names
    from fer_video.study.people import find_people, with_names

    appearances, same = gathered.appearances, gathered.network.same
    everybody = find_people(appearances, same)
    if names is not None:
        given = named_places(read_names(Path(names)), everybody, appearances, Path(names))
        everybody = find_people(appearances, same, given)
    if gallery is not None:
        known = read_gallery(Path(gallery), gathered.network, identity_model)
        for error in () if quiet else known.errors:
            warn(f"warning: {error}")
        everybody = with_names(everybody, gallery_names(everybody, known, same))
    return everybody


def _print(everybody: Sequence[Found], format_name: str) -> None:
    if format_name == "json":
        click.echo(json.dumps({"schema": "fervid-people/1", "people": [_object(each) for each in everybody]}, indent=2))
    elif format_name == "csv":
        click.echo(_csv(everybody), nl=False)
    else:
        click.echo(_table(everybody), nl=False)


def _object(each: Found) -> dict[str, Any]:
    return {
        "person": each.number,
        "identity": each.identity,
        "clips": each.clips,
        "seconds": round(each.seconds, 3),
        "shares": {name: round(share, 6) for name, share in each.shares.items()},
        "appearances": [
            {"path": seen.path, "person": seen.person.id, "seconds": round(seen.seconds, 3)}
            for seen in each.appearances
        ],
    }


def _csv(everybody: Sequence[Found]) -> str:
    from fer_video.results.writers.csv import safe_cell

    shares = list(dict.fromkeys(name for each in everybody for name in each.shares))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["person", "identity", "clips", "seconds", *(safe_cell(f"share_{name}") for name in shares)])
    for each in everybody:
        cells = [each.number, safe_cell(each.identity or ""), each.clips, round(each.seconds, 3)]
        writer.writerow([*cells, *(round(each.shares.get(name, 0.0), 6) for name in shares)])
    return text.getvalue()


def _table(everybody: Sequence[Found]) -> str:
    lines = [["person", "identity", "clips", "seconds", "emotions"]]
    for each in everybody:
        top = list(each.shares.items())[:_MOST_SHARES]
        said = ", ".join(f"{printable(name)} {share:.0%}" for name, share in top)
        identity = printable(each.identity) if each.identity else "-"
        lines.append([str(each.number), identity, str(each.clips), f"{each.seconds:.1f}", said])
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    aligned = (
        "  ".join([*(cell.rjust(width) for cell, width in zip(line, widths, strict=False)), line[4]]) for line in lines
    )
    return "".join(f"{line.rstrip()}\n" for line in aligned)


def _video_of(seen: Appearance) -> Path | None:
    """Where the result says, or beside it."""
    try:
        return next((place for place in (Path(seen.path), seen.file.parent / seen.path) if place.exists()), None)
    except (OSError, ValueError):  # a name that is no name
        return None


def _write(everybody: Sequence[Found], out: Path | None, rows: Any) -> None:
    from fer_video.jobs.batch import pieces_of
    from fer_video.study.rows import write_rows
    from fer_video.study.stored import write_identities

    sources = dict.fromkeys(seen.file for each in everybody for seen in each.appearances)
    write_identities(everybody, out, [piece for file in sources for piece in pieces_of(file)])
    if rows and out is not None:
        write_rows(everybody, rows, out / f"{rows}.csv")
