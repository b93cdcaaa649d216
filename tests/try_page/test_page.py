"""The page as people meet it: on a phone, by keyboard, from a disk; and nothing leaves it.

EFIQA_PICTURES=docs/pictures/try pytest -m services tests/try_page/test_page.py   draws those of docs/browser.md again.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge.phantom.retina import phantom_frame

from .conftest import PATIENCE, Site, TryPage, saved, wait_for

PHONE, SCREEN = (390, 844), (1280, 800)
TOUCH = 44  # pixels: a finger

_SMALL = """
return [...document.querySelectorAll("button, select, summary")].filter((e) => e.offsetParent)
  .map((e) => [e.id || e.textContent, e.offsetWidth, e.offsetHeight]);
"""
_CUT = """
return [...document.querySelectorAll("h1, p:not(.unseen), dd, dt, button, figcaption")].filter((e) => e.offsetParent)
  .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.id || e.textContent);
"""
_UNNAMED = """
const named = (e) => e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim();
const all = document.querySelectorAll("button, select, summary, canvas, [role=meter], section");
return [...all].filter((e) => !named(e)).length;
"""
_ASK = """
const [address, done] = [arguments[0], arguments[1]], broken = [];
addEventListener("securitypolicyviolation", (event) => broken.push(event.effectiveDirective));
const text = `fetch("${address}/worker", { mode: "no-cors" })
  .then(() => postMessage("left"), () => postMessage("held"))`;
const worker = new Worker(URL.createObjectURL(new Blob([text])));
worker.onmessage = async ({ data }) => {
  const fetched = await fetch(address + "/fetch", { mode: "no-cors" }).then(() => "left", () => "held");
  const image = Object.assign(new Image(), { src: address + "/image" });
  const drawn = await new Promise((shown) => {
    image.onload = () => shown("left");
    image.onerror = () => shown("held");
  });
  navigator.sendBeacon(address + "/beacon", "picture");
  setTimeout(() => done([data, fetched, drawn, broken.length]), 500);
};
"""


@pytest.fixture(scope="module")
def browser(open_chromium: Callable[..., Any]) -> Any:
    opened = open_chromium(*SCREEN)
    opened.set_script_timeout(PATIENCE)
    return opened


@pytest.fixture(scope="module")
def page(browser: Any, site: Site) -> TryPage:
    opened = TryPage(browser)
    opened.open(site.address)
    return opened


def resize(page: TryPage, size: tuple[int, int]) -> None:
    given = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", given)
    wait_for(lambda: page.run("return [innerWidth, innerHeight]") == list(size))


def try_example(page: TryPage, name: str) -> None:
    """By keyboard alone."""
    (button,) = [each for each in page.browser.find_elements("css selector", "#examples button") if each.text == name]
    button.send_keys("\n")
    shown = "const r = document.getElementById('result'); return !r.hidden && r.dataset.of"
    wait_for(lambda: page.run(shown) == name)


def test_what_it_is_not_is_said_before_anything_is_chosen(page: TryPage) -> None:
    words = page.run("return document.body.innerText")
    assert "Not a medical device." in words
    assert "no screening programme has approved it" in words
    assert "No picture leaves this device." in words


def test_keyboard_and_screen_reader(page: TryPage) -> None:
    order = []
    for _ in range(6):
        page.browser.switch_to.active_element.send_keys("\t")
        order.append(page.run("return document.activeElement.id || document.activeElement.textContent"))
    assert order[:5] == ["choose", "camera", "Clear", "Blurred", "Shadow"]
    page.run(
        "document.getElementById('file').addEventListener('click', (e) => { window.asked = true; e.preventDefault(); })"
    )
    page.browser.find_element("css selector", "body").send_keys("o")
    assert page.run("return window.asked") is True
    try_example(page, "Blurred")
    tree = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = {(each["role"]["value"], each.get("name", {}).get("value", "")) for each in tree if not each["ignored"]}
    assert ("meter", "Quality score") in roles
    assert any(
        role == "image" and name.startswith("The photograph under its map: Not good enough, blur")
        for role, name in roles
    )
    assert page.run("return document.getElementById('failed').getAttribute('role')") == "alert"
    assert page.text("told") == "Not good enough. Blurred: hold still and focus"  # what a screen reader says by itself
    assert page.run("return document.getElementById('told').getAttribute('aria-live')") == "polite"


def draw(page: TryPage, folder: Path, name: str) -> None:
    """What is on the screen, if it is something; without the time, which is that of a machine with other work."""
    page.run("document.getElementById('time').parentElement.hidden = true")
    picture = Image.open(io.BytesIO(page.browser.get_screenshot_as_png())).convert("RGB")
    assert np.asarray(picture).std() > 8, f"{name}: there is nothing on it"
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / f"{name}.webp", quality=76, method=6)


def test_examples_show_a_good_eye_and_bad_ones_on_a_phone_and_a_screen(page: TryPage, tmp_path: Path) -> None:
    said, pictures = {}, Path(os.environ.get("EFIQA_PICTURES") or tmp_path / "pictures")
    for name in ("Clear", "Blurred", "Shadow"):
        try_example(page, name)
        said[name] = (page.text("verdict"), page.text("advice"))
        for size in (PHONE, SCREEN):
            resize(page, size)
            page.run("document.activeElement.blur()")
            if name == "Shadow":
                draw(page, pictures, f"{name.lower()}-{size[0]}")
            where = f"{name}, {size}"
            assert page.run("return document.documentElement.scrollWidth") <= size[0], where
            assert page.run(_CUT) == [], where
            small = [each for each in page.run(_SMALL) if each[0] != "All figures" and min(each[1:]) < TOUCH]
            assert small == [], where
            bottom = page.run("return document.getElementById('pictures').getBoundingClientRect().bottom")
            assert bottom <= size[1], f"{where}: verdict and pictures are not seen at once"
            plain, mapped = page.run(
                "return ['plain', 'mapped'].map((e) => document.getElementById(e).getBoundingClientRect().toJSON())"
            )
            assert plain["top"] == mapped["top"], f"{where}: not side by side"
            assert plain["right"] <= mapped["left"], where
    assert said == {
        "Clear": ("Good", "Keep it: nothing that matters is hidden."),
        "Blurred": ("Not good enough", "Blurred: hold still and focus"),
        "Shadow": ("Not good enough", "Shadow at the edge: shift until it is gone"),
    }
    assert page.run(_UNNAMED) == 0


def test_nothing_leaves_the_page(page: TryPage, site: Site, serve: Callable[[Path], Site], tmp_path: Path) -> None:
    """Nothing asks for anything while photographs are graded, and what tried to would be stopped."""
    before = list(site.asked)
    page.grade(saved(phantom_frame(0), tmp_path / "eye.png"))
    assert site.asked == before
    elsewhere = serve(tmp_path)
    *held, broken = page.browser.execute_async_script(_ASK, elsewhere.address)
    assert held == ["held"] * 3
    assert broken >= 3
    assert elsewhere.asked == []
    severe = page.severe()
    assert severe
    assert all("Content Security Policy" in each for each in severe)


def test_one_file_that_opens_from_a_disk(browser: Any, built: Path, tmp_path: Path) -> None:
    shutil.copyfile(built / "efiqa-try.html", tmp_path / "efiqa-try.html")
    page = TryPage(browser)
    page.open((tmp_path / "efiqa-try.html").as_uri())
    assert page.text("failed") == ""
    assert page.grade(saved(phantom_frame(0), tmp_path / "eye.png"))["verdict"] == "good"
    policy = page.run("return document.querySelector('meta[http-equiv]').content")
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy
    assert page.severe() == []
