"""The label page in a real browser; skipped, loudly, only where there is no Chromium."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("selenium", reason="selenium is not installed: the label page was NOT driven in a browser")
pytest.importorskip("openvino")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from calibration.commands import main
from edge.bundle.bundle import default_model, read_bundle
from edge.phantom.retina import phantom_frame

NAMES = ("clear 0.png", "clear 1.png", "clear, 2.png", "spoiled 0.png", "spoiled 1.png", "spoiled 2.png")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six synthetic eyes, three of them blurred until nothing is left, and their page."""
    folder = tmp_path_factory.mktemp("photos")
    for seed, name in enumerate(NAMES):
        frame = phantom_frame(seed)
        if name.startswith("spoiled"):
            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), 25), np.uint8)
        cv2.imwrite(str(folder / name), frame)
    edge_calibrate("page", folder, "-o", folder / "label.html")
    return folder


@pytest.fixture(scope="module")
def browser(photos: Path, open_chromium: Callable[..., Any]) -> Any:
    """It saves what it is given to where the page lies, as a person would."""
    return open_chromium(1200, 900, downloads=photos)


@pytest.fixture
def page(photos: Path, browser: Any) -> Iterator[Any]:
    """The page, opened as a file, with no label yet."""
    browser.get((photos / "label.html").as_uri())
    browser.execute_script("localStorage.clear(); history.replaceState(null, '')")
    browser.refresh()
    yield browser
    assert browser.get_log("browser") == []


def edge_calibrate(*arguments: str | Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["edge-calibrate", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
    assert not left.value.code


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.find_element(By.TAG_NAME, "body").send_keys(key)


def hold(page: Any, key: str, times: int) -> None:
    """A key that stays down: the browser repeats it."""
    for n in range(times):
        page.execute_cdp_cmd(
            "Input.dispatchKeyEvent", {"type": "keyDown", "key": key, "text": key, "autoRepeat": n > 0}
        )
    page.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", "key": key})


def shown(page: Any) -> tuple[str, str, str]:
    """Name of the frame, the count, and the marked label."""
    marked = page.find_elements(By.CSS_SELECTOR, "[aria-pressed=true]")
    assert len(marked) == 1
    return (
        page.find_element(By.ID, "path").text,
        page.find_element(By.ID, "count").text,
        marked[0].get_attribute("data-quality"),
    )


def test_keys_label_and_what_they_save_is_what_thresholds_reads(page: Any, photos: Path, tmp_path: Path) -> None:
    assert shown(page) == (NAMES[0], "1 of 6, 0 labelled", "")
    WebDriverWait(page, 20).until(lambda _: page.execute_script("return document.images[0].naturalWidth") > 100)
    press(page, "1", "2", "1", "4", "3", "3")
    assert shown(page) == (NAMES[5], "6 of 6, 6 labelled", "reject")
    press(page, Keys.ARROW_RIGHT)  # there is none after the last
    assert shown(page)[0] == NAMES[5]
    press(page, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert shown(page) == (NAMES[3], "4 of 6, 6 labelled", "outlier")
    press(page, "0")
    assert shown(page) == (NAMES[3], "4 of 6, 5 labelled", ""), "to take a label away is no reason to go on"
    page.refresh()
    assert shown(page) == (NAMES[3], "4 of 6, 5 labelled", ""), "the browser has forgotten the labels"
    press(page, "3", "s")
    saved = photos / "labels.csv"
    WebDriverWait(page, 20).until(lambda _: saved.is_file() and saved.stat().st_size)
    with saved.open(newline="") as file:
        rows = list(csv.reader(file))
    words = ("good", "usable", "good", "reject", "reject", "reject")
    assert rows == [["path", "quality"], *map(list, zip(NAMES, words, strict=True))]
    ours = tmp_path / "ours.efiqa"
    edge_calibrate("thresholds", default_model(), "--labels", saved, "-o", ours)
    assert "on labels.csv (2 good, 1 usable, 3 reject; SHA-256 " in read_bundle(ours).manifest.thresholds_from


def test_a_browser_that_stores_nothing_for_files_keeps_the_labels_over_a_reload(page: Any) -> None:
    script = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
    added = page.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    page.refresh()
    press(page, "1", "3")
    page.refresh()
    assert shown(page) == (NAMES[2], "3 of 6, 2 labelled", "")
    page.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_a_page_that_was_made_again_of_other_photographs_knows_no_label(
    page: Any, photos: Path, tmp_path: Path
) -> None:
    target = tmp_path / "label.html"
    edge_calibrate("page", photos / NAMES[0], photos / NAMES[1], "-o", target)
    page.get(target.as_uri())
    press(page, "1")
    edge_calibrate("page", photos / NAMES[0], photos / NAMES[3], "-o", target)
    page.refresh()
    assert shown(page)[1:] == ("1 of 2, 0 labelled", "")


def test_a_key_that_is_held_labels_one_frame(page: Any) -> None:
    hold(page, "1", 6)
    assert shown(page) == (NAMES[1], "2 of 6, 1 labelled", "")
    hold(page, "3", 3)
    assert shown(page) == (NAMES[2], "3 of 6, 2 labelled", "")
