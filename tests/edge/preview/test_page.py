"""The page in a real browser, while a real session runs; skipped, loudly, only where there is no Chromium."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("selenium", reason="selenium is not installed: the preview page was NOT driven in a browser")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from edge.camera.demo import DemoCamera
from edge.capture.session.judge import Judge
from edge.criteria.criterion import read_criterion
from edge.preview.server import Listen

from .conftest import Clinic, Cycle, Demo, Switched, wait_for
from .driving import Page

TOKEN = "c81f5e0b97d2a643"
Start = Callable[..., Demo]
Visits = Callable[..., Clinic]


def test_page_shows_the_stream_reacts_to_a_hint_and_keeps_a_picture(
    clinic: Visits, page: Page, clear: list[np.ndarray]
) -> None:
    camera = Switched(clear)
    running = clinic(camera=camera, strictness=None)
    page.open(running.preview.url)
    page.wait_live()
    shown = page.shown()
    assert shown[40:80, 60:100, 0].mean() > shown[40:80, 60:100, 2].mean() + 20, "no retina on the page"
    wait_for(lambda: page.text("text") == "Good: hold still")
    assert float(page.text("number")) > 0.8
    assert page.find("#meter").get_attribute("aria-valuetext").endswith("good")

    camera.dark = True
    hint = wait_for(lambda: page.text("text") != "Good: hold still" and page.text("text"))
    assert page.find("#hint").get_attribute("data-code") in ("too_dark", "no_fundus"), hint
    red = shown[40:80, 60:100, 0].mean()
    # The map lies blue over what is not visible.
    wait_for(lambda: page.shown()[40:80, 60:100].mean(axis=(0, 1)) @ (-1, 0, 1) > 20)
    assert page.shown()[40:80, 60:100, 0].mean() < red / 2
    camera.dark = False
    wait_for(lambda: page.text("text") == "Good: hold still")

    assert page.text("none") == "No picture yet"
    page.trigger()
    kept = wait_for(lambda: page.browser.find_elements(By.CSS_SELECTOR, "#captures .face"))
    assert page.text("said") == "Picture 1 kept"
    assert wait_for(lambda: page.run("return document.querySelector('#captures img')?.naturalWidth")) == 480
    kept = page.browser.find_elements(By.CSS_SELECTOR, "#captures .face")
    kept[0].click()
    assert page.find("#large").get_attribute("open") is not None
    assert wait_for(lambda: page.run("return document.getElementById('large-picture').naturalWidth")) == 480
    page.find("#large-close").send_keys(Keys.ESCAPE)
    wait_for(lambda: page.find("#large").get_attribute("open") is None)

    camera.nothing = True
    wait_for(lambda: page.link() == "stalled")
    assert page.text("link-text") == "No picture from the camera"
    camera.nothing = False
    wait_for(lambda: page.link() == "live")

    asked = page.run("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert asked
    assert all(each.startswith((running.preview.url, f"blob:{running.preview.url}", "data:")) for each in asked)
    assert page.browser.get_log("browser") == []


def test_the_page_says_what_a_criterion_says(clinic: Visits, page: Page, clear: list[np.ndarray]) -> None:
    camera = Cycle(clear)
    running = clinic(camera=camera, strictness=None, judge=Judge(read_criterion("nhs-desp")))
    page.open(running.preview.url)
    page.wait_live()
    wait_for(lambda: page.text("adequacy").startswith("nhs-desp (unverified): "))
    page.trigger()
    wait_for(lambda: page.browser.find_elements(By.CSS_SELECTOR, "#captures .face img"))
    page.find("#captures .face").click()
    assert "nhs-desp (unverified): " in page.text("large-more")
    page.find("#large-close").click()
    assert page.run("return document.querySelectorAll('.field').length") == 4, "two fields of two eyes"
    camera.dark = True
    wait_for(lambda: page.text("adequacy").startswith("nhs-desp (unverified): not adequate ("))
    assert page.browser.get_log("browser") == []


def test_keys_and_settings(clinic: Visits, page: Page, clear: list[np.ndarray]) -> None:
    running = clinic(camera=Cycle(clear[:1]))
    page.open(running.preview.url)
    page.wait_live()
    wait_for(lambda: running.preview.hub.captured == 1)  # by itself
    wait_for(lambda: page.find("#trigger").is_enabled())  # on a busy machine the picture stands still for a moment
    page.press(" ")
    wait_for(lambda: page.text("said") == "Picture 2 kept")
    with_map = page.shown()
    page.press("m")
    wait_for(lambda: not page.find("#map").is_selected())
    wait_for(lambda: np.abs(page.shown() - with_map).max() > 60)

    page.find("#menu").click()
    page.find("#language").send_keys("Deutsch")
    wait_for(lambda: page.text("text") == "Fertig: jetzt das andere Auge")
    assert page.text("trigger") == "Aufnehmen"
    assert page.run("return document.documentElement.lang") == "de"
    page.find("input[value=strict]").click()
    wait_for(lambda: running.preview.hub.strictness == "strict")

    page.browser.refresh()
    page.wait_live()
    wait_for(lambda: page.text("text") == "Fertig: jetzt das andere Auge")
    assert not page.find("#map").is_selected(), "the browser has forgotten the settings"
    assert page.find("input[value=strict]").is_selected()
    page.run("localStorage.clear()")


def test_page_survives_a_restart_of_the_server(clinic: Visits, page: Page) -> None:
    running = clinic(strictness=None)
    page.open(running.preview.url)
    page.wait_live()
    page.trigger()
    wait_for(lambda: page.browser.find_elements(By.CSS_SELECTOR, "#captures .face"))
    running.stop()
    running.stop = lambda: None  # type: ignore[method-assign]
    wait_for(lambda: page.link() in ("ended", "lost"))
    assert page.text("link-text").startswith(("The program has ended", "Connection lost"))
    again = clinic(Listen(port=running.preview.port), strictness=None)
    wait_for(lambda: page.link() == "live")
    wait_for(lambda: not page.browser.find_elements(By.CSS_SELECTOR, "#captures .face"))
    before = again.preview.painter.drawn
    wait_for(lambda: again.preview.painter.drawn > before + 3)
    page.trigger()
    wait_for(lambda: page.text("said") == "Picture 1 kept")


def test_locked_camera_opens_with_its_token_only(demo: Start, page: Page) -> None:
    running = demo(Listen(port=0, token=TOKEN))
    page.open(running.preview.url)
    wait_for(lambda: page.find("#door").get_attribute("open") is not None)
    assert page.pixels() is None
    page.find("#token").send_keys("a wrong token" + Keys.ENTER)
    wait_for(lambda: page.text("door-said") == "This is not the token.")
    page.find("#token").clear()
    page.find("#token").send_keys(TOKEN + Keys.ENTER)
    page.wait_live()
    assert page.find("#door").get_attribute("open") is None
    assert TOKEN not in json.dumps(page.run("return [document.cookie, {...localStorage}, location.href]"))
    page.browser.refresh()
    page.wait_live()
    running.stop()
    demo(Listen(port=running.preview.port, token=TOKEN))
    wait_for(lambda: page.link() == "live")

    page.browser.delete_all_cookies()
    page.open(f"{running.preview.url}#token={TOKEN}")
    page.wait_live()
    assert page.run("return location.href") == running.preview.url
    page.open(f"{running.preview.url}#token={TOKEN}")  # the cookie opens already
    page.wait_live()
    assert page.run("return location.href") == running.preview.url


def test_a_link_with_the_token_opens_the_page_that_is_locked_in_this_tab(demo: Start, page: Page) -> None:
    running = demo(Listen(port=0, token=TOKEN))
    page.open(running.preview.url)
    wait_for(lambda: page.find("#door").get_attribute("open") is not None)
    # Only the part behind # differs, so the browser loads nothing.
    page.browser.get(f"{running.preview.url}#token=another-horse-7391")
    wait_for(lambda: page.text("door-said") == "This is not the token.")
    assert page.run("return location.href") == running.preview.url
    page.browser.get(f"{running.preview.url}#token={TOKEN}")
    page.wait_live()
    assert page.find("#door").get_attribute("open") is None
    page.browser.get(f"{running.preview.url}#token={TOKEN}")  # which is open by now
    wait_for(lambda: page.run("return location.href") == running.preview.url)


def test_everything_has_a_name_for_a_screen_reader_and_fits_a_phone(clinic: Visits, page: Page) -> None:
    running = clinic(strictness=None)
    page.open(running.preview.url)
    page.wait_live()
    wait_for(lambda: page.find("#trigger").is_enabled())
    reached = []
    for _ in range(7):
        page.browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(page.run("return document.activeElement.id"))
    assert reached == ["who", "menu", "eye-right", "eye-left", "end", "trigger", "next"], (
        "not in the order of the screen"
    )
    page.find("#trigger").send_keys(Keys.ENTER)
    wait_for(lambda: page.browser.find_elements(By.CSS_SELECTOR, "#captures .face img"))
    named = 0
    for opener, dialog in ((None, None), ("#menu", "settings"), ("#who", "patient"), ("#captures .face", "large")):
        if opener is not None:
            page.find(opener).click()
        within = "body" if dialog is None else f"#{dialog}"
        kinds = ("button", "input", "select", "img", "#meter", "canvas", "ul")
        for each in page.browser.find_elements(By.CSS_SELECTOR, ", ".join(f"{within} {kind}" for kind in kinds)):
            decorative = each.get_attribute("alt") == ""
            if each.is_displayed() and not decorative:
                assert each.accessible_name.strip(), each.get_attribute("outerHTML")
                named += 1
        if dialog is not None:
            page.run("document.getElementById(arguments[0]).close()", dialog)
    assert named > 20
    assert page.find("#meter").aria_role == "meter"
    for name in ("text", "said", "eye-said", "pending"):
        assert page.find(f"#{name}").aria_role == "status"
        assert page.find(f"#{name}").get_attribute("aria-live") == "polite"
    for width in (320, 412, 800, 1400):
        page.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 2, "mobile": True},
        )
        assert page.run("return document.documentElement.scrollWidth <= innerWidth"), f"too wide for {width} pixels"
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.slow
def test_demo_itself_plays_on_the_page(demo: Start, page: Page) -> None:
    """Not a few frames again and again, but the eye in a shaky hand: hints come and go."""
    running = demo(camera=DemoCamera(width=320, height=240))
    page.open(running.preview.url)
    page.wait_live()
    heard: set[str] = set()
    wait_for(lambda: heard.add(page.text("text")) or len(heard - {""}) >= 3, 60)
