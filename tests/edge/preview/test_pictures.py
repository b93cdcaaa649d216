"""The pictures of docs/preview.md: the page in each state, as Chromium draws it. They are made here.

EFIQA_PICTURES=docs/pictures/page pytest -m services tests/edge/preview/test_pictures.py   draws them again.
"""

from __future__ import annotations

import dataclasses
import io
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("selenium", reason="selenium is not installed: the preview page was NOT driven in a browser")

from edge.capture.archive.dimse_address import read_address
from edge.capture.archive.worklist import Worklist
from edge.capture.loop import Counts
from edge.guidance.hint import Hint
from edge.preview.context import Controls
from edge.preview.server import Listen, Preview

from .conftest import Clinic, Switched, wait_for
from .driving import Page
from .screens import PHONE, resize, say_nothing, speak
from .states import captured, visit, with_questions
from .test_later import unsure
from .test_nurse import fill

ROOT = Path(__file__).parents[3]
SHOWN = ROOT / "docs" / "pictures" / "page"
TABLET, SCREEN = (768, 1024), (1280, 800)
WHO = {"patient_id": "P-0047", "patient_name": "Okonkwo^Adaeze", "birth_date": "1961-03-22", "sex": "F"}
MOST_BYTES = 1_000_000  # of all pictures
NAMED = {"identified": True, "number": 1}


class Shadowed(Switched):
    """A live camera whose pictures are clear, or dark on the right."""

    shadow = False

    def read(self) -> Any:
        frame = super().read()
        light = np.clip(1 - 2.75 * (np.linspace(0, 1, frame.image.shape[1])[None, :, None] - 0.35), 0.02, 1)
        return dataclasses.replace(frame, picture=(frame.image * light).astype(np.uint8)) if self.shadow else frame


class Camera:
    """Draws what the page shows, and checks that it is a picture of something."""

    def __init__(self, page: Page, folder: Path) -> None:
        self._page, self._folder = page, folder
        folder.mkdir(parents=True, exist_ok=True)

    def draw(self, name: str, size: tuple[int, int] = PHONE) -> None:
        resize(self._page, *size)
        say_nothing(self._page)
        self._page.run("document.activeElement.blur()")
        data = self._page.browser.get_screenshot_as_png()
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        assert picture.size == size
        assert np.asarray(picture).std() > 8, f"{name}: there is nothing on it"
        picture.save(self._folder / f"{name}.webp", quality=72, method=6)


@pytest.fixture
def camera(page: Page, tmp_path: Path) -> Camera:
    return Camera(page, Path(os.environ.get("EFIQA_PICTURES") or tmp_path / "pictures").absolute())


@pytest.fixture
def running(clinic: Callable[..., Clinic], clear: list[np.ndarray], page: Page) -> Clinic:
    """A visit with its patient, and twelve pictures that it may show."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        away = Worklist(read_address(f"dicom://RIS@127.0.0.1:{free.getsockname()[1]}"))
    made = clinic(camera=Shadowed(clear), strictness=None, worklist=away)
    made.post("/visit/patient", visit=1, patient=WHO)
    page.open(made.preview.url)
    page.wait_live()
    wait_for(lambda: made.state["eye"])
    made.reporter.preview = None  # from now on the page shows what it is told here
    made.preview.visit(visit(12, **NAMED))
    for number in range(1, 13):
        made.preview.captured(made.newest, 1, number)
        wait_for(lambda number=number: made.preview.hub.captured == number)
    wait_for(lambda: page.text("who-name") == "Okonkwo, Adaeze")
    return made


def tell(running: Clinic, page: Page, state: dict[str, Any]) -> None:
    """Let the page show a visit."""
    running.preview.visit(state)
    said = "return [document.body.dataset.visit, document.querySelectorAll('#captures li').length]"
    wait_for(lambda: page.run(said) == [state["state"], len(state["captures"]) + len(state["discarded"])])
    images = "return [...document.querySelectorAll('#captures img')].filter((e) => e.complete && e.naturalWidth).length"
    wait_for(lambda: page.run(images) == len(state["captures"]))
    wait_for(lambda: page.text("text") == "Good: hold still")


# What a session has not told any more is gone from the page: those with most pictures come first.
MANY = {
    "twelve": with_questions(12, **NAMED),
    "complete": visit(4, **NAMED),
    "ended": visit(4, state="ended", **NAMED),
    "open": visit(3, **NAMED),
    "contradiction": with_questions(3, **NAMED),
    "unanswered": visit(3, unanswered=2, **NAMED),
    "not-sent": visit(3, delivery={"state": "failed", "files": 4}, **NAMED),
    "disk-low": visit(3, disk="low", free_mib=812, **NAMED),
    "disk-full": visit(3, disk="full", free_mib=45, **NAMED),
}
FEW = {
    "eye-unknown": visit(2, eye=None, field="disc", **NAMED),
    "discarded": visit(2, discarded=[captured(3)], **NAMED),
    "begun": visit(0, **NAMED),
    "restarted": visit(0, restarted=6, number=1, kept_as=7),
}


def draw_all(running: Clinic, page: Page, camera: Camera, states: dict[str, dict[str, Any]]) -> None:
    for name, state in states.items():
        tell(running, page, state)
        if name == "complete":  # as a session says then, whose captures these are not
            page.run("document.getElementById('text').textContent = arguments[0]", Hint("complete").text)
        camera.draw(name)
        page.run("document.getElementById('text').textContent = 'Good: hold still'")


def test_states_of_a_visit(running: Clinic, page: Page, camera: Camera) -> None:
    draw_all(running, page, camera, MANY)
    tell(running, page, visit(3, **NAMED))
    assert isinstance(running.camera, Shadowed)
    running.camera.shadow = True
    wait_for(lambda: page.text("text") == Hint("edge_shadow", 3).in_language("en"))
    for name in ("arrow", "pointer"):
        assert page.find(f"#{name}").is_displayed()
        assert page.find(f"#{name} path").get_attribute("transform") == "rotate(90)"
    camera.draw("hint")
    running.camera.shadow = False
    wait_for(lambda: page.text("text") == "Good: hold still")
    camera.draw("small", (360, 640))
    camera.draw("tablet", TABLET)
    camera.draw("screen", SCREEN)
    resize(page, *PHONE)
    speak(page, "de")
    wait_for(lambda: page.text("text") == "Gut: stillhalten")
    camera.draw("german")
    speak(page, "en")
    draw_all(running, page, camera, FEW)


def test_dialogs(running: Clinic, page: Page, camera: Camera) -> None:
    tell(running, page, with_questions(3, **NAMED))
    resize(page, *PHONE)
    page.find("#captures .face").click()
    wait_for(lambda: page.run("return document.getElementById('large-picture').naturalWidth") == 480)
    camera.draw("large")
    page.find("#large-close").click()
    page.find("#end").click()
    camera.draw("end")
    page.find("#sure-no").click()
    page.find("#next").click()
    wait_for(lambda: page.text("worklist-said").startswith("The worklist cannot be reached"))
    fill(page, patient_id="P-0048", family="Doe", given="Jane")
    camera.draw("worklist-away")
    page.find("#p-no").click()
    page.find("#menu").click()
    camera.draw("settings")


def test_a_question_of_an_ended_visit(clinic: Callable[..., Clinic], page: Page, camera: Camera) -> None:
    running = clinic(strictness=None)
    unsure(running)
    running.post("/visit/next", visit=1)
    page.open(running.preview.url)
    page.wait_live()
    resize(page, *PHONE)
    wait_for(lambda: page.find("#warning").is_displayed())
    page.find("#warning").click()
    wait_for(lambda: page.run("return document.querySelector('.answer') !== null"))
    camera.draw("ended-visits")
    page.find(".answer").click()
    wait_for(lambda: page.run("return document.querySelector('#asked-list img')?.naturalWidth") == 480)
    camera.draw("which-eye")


def test_nothing_live(running: Clinic, page: Page, camera: Camera) -> None:
    tell(running, page, visit(3, **NAMED))
    assert isinstance(running.camera, Switched)
    running.camera.nothing = True
    wait_for(lambda: page.link() == "stalled")
    camera.draw("camera-away")
    running.camera.nothing = False
    with Preview(Listen(port=0), Counts(), Controls(lambda: None, "normal"), print) as starting:
        starting.visit(visit(0))
        page.open(starting.url)
        wait_for(lambda: page.text("who-visit") != "")
        camera.draw("connecting")
    wait_for(lambda: page.link() == "ended")
    camera.draw("program-ended")
    with Preview(Listen(port=0, token="c81f5e0b97d2a643"), Counts(), Controls(None), print) as locked:
        page.open(locked.url)
        wait_for(lambda: page.find("#door").get_attribute("open") is not None)
        camera.draw("door")


def test_the_page_of_the_docs_shows_every_picture() -> None:
    text = (ROOT / "docs" / "preview.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"pictures/page/([\w-]+)\.webp", text))
    there = {each.stem: each.stat().st_size for each in SHOWN.iterdir()}
    assert shown == set(there)
    drawn = Path(__file__).read_text(encoding="utf-8")
    for name in there:
        assert f'"{name}"' in drawn, f"{name} is drawn by no test"
    assert sum(there.values()) < MOST_BYTES
