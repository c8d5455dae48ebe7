"""`fervid extract`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
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


@click.command()
@input_argument
@click.option(
    "--out",
    required=True,
    shell_complete=files,
    metavar="DIR",
    help="Folder for the .npz files; made if it is not there.",
)
@sampling_options
@face_options
@device_options
@click.option("--workers", type=int, default=1, show_default=True, metavar="N", help="Processes.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; errors only.")
@debug_option
@click.pass_context
def extract(ctx: click.Context, /, inputs: tuple[str, ...], out: str, workers: int, quiet: bool, **given: Any) -> None:
    """Store the per-frame features of clips, to train on or to use elsewhere.

    One .npz a clip: embeddings, boxes, times and head probabilities of each face in each sampled frame
    (docs/features.md). A clip that was extracted before with the same options is only looked up, wherever it lies
    now. Prints the path of each clip and of its features, with a tab between.
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
