"""What helps on the way to a command: its list, suggestions for mistyped ones, completion in shells."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from command import fervid
from fer_video.cli import main
from fer_video.cli.main import _SECTIONS

SHELLS = ("bash", "zsh", "fish")


def test_commands_are_listed_in_the_order_of_use() -> None:
    lines = fervid("--help").stdout.splitlines()
    start = lines.index("Read emotions:")
    told = [line.split()[0] for line in lines[start:] if line[:2] == "  " and line[2] != " "]
    assert told == [name for commands in _SECTIONS.values() for name in commands]
    assert [line[:-1] for line in lines[start:] if line and line[0] != " "] == list(_SECTIONS)
    assert max(map(len, lines)) <= 80


def helps(command: click.Command, *words: str) -> Iterator[tuple[str, str]]:
    yield " ".join(words), fervid(*words, "--help").stdout
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from helps(below, *words, name)


def test_no_help_is_wider_than_80_columns() -> None:
    told = dict(helps(main))
    assert len(told) > 25
    assert {name: line for name, text in told.items() for line in text.splitlines() if len(line) > 80} == {}


def test_every_listed_command_is_there() -> None:
    context = main.make_context("fervid", ["doctor"])
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        assert command.name == name


def test_the_list_loads_no_command(tmp_path: Path) -> None:
    code = (
        "import sys; from fer_video.cli import main; main(['--help'], standalone_mode=False); "
        "sys.exit(str([each for each in sys.modules if each.startswith(('fer_video.cli.predict', 'cv2', 'numpy'))]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(("typed", "meant"), [("predikt", "predict"), ("raport", "report"), ("model", "models")])
def test_a_mistyped_command_is_suggested(typed: str, meant: str) -> None:
    result = fervid(typed, "clip.mp4")
    assert result.exit_code == 2
    assert f"No such command '{typed}'" in result.stderr
    assert re.search(f"Did you mean.*'{meant}'", result.stderr)


def test_nothing_is_suggested_for_what_is_like_nothing() -> None:
    result = fervid("xyzzy")
    assert result.exit_code == 2
    assert "mean" not in result.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_read_by_its_shell(shell: str, tmp_path: Path) -> None:
    result = fervid("completion", shell)
    assert result.exit_code == 0
    assert f"_FERVID_COMPLETE={shell}_complete" in result.stdout
    if program := shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(result.stdout, encoding="utf-8")
        assert subprocess.run([program, "-n", script], check=False).returncode == 0


def test_other_shells_are_refused() -> None:
    assert fervid("completion", "cmd.exe").exit_code == 2


def completed(words: list[str], folder: Path) -> list[str]:
    """What bash is told for the last word: kind and value."""
    code = "from fer_video.cli import main; main(prog_name='fervid')"
    told = {"_FERVID_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    return subprocess.check_output(
        [sys.executable, "-c", code], env=os.environ | told, text=True, cwd=folder
    ).splitlines()


def test_commands_options_and_files_are_completed(tmp_path: Path) -> None:
    assert completed(["fervid", "pre"], tmp_path) == ["plain,predict"]
    assert completed(["fervid", "predict", "--every"], tmp_path) == ["plain,--every-frame"]
    assert completed(["fervid", "predict", "--rows", "f"], tmp_path) == ["plain,frames"]
    assert completed(["fervid", "predict", "cl"], tmp_path) == ["file,cl"]
    assert completed(["fervid", "models", "ver"], tmp_path) == ["plain,verify"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_with_the_script(tmp_path: Path) -> None:
    """The script is sourced, and the function that it registers is called as by the Tab key."""
    program = tmp_path / "fervid"
    code = "from fer_video.cli import main; main(prog_name='fervid')"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}"\n', encoding="utf-8")
    program.chmod(0o755)
    script = tmp_path / "script"
    script.write_text(fervid("completion", "bash").stdout, encoding="utf-8")
    press = (
        f"source {script}; COMP_WORDS=(fervid rep); COMP_CWORD=1; "
        "$(complete -p fervid | sed 's/.*-F \\([^ ]*\\).*/\\1/') fervid; echo ${COMPREPLY[@]}"
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    told = subprocess.check_output(["bash", "-c", press], env=os.environ | {"PATH": path}, text=True)
    assert told == "report\n"
