"""What is written in a picture that matplotlib drew."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["words"]


def words(svg: Path) -> str:
    """SVG keeps texts as paths, with a comment before each."""
    return " ".join(re.findall(r"<!-- (.*?) -->", svg.read_text(encoding="utf-8")))
