"""--engine: who does the files of a batch."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from fer_video.cli.shared.command import is_typed

if TYPE_CHECKING:
    from fer_video.jobs.engine import Engine, Work
    from fer_video.types import ClipResult

__all__ = ["check_engine", "open_engine"]

log = logging.getLogger(__name__)

_RESERVED = ("cuda", "tensorrt")  # devices that Ray shares out


def check_engine(ctx: click.Context, given: dict[str, Any]) -> None:
    """Raises UsageError."""
    if given["engine"] == "ray":
        if given["device"] in _RESERVED and not given["gpus_per_worker"]:
            device = given["device"]
            raise click.UsageError(f"--device {device} on Ray needs --gpus-per-worker: 1, or a part such as 0.25")
        return
    for name in ("address", "gpus_per_worker"):
        if is_typed(ctx, name):
            raise click.UsageError(f"--{name.replace('_', '-')} needs --engine ray")


@contextmanager
def open_engine(ctx: click.Context, work: Work[ClipResult], given: dict[str, Any]) -> Iterator[Engine[ClipResult]]:
    """Raises OptionError, WorkerError."""
    if given["engine"] == "local":
        from fer_video.jobs.workers import LocalWorkers

        with LocalWorkers(work, given["workers"], given["timeout_s"]) as local:
            yield local
        return
    from fer_video.jobs.cluster import RayOptions, RayWorkers

    most = None if ctx.get_parameter_source("workers") is ParameterSource.DEFAULT else given["workers"]
    options = RayOptions(given["address"], given["threads"] or 1, given["gpus_per_worker"])
    with redirect_stdout(_ToLog()), RayWorkers(work, most, given["timeout_s"], options) as cluster:
        yield cluster


class _ToLog(io.TextIOBase):
    """Ray prints at length on stdout, which is for data, what becomes of workers and nodes; fervid says it itself."""

    def write(self, text: str) -> int:
        if text.strip():
            log.debug("%s", text.strip())
        return len(text)
