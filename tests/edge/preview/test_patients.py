"""Patients from a worklist and visits on the disk, on the page: pynetdicom's own server, real folders."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("selenium", reason="selenium is not installed: the preview page was NOT driven in a browser")
pytest.importorskip("pynetdicom")

from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from edge.capture.archive.dimse_address import read_address
from edge.capture.archive.worklist import Worklist

from .conftest import Clinic, wait_for
from .driving import Page, scan
from .screens import SIZES, hold, resize, say_nothing
from .test_nurse import fill, is_open, open_page, take

Start = Callable[..., Clinic]
NAMES = ("Doe^John", "Okonkwo^Adaeze", "M\u00fcller^\u00c4nne", "Ram\u00edrez^Luc\u00eda", "Doe^Jane")


def entry(number: int, name: str, identity: str) -> Dataset:
    answer, step = Dataset(), Dataset()
    answer.SpecificCharacterSet = "ISO_IR 192"
    answer.PatientName, answer.PatientID = name, identity
    answer.PatientBirthDate, answer.PatientSex, answer.AccessionNumber = f"19{40 + number}0131", "F", f"A{number}"
    answer.StudyInstanceUID = f"1.2.826.0.1.3680043.8.498.77.{number}"
    answer.RequestedProcedureID, answer.RequestedProcedureDescription = f"RP{number}", "Fundus photography"
    step.ScheduledProcedureStepStartDate = f"{datetime.date.today():%Y%m%d}"
    step.ScheduledProcedureStepStartTime = f"{8 + number:02}3000"
    step.ScheduledProcedureStepID = f"S{number}"
    answer.ScheduledProcedureStepSequence = [step]
    return answer


@pytest.fixture
def worklist() -> Iterator[Worklist]:
    """Five who are expected today; two orders are for the same patient."""
    entity = AE("RIS")
    entity.add_supported_context("1.2.840.10008.5.1.4.31", "1.2.840.10008.1.2.1")

    def find(event: Any) -> Iterator[tuple[int, Any]]:
        for number, name in enumerate(NAMES):
            yield 0xFF00, entry(number, name, f"P-{min(number, 3)}")

    server: Any = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, find)])
    yield Worklist(read_address(f"dicom://RIS@127.0.0.1:{server.socket.getsockname()[1]}"))
    server.shutdown()
    entity.shutdown()


def listed(page: Page) -> list[str]:
    return list(page.run("return [...document.querySelectorAll('#worklist b')].map((e) => e.textContent)"))


def test_the_next_patient_is_chosen_from_the_worklist(clinic: Start, page: Page, worklist: Worklist) -> None:
    running = clinic(strictness=None, worklist=worklist)
    open_page(page, running)
    page.find("#next").click()
    wait_for(lambda: len(listed(page)) == 5, 150)
    assert listed(page)[0] == "Doe, John"
    for width, height in SIZES:
        resize(page, width, height)
        say_nothing(page)
        hold(page, f"worklist, {width}x{height}")
    fill(page, patient_id="lucia")
    fill(page, patient_id="Luc\u00eda")
    wait_for(lambda: listed(page) == ["Ram\u00edrez, Luc\u00eda"])
    page.find("#worklist button").click()
    wait_for(lambda: page.text("who-name") == "Ram\u00edrez, Luc\u00eda")
    assert "P-3 \u00b7 1943-01-31" in page.text("who-more")
    scan(page, "P-1")  # a wristband
    wait_for(lambda: len(listed(page)) == 1)
    scan(page, "")  # Enter, with the focus on the ID
    wait_for(lambda: page.text("who-name") == "Okonkwo, Adaeze")
    scan(page, "P-3")  # of whom there are two orders
    wait_for(lambda: len(listed(page)) == 2)
    page.find("#p-yes").click()
    assert page.text("p-said") == "Several entries have this ID: choose one."
    page.find("#worklist li:last-child button").click()
    wait_for(lambda: page.text("who-name") == "Doe, Jane")
    assert running.state["number"] == 4
    assert page.browser.get_log("browser") == []


def test_while_the_worklist_is_away_the_patient_is_typed(clinic: Start, page: Page) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = clinic(strictness=None, worklist=Worklist(read_address(f"dicom://RIS@127.0.0.1:{port}")))
    open_page(page, running)
    page.find("#next").click()
    wait_for(lambda: page.text("worklist-said").startswith("The worklist cannot be reached"))
    for width, height in SIZES:
        resize(page, width, height)
        say_nothing(page)
        hold(page, f"worklist away, {width}x{height}")
    fill(page, patient_id="A-1", family="Doe")
    assert page.text("worklist-said").startswith("The worklist cannot be reached")
    page.find("#p-yes").click()
    wait_for(lambda: page.text("who-name") == "Doe")


def test_an_ended_visit_is_listed_and_deleted_with_every_file(clinic: Start, page: Page, tmp_path: Path) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    take(page, running)
    running.post("/visit/next", visit=1)
    wait_for(lambda: page.text("who-visit") == "Visit 2")
    page.find("#menu").click()
    assert page.find("#open-visits .free").text.startswith("Free on the disk: ")
    wait_for(lambda: list((tmp_path / "out").glob("frame-*.png")))

    def ended() -> list[str]:
        page.run("document.getElementById('visits').close(); document.getElementById('open-visits').click()")
        rows = "return [...document.querySelectorAll('#visits-list li')].map((e) => e.innerText)"
        return list(page.run(rows))

    page.find("#open-visits").click()
    wait_for(lambda: is_open(page, "visits"))
    (row,) = wait_for(ended)
    assert "Visit 1, " in row
    assert "Pictures: 1" in row
    for width, height in SIZES:
        resize(page, width, height)
        hold(page, f"ended visits, {width}x{height}")
    page.find("#visits-list .danger").click()
    wait_for(lambda: is_open(page, "sure"))
    assert "It has not been delivered anywhere." in page.text("sure-lines")
    page.find("#sure-no").click()
    assert list((tmp_path / "out").glob("frame-*.png"))
    page.find("#visits-list .danger").click()
    page.find("#sure-yes").click()
    wait_for(lambda: page.text("visits-said") == "Deleted.")
    assert not list((tmp_path / "out").glob("frame-*"))
    assert page.run("return document.querySelectorAll('#visits-list li').length") == 0
