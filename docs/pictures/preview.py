"""Draws preview.jpg, the page of edge-capture --web, from the synthetic eye: python docs/pictures/preview.py.

Wants the extra web, selenium, and Chromium with its driver (Debian: chromium, chromium-driver).
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from edge import QualityModel
from edge.camera.demo import DemoCamera
from edge.capture.guided import GuidedSession
from edge.capture.loop import Counts, grade_stream
from edge.preview.context import Controls
from edge.preview.server import Listen, Preview

SHOWN = (("edge_shadow", "reject"), ("hold", "good"))  # hints and verdicts to wait for, from left to right
_WIDTH, _HEIGHT = 400, 850
_PATIENCE_S = 90


def main() -> None:
    """Two views of one session, side by side."""
    counts, stop, asked = Counts(), threading.Event(), threading.Event()
    controls = Controls(asked.set, "normal")
    with QualityModel.load() as model, Preview(Listen(port=0), counts, controls, print) as preview:
        session = threading.Thread(target=_play, args=(model, counts, preview, asked, stop))
        session.start()
        try:
            views = _look(preview, asked)
        finally:
            stop.set()
            session.join()
    target = Path(__file__).with_name("preview.jpg")
    cv2.imwrite(str(target), np.hstack(views), [cv2.IMWRITE_JPEG_QUALITY, 85])


def _play(model: QualityModel, counts: Counts, preview: Preview, asked: threading.Event, stop: threading.Event) -> None:
    """The demo over and over; keeps a good frame when asked."""
    while not stop.is_set():
        for step in grade_stream(DemoCamera(), GuidedSession(model, None), counts, stop=stop, report=print):
            preview.publish(step.graded)
            if asked.is_set() and step.assessment.verdict == "good":
                asked.clear()
                preview.captured(step.graded)


def _look(preview: Preview, asked: threading.Event) -> list[NDArray[np.uint8]]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or sys.exit("this wants chromium (Debian: apt install chromium)")
    for each in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "lang=en", "hide-scrollbars"):
        options.add_argument(f"--{each}")
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        size = {"width": _WIDTH, "height": _HEIGHT, "deviceScaleFactor": 1, "mobile": True}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(preview.url)
        asked.set()
        kept = "return document.querySelectorAll('#captures img').length > 0"
        until = time.monotonic() + _PATIENCE_S
        while not browser.execute_script(kept):
            _hurry(until, "a good frame")
        return [_view(browser, *shown) for shown in SHOWN]
    finally:
        browser.quit()


def _view(browser: webdriver.Chrome, hint: str, verdict: str) -> NDArray[np.uint8]:
    """The page while a hint is shown."""
    shown = "return [document.getElementById('hint').dataset.code, document.getElementById('bar').dataset.verdict]"
    until = time.monotonic() + _PATIENCE_S
    while True:
        _hurry(until, hint)
        if browser.execute_script(shown) != [hint, verdict]:
            continue
        time.sleep(0.3)  # the picture follows the words
        data = browser.get_screenshot_as_png()
        if browser.execute_script(shown) == [hint, verdict]:
            view = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            return np.asarray(view, dtype=np.uint8)


def _hurry(until: float, what: str) -> None:
    time.sleep(0.02)
    if time.monotonic() > until:
        sys.exit(f"the demo did not show {what} within {_PATIENCE_S} s; run it again on an idle machine")


if __name__ == "__main__":
    main()
