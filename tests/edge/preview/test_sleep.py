"""The page over breaks: the phone sleeps, the network goes, the camera stops. What is old never looks like now."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("selenium", reason="selenium is not installed: the preview page was NOT driven in a browser")

from edge.preview.server import Listen

from .conftest import Demo, wait_for
from .driving import Page

Start = Callable[..., Demo]
_OLD = """return {picture: getComputedStyle(document.getElementById("picture")).visibility,
  hint: document.getElementById("text").textContent, score: document.getElementById("number").textContent,
  trigger: document.getElementById("trigger").disabled, who: document.getElementById("who-name").textContent};"""


class Asleep:
    """The window is minimized: for a page that is the same as the lock screen of a phone."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def __enter__(self) -> None:
        self._page.browser.minimize_window()
        wait_for(lambda: self._page.run("return document.hidden"))

    def __exit__(self, *_: object) -> None:
        self._page.browser.set_window_rect(0, 0, 412, 915)
        wait_for(lambda: not self._page.run("return document.hidden"))


def nothing_old(page: Page) -> None:
    shown = page.run(_OLD)
    assert shown["picture"] == "hidden", "an old picture looks like one of now"
    assert (shown["hint"], shown["score"]) == ("", "\u2013")
    assert shown["trigger"] is True


def test_page_lets_go_while_the_phone_sleeps_and_comes_back(demo: Start, page: Page) -> None:
    running = demo()
    page.open(running.preview.url)
    page.wait_live()
    with Asleep(page):
        wait_for(lambda: page.link() == "connecting")
        nothing_old(page)
        wait_for(lambda: running.clients() == 0)  # it costs neither battery nor network
    page.wait_live()
    wait_for(lambda: page.text("text") == "Good: hold still")
    assert page.browser.get_log("browser") == []


def test_a_phone_that_says_nothing_when_it_wakes_is_noticed_by_the_clock(demo: Start, page: Page) -> None:
    running = demo()
    page.open(running.preview.url)
    page.wait_live()
    page.run(
        "window.attempts = performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/captures')).length"
    )
    page.run("const before = Date.now; Date.now = () => before() + 60000")
    count = "return performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/captures')).length"
    wait_for(lambda: page.run(count) > page.run("return window.attempts"))
    page.wait_live()


def test_the_program_may_go_and_return_while_the_phone_sleeps(demo: Start, page: Page) -> None:
    running = demo()
    page.open(running.preview.url)
    page.wait_live()
    with Asleep(page):
        running.stop()
    wait_for(lambda: page.link() == "lost")
    nothing_old(page)
    assert page.run(_OLD)["who"] == "" or "identity" in page.run(_OLD)["who"]
    demo(Listen(port=running.preview.port))
    page.wait_live()


def test_notes_are_not_told_again_after_a_break(demo: Start, page: Page) -> None:
    running = demo()
    page.open(running.preview.url)
    page.wait_live()
    running.preview.tell("the camera is unplugged; plug it in again.")
    wait_for(lambda: page.text("note-text") == "the camera is unplugged; plug it in again.")
    page.find("#note-close").click()
    with Asleep(page):
        pass
    page.wait_live()
    wait_for(lambda: page.text("text") != "")
    assert not page.find("#note").is_displayed()
    running.preview.tell("the camera is unplugged; plug it in again.")  # it is, once more
    wait_for(lambda: page.find("#note").is_displayed())
