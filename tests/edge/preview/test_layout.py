"""The page on screens of all sizes and in every state: one screen on a phone, nothing over another, all readable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("selenium", reason="selenium is not installed: the preview page was NOT driven in a browser")

from edge.capture.loop import Counts
from edge.guidance.hint import CODES, Hint, languages
from edge.preview.context import Controls
from edge.preview.server import Listen, Preview

from .conftest import Calm, Demo, Switched, wait_for
from .driving import Page
from .screens import PHONE, SIZES, hold, resize, say_nothing, speak
from .states import STATES, visit, with_questions

SCREENS = [(320, 568), (360, 740), PHONE, (568, 320), (667, 375), (844, 390), (768, 1024), (1024, 768)]
SCREENS += [(1280, 800), (1920, 1080), (1280, 500), (600, 600)]
LONG_NOTE = "the disk is nearly full: " + "captures are still kept, the film is not; " * 4 + "free some space."
DIALOGS = {"settings": "#menu", "patient": "#next", "sure": "#end", "large": "#captures .face"}
# With each hint: the boxes of what must be seen at once, what sticks out, and the strip, in pixels of the screen.
_MEASURE = """
const box = (e) => {
  const b = e.getBoundingClientRect();
  return [b.left, b.top, b.right, b.bottom];
};
const strip = document.getElementById("captures"), root = document.documentElement;
return arguments[0].map((hint) => (document.getElementById("text").textContent = hint, {
  wide: root.scrollWidth, inner: [innerWidth, innerHeight],
  first: Object.fromEntries(["stage", "hint", "text", "eye-right", "eye-left", "trigger", "end", "next"].map(
    (n) => [n, box(document.getElementById(n))])),
  texts: [...document.querySelectorAll("#hint, #trigger, #end, #next, #score, .eye, #eye-said")].map(
    (e) => [e.id, e.scrollWidth - e.clientWidth, e.scrollHeight - e.clientHeight]),
  strip: [strip.clientWidth, strip.scrollWidth, strip.children.length, getComputedStyle(strip).overflowX],
}));
"""
_TOP = """
return arguments[0].map((hint) => (document.getElementById("text").textContent = hint,
  document.getElementById("trigger").getBoundingClientRect().top));
"""
Start = Callable[..., Demo]


@pytest.fixture
def demo(demo: Start, clear: list[np.ndarray]) -> Start:
    """With a camera that shows less often."""

    def start(listen: Listen | None = None, **settings: Any) -> Demo:
        return demo(listen, **{"camera": Calm(clear), **settings})

    return start


def longest_hints() -> dict[str, list[str]]:
    """For each language the three hints with the most letters, at the widest hour."""
    hints = [Hint(code, clock) for code in CODES for clock in (None, 12)]
    return {each: sorted({h.in_language(each) for h in hints}, key=len)[-3:] for each in languages()}


def keep(running: Demo, page: Page, state: dict[str, Any]) -> None:
    """Show a visit with its pictures."""
    running.preview.visit(state)
    for capture in state["captures"]:
        before = running.preview.hub.captured
        running.preview.captured(running.newest, state["number"], capture["number"])
        wait_for(lambda before=before: running.preview.hub.captured > before)
    wait_for(lambda: pictures_of(page) == len(state["captures"]))


def pictures_of(page: Page) -> int:
    return int(page.run("return document.querySelectorAll('#captures img').length"))


@pytest.mark.parametrize("kept", [0, 3, 12])
def test_every_state_is_one_screen_at_four_sizes(demo: Start, page: Page, kept: int) -> None:
    running = demo()
    page.open(running.preview.url)
    page.wait_live()
    keep(running, page, visit(kept))
    for name, state in STATES.items():
        said = state(kept)
        running.preview.visit(said)
        wait_for(lambda said=said: shows(page, said))
        for width, height in SIZES:
            resize(page, width, height)
            hold(page, f"{name}, {kept} pictures, {width}x{height}")
    assert page.browser.get_log("browser") == []


def shows(page: Page, said: dict[str, Any]) -> bool:
    shown = page.run(
        "return [document.body.dataset.visit, document.getElementById('warning').hidden,"
        "[...document.querySelectorAll('#captures li')].filter((e) => e.dataset.asks === 'true').length,"
        "document.getElementById('who').disabled, document.getElementById('eyes').dataset.asks,"
        "document.querySelectorAll('.field').length]"
    )
    eye, stated = said["eye"], said["stated"]
    unknown = not (stated or eye) and said["field"]
    asks = "contradiction" if stated and eye and stated != eye else "unknown" if unknown else ""
    asks = asks if said["state"] == "open" else "ended"
    questions = sum(each["question"] for each in said["captures"])
    quiet = said["disk"] == "ok" and not said["unanswered"] and not said["restarted"]
    wanted = [said["state"], quiet, questions, not said["identity"], asks, len(said["wanted"])]
    return bool(shown == wanted)


@pytest.mark.parametrize("dialog", DIALOGS)
def test_every_dialog_fits_four_sizes_in_every_language(demo: Start, page: Page, dialog: str) -> None:
    running = demo()
    page.open(running.preview.url)
    page.wait_live()
    keep(running, page, with_questions(12, missing=visit(0)["missing"]))
    for language in languages():
        speak(page, language)
        page.run("document.querySelector(arguments[0]).click()", DIALOGS[dialog])
        wait_for(lambda: page.find(f"#{dialog}").get_attribute("open") is not None)
        for width, height in SIZES:
            resize(page, width, height)
            hold(page, f"{dialog}, {language}, {width}x{height}")
        page.run("document.getElementById(arguments[0]).close()", dialog)


def test_what_is_not_live_fits_four_sizes_and_shows_nothing_old(
    demo: Start, page: Page, clear: list[np.ndarray]
) -> None:
    camera = Switched(clear)
    running = demo(camera=camera)
    page.open(running.preview.url)
    page.wait_live()
    keep(running, page, visit(3))
    camera.nothing = True
    wait_for(lambda: page.link() == "stalled")
    fits(page, "camera away")
    camera.nothing = False
    page.wait_live()
    running.stop()
    wait_for(lambda: page.link() in ("ended", "lost"))
    fits(page, "the program has ended")
    with Preview(Listen(port=0), Counts(), Controls(lambda: None, "normal"), print) as starting:
        starting.visit(visit(0))
        page.open(starting.url)
        wait_for(lambda: page.text("who-visit") != "")
        assert page.link() == "connecting"
        fits(page, "connecting")


def fits(page: Page, where: str) -> None:
    for width, height in SIZES:
        resize(page, width, height)
        say_nothing(page)
        hold(page, f"{where}, {width}x{height}")
    assert page.run("return getComputedStyle(document.getElementById('picture')).visibility") == "hidden"


@pytest.mark.parametrize("kept", [0, 12])
def test_picture_hint_and_trigger_are_seen_at_once_on_every_screen(demo: Start, page: Page, kept: int) -> None:
    running = demo()
    page.open(running.preview.url)
    page.wait_live()
    keep(running, page, visit(kept))
    running.preview.tell(LONG_NOTE)
    wait_for(lambda: page.text("note-text") == LONG_NOTE)
    for width, height in SCREENS:
        resize(page, width, height)
        for language, hints in longest_hints().items():
            speak(page, language)
            for hint, seen in zip(hints, page.run(_MEASURE, hints), strict=True):
                _hold(seen, f"{width}x{height}, {language}: {hint}", kept)


def _hold(seen: dict[str, Any], where: str, kept: int) -> None:
    width, height = seen["inner"]
    assert seen["wide"] <= width, f"{where}: the page is wider than the screen"
    for name, (left, top, right, bottom) in seen["first"].items():
        assert left >= 0, (where, name)
        assert top >= 0, (where, name)
        assert right <= width, (where, name)
        assert bottom <= height, f"{where}: {name} ends at {bottom}, below the first screen"
    left, top, right, bottom = seen["first"]["stage"]
    assert bottom - top > 0.3 * min(width, height), f"{where}: the picture is small"
    for name, over_x, over_y in seen["texts"]:
        assert over_x <= 1, f"{where}: {name} is cut off"
        assert over_y <= 1, f"{where}: {name} is cut off"
    room, wide, number, overflow = seen["strip"]
    assert number == kept
    assert wide <= room or overflow == "auto", f"{where}: kept pictures cannot be reached"


@pytest.mark.parametrize(("width", "height"), [PHONE, (768, 1024), (1280, 800)])
def test_no_hint_moves_anything(demo: Start, page: Page, width: int, height: int) -> None:
    """Somebody who reaches for the trigger while the hint changes must still meet it."""
    running = demo()
    page.open(running.preview.url)
    page.wait_live()
    keep(running, page, visit(3))
    resize(page, width, height)
    places = set()
    for language, hints in longest_hints().items():
        speak(page, language)
        places |= {(language, top) for top in page.run(_TOP, ["", *hints])}
    assert len(places) == len(languages()), sorted(places)


def test_the_oldest_picture_is_reached_and_enlarged_on_every_screen(demo: Start, page: Page) -> None:
    running = demo()
    page.open(running.preview.url)
    page.wait_live()
    keep(running, page, visit(12))
    for width, height in SCREENS:
        resize(page, width, height)
        page.find("#captures li:last-child .face").click()  # scrolls there as a finger would
        wait_for(lambda: page.run("return document.getElementById('large-picture').naturalWidth") == 480)
        assert page.text("large-title").startswith("Picture 1:")
        for name in ("large-picture", "large-right", "large-left", "retake", "discard", "large-close"):
            left, top, right, bottom = page.run(
                "const b = document.getElementById(arguments[0]).getBoundingClientRect();"
                "return [b.left, b.top, b.right, b.bottom]",
                name,
            )
            where = f"{width}x{height}: {name}"
            assert (left >= 0, top >= 0, right <= width, bottom <= height) == (True,) * 4, where
        page.find("#large-close").click()
        wait_for(lambda: page.find("#large").get_attribute("open") is None)


def test_the_door_fits_every_screen(demo: Start, page: Page) -> None:
    locked = demo(Listen(port=0, token="kd83hs0w6mq1z"))
    page.open(locked.preview.url)
    wait_for(lambda: page.find("#door").get_attribute("open") is not None)
    for width, height in SCREENS:
        resize(page, width, height)
        hold(page, f"door, {width}x{height}", scrolls=True)


def test_what_a_picture_asks_is_not_cut_off(demo: Start, page: Page) -> None:
    running = demo()
    page.open(running.preview.url)
    page.wait_live()
    keep(running, page, with_questions(3))
    resize(page, *PHONE)
    for language in languages():
        speak(page, language)
        cut = "return [...document.querySelectorAll('.asks')].filter((e) => e.scrollWidth > e.clientWidth).length"
        assert page.run(cut) == 0, language
