"""Writes the rooms and their files into docs/architecture.md, from the tree itself.

    python tools/rooms.py           # rewrites what is between the two marks of the page

The order of the rooms is that of the floors in .importlinter, from below. The sentence of a room or file is the first
line of its docstring.
"""

from __future__ import annotations

import ast
import configparser
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms: written by tools/rooms.py -->", "<!-- end of rooms -->"


def floors() -> list[str]:
    """The names on the floors of .importlinter, from the lowest up."""
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter", encoding="utf-8")
    layers = config["importlinter:contract:floors"]["layers"].split("\n")
    return [name.strip() for layer in reversed(layers) for name in layer.split("|") if name.strip()]


def sentence(module: Path) -> str:
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
    if not text:
        raise ValueError(f"{module}: has no docstring")
    return text.split("\n")[0]


def folder_of(room: str) -> Path:
    return ROOT / "cli" if room == "cli" else ROOT / "fer_video" / room


def _table(folder: Path) -> list[str]:
    shown = folder.relative_to(ROOT).as_posix()
    lines = ["", f"### {shown}/", "", sentence(folder / "__init__.py"), "", "| module | contents |", "|---|---|"]
    modules = [file for file in sorted(folder.glob("*.py")) if not file.stem.startswith("__")]
    lines += [f"| `{file.name}` | {sentence(file).replace('|', '&#124;')} |" for file in modules]
    for below in sorted(each.parent for each in folder.glob("*/__init__.py")):
        lines += _table(below)
    return lines


def rooms() -> str:
    """The part of the page between the marks."""
    names = floors()
    top = [ROOT / "fer_video" / f"{name}.py" for name in names if not folder_of(name).is_dir()]
    lines = ["### fer_video/", "", "| module | contents |", "|---|---|"]
    lines += [f"| `{file.name}` | {sentence(file)} |" for file in [top[0].with_name("__init__.py"), *top]]
    for name in names:
        if folder_of(name).is_dir():
            lines += _table(folder_of(name))
    return "\n".join(lines)


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        sys.exit(f"{PAGE}: has no lines {BEGIN} and {END}")
    PAGE.write_text(f"{before}{BEGIN}\n\n{rooms()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
