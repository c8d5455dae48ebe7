"""What commands give to programs: text on stdout, tables in files, and the options that say which."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click
from fer_video.cli.shared.completion import files

from fer_video.errors import OutputError

if TYPE_CHECKING:
    from fer_video.study.tables import Table

__all__ = ["figures_format", "put_table", "table_out", "text_output"]

F = TypeVar("F", bound=Callable[..., Any])

# Of commands that print figures.
figures_format: Callable[[F], F] = click.option(
    "--format",
    "format_name",
    type=click.Choice(("table", "json")),
    default="table",
    show_default=True,
    help="Print a table, or JSON for programs.",
)
# Of commands that make one table; see put_table.
table_out: Callable[[F], F] = click.option(
    "--out",
    metavar="FILE",
    shell_complete=files,
    help="Write to FILE: .csv, .parquet or .xlsx.  [default: CSV to stdout]",
)


def put_table(table: Table, out: str | None) -> None:
    """Into a file, by its suffix, or as CSV to stdout. Raises OptionError, OutputError."""
    from fer_video.study.tables import write_csv, write_table

    if out is None:
        write_csv(table, text_output())
    else:
        write_table(table, Path(out))


def text_output() -> IO[str]:
    """stdout in UTF-8 with plain line ends on every system, as in a file. Raises OutputError when it is closed."""
    if sys.stdout is None:
        raise OutputError("stdout is closed; give --out FILE")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    return sys.stdout
