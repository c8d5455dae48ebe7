"""`fervid extract`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from fer_video.cli.shared.command import command, option_group
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.inputs import read_list
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import (
    analyzer_options,
    debug_option,
    device_options,
    face_options,
    input_argument,
    sampling_options,
)
from fer_video.cli.shared.progress import BatchProgress

__all__ = ["extract"]


@command()
@input_argument
@option_group(
    "Output",
    click.option(
        "--out",
        required=True,
        shell_complete=files,
        metavar="DIR",
        help="Write the .npz files to DIR, which is made if it does not exist.",
    ),
)
@sampling_options
@face_options
@device_options
@option_group(
    "Models and device",
    click.option(
        "--workers", type=int, default=1, show_default=True, metavar="N", help="Extract features in N processes."
    ),
)
@click.option("-q", "--quiet", is_flag=True, help="Show errors only: no progress, no summary.")
@debug_option
@click.pass_context
def extract(ctx: click.Context, /, inputs: tuple[str, ...], out: str, workers: int, quiet: bool, **given: Any) -> None:
    """Store the features of clips for training or other programs.

    Writes one .npz file per clip with the embedding, box, time and head probabilities of each face in each sampled
    frame (docs/features.md). A clip that was extracted before with the same options is not extracted again, even if
    it was moved. Prints one line per clip: its path, a tab, and the path of its features.
    """
    from fer_video.jobs.extract import extract_all
    from fer_video.media.inputs import expand_inputs

    found = expand_inputs(read_list(inputs))
    for _, error in found.errors:
        warn(f"error: {error}")
    failures, cached = len(found.errors), 0
    with BatchProgress(len(found.paths), quiet=quiet) as progress:
        for done in extract_all(found.paths, Path(out), analyzer_options(given), workers):
            if done.error is not None:
                failures += 1
                progress.say(f"error: {done.error}")
            else:
                with progress.aside():
                    click.echo(f"{done.clip}\t{done.file}")
            cached += done.cached
            progress.finish()
    if not quiet:
        made = len(found.paths) + len(found.errors) - failures - cached
        warn(f"{made} extracted, {cached} found, {failures} failed")
    ctx.exit(1 if failures else 0)
