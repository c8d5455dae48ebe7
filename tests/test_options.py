"""The fields of every class of options are explained, where help() shows it."""

from __future__ import annotations

import ast
import dataclasses
import pydoc
import re
import typing
from pathlib import Path

import pytest

import fer_video


def explained(doc: str) -> list[str]:
    """The fields in the section Attributes of a docstring."""
    section = re.split(r"^ *Attributes:$", doc, maxsplit=1, flags=re.MULTILINE)[1:]
    return re.findall(r"^    (\w+): \S", "\n".join(section), re.MULTILINE)


def classes_of_options() -> dict[str, tuple[str, list[str]]]:
    """Module and class -> docstring and fields. Read, not imported: modules of training/ need torch."""
    found = {}
    for path in sorted(Path(fer_video.__file__).parent.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.decorator_list and node.name.endswith("Options"):
                fields = [ast.unparse(each.target) for each in node.body if isinstance(each, ast.AnnAssign)]
                found[f"{path.stem}.{node.name}"] = ast.get_docstring(node) or "", fields
    return found


OPTIONS = classes_of_options()


def test_there_are_classes_of_options() -> None:
    assert {"options.AnalyzerOptions", "segments.WindowOptions", "train.TrainOptions"} <= OPTIONS.keys()
    assert len(OPTIONS) > 15


@pytest.mark.parametrize("name", OPTIONS)
def test_each_field_of_options_is_explained(name: str) -> None:
    doc, fields = OPTIONS[name]
    assert fields
    assert explained(doc) == fields


def public_options() -> set[type]:
    """The dataclasses of options in the public API, and those that their fields hold."""
    named = [getattr(fer_video, name) for name in fer_video.__all__ if name.endswith("Options")]
    waiting: set[type] = {fer_video.Sampling, *named}
    found: set[type] = set()
    while waiting:
        options = waiting.pop()
        found.add(options)
        for hint in typing.get_type_hints(options).values():
            for each in (hint, *typing.get_args(hint)):
                if dataclasses.is_dataclass(each) and isinstance(each, type) and each not in found:
                    waiting.add(each)
    return found


@pytest.mark.parametrize("options", sorted(public_options(), key=lambda each: each.__name__))
def test_help_shows_each_field(options: type) -> None:
    shown = pydoc.render_doc(options, renderer=pydoc.plaintext)
    for field in dataclasses.fields(options):
        assert re.search(rf"^ \|      {field.name}: \S", shown, re.MULTILINE), field.name


def test_a_field_that_is_not_explained_is_found() -> None:
    assert explained("Text.\n\nAttributes:\n    one: First.\n        More: of it.\n    two: Second.\n") == [
        "one",
        "two",
    ]
    assert explained("Text, with one: First.") == []
