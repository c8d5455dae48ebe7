"""axe-core, from npm, finds what keeps people with disabilities from using a page: npm install --no-save axe-core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser import Visit

__all__ = ["violations"]

_SCRIPT = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


def violations(visit: Visit) -> list[str]:
    """Rule, and the elements that break it. Skips the test where axe-core is absent."""
    if not _SCRIPT.is_file():
        pytest.skip("axe-core is not installed: npm install --no-save axe-core")
    visit.page.evaluate(_SCRIPT.read_text(encoding="utf-8"))  # the pages forbid scripts in their markup
    found: dict[str, Any] = visit.page.evaluate("axe.run({ resultTypes: ['violations'] })")
    assert found["passes"], "axe ran no rule"
    return [f"{each['id']}: {[node['target'] for node in each['nodes']][:5]}" for each in found["violations"]]
