"""Headless Chromium for the tests, where it is at hand."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SCREENS = ((1280, 900), (390, 844))  # a desk's and a telephone's


class Look(NamedTuple):
    """A screen in light or dark."""

    width: int
    height: int
    dark: bool


LOOKS = (Look(1280, 900, False), Look(390, 844, True))


@dataclass
class Visit:
    """An open page and what it did."""

    page: Any
    said: list[str] = field(default_factory=list)  # console messages, errors, dialogs
    fetched: list[str] = field(default_factory=list)  # addresses, data: left out

    def until(self, condition: str, timeout_s: float = 20.0) -> None:
        """Waits for a JavaScript expression. Playwright's own waiting needs eval, which the pages forbid."""
        end_s = time.monotonic() + timeout_s
        while not self.page.evaluate(condition):
            assert time.monotonic() < end_s, condition
            self.page.wait_for_timeout(20)

    def is_quiet(self) -> bool:
        """No message, no error, and nothing fetched but files."""
        return not self.said and all(address.startswith(("file:", "blob:")) for address in self.fetched)


class Browser:
    """Chromium with an empty profile. `open` gives a page once it says that it is ready."""

    def __init__(self, context: Any) -> None:
        self.context = context

    @contextmanager
    def open(
        self, path: Path, width: int = 1280, height: int = 900, dark: bool = False, *, wait_until: Any = "load"
    ) -> Iterator[Visit]:
        page = self.context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if dark else "light")
        visit = Visit(page)
        page.on("console", lambda message: visit.said.append(message.text))
        page.on("pageerror", lambda error: visit.said.append(str(error)))
        page.on("dialog", lambda dialog: (visit.said.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda r: None if r.url.startswith("data:") else visit.fetched.append(r.url))
        page.goto(path.as_uri(), wait_until=wait_until)
        yield visit
        page.close()


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Skips the test where Chromium or Playwright are absent."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, headless=True, args=_ARGUMENTS, accept_downloads=True
        )
        yield Browser(context)
        context.close()
