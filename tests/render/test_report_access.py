"""The pages for everybody: axe-core, keyboard, without colours, and on paper."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from axe import violations
from browser import SCREENS, Browser
from command import fervid
from looped import looped
from made import result
from media import Image

from fer_video.render.index import IndexRow, write_index
from fer_video.render.report import ReportOptions, write_report
from fer_video.results.read import read_results
from fer_video.types import ClipResult

LOOKS = [(*screen, dark) for screen in SCREENS for dark in (False, True)]
PAGES = ("example", "minutes", "photo", "missing", "index")


@pytest.fixture(scope="module")
def pages(
    analysed: Path, example_report: Path, six_people: Image, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    (found,) = read_results(analysed)
    write_report(looped(found, 1 / 6), folder / "minutes.html", None, index=True)
    cv2.imwrite(str(folder / "group.jpg"), six_people)
    assert fervid("report", folder / "group.jpg", "--out", folder / "photo.html").exit_code == 0
    (folder / "gone.mp4").write_text("no video")
    write_report(found, folder / "missing.html", folder / "gone.mp4", ReportOptions(crops=False))
    (folder / "gone.mp4").unlink()
    jpeg = (folder / "group.jpg").read_bytes()
    rows = [
        IndexRow(found, "example.html", jpeg),
        IndexRow(result("photo.jpg"), "photo.html"),
        IndexRow(ClipResult("nobody.mp4", "ok", duration_s=5.0), "nobody.html"),
        IndexRow(ClipResult("bad.mp4", "failed", "cannot be read"), None),
    ]
    write_index([row.slim() for row in rows], folder / "index.html")
    return {"example": example_report} | {name: folder / f"{name}.html" for name in PAGES[1:]}


@pytest.mark.parametrize(("width", "height", "dark"), LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(
    browser: Browser, pages: dict[str, Path], name: str, width: int, height: int, dark: bool
) -> None:
    with browser.open(pages[name], width, height, dark=dark) as visit:
        visit.page.wait_for_selector("html[data-ready]")
        if name == "missing":
            visit.page.wait_for_selector("#missing:not([hidden])")
        visit.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert violations(visit) == []


def test_axe_finds_what_is_wrong(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "p.html").write_text("<html><title>a</title><img src='data:,'><button></button>")
    with browser.open(tmp_path / "p.html") as visit:
        found = {each.partition(":")[0] for each in violations(visit)}
    assert {"image-alt", "button-name", "html-has-lang"} <= found


@pytest.mark.parametrize(("width", "height"), SCREENS)
@pytest.mark.parametrize("name", ["example", "index"])
def test_all_is_reached_and_used_with_the_tab_key(
    browser: Browser, pages: dict[str, Path], name: str, width: int, height: int
) -> None:
    """Everything that can be clicked is in the order of the tab key, is seen in focus, and nothing covers it then."""
    with browser.open(pages[name], width, height) as visit:
        page = visit.page
        page.wait_for_selector("html[data-ready]")
        wanted = page.evaluate(
            """[...document.querySelectorAll('a, button, input, select, summary, [tabindex="0"]')]
            .filter((each) => each.checkVisibility()).map((each, i) => each.dataset.tabbed = String(i)).length"""
        )
        for key in ("Tab", "Shift+Tab"):
            reached = set()
            for _ in range(3 * wanted):
                page.keyboard.press(key)
                found = page.evaluate(
                    """() => { const each = document.activeElement, box = each.getBoundingClientRect();
                    const middle = [box.left + box.width / 2, box.top + Math.min(box.height, 60) / 2];
                    const seen = document.elementFromPoint(...middle);
                    return [each.dataset.tabbed, getComputedStyle(each).outlineStyle, each.contains(seen)]; }"""
                )
                if found[0] is not None:
                    reached.add(found[0])
                    assert found[1] != "none", found
                    assert found[2], (key, found)
                if len(reached) == wanted:
                    break
            assert len(reached) == wanted, key
        assert visit.is_quiet(), visit.said


def test_emotions_are_told_apart_without_colour(browser: Browser, pages: dict[str, Path]) -> None:
    """Eight hatches differ where colours are taken away, and no two lines have the same dashes."""
    with browser.open(pages["minutes"]) as visit:
        page = visit.page
        page.wait_for_selector("html[data-ready]")
        inked = """labels.map((label) => {
            const { data } = swatch(label).getContext("2d").getImageData(0, 0, 16, 16), found = [];
            const bare = [1, 3, 5].map((i) => parseInt(colourOf(label).slice(i, i + 2), 16));
            const far = (i) => bare.reduce((sum, value, k) => sum + Math.abs(data[i + k] - value), 0) > 60;
            for (let i = 0; i < data.length; i += 4) found.push(Number(far(i)));
            return found.join(""); })"""
        hatches = page.evaluate(inked)
        assert len(hatches) == len(set(hatches)) == 8
        dashes = page.evaluate("labels.map((label) => dashOf(label).join())")
        assert len(set(dashes)) == 8
        page.wait_for_selector(".uplot")
        # the lines are named at their ends: something is drawn to the right of the plot
        names = """() => { const { chart } = [...charts.values()][0], { left, top, width, height } = chart.bbox;
            const from = left + width + 8, wide = chart.ctx.canvas.width - from;
            const { data } = chart.ctx.getImageData(from, top, wide, height);
            return data.some((value, i) => i % 4 === 3 && value > 0); }"""
        assert page.evaluate(names)


def test_a_page_prints_as_it_is_meant(browser: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    with browser.open(pages["minutes"], dark=True) as visit:
        page = visit.page
        page.wait_for_selector("html[data-ready]")
        page.emulate_media(media="print", color_scheme="dark")
        visit.until("document.documentElement.dataset.theme === 'light'")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        for hidden in ("#theme", "#video", "#filters", "#emotions", "#boxes"):
            assert not page.is_visible(hidden), hidden
        assert page.locator(".timeline .uplot").count() == 2  # also those that were never in sight
        shown = int(page.text_content("#count").split()[0])
        assert page.locator(".segment").count() == shown > 30
        assert page.evaluate("document.getElementById('made').open")
        last, box = page.locator(".segment >> nth=-1").bounding_box(), page.locator("#segments").bounding_box()
        assert last["y"] + last["height"] <= box["y"] + box["height"] + 2  # all of the list is on paper
        page.emulate_media(media="screen", color_scheme="dark")
        visit.until("document.documentElement.dataset.theme === undefined")
        assert page.locator(".segment").count() < shown
        page.pdf(path=tmp_path / "page.pdf")
        assert visit.is_quiet(), visit.said
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_a_photo_and_a_list_print_light(browser: Browser, pages: dict[str, Path]) -> None:
    for name in ("photo", "index"):
        with browser.open(pages[name], dark=True) as visit:
            page = visit.page
            page.wait_for_selector("html[data-ready]")
            page.emulate_media(media="print", color_scheme="dark")
            visit.until("document.documentElement.dataset.theme === 'light'")
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
            page.set_viewport_size({"width": 680, "height": 960})  # A4
            assert page.evaluate("document.documentElement.scrollWidth") <= 680
            if name == "photo":  # on paper the canvas holds the photo too
                corner = "[...overlay.getContext('2d').getImageData(2, 2, 1, 1).data]"
                visit.until(f"{corner}[3] === 255")
            assert visit.is_quiet(), visit.said


def test_a_group_of_one_is_shown(browser: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    write_report(result(), tmp_path / "r.html", None)
    with browser.open(tmp_path / "r.html") as visit:
        visit.page.wait_for_selector("html[data-ready]")
        assert "The group, of one person" in visit.page.inner_text(".answers")
        assert visit.is_quiet(), visit.said
