"""The files around the code agree with it: Dockerfile, citation, hooks, glossary."""

from __future__ import annotations

import re

from conftest import ROOT

import fer_video


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def copied() -> list[str]:
    """What the Dockerfile copies from the checkout."""
    return [name for line in re.findall(r"^COPY (.*) \S+$", text("Dockerfile"), re.MULTILINE) for name in line.split()]


def test_the_image_gets_all_that_the_installation_needs() -> None:
    names = copied()
    assert {"setup.py", "setup.cfg", "README.md", "LICENSE", "fer_video", "cli", "weights"} <= set(names)
    assert all((ROOT / name).exists() for name in names)
    let_through = re.findall(r"^!(.*)$", text(".dockerignore"), re.MULTILINE)
    assert sorted(let_through) == sorted(names)


def test_the_image_takes_the_steps_of_the_readme() -> None:
    """Set up an environment, install, predict the example; as a user without rights, before the entry point."""
    (line,) = re.findall(r"^python3 -m venv \.venv .*$", text("README.md"), re.MULTILINE)
    steps = [re.sub(r"^(?:\.venv/bin/)|-e ", "", step.strip()) for step in line.split("&&")]
    assert steps == ["python3 -m venv .venv", "pip install .", "fervid predict examples/astronaut.mp4"]
    image = re.sub(r"/opt/fervid/bin/|--no-cache-dir ", "", text("Dockerfile")).replace("/opt/fervid ", ".venv ")
    places = [image.index(step) for step in (*steps[:2], "USER fervid", steps[2], "ENTRYPOINT")]
    assert places == sorted(places)


def test_the_citation_is_of_this_version() -> None:
    assert f"\nversion: {fer_video.__version__}\n" in text("CITATION.cff")
    assert "arXiv:2103.17107" in text("CITATION.cff")


def test_hooks_run_what_the_extra_dev_installs() -> None:
    entries = re.findall(r"entry: (\w+)", text(".pre-commit-config.yaml"))
    assert set(entries) == {"ruff", "mypy"}
    assert all(re.search(rf"^    {name} >=", text("setup.cfg"), re.MULTILINE) for name in entries)


def test_the_glossary_defines_each_term_once() -> None:
    rows = re.findall(r"^\| ([a-z, ]+) \|", text("docs/glossary.md"), re.MULTILINE)
    terms = [each for row in rows for each in row.split(", ")]
    terms.remove("term")
    assert len(terms) == len(set(terms))
    wanted = "frame, sampled frame, face, box, landmarks, track, person, embedding, head, backbone, descriptor"
    assert set(f"{wanted}, clip model, segment, window, shot, cut".split(", ")) <= set(terms)
