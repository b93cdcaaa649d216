"""The page: a tap too much is taken back, a restart is said, what was sent is seen, and words fit what is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("selenium", reason="selenium is not installed: the preview page was NOT driven in a browser")

from edge.capture.archive.target import FolderTarget
from edge.capture.session import discards
from edge.preview.server import Listen

from .conftest import Clinic, Cycle, wait_for
from .driving import Page
from .test_nurse import is_open, open_page, strip, take

Start = Callable[..., Clinic]
THERE = "return document.querySelector('.undo') !== null"
LISTEN = """window.heard = []; const said = document.getElementById("said");
new MutationObserver(() => window.heard.push(said.textContent)).observe(said, {childList: true});"""


def test_one_tap_too_much_is_taken_back_also_after_a_reload(
    clinic: Start, page: Page, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(discards, "UNDO_S", 600.0)
    running = clinic(strictness=None)
    open_page(page, running)
    for button in ("discard", "retake"):
        number = take(page, running)
        there = {path: path.read_bytes() for path in (tmp_path / "out").glob("frame-*")}
        page.find("#captures .face").click()
        page.find(f"#{button}").click()
        wait_for(lambda: page.run(THERE))
        assert page.text("captures") == f"Picture {number} discardedUndo"
        page.browser.refresh()
        page.wait_live()
        wait_for(lambda: page.run(THERE))
        undo = page.find(".undo")
        assert undo.accessible_name == f"Undo: Picture {number}"
        page.run(LISTEN)
        undo.click()
        wait_for(lambda number=number: page.text("said") == f"Picture {number} is back")  # for a few seconds
        wait_for(lambda: page.run("return document.querySelector('#captures img')?.naturalWidth") == 480)
        assert strip(page) == [str(number)]
        assert f"Picture {number} kept" not in page.run("return window.heard"), "it is announced as a new one"
        now = {path: path.read_bytes() for path in (tmp_path / "out").glob("frame-*")}
        assert now.items() <= there.items()  # without the best frame so far, which a capture replaces
        assert len(list((tmp_path / "out").glob("frame-*.dcm"))) == 1
        monkeypatch.setattr(discards, "UNDO_S", 0.3)
        running.post(f"/captures/{number}/discard", visit=1)
        wait_for(lambda: strip(page) == [])
        wait_for(lambda: not list((tmp_path / "out").glob("frame-*")))
        monkeypatch.setattr(discards, "UNDO_S", 600.0)
    assert page.browser.get_log("browser") == []


def test_a_restart_in_mid_visit_is_said_until_it_is_read(clinic: Start, page: Page, tmp_path: Path) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    take(page, running)
    port = running.preview.port
    running.stop()
    running.stop = lambda: None  # type: ignore[method-assign]
    running = clinic(Listen(port=port), strictness=None)
    said = "The program was restarted: visit 1 was closed, this is a new one."
    wait_for(lambda: page.text("warning-text") == said)
    page.find("#warning").click()
    assert not page.find("#warning").is_displayed()
    assert not is_open(page, "visits")
    # After a kill the program knows it too, whoever looks.
    (tmp_path / "out" / "session-7").mkdir()
    for name in ("session.jsonl", ".recording"):
        (tmp_path / "out" / "session-7" / name).touch()
    running = clinic(strictness=None)
    open_page(page, running)
    wait_for(lambda: page.text("warning-text") == said.replace("visit 1", "visit 7"))
    running.post("/visit/next", visit=1)
    wait_for(lambda: not page.find("#warning").is_displayed())


def test_what_was_sent_and_what_failed_is_seen_on_the_picture(clinic: Start, page: Page, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    running = clinic(target=FolderTarget(str(archive)), strictness=None)
    open_page(page, running)
    assert page.text("sent") == "Sent: 0"
    archive.rmdir()
    take(page, running)
    assert page.text("pending") == "sent after the visit"
    running.post("/visit/end", visit=1)
    wait_for(lambda: page.text("sent") == "Failed: 1")
    archive.mkdir()
    wait_for(lambda: page.text("sent") == "Sent: 1")


def test_words_fit_what_is_shown(clinic: Start, page: Page, still: list[np.ndarray]) -> None:
    pictures = list(still)
    running = clinic(camera=Cycle(pictures))
    open_page(page, running)
    assert page.text("sent") == ""
    wait_for(lambda: strip(page) == ["1"])
    wait_for(lambda: page.text("text") == "Done: now the other eye")
    assert page.text("pending") == "", "nothing is sent anywhere"
    pictures[:] = [np.zeros_like(each) for each in still]
    wait_for(lambda: running.state["field"] is None)
    wait_for(lambda: page.text("eye-said") == "")  # no eye is asked for where none is to be seen
    assert page.text("now") == ""
    running.post("/visit/next", visit=1)
    running.post("/visit/next", visit=2)
    page.find("#menu").click()
    page.find("#open-visits").click()
    rows = "return [...document.querySelectorAll('#visits-list .what')].map((e) => e.children[1].textContent)"

    def again() -> list[str]:
        page.run("document.getElementById('visits').close(); document.getElementById('open-visits').click()")
        return list(wait_for(lambda: page.run(rows)))

    empty, kept = wait_for(lambda: (found := again()) and "saved" not in "".join(found) and len(found) == 2 and found)
    assert empty.startswith("no picture")
    assert "kept here only" not in empty
    assert "kept here only" in kept


def test_the_visit_that_has_just_ended_is_in_the_list(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    take(page, running)
    page.press("e")
    wait_for(lambda: is_open(page, "sure"))
    page.find("#sure-yes").click()
    wait_for(lambda: page.text("who-visit") == "Visit 1, ended")
    page.find("#menu").click()
    page.find("#open-visits").click()
    wait_for(lambda: page.text("visits-list").startswith("Visit 1, "))


def test_a_picture_is_asked_for_in_the_visit_that_the_page_shows(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    page.run("window.sent = []; const ask = window.fetch; window.fetch = (path, what) => {"
             "window.sent.push([path, what?.body]); return ask(path, what); }")  # fmt: skip
    take(page, running)
    assert ["/trigger", '{"visit":1}'] in page.run("return window.sent")
