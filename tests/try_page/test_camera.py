"""The camera of the page: Chromium's fake one shows a synthetic eye."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge.images import read_image
from edge.model import QualityModel
from edge.phantom.degradation import degrade
from edge.phantom.retina import phantom_frame

from .conftest import Site, TryPage, saved, wait_for

REFUSED = "The camera was refused: allow it in the settings of this page, or choose a photograph."
ALLOWED = ("use-fake-device-for-media-stream", "use-fake-ui-for-media-stream")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the camera shows: a motion JPEG of one frame, a blurred eye."""
    frame = cv2.resize(degrade(phantom_frame(3), "blur", 0.6)[0], (640, 640))
    path = saved(frame, tmp_path_factory.mktemp("camera") / "eye.jpg")
    path.with_suffix(".mjpeg").write_bytes(path.read_bytes() * 3)
    return path


@pytest.fixture
def opened(open_chromium: Callable[..., Any], site: Site) -> Callable[..., TryPage]:
    def open_one(*switches: str) -> TryPage:
        page = TryPage(open_chromium(390, 844, switches=switches))
        page.open(site.address)
        return page

    return open_one


def press(page: TryPage) -> None:
    page.browser.find_element("id", "camera").click()


def test_what_the_camera_shows_is_graded_frame_by_frame(opened: Callable[..., TryPage], shown: Path) -> None:
    page = opened(*ALLOWED, f"use-file-for-fake-video-capture={shown.with_suffix('.mjpeg')}")
    press(page)
    for _ in range(3):  # each time one more frame
        wait_for(
            lambda: page.run("return document.getElementById('result').dataset.of") == "camera" or page.text("failed")
        )
        assert page.text("failed") == ""
        page.run("document.getElementById('result').removeAttribute('data-of')")
    assert page.text("said") == "Live"
    assert page.browser.find_element("id", "camera").text == "Stop"
    with QualityModel.load(engine="openvino", threads=1) as model:
        ours = model.assess(read_image(shown))
    said = json.loads(page.text("figures"))
    assert said["score"] == pytest.approx(ours.score, abs=0.03)  # over YUV and back
    assert (said["verdict"], said["cause"]) == (ours.verdict, "blur")
    assert page.text("advice") == "Blurred: hold still and focus"
    press(page)
    assert page.text("said") == "Stopped: this was the last frame."
    page.run("document.getElementById('figures').textContent = ''")
    assert page.run("return document.getElementById('camera').getAttribute('aria-pressed')") == "false"
    page.run("return new Promise((done) => setTimeout(done, 1500))")
    assert page.text("figures") == ""  # no frame comes any more
    assert page.run("return document.getElementById('result').hidden") is False
    assert page.severe() == []


def test_a_photograph_ends_the_camera(opened: Callable[..., TryPage], shown: Path) -> None:
    page = opened(*ALLOWED)
    press(page)
    wait_for(lambda: page.text("said") == "Live")
    assert page.grade(shown)["cause"] == "blur"
    page.run("return new Promise((done) => setTimeout(done, 1500))")
    assert page.run("return document.getElementById('result').dataset.of") == shown.name
    assert page.browser.find_element("id", "camera").text == "Camera"


def test_the_camera_is_refused(opened: Callable[..., TryPage], site: Site) -> None:
    page = opened("use-fake-device-for-media-stream")
    denied = {"permission": {"name": "camera"}, "setting": "denied", "origin": site.address}
    page.browser.execute_cdp_cmd("Browser.setPermission", denied)
    press(page)
    assert wait_for(lambda: page.text("failed")) == REFUSED
    assert page.run("return document.getElementById('result').hidden")


def test_there_is_no_camera(opened: Callable[..., TryPage]) -> None:
    page = opened("use-fake-ui-for-media-stream", "use-fake-device-for-media-stream=device-count=0")
    press(page)
    assert wait_for(lambda: page.text("failed")) == "No camera was found: connect one, or choose a photograph."
    assert page.browser.find_element("id", "camera").text == "Camera"


def test_a_page_from_elsewhere_gets_no_camera(opened: Callable[..., TryPage]) -> None:
    page = opened(*ALLOWED)
    page.run("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")  # as over plain http://
    press(page)
    assert wait_for(lambda: page.text("failed")).startswith("A browser gives its camera only to pages over https://")
