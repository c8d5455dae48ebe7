"""How many cores this process may use: fewer than the machine has under taskset, Slurm, or a container's limit."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

__all__ = ["available_cores", "quota_of"]


def available_cores() -> int:
    """The smaller of the cores that this process may run on and the processor time its control group is given."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = quota_of(Path("/"))
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def quota_of(root: Path) -> float | None:
    """Cores' worth of time that control groups (version 1 or 2) leave this process; None without a limit.

    root: of the file system.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    found: list[float] = []
    for line in lines:  # "0::/a/b" of version 2, "4:cpu,cpuacct:/a/b" of version 1
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        base = root / "sys/fs/cgroup"
        if not controllers:
            found += _limits(base, group, _second)
        elif "cpu" in controllers.split(","):
            found += _limits(base / "cpu", group, _first)
    return min(found, default=None)


def _limits(base: Path, group: str, read: Callable[[Path], tuple[int, int]]) -> Iterator[float]:
    """Of a group and those it is in. A container often sees its own group as the root and names another."""
    parts = PurePosixPath(group.lstrip("/")).parts
    for depth in range(len(parts), -1, -1):
        folder = base.joinpath(*parts[:depth])
        try:
            quota, period = read(folder)
            if quota > 0 and period > 0:
                yield quota / period
        except (OSError, ValueError):
            continue


def _second(folder: Path) -> tuple[int, int]:
    quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    return (-1 if quota == "max" else int(quota)), int(period)


def _first(folder: Path) -> tuple[int, int]:
    quota, period = ((folder / f"cpu.cfs_{what}_us").read_text(encoding="ascii") for what in ("quota", "period"))
    return int(quota), int(period)
