"""The page asks for the eye of pictures of ended visits, beside each picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="selenium is not installed: the preview page was NOT driven in a browser")
pytest.importorskip("pydicom")

from edge.capture.archive.target import FolderTarget

from .conftest import Clinic, wait_for
from .driving import Page
from .screens import SIZES, hold, resize, say_nothing
from .test_later import arrived, ended, unsure
from .test_nurse import is_open, open_page


def test_the_page_warns_of_what_nobody_said_and_a_tap_answers_it(
    clinic: Callable[..., Clinic], page: Page, tmp_path: Path
) -> None:
    (tmp_path / "archive").mkdir()
    running = clinic(target=FolderTarget(str(tmp_path / "archive")), strictness=None)
    open_page(page, running)
    assert not page.find("#warning").is_displayed()
    shown = unsure(running)
    unsure(running)
    # A picture that is still on its way when its patient goes is refused, and the browser would say so.
    wait_for(
        lambda: (
            page.run("return [...document.querySelectorAll('#captures img')].map((e) => e.naturalWidth > 0)")
            == [True] * 2
        )
    )
    running.post("/visit/next", visit=1)
    wait_for(lambda: page.text("warning-text") == "Ended visits, eye not told: 2. Tap to answer.")
    page.find("#warning").click()
    wait_for(lambda: "eye not told: 2" in page.text("visits-list"))
    for width, height in SIZES:
        resize(page, width, height)
        say_nothing(page)
        hold(page, f"visits that ask, {width}x{height}")
    page.find("#visits-list .answer").click()
    pictures = "return [...document.querySelectorAll('#asked-list img')].map((e) => e.naturalWidth)"
    wait_for(lambda: page.run(pictures) == [480, 480])
    for width, height in SIZES:
        resize(page, width, height)
        hold(page, f"which eye, {width}x{height}")
    page.find(f"#asked-list .pick[aria-label$='{shown.capitalize()} eye']").click()
    wait_for(lambda: len(page.run(pictures)) == 1)
    arrived(tmp_path / "archive", 1)
    page.find(f"#asked-list .pick[aria-label$='{shown.capitalize()} eye']").click()
    wait_for(lambda: page.text("asked-said") == "All answered")
    images = arrived(tmp_path / "archive", 2)
    assert {each.ImageLaterality for each in images} == {shown[0].upper()}
    page.find("#asked-close").click()
    assert is_open(page, "visits")
    page.find("#visits-close").click()
    wait_for(lambda: not page.find("#warning").is_displayed())
    wait_for(lambda: ended(running)["delivered"])
    assert page.browser.get_log("browser") == []
