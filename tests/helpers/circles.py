"""Prints the circles of imports in the package fer_video of the working folder, one a line, its modules in order.

    python -P circles.py FOLDER

A process of its own, since grimp reads the package that Python would import, and tests have imported the installed one.
"""

from __future__ import annotations

import sys

import grimp

# Methods of a record for users' sake, that load what is above when they are called (.importlinter).
LATE = {"fer_video.types": {"fer_video.results.rows", "fer_video.api.present", "fer_video.api.html"}}


def circles(graph: grimp.ImportGraph) -> list[list[str]]:
    """Sets of modules each of which imports, over the others, itself (Tarjan's strongly connected components)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for below in sorted(graph.find_modules_directly_imported_by(module)):
            if below in LATE.get(module, ()):
                continue
            if below not in number:
                visit(below)
                lowest[module] = min(lowest[module], lowest[below])
            elif below in stack:
                lowest[module] = min(lowest[module], number[below])
        if lowest[module] == number[module]:
            start = stack.index(module)
            if len(stack) - start > 1:
                found.append(sorted(stack[start:]))
            del stack[start:]

    for module in sorted(graph.modules):
        if module not in number:
            visit(module)
    return found


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    for circle in circles(grimp.build_graph("fer_video", cache_dir=None)):
        sys.stdout.write(" ".join(circle) + "\n")
