"""A command or an option without help or without a place in the docs fails."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from conftest import ROOT
from fer_video.cli import main

import fer_video
from fer_video.media.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from fer_video.results.rows import column_names
from fer_video.results.writers import RowShape


def commands(group: click.Group = main, name: str = "fervid") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for each in group.list_commands(context):
        command = group.get_command(context, each)
        assert command is not None
        yield f"{name} {each}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {each}")


COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help_and_docs(name: str) -> None:
    command, docs = COMMANDS[name], (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert command.help
    assert f"`{name}`" in docs
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert f"`{parameter.opts[-1]}" in docs, parameter.opts


def test_the_help_of_the_group_names_each_command() -> None:
    from fer_video.cli.main import _COMMANDS

    for name, text in _COMMANDS.items():
        command = COMMANDS[f"fervid {name}"]
        assert command.help is not None
        assert command.help.splitlines()[0] == text


def test_every_public_name_is_there_and_documented() -> None:
    for name in fer_video.__all__:
        value = getattr(fer_video, name)
        if name != "__version__":
            assert value.__doc__, name
    with pytest.raises(AttributeError):
        fer_video.nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("rows", ["clips", "people", "segments", "frames"])
def test_every_column_is_documented(rows: str) -> None:
    docs = (ROOT / "docs" / "output.md").read_text(encoding="utf-8")
    for column in column_names(rows, RowShape(("EMOTION",), (), True, True)):  # type: ignore[arg-type]
        assert f"`{column.replace('EMOTION', '<emotion>')}`" in docs, column


def test_every_suffix_is_documented() -> None:
    page = (ROOT / "docs" / "media.md").read_text(encoding="utf-8")
    for kind, suffixes in (("Videos", VIDEO_SUFFIXES), ("Pictures", IMAGE_SUFFIXES)):
        (line,) = re.findall(rf"^- \*\*{kind}\*\*: (.*)$", page, re.MULTILINE)
        assert line.split() == sorted(each.removeprefix(".") for each in suffixes)


def test_the_version_is_in_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## Unreleased" in text or f"## {fer_video.__version__}" in text
