"""`fervid merge`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from fer_video.cli.shared.batch import say_totals
from fer_video.cli.shared.command import command
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option

__all__ = ["merge"]

_MOST_NAMED = 20


@command()
@click.argument("folders", metavar="RESULTS...", nargs=-1, required=True, shell_complete=files)
@click.option(
    "--out",
    required=True,
    shell_complete=files,
    metavar="DIR",
    help="Write the joined results to DIR, which may be the folder of the shards.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no warnings and no summary.")
@debug_option
@click.pass_context
def merge(ctx: click.Context, /, folders: tuple[str, ...], out: str, quiet: bool) -> None:
    """Join the results of fervid predict --shard.

    RESULTS are the folders of the shards, or a folder that contains them. The output is that of one batch over all
    inputs, and can be continued like one. A clip that several shards analysed counts once. Clips that no shard
    analysed are listed, and the exit code is then 1.

    \b
    fervid predict recordings/ --out results/ --shard 1/2
    fervid predict recordings/ --out results/ --shard 2/2
    fervid merge results/ --out results/
    """
    from fer_video.jobs.merge import merge as merging

    merged = merging([Path(folder) for folder in folders], Path(out))
    if not quiet:
        if not merged.same_inputs:
            warn("warning: the shards did not see the same inputs, so some clips may be in several or in none")
        for shard in merged.missing_shards:
            warn(f"warning: shard {shard} is missing")
        _name(merged.duplicates, "warning: done by several shards")
        say_totals(out, len(merged.entries) + len(merged.gaps), merged.entries)
    _name(merged.gaps, "error: not done by any shard")
    failed = any(entry.status == "failed" for entry in merged.entries)
    ctx.exit(1 if merged.gaps or failed else 0)


def _name(clips: Sequence[str], what: str) -> None:
    for clip in clips[:_MOST_NAMED]:
        warn(f"{what}: {clip}")
    if len(clips) > _MOST_NAMED:
        warn(f"{what}: {len(clips) - _MOST_NAMED} more")
