"""The tree keeps its order: floors, no circles, short modules, and a page and a setup.cfg that say what is there."""

from __future__ import annotations

import ast
import configparser
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

LONGEST = 350  # lines
HELPERS = Path(__file__).parent / "helpers"
CONTRACTS = {
    "Nothing on a lower floor imports from a higher one": ("media/sampling.py", "import fer_video.faces.track"),
    "No circle among the modules or rooms of a folder": ("media/address.py", "import fer_video.media.remote"),
    "Only training imports torch": ("clip/pool.py", "import torch"),
    "Only jobs imports Ray": ("faces/track.py", "import ray"),
    "Only the command line imports click and cloup": ("errors.py", "import click"),
}
pytestmark = pytest.mark.skipif(not (ROOT / "cli").is_dir(), reason="only in a checkout")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package as it is installed, with the command line in it."""
    home, left_out = tmp_path / "fer_video", shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "fer_video", home, ignore=left_out)
    shutil.copytree(ROOT / "cli", home / "cli", ignore=left_out)
    return home


def lint(package: Path) -> dict[str, str]:
    """Contract -> KEPT or BROKEN."""
    code = "import sys; from importlinter.cli import lint_imports_command as run; run(sys.argv[1:])"
    arguments = [str(ROOT / ".importlinter"), "--no-cache"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=package.parent, capture_output=True, text=True, check=False
    )
    verdicts = dict(re.findall(r"^(.*) (KEPT|BROKEN)(?: \(.*)?$", done.stdout, re.MULTILINE))
    assert verdicts, done.stdout + done.stderr
    assert done.returncode == ("BROKEN" in verdicts.values())
    return verdicts


def circles(package: Path) -> list[list[str]]:
    command = [sys.executable, "-P", str(HELPERS / "circles.py"), str(package.parent)]
    return [line.split() for line in subprocess.check_output(command, text=True).splitlines()]


def test_every_import_leads_down(package: Path) -> None:
    assert lint(package) == dict.fromkeys(CONTRACTS, "KEPT")


def test_imports_that_lead_elsewhere_are_found(package: Path) -> None:
    for module, line in CONTRACTS.values():
        with (package / module).open("a", encoding="utf-8") as file:
            file.write(f"\n\ndef late() -> None:\n    {line}\n")
    assert lint(package) == dict.fromkeys(CONTRACTS, "BROKEN")


def test_no_circle_of_imports(package: Path) -> None:
    assert circles(package) == []


def test_circles_through_the_package_itself_are_found(package: Path) -> None:
    """import-linter compares siblings only; one that asks the package for its version goes through the parent."""
    with (package / "files.py").open("a", encoding="utf-8") as file:
        file.write("\nfrom fer_video import __version__\n")
    (circle,) = circles(package)
    assert {"fer_video", "fer_video.files", "fer_video.analyzer"} <= set(circle)


def modules() -> list[Path]:
    return sorted([*ROOT.glob("fer_video/**/*.py"), *ROOT.glob("cli/**/*.py"), *ROOT.glob("tools/*.py")])


def test_modules_are_short() -> None:
    lengths = {each: len(each.read_text(encoding="utf-8").splitlines()) for each in modules()}
    assert len(lengths) > 100
    assert {each.relative_to(ROOT).as_posix(): lines for each, lines in lengths.items() if lines > LONGEST} == {}


def test_the_page_lists_the_rooms_as_they_are() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "rooms.py"))
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    written = page.partition(tool["BEGIN"])[2].partition(tool["END"])[0].strip()
    assert written == tool["rooms"](), "run: python tools/rooms.py"


def test_the_page_lists_the_floors_as_they_are() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = [re.findall(r"`(\w+)`", line) for line in re.findall(r"^\d+\. (.*)$", page, re.MULTILINE)]
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter", encoding="utf-8")
    layers = config["importlinter:contract:floors"]["layers"].split()
    floors = " ".join(layers).replace(" | ", "|").split()
    assert told == [each.split("|") for each in reversed(floors)]


def test_each_room_says_what_comes_in_and_what_goes_out() -> None:
    rooms = [each for each in modules() if each.name == "__init__.py" and each.parent != ROOT / "fer_video"]
    assert len(rooms) > 10
    for room in rooms:
        text = ast.get_docstring(ast.parse(room.read_text(encoding="utf-8"))) or ""
        assert re.match(r"In: [^.]+\. Out: .+\.$", text.split("\n")[0]), room


def settings() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def test_every_room_is_installed() -> None:
    folders = {each.parent.relative_to(ROOT).as_posix() for each in modules() if each.name == "__init__.py"}
    named = {re.sub("^cli", "fer_video/cli", each).replace("/", ".") for each in folders}
    assert sorted(settings()["options"]["packages"].split()) == sorted({*named, "fer_video.weights", "fervid"})


def test_the_page_says_what_each_base_dependency_weighs() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    needed = re.findall(r"^([\w-]+)", settings()["options"]["install_requires"].strip(), re.MULTILINE)
    assert len(needed) > 5
    assert sorted(re.findall(r"^\| `([\w-]+)` [\d.]+ \| (?:under )?\d+ MB", page, re.MULTILINE)) == sorted(needed)
