"""The page on screens of all sizes: picture, hint and trigger are seen at once, and nothing runs off the screen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest

pytest.importorskip("selenium", reason="selenium is not installed: the preview page was NOT driven in a browser")

from edge.guidance.hint import CODES, Hint, languages
from edge.preview.server import Listen

from .conftest import Demo, wait_for
from .driving import Page

SCREENS = [(320, 568), (360, 740), (390, 844), (568, 320), (667, 375), (844, 390), (768, 1024), (1024, 768)]
SCREENS += [(1280, 800), (1920, 1080), (1280, 500), (600, 600)]
FINGER = 44  # pixels, the least that a finger meets
LONG_NOTE = "the disk is nearly full: " + "captures are still kept, the film is not; " * 4 + "free some space."
# The boxes of what must be seen at once, of what a finger must meet, and what sticks out, all in pixels of the screen.
_MEASURE = """
const box = (e) => {
  const b = e.getBoundingClientRect();
  return [b.left, b.top, b.right, b.bottom, b.width, b.height];
};
const shown = (e) => e.checkVisibility();
const strip = document.getElementById("captures");
return {
  wide: document.documentElement.scrollWidth, inner: [innerWidth, innerHeight],
  first: Object.fromEntries(["picture", "hint", "text", "trigger"].map((n) => [n, box(document.getElementById(n))])),
  texts: [...document.querySelectorAll("#hint, #trigger, #said, #score")].map(
    (e) => [e.id, e.scrollWidth - e.clientWidth, e.scrollHeight - e.clientHeight]),
  touch: [...document.querySelectorAll("button, select, summary, #settings label, #door input")].filter(shown)
    .map((e) => [e.id || e.textContent.trim(), box(e)]),
  strip: [strip.clientWidth, strip.scrollWidth, strip.children.length, getComputedStyle(strip).overflowX],
};
"""
Start = Callable[..., Demo]


@pytest.fixture(scope="module")
def browser(open_chromium: Callable[..., Any]) -> Any:
    return open_chromium(412, 915)


@pytest.fixture
def page(browser: Any) -> Iterator[Page]:
    yield Page(browser)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get("about:blank")
    browser.delete_all_cookies()


def resize(page: Page, width: int, height: int) -> None:
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True},
    )
    wait_for(lambda: page.run("return [innerWidth, innerHeight]") == [width, height], 10)


def longest_hints() -> dict[str, list[str]]:
    """For each language the three hints with the most letters, at the widest hour."""
    hints = [Hint(code, clock) for code in CODES for clock in (None, 12)]
    return {each: sorted({h.in_language(each) for h in hints}, key=len)[-3:] for each in languages()}


def keep(running: Demo, number: int) -> None:
    while running.preview.hub.captured < number:
        before = running.preview.hub.captured
        running.preview.captured(running.newest)
        wait_for(lambda before=before: running.preview.hub.captured > before)


@pytest.mark.parametrize("pictures", [0, 3, 12])
def test_picture_hint_and_trigger_are_seen_at_once_on_every_screen(demo: Start, page: Page, pictures: int) -> None:
    running = demo()
    page.open(running.preview.url)
    page.wait_live()
    keep(running, pictures)
    wait_for(lambda: len(page.run("return [...document.querySelectorAll('#captures img')]")) == pictures)
    running.preview.tell(LONG_NOTE)
    wait_for(lambda: page.text("note") == LONG_NOTE)
    for width, height in SCREENS:
        resize(page, width, height)
        for language, hints in longest_hints().items():
            page.run(
                "const s = document.getElementById('language'); s.value = arguments[0];"
                "s.dispatchEvent(new Event('change'))",
                language,
            )
            for hint in hints:
                page.run("document.getElementById('text').textContent = arguments[0]", hint)
                _hold(page.run(_MEASURE), f"{width}x{height}, {language}: {hint}", pictures)
    page.run("localStorage.clear()")


def _hold(seen: dict[str, Any], where: str, pictures: int) -> None:
    width, height = seen["inner"]
    assert seen["wide"] <= width, f"{where}: the page is wider than the screen"
    for name, (left, top, right, bottom, _, _) in seen["first"].items():
        assert left >= 0, (where, name)
        assert top >= 0, (where, name)
        assert right <= width, (where, name)
        assert bottom <= height, f"{where}: {name} ends at {bottom}, below the first screen"
    assert seen["first"]["picture"][5] > 0.4 * min(width, height), f"{where}: the picture is small"
    for name, over_x, over_y in seen["texts"]:
        assert over_x <= 1, f"{where}: {name} is cut off"
        assert over_y <= 1, f"{where}: {name} is cut off"
    for name, box in seen["touch"]:
        assert min(box[4:]) >= FINGER, f"{where}: {name} is too small for a finger: {box[4:]}"
    room, wide, number, overflow = seen["strip"]
    assert number == pictures
    assert wide <= room or overflow == "auto", f"{where}: kept pictures cannot be reached"


def test_the_oldest_picture_is_reached_and_enlarged_on_every_screen(demo: Start, page: Page) -> None:
    running = demo()
    page.open(running.preview.url)
    page.wait_live()
    keep(running, 12)
    wait_for(lambda: len(page.run("return [...document.querySelectorAll('#captures img')]")) == 12)
    for width, height in SCREENS:
        resize(page, width, height)
        page.find("#captures li:last-child button").click()  # scrolls there as a finger would
        wait_for(lambda: page.run("return document.getElementById('large-picture').naturalWidth") == 480)
        assert page.text("large-title").startswith("Picture 1:")
        for name in ("large-picture", "large-close"):
            left, top, right, bottom = page.run(
                "const b = document.getElementById(arguments[0]).getBoundingClientRect();"
                "return [b.left, b.top, b.right, b.bottom]",
                name,
            )
            where = f"{width}x{height}: {name}"
            assert (left >= 0, top >= 0, right <= width, bottom <= height) == (True,) * 4, where
        page.find("#large-close").click()
        wait_for(lambda: page.find("#large").get_attribute("open") is None)


def test_door_and_open_settings_fit_every_screen(demo: Start, page: Page) -> None:
    locked = demo(Listen(port=0, token="kd83hs0w6mq1z"))
    page.open(locked.preview.url)
    wait_for(lambda: page.find("#door").get_attribute("open") is not None)
    for width, height in SCREENS:
        resize(page, width, height)
        for name in ("#token", "#login button"):
            box = page.find(name).rect
            assert box["y"] >= 0
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= height, f"{width}x{height}: {name} is below the screen"
            assert min(box["width"], box["height"]) >= FINGER
    running = demo()
    page.open(running.preview.url)
    page.wait_live()
    page.find("summary").click()
    words = json.loads(files("edge.preview").joinpath("page", "words.json").read_text(encoding="utf-8"))
    for width, height in SCREENS:
        resize(page, width, height)
        for language in words:
            page.run(
                "const s = document.getElementById('language'); s.value = arguments[0];"
                "s.dispatchEvent(new Event('change'))",
                language,
            )
            seen = page.run(_MEASURE)
            assert seen["wide"] <= width, f"{width}x{height}, {language}: settings run off the screen"
            assert [each for each in seen["touch"] if min(each[1][4:]) < FINGER] == []
    page.run("localStorage.clear()")
