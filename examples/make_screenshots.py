"""Make docs/images/overlay.jpg and docs/images/report.jpg, which the README shows, from examples/astronaut.mp4.

    pip install -e '.[test]' && python examples/make_screenshots.py

Needs Chromium on the path. Look at them before you commit them.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import av
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
CLIP = Path("examples/astronaut.mp4")
OVERLAY_S, REPORT_S = 3.0, 2.4  # moments with a face
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
    fervid("report", CLIP, "--video", "embed", "--out", work / "report.html")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is not on the path")
    with sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            work / "profile", executable_path=chromium, headless=True, args=ARGUMENTS,
            viewport={"width": 1120, "height": 980}, color_scheme="light",
        )  # fmt: skip
        page = context.new_page()
        page.goto((work / "report.html").as_uri())
        page.wait_for_selector("html[data-ready]")
        page.evaluate("(t) => { document.getElementById('video').controls = false; "
                      "document.getElementById('video').currentTime = t; }", REPORT_S)  # fmt: skip
        page.wait_for_timeout(1500)
        page.screenshot(path=IMAGES / "report.jpg", type="jpeg", quality=85)
        context.close()


if __name__ == "__main__":
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        overlay(Path(folder))
        report(Path(folder))
