"""What killed processes leave, and what is in use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fer_video import scratch
from fer_video.errors import OutputError
from fer_video.files import open_output

WRITES = """
import sys, time
from pathlib import Path
from fer_video.files import open_output
with open_output(Path(sys.argv[1])) as file:
    file.write("half")
    file.flush()
    print("begun", flush=True)
    time.sleep(60)
"""
WORKS = """
import sys, time
from fer_video.scratch import scratch_folder
with scratch_folder("test") as folder:
    (folder / "film").write_text("x")
    print("begun", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def forgetful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    scratch._parts.cache_clear()
    scratch._sweep_folders.cache_clear()


@contextmanager
def begun(code: str, *arguments: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            yield process
        finally:
            process.kill()


def old(path: Path) -> Path:
    os.utime(path, (time.time() - 3600,) * 2)
    return path


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX")
def test_half_a_file_of_a_killed_process_is_removed_by_the_next_that_writes_it(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    with begun(WRITES, target) as process:
        (left,) = tmp_path.glob(".report.html.*.part")
        old(left)
        with open_output(target) as file:
            file.write("mine")
        assert left.exists()  # its writer lives
        process.kill()
        process.wait()
    scratch._parts.cache_clear()
    with open_output(tmp_path / "another.html"):
        pass
    assert left.exists()
    scratch._parts.cache_clear()
    with open_output(target) as file:
        file.write("mine again")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["another.html", "report.html"]


def test_what_only_looks_like_a_part_stays(tmp_path: Path) -> None:
    kept = [tmp_path / name for name in (".r.json.part", ".r.json.UPPER123.part", "r.json.abcd1234.part")]
    for path in kept:
        path.touch()
        old(path)
    young = tmp_path / ".r.json.abcd1234.part"
    young.touch()
    with open_output(tmp_path / "r.json"):
        pass
    assert all(path.exists() for path in (*kept, young))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX")
def test_folders_of_killed_processes(tmp_path: Path) -> None:
    with begun(WORKS) as process:
        (left,) = tmp_path.glob("fervid-test-*")
        old(left)
        with scratch.scratch_folder("other"):
            assert left.exists()  # somebody is at work in it
        process.kill()
        process.wait()
    scratch._sweep_folders.cache_clear()
    with scratch.scratch_folder("other") as folder:
        assert folder.stat().st_mode & 0o077 == 0
        assert not left.exists()
    assert not list(tmp_path.iterdir())


def test_no_place_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(OutputError, match="set TMPDIR"), scratch.scratch_folder("x"):
        pass
