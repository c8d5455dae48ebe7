"""The list of a batch's reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import SCREENS, Browser
from command import fervid
from made import result

from fer_video.errors import InputError
from fer_video.render.index import IndexRow, page_name, read_sheet, write_index
from fer_video.types import ClipResult, Person, Prediction, Segment

LONG_ERROR = "a video with a very long explanation of what is wrong with it " * 30


def clip(name: str, emotion: str, confidence: float, duration_s: float | None, *segments: Segment) -> IndexRow:
    shares = {"anger": 0.0, "happiness": 0.0, "neutral": 0.0} | {emotion: confidence}
    person = Person(1, 0.0, duration_s or 0.0, 5, emotion, confidence, shares, segments=segments)
    found = ClipResult(
        f"/clips/{name}", "ok", duration_s=duration_s, people=(person,),
        clip=Prediction(emotion, confidence, shares, "m", 1),
    )  # fmt: skip
    return IndexRow(found, f"{name}.html")


ROWS = [
    clip("ten10.mp4", "happiness", 0.9, 10.0, Segment(0, 2.5, "neutral", 0.5), Segment(2.5, 10, "happiness", 0.9)),
    clip("two2.mp4", "happiness", 0.6, 200.0, Segment(0, 200, "happiness", 0.6)),
    clip("anna.mp4", "anger", 0.7, 30.0, Segment(0, 30, "anger", 0.7)),
    clip("photo.jpg", "neutral", 0.8, None),
    IndexRow(ClipResult("/clips/nobody.mp4", "ok", duration_s=5.0), "nobody.html"),
    IndexRow(ClipResult("/clips/bad.mp4", "failed", LONG_ERROR), None),
    IndexRow(replace(result("/clips/cut.mp4"), status="partial", error="the end is missing"), "cut.html"),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("index") / "index.html"
    write_index([row.slim() for row in ROWS], out)
    return out


def names(visit: object) -> list[str]:
    found: list[str] = visit.page.evaluate(  # type: ignore[attr-defined]
        "[...document.querySelectorAll('tbody tr:not([hidden])')].map((row) => row.cells[0].dataset.sort)"
    )
    return found


def test_names_of_pages_are_harmless() -> None:
    assert page_name(3, "../../etc/pässwd <b>.mp4") == "0003-p-sswd-b.html"
    assert page_name(1, "日本.mp4") == "0001-clip.html"


def test_kinds_are_told_apart() -> None:
    assert [row.kind for row in ROWS] == ["video", "video", "video", "photo", "no face", "failed", "partial"]


@pytest.mark.parametrize(("width", "height"), SCREENS)
def test_it_says_what_is_in_the_clips(browser: Browser, index: Path, width: int, height: int) -> None:
    with browser.open(index, width, height, dark=width < 500) as visit:
        page = visit.page
        head = page.inner_text("header")
        assert "7 clips" in head
        assert "3 videos, 1 photo, 1 partial, 1 no face, 1 failed; 4:05.3 in all" in head
        totals = page.evaluate("[...document.querySelectorAll('.total')].map((each) => each.innerText.split(/\\s+/))")
        assert totals == [["happiness", "2"], ["anger", "1"], ["neutral", "1"], ["happy", "1"]]
        first = page.inner_text("tbody tr >> nth=0")
        for said in ("ten10.mp4", "happiness 90%", "happiness 75%", "neutral 25%", "1 person", "0:10.0", "video"):
            assert said in first, said
        cells = page.get_attribute("tbody tr >> nth=0 >> .cells", "data-cells").split()
        order = page.evaluate("settings.order")
        assert [order[int(each)] for each in cells] == ["neutral"] * 15 + ["happiness"] * 45
        failed = page.locator("tr[data-kind=failed]")
        assert LONG_ERROR[:40] not in failed.inner_text()  # until it is opened
        tall = failed.bounding_box()["height"]
        failed.locator("summary").click()
        assert LONG_ERROR[:40] in failed.inner_text()
        assert failed.bounding_box()["height"] < tall + 200
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert visit.is_quiet(), visit.said


@pytest.mark.parametrize(("width", "height"), SCREENS)
def test_it_sorts_and_filters_with_the_keyboard(browser: Browser, index: Path, width: int, height: int) -> None:
    with browser.open(index, width, height) as visit:
        page = visit.page

        def press(column: str) -> list[str]:
            page.locator("th button", has_text=column).focus()
            page.keyboard.press("Enter")
            return names(visit)

        assert press("clip")[:3] == ["anna.mp4", "bad.mp4", "cut.mp4"]
        assert page.locator("th >> nth=0").get_attribute("aria-sort") == "ascending"
        assert page.evaluate("getComputedStyle(document.querySelector('.arrow'), '::before').content") == '"▲"'
        assert press("clip")[0] == "two2.mp4"
        assert page.evaluate("getComputedStyle(document.querySelector('.arrow'), '::before').content") == '"▼"'
        by_duration = ["cut.mp4", "nobody.mp4", "ten10.mp4", "anna.mp4", "two2.mp4"]
        assert press("duration")[:5] == by_duration  # those without one come last in both orders
        assert press("duration")[:5] == by_duration[::-1]
        assert press("emotion")[:3] == ["anna.mp4", "ten10.mp4", "two2.mp4"]  # the surest first
        page.focus("#words")
        page.keyboard.type("HAPPINESS ten")
        assert names(visit) == ["ten10.mp4"]
        assert page.text_content("#count") == "1 of 7"
        page.fill("#words", "")
        page.select_option("#kind", "failed")
        assert names(visit) == ["bad.mp4"]
        page.select_option("#kind", "")
        page.locator(".total", has_text="happiness").focus()
        page.keyboard.press("Space")
        assert sorted(names(visit)) == ["ten10.mp4", "two2.mp4"]
        assert page.input_value("#emotion") == "happiness"
        page.keyboard.press("Space")
        assert len(names(visit)) == 7
        assert visit.is_quiet(), visit.said


def test_thousands_of_clips_are_shown_some_at_a_time(browser: Browser, tmp_path: Path) -> None:
    rows = [replace(ROWS[0], result=replace(ROWS[0].result, path=f"/clips/{i:04}.mp4")) for i in range(650)]
    write_index(rows, tmp_path / "index.html")
    with browser.open(tmp_path / "index.html") as visit:
        page = visit.page
        assert len(names(visit)) == 300
        assert page.text_content("#count") == "650 of 650"
        page.click("#more")
        page.click("#more")
        assert len(names(visit)) == 650
        assert page.is_hidden("#more")
        page.fill("#words", "0649.mp4")
        assert names(visit) == ["0649.mp4"]  # all are searched
        page.fill("#words", "")
        for _ in range(2):
            page.click("th button >> nth=0")
        assert names(visit)[0] == "0649.mp4"
        assert len(names(visit)) == 300
        assert visit.is_quiet(), visit.said


def test_a_folder_of_clips_has_pages_and_a_list(
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
        assert names(visit) == ["face.mp4", "faceless.mp4", "bad.mp4"]
        assert page.evaluate("document.querySelector('tbody img').naturalWidth") == 64
        page.click("tbody a >> nth=0")
        page.wait_for_selector("html[data-ready]")
        assert page.inner_text("h1") == "face.mp4"
        page.click("nav a")
        page.wait_for_selector("#clips")
        assert visit.is_quiet(), (visit.said, visit.fetched)


def test_a_folder_of_results_is_read(tmp_path: Path, face_clip: Path, faceless_clip: Path) -> None:
    stored, out = tmp_path / "results", tmp_path / "reports"
    run = fervid("predict", face_clip, faceless_clip, "--frames", "--fps", "2", "--out", f"{stored}/")
    assert run.exit_code == 0, run.stderr
    run = fervid("report", stored, "--out", out)
    assert (run.exit_code, run.stderr) == (0, "")
    assert sorted(each.name for each in out.iterdir()) == ["0001-face.html", "0002-faceless.html", "index.html"]
    assert "data:image/jpeg" in (out / "index.html").read_text()
    (stored / "z.json").write_text("{}")
    run = fervid("report", stored, "--out", out)
    assert run.exit_code == 1
    assert "z.json: not a result" in run.stderr
    assert "z.json" in (out / "index.html").read_text()
    run = fervid("report", stored, "--fps", "3", "--out", out)
    assert (run.exit_code, "--fps is for analysing" in run.stderr) == (2, True)


def test_a_folder_with_clips_and_results_is_one_of_clips(tmp_path: Path, face_clip: Path) -> None:
    folder = tmp_path / "both"
    folder.mkdir()
    (folder / "face.mp4").write_bytes(face_clip.read_bytes())
    (folder / "notes.json").write_text("{}")
    run = fervid("report", folder, "--fps", "2", "--out", tmp_path / "r.html")
    assert (run.exit_code, run.stderr) == (0, "")
    assert "face.mp4" in (tmp_path / "r.html").read_text()


def test_a_contact_sheet_above_the_list(browser: Browser, tmp_path: Path) -> None:
    sheet = tmp_path / "people.png"
    cv2.imwrite(str(sheet), np.full((40, 90, 3), 120, np.uint8))
    write_index(ROWS[:2], tmp_path / "index.html", read_sheet(sheet))
    with browser.open(tmp_path / "index.html", 1280, 900, dark=False) as visit:
        assert visit.page.evaluate("document.querySelector('img.sheet').naturalWidth") == 90
    sheet.write_bytes(b"GIF89a")
    with pytest.raises(InputError, match=r"is no PNG picture; make one with fervid people"):
        read_sheet(sheet)
    run = fervid("report", "a.json", "--sheet", sheet, "--out", tmp_path / "r.html")
    assert (run.exit_code, "--sheet belongs to the list" in run.stderr) == (2, True)
