"""How large the report of a long clip is, and how a browser copes with it.

    pip install -e '.[test]' && python benchmarks/reports.py [--hours 2] [--people 2] [--runs 5]

Loops the rows of examples/astronaut.mp4, with other boxes and probabilities each time, and writes the page without a
video. Chromium's Performance API then says when the page was ready, counted from the start of the navigation, and which
tasks kept its thread for 50 ms or longer while the page and its list of segments were scrolled from end to end.
"""

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from browser import SCREENS, Browser, chromium  # noqa: E402
from looped import looped  # noqa: E402

import fer_video  # noqa: E402
from fer_video.render.report import write_report  # noqa: E402

WATCH = """() => { window.tasks = []; new PerformanceObserver((list) => {
    for (const each of list.getEntries()) window.tasks.push([each.startTime, each.duration]);
}).observe({ type: "longtask", buffered: true }); }"""
READY = """() => new Promise((done) => { const root = document.documentElement;
    if (root.dataset.ready) done(performance.now()); else new MutationObserver(() => done(performance.now()))
        .observe(root, { attributeFilter: ["data-ready"] }); })"""
STEPS, FLICKS = 60, 60  # turns of the wheel down the page, and down the list


@dataclass(frozen=True)
class Measured:
    ready_s: float
    opening_ms: float  # the longest task until the page was ready
    scrolling_ms: float  # the longest one later


def measure(browser: Browser, page_file: Path, width: int, height: int) -> Measured:
    with browser.open(page_file, width, height, wait_until="commit") as visit:
        page = visit.page
        ready_ms = float(page.evaluate(READY))
        page.evaluate(WATCH)
        page.mouse.move(width / 2, height - 60)
        for _ in range(STEPS):
            page.mouse.wheel(0, height / 2)
            page.wait_for_timeout(30)
        scroll_list(page)
        page.wait_for_timeout(300)
        tasks = page.evaluate("window.tasks")
        assert visit.is_quiet(), visit.said
    before = [length for start, length in tasks if start < ready_ms]
    after = [length for start, length in tasks if start >= ready_ms]
    return Measured(ready_ms / 1000, max(before, default=0.0), max(after, default=0.0))


def scroll_list(page: Any) -> None:
    page.locator("#segments").scroll_into_view_if_needed()
    box = page.locator("#segments").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _ in range(FLICKS):
        page.mouse.wheel(0, 800)
        page.wait_for_timeout(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--people", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    found = fer_video.Analyzer().analyze(ROOT / "examples" / "astronaut.mp4")
    long = looped(found, given.hours, given.people)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.html"
        started = time.monotonic()
        write_report(long, out, None)
        assert long.observations is not None
        print(f"{given.hours:g} h, {given.people} people, {long.frames_sampled} frames, {len(long.observations)} rows")
        print(f"written in {time.monotonic() - started:.1f} s, {out.stat().st_size / 1e6:.2f} MB without the video")
        with chromium(Path(folder) / "profile") as browser:
            for width, height in SCREENS:
                runs = [measure(browser, out, width, height) for _ in range(given.runs)]
                ready = [each.ready_s for each in runs]
                print(
                    f"{width} x {height}: ready in {statistics.median(ready):.2f} s (worst {max(ready):.2f}); "
                    f"longest task {max(each.opening_ms for each in runs):.0f} ms while opening, "
                    f"{max(each.scrolling_ms for each in runs):.0f} ms while scrolling"
                )


if __name__ == "__main__":
    main()
