"""Make the pictures in docs/images from examples/astronaut.mp4: a frame of the overlay, a report, a list of reports.

    pip install -e '.[test]' && python examples/make_screenshots.py

Needs Chromium on the path. Look at them before you commit them.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import av
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
CLIP = Path("examples/astronaut.mp4")
OVERLAY_S, REPORT_S, NOBODY_S = 3.0, 2.4, 6.0  # moments with a face, and one without
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


def fervid(*arguments: object) -> None:
    command = [sys.executable, "-m", "fer_video.cli", *map(str, arguments), "--quiet"]
    subprocess.run(command, cwd=ROOT, check=True)


def overlay(work: Path) -> None:
    fervid("render", CLIP, "--landmarks", "--out", work / "overlay.mp4")
    with av.open(work / "overlay.mp4") as video:
        frame = next(each for each in video.decode(video=0) if each.time >= OVERLAY_S)
        frame.to_image().save(IMAGES / "overlay.jpg", quality=88, optimize=True)


def report(work: Path) -> None:
    fervid("report", CLIP, "--video", "embed", "--attributes", "--out", work / "report.html")
    with browser(work, width=1280, height=900) as page:
        show(page, work / "report.html")
        page.screenshot(path=IMAGES / "report.jpg", type="jpeg", quality=85)
    with browser(work, width=390, height=844, color_scheme="dark") as page:
        show(page, work / "report.html")
        page.evaluate("document.querySelector('.person').scrollIntoView()")  # below the video, which stays in sight
        page.wait_for_timeout(500)
        page.screenshot(path=IMAGES / "report-phone.jpg", type="jpeg", quality=85)


def index(work: Path) -> None:
    clips = work / "clips"
    clips.mkdir()
    shutil.copy(ROOT / CLIP, clips / "interview.mp4")
    with av.open(ROOT / CLIP) as video:
        frames = {round(frame.time, 2): frame for frame in video.decode(video=0)}
        frames[OVERLAY_S].to_image().save(clips / "photo.png")
        frames[NOBODY_S].to_image().save(clips / "scenery.png")
    (clips / "unfinished.mp4").write_bytes((ROOT / CLIP).read_bytes()[:1000])
    command = [sys.executable, "-m", "fer_video.cli", "report", "clips", "--out", "pages", "--quiet"]
    subprocess.run(command, cwd=work, check=False)  # one of the clips cannot be read
    with browser(work, width=1120, height=640) as page:
        page.goto((work / "pages" / "index.html").as_uri())
        page.wait_for_selector("html[data-ready]")
        page.wait_for_timeout(500)
        page.screenshot(path=IMAGES / "index.jpg", type="jpeg", quality=85)


def show(page: Page, file: Path) -> None:
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.evaluate("(t) => { document.getElementById('video').controls = false; "
                  "document.getElementById('video').currentTime = t; }", REPORT_S)  # fmt: skip
    page.wait_for_timeout(1500)


@contextmanager
def browser(work: Path, width: int, height: int, color_scheme: Literal["light", "dark"] = "light") -> Iterator[Page]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is not on the path")
    with sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            work / "profile", executable_path=chromium, headless=True, args=ARGUMENTS,
            viewport={"width": width, "height": height}, color_scheme=color_scheme,
        )  # fmt: skip
        yield context.new_page()
        context.close()


if __name__ == "__main__":
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        overlay(Path(folder))
        report(Path(folder))
        index(Path(folder))
