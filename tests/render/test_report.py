"""The report: what is in the page, and what it does in a browser."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, chromium
from command import fervid
from conftest import EXAMPLE, ROOT
from made import result

from fer_video.errors import InputError
from fer_video.render import report as pages
from fer_video.render.crops import best_crops
from fer_video.render.report import IndexRow, ReportOptions, page_name, write_index, write_report
from fer_video.results.observations import ObservationLog
from fer_video.results.read import read_results
from fer_video.types import ClipResult, Face, Observation, Person, Prediction

HOSTILE = "<img src=x onerror=alert(1)>.mp4"


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("result") / "r.json"
    run = fervid("predict", EXAMPLE, "--frames", "--attributes", "--no-identify", "--window", "2", "--out", path)
    assert run.exit_code == 0, run.stderr
    return path


@pytest.fixture(scope="module")
def example_report(analysed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    clip = shutil.copy(EXAMPLE, folder / "a #1?.mp4")
    (found,) = read_results(analysed)
    write_report(found, folder / "report.html", clip)
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


def hostile_result() -> ClipResult:
    bad = "</script><script>alert(1)</script>"
    log = ObservationLog((bad, "happiness"))
    log.append(Observation(0, 0.0, 1, Face((1, 1, 9, 9), 0.9), {bad: 0.75, "happiness": 0.25}))
    log.append(Observation(5, 0.2, 1, Face((1, 1, 9, 9), 0.9), {bad: 0.75, "happiness": 0.25}))
    shares = {bad: 0.75, "happiness": 0.25}
    return ClipResult(
        path=f"/x/{HOSTILE}",
        status="partial",
        error='"><img src=x onerror=alert(2)> {{ 7*7 }} \x1b[31m',
        duration_s=0.4,
        frames_sampled=2,
        frames_with_face=2,
        clip=Prediction(bad, 0.75, shares, "svm:<svg onload=alert(3)>", 1),
        group=Prediction(bad, 0.75, shares, "mean-probability"),
        people=(Person(1, 0.0, 0.2, 2, bad, 0.75, shares),),
        ran={"<b>": "<img src=x onerror=alert(4)>", "detector": {"name": "'\"><script>alert(5)</script>"}},
        observations=log,
    )


# ---- the file


def test_the_example_is_small_and_whole(example_report: Path) -> None:
    assert example_report.stat().st_size < 3_000_000
    text = example_report.read_text()
    for said in ("Person 1", "pseudo-clip-8", "± ", "Segments", "Permission is hereby granted"):
        assert said in text
    assert text.count("data:image/jpeg") == 6
    assert not re.search(r'(src|href)="(https?:)?//', text)


def test_vendored_files_are_as_recorded() -> None:
    folder = Path(pages.__file__).parent / "pages" / "vendor"
    recorded = dict(re.findall(r"^\| `(.+?)` .* ([0-9a-f]{64}) \|$", (folder / "README.md").read_text(), re.M))
    files = {each.name for each in folder.iterdir()} - {"README.md"}
    assert files == set(recorded)
    for name, digest in recorded.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_names_of_pages_are_harmless() -> None:
    assert page_name(3, "../../etc/pässwd <b>.mp4") == "0003-p-sswd-b.html"
    assert page_name(1, "日本.mp4") == "0001-clip.html"


def test_hostile_text_is_only_text(tmp_path: Path) -> None:
    write_report(hostile_result(), tmp_path / "r.html", None)
    text = (tmp_path / "r.html").read_text()
    assert "<img src=x" not in text
    assert "<svg" not in text
    assert text.count("<script") == text.count("</script") == 5
    assert "{{ 7*7 }}" in text
    assert "\x1b" not in text


def test_crops_are_of_the_faces(analysed: Path) -> None:
    import cv2
    import numpy as np

    (found,) = read_results(analysed)
    assert found.observations is not None
    crops = best_crops(EXAMPLE, found.observations, found.people)
    assert [len(each) for each in crops.values()] == [3, 3]
    for person in found.people:
        times = [crop.time_s for crop in crops[person.id]]
        assert times == sorted(times)
        assert person.start_s <= times[0] <= times[-1] <= person.end_s
    one = cv2.imdecode(np.frombuffer(crops[1][1].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert one is not None
    assert one.shape == (144, 144, 3)
    assert one[72, 72, 2] > one[72, 72, 0] + 20  # skin is red rather than blue


def test_the_video_is_linked_embedded_or_left_out(tmp_path: Path, face_clip: Path) -> None:
    options = {"link": 'src="./', "embed": 'src="data:video/mp4;base64,', "none": None}
    for video, wanted in options.items():
        write_report(result(str(face_clip)), tmp_path / "r.html", face_clip, ReportOptions(video, crops=False))  # type: ignore[arg-type]
        found = re.search(r'src="(\./|data:video/mp4;base64,)', (tmp_path / "r.html").read_text())
        assert (found and found[0]) == wanted


def test_what_cannot_be_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frames"):
        write_report(ClipResult("a.mp4", "failed", "no"), tmp_path / "r.html", None)
    missing = tmp_path / "none.mp4"
    with pytest.raises(InputError, match="no such file"):
        write_report(result(str(missing)), tmp_path / "r.html", missing)
    assert list(tmp_path.iterdir()) == []


# ---- in a browser


def test_it_opens_quickly_quietly_and_offline(browser: Browser, example_report: Path) -> None:
    started = time.monotonic()
    with browser.open(example_report) as visit:
        visit.page.wait_for_selector("html[data-ready]", timeout=10_000)
        took = time.monotonic() - started
        visit.until("document.getElementById('video').readyState >= 2")
        assert visit.page.evaluate("document.getElementById('video').videoWidth") == 480
        assert visit.is_quiet(), (visit.said, visit.fetched)
        assert [address.rsplit("/", 1)[1] for address in visit.fetched] == ["report.html", "a%20%231%3F.mp4"]
    assert took < 10  # 2 s is the aim; machines that test are slow


def test_clicking_the_timeline_seeks_and_the_overlay_follows(browser: Browser, example_report: Path) -> None:
    with browser.open(example_report) as visit:
        page = visit.page
        page.wait_for_selector("html[data-ready]")
        visit.until("document.getElementById('video').readyState >= 2")
        over = page.locator(".timeline[data-person='1'] .u-over")
        area = over.bounding_box()

        def click(share: float) -> float:
            over.click(position={"x": area["width"] * share, "y": area["height"] / 2})
            visit.until("!document.getElementById('video').seeking")
            return float(page.evaluate("document.getElementById('video').currentTime"))

        painted = """() => { const c = document.getElementById('overlay'), empty = document.createElement('canvas');
            Object.assign(empty, { width: c.width, height: c.height });
            return c.toDataURL() !== empty.toDataURL(); }"""
        assert click(0.25) == pytest.approx(10.48 * 0.25, abs=0.05)
        assert page.evaluate(painted)
        assert click(0.6) == pytest.approx(10.48 * 0.6, abs=0.05)  # nobody is in sight here
        assert not page.evaluate(painted)
        assert "6.2" in page.text_content("#now") or "6.3" in page.text_content("#now")
        over.hover(position={"x": area["width"] * 0.3, "y": 40})
        assert re.search("happiness (99|100)%", page.text_content(".timeline[data-person='1'] .reading"))
        page.click(".person >> nth=1 >> .crops button >> nth=0")
        visit.until("document.getElementById('video').currentTime > 7.9")
        assert visit.is_quiet(), visit.said


def test_keys_and_zoom(browser: Browser, example_report: Path) -> None:
    with browser.open(example_report) as visit:
        page = visit.page
        page.wait_for_selector("html[data-ready]")
        visit.until("document.getElementById('video').readyState >= 2")
        timeline = page.locator(".timeline[data-person='1']")

        def value() -> float:
            return float(timeline.get_attribute("aria-valuenow"))

        timeline.focus()
        for key, wanted in (("PageDown", 1.0), ("ArrowRight", 1.12), ("ArrowLeft", 1.0), ("End", 10.48), ("Home", 0.0)):
            page.keyboard.press(key)
            visit.until("!document.getElementById('video').seeking")
            assert value() == pytest.approx(wanted, abs=0.05), key
        assert "not in sight" in timeline.get_attribute("aria-valuetext")
        other = page.locator(".timeline[data-person='2'] .u-over")
        other.scroll_into_view_if_needed()
        area = other.bounding_box()
        page.mouse.move(area["x"] + area["width"] * 0.5, area["y"] + 20)
        page.mouse.down()
        page.mouse.move(area["x"] + area["width"] * 0.75, area["y"] + 20, steps=4)
        page.mouse.up()
        labels = "() => [...document.querySelectorAll('.playhead')].map((each) => each.hidden)"
        assert page.evaluate(labels) == [True, True]  # 0 s is out of sight in both
        timeline.focus()
        page.keyboard.press("Escape")
        assert page.evaluate(labels) == [False, False]
        page.click("#emotions button >> nth=1")
        assert page.get_attribute("#emotions button >> nth=1", "aria-pressed") == "false"
        assert visit.is_quiet(), visit.said


def test_light_dark_and_a_small_screen(browser: Browser, example_report: Path) -> None:
    with browser.open(example_report, 360, 740) as visit:
        page = visit.page
        page.wait_for_selector("html[data-ready]")
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.click("#theme")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate("document.querySelector('.uplot').clientWidth") > 250


def test_downloads_are_what_predict_writes(browser: Browser, example_report: Path, analysed: Path) -> None:
    with browser.open(example_report) as visit:
        page = visit.page
        page.wait_for_selector("html[data-ready]")
        saved = {}
        for kind in ("json", "csv"):
            with page.expect_download() as download:
                page.click(f"[data-download={kind}]")
            saved[kind] = Path(download.value.path()).read_text(encoding="utf-8")
    assert json.loads(saved["json"]) == json.loads(analysed.read_text())
    (found,) = read_results(analysed)
    rows = list(csv.DictReader(io.StringIO(saved["csv"])))
    assert [row["frame"] for row in rows] == [str(row["frame"]) for row in found.to_frame_rows()]


def test_nothing_of_a_hostile_result_runs(browser: Browser, tmp_path: Path) -> None:
    clip = shutil.copy(EXAMPLE, tmp_path / HOSTILE)
    found = hostile_result()
    write_report(found, tmp_path / "r.html", clip, ReportOptions(crops=False))
    write_index(
        [IndexRow(found, "r.html"), IndexRow(ClipResult(HOSTILE, "failed", HOSTILE), None)], tmp_path / "i.html"
    )
    for name in ("r.html", "i.html"):
        with browser.open(tmp_path / name) as visit:
            page = visit.page
            page.wait_for_timeout(500)
            assert HOSTILE in page.inner_text("h1" if name == "r.html" else "td.name >> nth=0")
            assert page.evaluate("document.querySelectorAll('img, svg, iframe').length") == 0
            if name == "r.html":
                page.hover(".u-over")
                page.focus(".timeline")
                page.keyboard.press("ArrowRight")
                visit.until("document.getElementById('video').readyState >= 2")
            assert visit.is_quiet(), (visit.said, visit.fetched)
            # the second wall: even markup that came through could not run
            page.evaluate(
                "document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\" onerror=\"window.ran=1\">')"
            )
            page.wait_for_timeout(200)
            assert page.evaluate("window.ran") is None


def test_a_video_the_browser_cannot_play_is_said(browser: Browser, tmp_path: Path) -> None:
    clip = tmp_path / "text.mp4"
    clip.write_text("no video")
    write_report(result(str(clip)), tmp_path / "r.html", clip, ReportOptions(crops=False))
    with browser.open(tmp_path / "r.html") as visit:
        visit.page.wait_for_selector("#novideo:not([hidden])")
        assert visit.page.is_hidden("#video")


def test_the_overlay_video_plays(browser: Browser, tmp_path: Path, face_clip: Path) -> None:
    run = fervid("render", face_clip, "--fps", "5", "--out", tmp_path / "o.mp4")
    assert run.exit_code == 0, run.stderr
    (tmp_path / "p.html").write_text('<video id="v" src="o.mp4" muted></video>')
    with browser.open(tmp_path / "p.html") as visit:
        visit.page.evaluate("document.getElementById('v').play()")
        visit.until("document.getElementById('v').ended")
        assert visit.page.evaluate("document.getElementById('v').duration") == pytest.approx(2.0, abs=0.1)


# ---- the command


def test_a_folder_has_an_index_that_searches(
    browser: Browser, tmp_path: Path, face_clip: Path, faceless_clip: Path
) -> None:
    (tmp_path / "bad.mp4").write_text("no video")
    out = tmp_path / "reports"
    run = fervid("report", face_clip, faceless_clip, tmp_path / "bad.mp4", "--fps", "2", "--out", out)
    assert run.exit_code == 1
    assert "bad.mp4" in run.stderr
    assert sorted(each.name for each in out.iterdir()) == ["0001-face.html", "0002-faceless.html", "index.html"]
    with browser.open(out / "index.html") as visit:
        page = visit.page
        shown = "() => [...document.querySelectorAll('tbody tr')].filter((each) => !each.hidden).length"
        assert page.evaluate(shown) == 3
        page.fill("#words", "FACELESS")
        assert page.evaluate(shown) == 1
        page.fill("#words", "")
        page.select_option("#emotion", "happiness")
        assert page.evaluate(shown) == 1
        page.click("#clips th button >> nth=0")
        page.click("td.name a >> visible=true")
        page.wait_for_selector("html[data-ready]")
        assert page.inner_text("h1") == "face.mp4"
        page.click("nav a")
        page.wait_for_selector("#clips")
        assert visit.is_quiet(), (visit.said, visit.fetched)


def test_a_report_of_a_result_or_a_clip(tmp_path: Path, face_clip: Path) -> None:
    out, stored = tmp_path / "r.html", tmp_path / "r.json"
    assert fervid("predict", face_clip, "--frames", "--fps", "2", "--out", stored).exit_code == 0
    for source in (stored, face_clip):
        run = fervid("report", source, "--out", out, *([] if source == stored else ["--fps", "2"]))
        assert (run.exit_code, run.stdout, run.stderr) == (0, "", "")
        assert "Person 1" in out.read_text()
        out.unlink()
    run = fervid("report", stored, "--fps", "2", "--out", out)
    assert (run.exit_code, "--fps is for analysing" in run.stderr) == (2, True)
    run = fervid("report", stored, stored, face_clip, "--out", out)
    assert (run.exit_code, "one page for 3 clips" in run.stderr) == (2, True)
    run = fervid("report", tmp_path / "no.mp4", "--out", out)
    assert run.exit_code == 1
    assert not out.exists()


def test_without_the_extra_it_says_which() -> None:
    code = "import sys; sys.modules['jinja2'] = None; from fer_video.cli import main; main()"
    arguments = [sys.executable, "-c", code, "report", str(EXAMPLE), "--out", "nowhere.html"]
    run = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert run.returncode == 2
    assert run.stderr == "fervid: error: reports need Jinja: pip install 'fervid[report]'\n"
