"""The pages lead to each other, on a code host and in the site that MkDocs builds from them."""

from __future__ import annotations

import dataclasses
import posixpath
import re
import runpy
from collections.abc import Iterator

import click
import pytest
from conftest import ROOT
from fer_video.cli import main

import fer_video
from fer_video.clip.segments import WindowOptions

pytestmark = pytest.mark.skipif(not (ROOT / "mkdocs.yml").exists(), reason="only in a checkout")

LINK = re.compile(r"\]\((?!https?:)([^()\s#]*)(#[^()\s]*)?\)")


def pages() -> list[str]:
    """Paths in the repository."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("weights/*.md"), *ROOT.glob("examples/*.md")]
    return sorted(each.relative_to(ROOT).as_posix() for each in found)


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose(page: str) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^(```|~~~).*?^\1$", "", text(page), flags=re.MULTILINE | re.DOTALL)


def links(page: str) -> Iterator[tuple[str, str]]:
    """Path in the repository, and anchor or nothing, of each link to something in it."""
    for target, anchor in LINK.findall(prose(page)):
        place = posixpath.normpath(posixpath.join(posixpath.dirname(page), target)) if target else page
        yield place, anchor.removeprefix("#")


def anchors(page: str) -> set[str]:
    """As code hosts name headings, and MkDocs too: lower case, dashes for spaces, no punctuation."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page: str) -> None:
    for place, anchor in links(page):
        assert (ROOT / place).exists(), (page, place)
        if anchor:
            assert anchor in anchors(place), (page, place, anchor)


def test_every_page_is_reachable_from_the_index() -> None:
    seen, ahead = set(), ["docs/index.md"]
    while ahead:
        page = ahead.pop()
        if page not in seen:
            seen.add(page)
            ahead += [place for place, _ in links(page) if place.endswith(".md")]
    assert {each for each in pages() if each.startswith(("docs/", "weights/"))} <= seen


def site() -> dict[str, object]:
    return runpy.run_path(str(ROOT / "tools" / "site.py"))


def navigation() -> list[str]:
    """Of mkdocs.yml, as places of the site."""
    return re.findall(r"^ +- [^:\n]+: (\S+\.md)$", text("mkdocs.yml").partition("\nnav:\n")[2], re.MULTILINE)


def test_every_page_is_in_the_navigation_once() -> None:
    elsewhere: dict[str, str] = site()["pages"]()  # type: ignore[operator]
    assert {"CONTRIBUTING.md", "CHANGELOG.md", "weights/yunet.md"} <= set(elsewhere)
    own = [each.removeprefix("docs/") for each in pages() if each.startswith("docs/")]
    assert sorted(navigation()) == sorted([*own, *elsewhere.values()])


def test_links_are_changed_to_places_of_the_site() -> None:
    relinked = site()["relinked"]
    cases = {
        ("models.md", "[card](../weights/yunet.md#limits)"): "[card](cards/yunet.md#limits)",
        ("models.md", "![a](images/a.jpg) [b](#limits) [c](https://c.org/a.md)"): None,
        ("howto/r.md", "[rows](../output.md#rows)"): None,
        ("howto/r.md", "[card](../../weights/yunet.md)"): "[card](../cards/yunet.md)",
        (
            "cards/yunet.md",
            "[pages](../docs/models.md), [other](centerface.md)",
        ): "[pages](../models.md), [other](centerface.md)",
        (
            "contributing.md",
            "[index](docs/index.md) and [`changes`](CHANGELOG.md)",
        ): "[index](index.md) and [`changes`](changelog.md)",
        ("training.md", "in [`recipes/`](../recipes) and [gone](../gone.md)"): "in `recipes/` and [gone](../gone.md)",
    }
    for (place, given), expected in cases.items():
        assert relinked(given, place) == (expected or given)  # type: ignore[operator]


def test_every_public_name_is_in_the_python_reference_once() -> None:
    named = re.findall(r"^::: fer_video\.(\w+)$", text("docs/api.md"), re.MULTILINE)
    assert sorted(named) == sorted(set(fer_video.__all__) - {"__version__"})


def test_the_fields_of_options_are_described() -> None:
    """Where help() shows them: in the docstring of the class."""
    for options in (fer_video.AnalyzerOptions, fer_video.Sampling, fer_video.DetectorOptions, WindowOptions):
        described = re.findall(r"^        (\w+): \S", options.__doc__ or "", re.MULTILINE)
        assert described == [field.name for field in dataclasses.fields(options)]


def test_the_site_loads_nothing_from_elsewhere() -> None:
    assert re.search(r"^  font: false\b", text("mkdocs.yml"), re.MULTILINE)
    assert not re.search(r"https?://", text("mkdocs.yml"))


def cells(page: str) -> set[str]:
    """The cells of the page's tables that are figures, and the figures in its blocks of code."""
    words = re.findall(r"^\|.*\|$", text(page), re.MULTILINE) + re.findall(r"^  .*$", text(page), re.MULTILINE)
    return set(re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", "\n".join(words)))


@pytest.mark.parametrize(("summary", "tables"), [("performance", "performance-tables"), ("scaling", "scaling-tables")])
def test_summaries_have_the_figures_of_the_tables(summary: str, tables: str) -> None:
    """The last cell of a row, or all of those that are figures."""
    rows = re.findall(r"^\| .* \|$", text(f"docs/{summary}.md"), re.MULTILINE)
    figures = {
        found[1]
        for row in rows
        for each in row.split("|")[2:]
        if (found := re.match(r" ([\d.]+)(?: ?%| MiB| s)? $", each))
    }
    assert len(figures) > 3
    assert figures <= cells(f"docs/{tables}.md")


def commands(page: str) -> list[list[str]]:
    """The words after `fervid` in each command line of the page's blocks of code."""
    blocks = re.findall(r"^```(?:sh|console)\n(.*?)^```$", text(page), re.MULTILINE | re.DOTALL)
    lines = [*"".join(blocks).replace("\\\n", " ").splitlines(), *re.findall(r"^    (.*)$", text(page), re.MULTILINE)]
    parts = [part for line in lines for part in re.split(r" (?:&&|\||#) ", line)]
    return [found[1].rstrip("'").split() for part in parts if (found := re.match(r"(?:.*[ /'])?fervid (.*)$", part))]


def check(words: list[str]) -> None:
    """Fails for a command or an option that does not exist."""
    command, context, known = main, click.Context(main), set("-h --help".split())
    while words and isinstance(command, click.Group) and re.fullmatch(r"[a-z]+", words[0]):
        known |= {name for option in command.params for name in option.opts}
        found = command.get_command(context, words[0])
        assert found is not None, words
        command, words = found, words[1:]
    known |= {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    assert {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)} <= known, words


@pytest.mark.parametrize("page", [each for each in pages() if each != "CHANGELOG.md"])
def test_commands_on_pages_exist(page: str) -> None:
    for words in commands(page):
        check(words)


def test_commands_on_pages_are_found() -> None:
    assert len([words for page in pages() for words in commands(page)]) > 100
    for wrong in ("predicted clip.mp4", "predict clip.mp4 --row frames", "models pul x"):
        with pytest.raises(AssertionError):
            check(wrong.split())
