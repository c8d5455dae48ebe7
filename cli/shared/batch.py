"""`fervid predict` into a folder: a batch with a journal."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from fer_video.cli.shared.batch_options import BATCH_OPTIONS
from fer_video.cli.shared.command import is_typed
from fer_video.cli.shared.engines import check_engine, open_engine
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import FILE_SUFFIXES, analyzer_options
from fer_video.cli.shared.progress import BatchProgress

from fer_video.errors import OptionError, OutputError, printable

if TYPE_CHECKING:
    from fer_video.jobs.batch import Batch, Job, Plan, Shard
    from fer_video.jobs.engine import Engine
    from fer_video.jobs.journal import Entry
    from fer_video.jobs.predict import Predicting
    from fer_video.media.inputs import Inputs
    from fer_video.types import ClipResult

__all__ = ["batch_folder", "check_suffix", "job_of", "predict_batch", "say_entry", "say_totals"]

_MOST_NAMED = 50  # failures of earlier runs


def batch_folder(ctx: click.Context, given: dict[str, Any], *, several: bool = False) -> Path | None:
    """The folder of a batch: where --out is one, or an option was given that only a batch has. None: --out is a file.

    several: whether there are several inputs; a name without a suffix is then a folder.

    Raises UsageError, OutputError.
    """
    out = given["out"]
    asked = [name for name in BATCH_OPTIONS if name in given and is_typed(ctx, name)]
    if out is None or out == "-":
        if asked:
            option = next(each.opts[-1] for each in ctx.command.params if each.name == asked[0])
            raise click.UsageError(f"{option} is for a batch; give it a folder: --out results/")
        return None
    folder = Path(out)
    if out.endswith(("/", os.sep)) or folder.is_dir():
        return folder
    if several and not folder.suffix and not folder.exists():
        return folder
    if not asked:
        return None
    if folder.exists() or folder.suffix.lower() in FILE_SUFFIXES:
        raise OutputError(f"{out}: a batch writes into a folder: --out results/ --format csv gives results/results.csv")
    return folder


def check_suffix(ctx: click.Context, out: Path) -> None:
    """A file without --format must have a name that says what it is. Raises UsageError."""
    known = out.suffix.lower() in FILE_SUFFIXES or (out.exists() and not out.is_file())
    if not known and ctx.get_parameter_source("format_name") is ParameterSource.DEFAULT:
        raise click.UsageError(
            f"{out}: its name tells no format; name it {', '.join(FILE_SUFFIXES)}, or give --format, "
            f"or {out.with_suffix('')}/ for a folder"
        )


def job_of(ctx: click.Context, given: dict[str, Any], inputs: tuple[str, ...]) -> tuple[Job, Predicting]:
    """What is asked for, and the work of it. Raises OptionError, ModelError, UsageError."""
    from fer_video.jobs.batch import Job
    from fer_video.jobs.outputs import OutputOptions
    from fer_video.jobs.predict import Predicting, facts_of

    if ctx.get_parameter_source("format_name") is ParameterSource.DEFAULT:
        given["format_name"] = "json"
    if given["rows"] == "summary":
        raise click.UsageError("--rows summary is not for a batch; use --frames, and fervid summarize on its folder")
    options = analyzer_options(given)
    output = OutputOptions(given["format_name"], given["rows"], given["frames"])
    facts = facts_of(options)
    job = Job(output, facts.shape, facts.decisive, inputs, _shard(given.get("shard")))
    return job, Predicting(options, frames=output.needs_observations)


def _shard(text: str | None) -> Shard | None:
    from fer_video.jobs.batch import Shard

    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match is None:
        raise OptionError(f"a shard is i/n, such as 1/8, not {text}")
    return Shard(int(match[1]), int(match[2]))


def predict_batch(
    ctx: click.Context, folder: Path, found: Inputs, given: dict[str, Any], *, quiet: bool, verbose: bool
) -> int:
    """Returns the exit code. Raises KeyboardInterrupt when it was asked to stop and did."""
    from fer_video.jobs.batch import look, open_batch

    check_engine(ctx, given)
    for _, error in found.errors:
        warn(f"error: {error}")
    addresses = _by_name(found.paths)
    job, work = job_of(ctx, given, tuple(addresses))
    if job.shard is not None:
        folder /= job.shard.folder
    if given["dry_run"]:
        _say_plan(look(folder, job, retry_failed=given["retry_failed"], anew=given["anew"]), quiet=quiet)
        return 1 if found.errors else 0
    interrupted, started = False, time.monotonic()
    with open_batch(folder, job, anew=given["anew"]) as batch:
        plan = batch.plan(job.clips, retry_failed=given["retry_failed"])
        now: list[Entry] = []
        if plan.todo:
            with open_engine(ctx, work, given) as engine:
                todo = [clip for clip, _ in plan.todo]
                interrupted = _work(batch, todo, engine, now, addresses, quiet=quiet, verbose=verbose)
        batch.join()
        _say_failures(entry for entry in plan.done if entry.status == "failed")
        if not quiet:
            said = _done_now(now, time.monotonic() - started)
            say_totals(str(folder), len(job.clips), batch.entries(job.clips), said)
        failed = any(entry.status == "failed" for entry in batch.entries(job.clips))
    if interrupted:
        raise KeyboardInterrupt
    return 1 if failed or found.errors else 0


def _by_name(paths: Sequence[str]) -> dict[str, str]:
    """What journals and results call a clip, which is without passwords and signatures -> where it is."""
    from fer_video.media.address import shown

    named = {shown(path): path for path in paths}
    if len(named) < len(set(paths)):
        raise OptionError(
            "two addresses differ only in what is left out of their names (user, query); do one at a time"
        )
    return named


def _work(
    batch: Batch,
    todo: Sequence[str],
    engine: Engine[ClipResult],
    now: list[Entry],
    addresses: Mapping[str, str],
    *,
    quiet: bool,
    verbose: bool,
) -> bool:
    """Appends to `now` what is finished; whether somebody asked to stop."""
    from fer_video.interrupt import first_interrupt

    number_of = {clip: number for number, clip in enumerate(todo)}
    with BatchProgress(len(todo), quiet=quiet) as progress, first_interrupt(engine.stop) as asked:
        told = quiet

        def report(number: int, frames: int, time_s: float, duration_s: float | None) -> None:
            nonlocal told
            if asked() and not told:  # not said where the signal is heard, which may be in the middle of a line
                told = True
                progress.say("finishing the current files; Ctrl-C again stops at once")
            progress.reached(number, frames, time_s, duration_s)

        for entry in batch.run(todo, engine, report, addresses):
            now.append(entry)
            say_entry(entry, progress, quiet=quiet, verbose=verbose)
            progress.finished(number_of[entry.path], entry.frames)
        return asked()


def say_entry(entry: Entry, progress: BatchProgress, *, quiet: bool, verbose: bool) -> None:
    if entry.status == "failed":
        progress.say(f"error: {entry.error}")
    elif entry.status == "partial" and not quiet:
        progress.say(f"warning: {entry.path}: partial: {entry.error}")
    elif verbose:
        progress.say(f"{entry.path}: {entry.frames} frames in {entry.seconds:.1f} s")


def _say_plan(plan: Plan, *, quiet: bool) -> None:
    for clip, reason in plan.todo:
        click.echo(f"{reason}\t{printable(clip)}")
    if not quiet:
        counts = Counter(reason for _, reason in plan.todo)
        detail = ", ".join(f"{count} {reason}" for reason, count in counts.items())
        failed = sum(entry.status == "failed" for entry in plan.done)
        also = f", {failed} of them failed (--retry-failed)" if failed else ""
        warn(f"{len(plan.todo)} to do{detail and f' ({detail})'}; {len(plan.done)} done before{also}")


def _say_failures(failed: Iterable[Entry]) -> None:
    """Those of earlier runs: what failed in this one was said when it did."""
    several = list(failed)
    for entry in several[:_MOST_NAMED]:
        warn(f"failed before: {entry.error}")
    if len(several) > _MOST_NAMED:
        warn(f"and {len(several) - _MOST_NAMED} more that failed before, see the journal")


def say_totals(where: str, clips: int, entries: Sequence[Entry], now: str = "") -> None:
    """now: what was done this time."""
    counts = Counter(entry.status for entry in entries)
    totals = f"{counts['ok']} done, {counts['partial']} partial, {counts['failed']} failed"
    missing = f", {clips - len(entries)} not done" if clips > len(entries) else ""
    warn(f"{where}: {clips} files: {totals}{missing}{now}")


def _done_now(entries: Sequence[Entry], seconds: float) -> str:
    if not entries:
        return "; nothing to do"
    return f"; now {len(entries)} files, {sum(entry.frames for entry in entries)} frames in {_duration(seconds)}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
