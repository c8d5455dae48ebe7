"""`fervid watch`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from fer_video.cli.shared.batch import batch_folder, job_of, say_entry
from fer_video.cli.shared.batch_options import worker_options
from fer_video.cli.shared.command import command, option_group
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import (
    debug_option,
    device_options,
    face_options,
    folder_output_options,
    model_options,
    sampling_options,
)
from fer_video.cli.shared.progress import BatchProgress

__all__ = ["watch"]


@command()
@click.argument("folder", metavar="DIR", shell_complete=files)
@folder_output_options
@option_group(
    "Watching",
    click.option("--interval", "interval_s", type=float, default=1, show_default=True, metavar="SEC",
                 help="Check the folder every SEC seconds."),
    click.option("--settle", "settle_s", type=float, default=3, show_default=True, metavar="SEC",
                 help="Wait until a file has not changed for SEC seconds; it is then complete."),
)  # fmt: skip
@model_options
@sampling_options
@face_options
@worker_options
@device_options
@click.option("-q", "--quiet", is_flag=True, help="Show errors only, not the files that are done.")
@debug_option
@click.pass_context
def watch(ctx: click.Context, /, folder: str, interval_s: float, settle_s: float, quiet: bool, **given: Any) -> None:
    """Read the emotions in files as they arrive in a folder.

    A file is analysed when it is complete. Results and journal go to the folder --out, as with fervid predict
    --out DIR/; files that are done there are not analysed again. Ctrl-C finishes the current files and stops. Ctrl-C
    twice stops at once.

    \b
    fervid watch incoming/ --out results/
    """
    from fer_video.errors import InputError
    from fer_video.interrupt import first_interrupt
    from fer_video.jobs.batch import open_batch
    from fer_video.jobs.watch import WatchOptions
    from fer_video.jobs.watch import watch as watching
    from fer_video.jobs.workers import LocalWorkers

    options = WatchOptions(interval_s, settle_s)
    out = batch_folder(ctx, given)
    if out is None:
        raise click.UsageError("give the folder of the results: --out results/")
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: no such folder; make it, or check the name")
    (job, work), failed = job_of(ctx, given, ()), 0
    with (
        open_batch(out, job) as batch,
        LocalWorkers(work, given["workers"], given["timeout_s"]) as engine,
        BatchProgress(0, quiet=True) as progress,
        first_interrupt(engine.stop) as stopping,
    ):
        if not quiet:
            warn(f"watching {folder}; Ctrl-C ends it")
        for entry in watching(batch, engine, Path(folder), options, stopping, lambda error: warn(f"error: {error}")):
            say_entry(entry, progress, quiet=quiet, verbose=not quiet)
            failed += entry.status == "failed"
        batch.join()
    ctx.exit(1 if failed else 0)
