"""Options of batches: commands that write into a folder with a journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from fer_video.cli.shared.command import AliasedOption, RareOption, option_group, together

__all__ = ["BATCH_OPTIONS", "batch_options", "worker_options"]

F = TypeVar("F", bound=Callable[..., Any])

worker_options: Callable[[F], F] = option_group(
    "Batch",
    click.option(
        "--workers",
        type=int,
        default=1,
        show_default=True,
        metavar="N",
        help="Analyse N clips at a time.",
    ),
    click.option(
        "--timeout",
        "timeout_s",
        type=float,
        metavar="SEC",
        cls=RareOption,
        help="Stop a clip that takes longer than SEC seconds. It is tried twice.  [default: no limit]",
    ),
)

_engine_options: Callable[[F], F] = option_group(
    "Batch",
    click.option(
        "--engine",
        type=click.Choice(("local", "ray")),
        default="local",
        show_default=True,
        cls=RareOption,
        help="Run the processes on this machine (local) or on a Ray cluster (ray), where as many run as there is room "
        "for unless --workers is given, each on one core or --threads cores.",
    ),
    click.option(
        "--address",
        metavar="HOST:PORT",
        cls=RareOption,
        help="Address of the Ray cluster, or local to start one on this machine.  [default: $RAY_ADDRESS, or the "
        "cluster that this machine is part of, or local]",
    ),
    click.option(
        "--gpus-per-worker",
        type=float,
        default=0,
        show_default=True,
        metavar="N",
        cls=RareOption,
        help="GPUs of the Ray cluster for each process. With 0.25, four processes share one GPU.",
    ),
)

batch_options: Callable[[F], F] = together(
    worker_options,
    option_group(
        "Batch",
        click.option("--retry-failed", is_flag=True, help="Analyse failed clips again."),
        click.option(
            "--anew",
            "--redo",
            "anew",
            is_flag=True,
            cls=AliasedOption,
            help="Analyse all clips again, also those done.",
        ),
        click.option("--dry-run", is_flag=True, help="Only print which clips would be analysed, and why."),
        click.option(
            "--shard",
            metavar="I/N",
            cls=RareOption,
            help="Analyse only the I-th of N parts of the batch; fervid merge joins the results.",
        ),
    ),
    _engine_options,
)
# Their parameters: each makes a batch of what it is given to.
BATCH_OPTIONS = (
    "workers",
    "timeout_s",
    "engine",
    "address",
    "gpus_per_worker",
    "retry_failed",
    "anew",
    "dry_run",
    "shard",
)
