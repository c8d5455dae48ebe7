"""Help pages: groups of options, two screens at most, and --help-all for the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner
from command import fervid
from fer_video.cli import main
from fer_video.cli.shared.command import AliasedOption, Command, RareOption, command, option_group

SCREENS = 2 * 40  # lines


def leaves(group: click.Group = main, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        below = group.get_command(context, name)
        assert below is not None
        if isinstance(below, click.Group):
            yield from leaves(below, (*words, name))
        else:
            yield (*words, name), below


COMMANDS = dict(leaves())


def names(page: str) -> list[str]:
    """Of the options that a page lists, below its text."""
    options = re.split(r"^\w[\w ]*:$", page, maxsplit=1, flags=re.MULTILINE)[1]
    return re.findall(r"^  (?:-\w, )?(--[\w-]+)", options, re.MULTILINE)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_page_fits_two_screens_and_lists_each_option_once(words: tuple[str, ...]) -> None:
    made = COMMANDS[words]
    assert isinstance(made, Command)
    page, whole = fervid(*words, "--help").stdout, fervid(*words, "--help-all").stdout
    assert len(page.splitlines()) <= SCREENS
    for option in made.params:
        if isinstance(option, click.Option) and (option.name != "help_all" or page != whole):
            name = option.opts[-1]
            assert names(page).count(name) == (not isinstance(option, RareOption)), name
            assert names(whole).count(name) == 1, name


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_texts_are_plain_sentences(words: tuple[str, ...]) -> None:
    text = fervid(*words, "--help-all").stdout
    odd = r"\b(anew|mend|whoever|in hand|to be had|stands in|lies|looks? at|looked at|says?|licenses?|a frame and)\b"
    assert re.findall(odd, text, re.IGNORECASE) == []
    assert re.findall(r"--[\w-]*-$", text, re.MULTILINE) == []  # the name of an option in two lines
    for option in COMMANDS[words].params:
        if isinstance(option, click.Option):
            help_text = (option.help or "").partition("  [")[0]
            assert re.match(r"[A-Z]|[a-z]+: ", help_text), help_text
            assert help_text.endswith("."), help_text


def test_groups_are_listed_in_the_order_of_the_command() -> None:
    lines = fervid("predict", "--help").stdout.splitlines()
    titles = [line[:-1] for line in lines if re.fullmatch(r"\w[\w ]*:", line)]
    groups = ["Output", "Answers", "Frames", "People", "Faces", "Batch", "Models and device", "Other options"]
    assert titles == groups


def test_what_few_need_is_listed_by_help_all_only() -> None:
    page, whole = fervid("predict", "--help").stdout, fervid("predict", "--help-all").stdout
    rare = [each for each in COMMANDS["predict",].params if isinstance(each, RareOption)]
    assert f"with {len(rare)} more options" in page
    assert len(rare) > 5
    assert "--gpus-per-worker" not in page
    assert "--gpus-per-worker" in whole
    assert "Batch:" in whole


@command()
@option_group("One", click.option("--first", cls=RareOption, help="A."))
@option_group("Two", click.option("--old", "--new", "new", cls=AliasedOption, help="B."))
@option_group("One", click.option("--last", help="C."))
@option_group("Three", click.option("--only", cls=RareOption, help="D."))
def example(**given: str | None) -> None:
    """Print what was given."""
    click.echo(" ".join(f"{name}={value}" for name, value in sorted(given.items()) if value))


def run(*arguments: str) -> str:
    result = CliRunner().invoke(example, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_groups_of_the_same_title_become_one() -> None:
    titles = re.findall(r"^(\w.*):$", run("--help-all"), re.MULTILINE)
    assert titles == ["One", "Two", "Three", "Other options"]
    assert re.search(r"--first TEXT +A\.\n +--last TEXT +C\.\n", run("--help-all"))


def test_a_group_of_rare_options_only_is_left_out() -> None:
    assert re.findall(r"^(\w.*):$", run("--help"), re.MULTILINE) == ["One", "Two", "Other options"]


def test_rare_and_old_names_work() -> None:
    assert run("--first", "1", "--old", "2") == "first=1 new=2\n"
    assert run("--new", "3") == "new=3\n"


def test_help_shows_the_new_name_only() -> None:
    assert "--new TEXT" in run("--help")
    assert "--old" not in run("--help-all")
