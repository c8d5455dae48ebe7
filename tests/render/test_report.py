"""The report: what is in the page, and what it does in a browser."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from browser import Browser
from command import fervid
from conftest import EXAMPLE, ROOT
from made import result

from fer_video.errors import InputError
from fer_video.render import report as pages
from fer_video.render.index import IndexRow, write_index
from fer_video.render.report import ReportOptions, write_report
from fer_video.results.observations import ObservationLog
from fer_video.types import ClipResult, Face, Observation, Person, Prediction

HOSTILE = "<img src=x onerror=alert(1)>.mp4"


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
    for said in ("Person 1", "pseudo-clip-8", "± ", "Segments", "Permission is hereby granted", "0:10.4 long"):
        assert said in text
    assert text.count("data:image/jpeg") == 2  # each of the two shows one emotion
    assert not re.search(r'(src|href)="(https?:)?//', text)
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', text)
    assert policy is not None
    rules = dict(each.split(" ", 1) for each in policy[1].replace("&#39;", "'").split("; "))
    assert rules.pop("media-src") == "'self' file: data: blob:"  # a video that the reader chooses is a blob
    for name in ("script-src", "style-src"):
        assert re.fullmatch(r"('sha256-[A-Za-z0-9+/=]+' ?)+", rules.pop(name))
    assert rules == {"default-src": "'none'", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}


def test_vendored_files_are_as_recorded() -> None:
    folder = Path(pages.__file__).parent / "pages" / "vendor"
    recorded = dict(re.findall(r"^\| `(.+?)` .* ([0-9a-f]{64}) \|$", (folder / "README.md").read_text(), re.M))
    files = {each.name for each in folder.iterdir()} - {"README.md"}
    assert files == set(recorded)
    for name, digest in recorded.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_hostile_text_is_only_text(tmp_path: Path) -> None:
    write_report(hostile_result(), tmp_path / "r.html", None)
    text = (tmp_path / "r.html").read_text()
    assert "<img src=x" not in text
    assert "<svg" not in text
    assert text.count("<script") == text.count("</script") == 6 + 8  # data, scripts
    assert "{{ 7*7 }}" in text
    assert "\x1b" not in text


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
            assert HOSTILE in page.inner_text("h1" if name == "r.html" else ".name >> nth=0")
            assert page.evaluate("document.querySelectorAll('img, svg, iframe').length") == 0
            if name == "r.html":
                page.locator(".u-over").scroll_into_view_if_needed()
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


def test_the_overlay_video_plays(browser: Browser, tmp_path: Path, face_clip: Path) -> None:
    run = fervid("render", face_clip, "--fps", "5", "--out", tmp_path / "o.mp4")
    assert run.exit_code == 0, run.stderr
    (tmp_path / "p.html").write_text('<video id="v" src="o.mp4" muted></video>')
    with browser.open(tmp_path / "p.html") as visit:
        visit.page.evaluate("document.getElementById('v').play()")
        visit.until("document.getElementById('v').ended")
        assert visit.page.evaluate("document.getElementById('v').duration") == pytest.approx(2.0, abs=0.1)


# ---- the command


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
