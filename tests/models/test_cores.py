"""Cores under the limits of a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from fer_video.models.cores import available_cores, quota_of


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/\n"}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        # the limit of the group above counts as well
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "400000 100000",
          "sys/fs/cgroup/a/b/cpu.max": "800000 100000"}, 4.0),
        # a container that sees its own group as the root, by another name
        ({"proc/self/cgroup": "0::/docker/1234\n", "sys/fs/cgroup/cpu.max": "200000 100000"}, 2.0),
        ({"proc/self/cgroup": "4:cpu,cpuacct:/x\n1:memory:/x\n", "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "50000\n",
          "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"proc/self/cgroup": "4:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
          "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"proc/self/cgroup": "nonsense\n0::/\n", "sys/fs/cgroup/cpu.max": "many\n"}, None),
    ],
)  # fmt: skip
def test_control_groups(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    assert quota_of(write(tmp_path, files)) == quota


def test_a_share_of_a_core_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer_video.models.cores.quota_of", lambda root: 0.3)
    assert available_cores() == 1
