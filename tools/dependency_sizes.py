"""Prints how much disk each base dependency of an installed fervid takes, as the table in docs/architecture.md.

    python3 -m venv fresh && fresh/bin/pip install . packaging
    fresh/bin/python -P tools/dependency_sizes.py

"alone" counts the packages that nothing else of fervid's base installation needs: what would go with the dependency.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata

from packaging.requirements import Requirement


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


INSTALLED = {plain(each.metadata["Name"]): each for each in metadata.distributions()}


def megabytes(name: str) -> float:
    """Size of a distribution's own files."""
    paths = (INSTALLED[name].locate_file(file) for file in INSTALLED[name].files or ())
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6  # type: ignore[attr-defined]


def needs(name: str) -> set[str]:
    """Direct dependencies, without extras."""
    wanted = map(Requirement, INSTALLED[name].requires or ())
    return {plain(each.name) for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})}


def with_all(names: set[str]) -> set[str]:
    """These and all that they need."""
    found: set[str] = set()
    while names:
        found |= names
        names = {below for name in names for below in needs(name) if below in INSTALLED} - found
    return found


def main() -> None:
    direct = needs("fervid")
    print(f"Python {sys.version.split()[0]}, {sys.platform}")
    total = sum(map(megabytes, with_all({"fervid"})))
    print(f"all {total:.0f} MB, of which fervid itself {megabytes('fervid'):.0f} MB\n")
    for name in sorted(direct, key=megabytes, reverse=True):
        alone = with_all({name}) - with_all(direct - {name})
        size = f"{sum(map(megabytes, alone)):.0f} MB" if alone else "-"
        print(f"| `{name}` {INSTALLED[name].version} | {megabytes(name):.0f} MB | {size} |")


if __name__ == "__main__":
    main()
