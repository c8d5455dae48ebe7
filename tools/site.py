"""Hooks of mkdocs.yml: pages that are outside docs/, and links as a code host follows them.

Pages link to each other by their places in the repository, so that a code host shows them as they are. The site has
some of them elsewhere: links are changed to those places when it is built. A link to a file that is no page, such as a
recipe, becomes its text. A pipe inside code in a table needs a backslash there, and must have none here.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"(?<!!)\[(?P<text>(?:[^][]|\[[^][]*\])*)\]\((?P<target>[^()\s#]+)(?P<anchor>#[^()\s]*)?\)")

CODE_IN_TABLE = re.compile(r"`[^`\n]*`(?=[^\n]*\|$)", re.MULTILINE)


def pages() -> dict[str, str]:
    """Path in the repository -> path in the site, of the pages that are outside docs/."""
    cards = {f"weights/{card.name}": f"cards/{card.name}" for card in sorted((ROOT / "weights").glob("*.md"))}
    return {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", **cards}


def on_files(files: Any, config: Any) -> Any:
    from mkdocs.structure.files import File

    for source, place in pages().items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    return CODE_IN_TABLE.sub(lambda row: row[0].replace("\\|", "|"), relinked(markdown, page.file.src_uri))


def relinked(markdown: str, place: str) -> str:
    """The text of the page at this place of the site, with links to places of the site."""
    source = {there: here for here, there in pages().items()}.get(place, f"docs/{place}")
    folder = posixpath.dirname(source)

    def replacement(link: re.Match[str]) -> str:
        if re.match(r"\w+:", link["target"]):
            return link[0]
        target = posixpath.normpath(posixpath.join(folder, link["target"]))
        there = pages().get(target, target.removeprefix("docs/") if target.startswith("docs/") else None)
        if there is None and (ROOT / target).exists():
            return link["text"]
        # A target that does not exist stays as it is, and the build says so.
        to = link["target"] if there is None else posixpath.relpath(there, posixpath.dirname(place) or ".")
        return f"[{link['text']}]({to}{link['anchor'] or ''})"

    return LINK.sub(replacement, markdown)
