"""The page in a browser, as a person has it before them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from selenium.webdriver.common.by import By

from .conftest import wait_for


class Page:
    """What a person can see and do."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def open(self, url: str) -> None:
        self.browser.get("about:blank")
        self.browser.get(url)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def text(self, name: str) -> str:
        return str(self.run("return document.getElementById(arguments[0]).textContent", name))

    def find(self, selector: str) -> Any:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def press(self, key: str) -> None:
        self.find("body").send_keys(key)

    def trigger(self) -> None:
        """Press it, once it can be pressed: on a busy machine the picture stands still for a moment."""
        wait_for(lambda: self.find("#trigger").is_enabled())
        self.find("#trigger").click()

    def link(self) -> str:
        return str(self.run("return document.body.dataset.link"))

    def wait_live(self) -> None:
        wait_for(lambda: self.link() == "live" and self.pixels())

    def shown(self) -> np.ndarray:
        """The picture on the page, reduced: int RGB (120, 160, 3)."""
        return np.array(wait_for(self.pixels)).reshape(120, 160, 4)[:, :, :3]

    def pixels(self) -> list[int] | None:
        """RGBA of the same; None before the first picture and while the next is decoded."""
        pixels: list[int] | None = self.run(
            """const picture = document.getElementById("picture");
            if (!picture.complete || !picture.naturalWidth) return null;
            const canvas = Object.assign(document.createElement("canvas"), {width: 160, height: 120});
            canvas.getContext("2d").drawImage(picture, 0, 0, 160, 120);
            return Array.from(canvas.getContext("2d").getImageData(0, 0, 160, 120).data);"""
        )
        return pixels


def scan(page: Page, code: str, end: str = "Enter") -> None:
    """A barcode scanner types like a keyboard, a letter every 5 ms, with Enter at the end, or Tab.

    The page tells it from a hand by the time, so the machine may halt meanwhile: a key carries the time at which it was
    pressed, and what waits for the next one waits longer.
    """
    page.run(
        "window.soon = window.setTimeout;"
        "window.setTimeout = (done, ms, ...more) => window.soon(done, ms === 120 ? 20000 : ms, ...more)"
    )
    began = time.time()
    for number, key in enumerate((*code, end)):
        text = {"Enter": "\r", "Tab": ""}.get(key, key)
        virtual = {"Enter": 13, "Tab": 9}.get(key, 0)
        pressed = {"key": key, "windowsVirtualKeyCode": virtual, "timestamp": began + number * 0.005}
        page.browser.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyDown", "text": text, **pressed})
        page.browser.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **pressed})
    page.run("window.setTimeout = window.soon")
