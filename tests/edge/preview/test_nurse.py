"""A visit with nothing but the page: from "next patient" to "end of visit", on a real session with its folders."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("selenium", reason="selenium is not installed: the preview page was NOT driven in a browser")

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from edge.capture.session.judge import Judge
from edge.criteria.criterion import read_criterion
from edge.preview.around import around
from edge.preview.server import Listen

from .conftest import Clinic, Cycle, Switched, wait_for
from .driving import Page, scan
from .states import visit

Start = Callable[..., Clinic]
WHO = {"patient_id": "P-0047", "patient_name": "Okonkwo^Adaeze", "birth_date": "1961-03-22", "sex": "F"}
# Not the year alone: a port or a blob's address may hold it.
SECRETS = ("P-0047", "Okonkwo", "Adaeze", "1961-03", "19610322", "22.03.1961", "22/03/1961", "3/22/1961")
TOKEN = "c81f5e0b97d2a643"


def is_open(page: Page, dialog: str) -> bool:
    return page.find(f"#{dialog}").get_attribute("open") is not None


def fill(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.run(
            "const e = document.getElementById('p-' + arguments[0]); e.value = arguments[1];"
            "e.dispatchEvent(new Event('input'))",
            name,
            value,
        )


def open_page(page: Page, running: Clinic) -> None:
    page.open(running.preview.url)
    page.wait_live()
    wait_for(lambda: page.text("who-visit") != "")


def strip(page: Page) -> list[str]:
    return list(
        page.run("return [...document.querySelectorAll('#captures li:not([data-gone])')].map((e) => e.dataset.number)")
    )


def take(page: Page, running: Clinic) -> int:
    """Press the trigger, and wait for the picture."""
    before = running.preview.hub.captured
    page.trigger()
    wait_for(lambda: running.preview.hub.captured > before)
    number = int(running.state["captures"][-1]["number"])
    wait_for(lambda: page.run("return document.querySelector('#captures img')?.naturalWidth") == 480)
    return number


def test_from_next_patient_to_end_of_visit(clinic: Start, still: list[np.ndarray], page: Page, tmp_path: Path) -> None:
    """As a nurse would, in well under two minutes."""
    pictures = list(still)
    running = clinic(camera=Cycle(pictures))
    open_page(page, running)
    began = time.monotonic()
    assert page.text("who-name") == "No identity yet"
    scan(page, "P-0047")
    wait_for(lambda: is_open(page, "patient"))
    assert page.find("#p-patient_id").get_attribute("value") == "P-0047"
    fill(page, family="Okonkwo", given="Adaeze", birth_date="1961-03-22", sex="F")
    assert running.state["number"] == 1
    page.find("#p-patient_id").send_keys(Keys.ENTER)  # a second scan, which begins nothing that nobody has looked at
    assert page.run("return document.activeElement.id") == "p-yes"
    assert running.state["number"] == 1
    page.browser.switch_to.active_element.send_keys(Keys.ENTER)
    wait_for(lambda: page.text("who-name") == "Okonkwo, Adaeze")
    assert page.text("who-more") == "P-0047 \u00b7 1961-03-22 \u00b7 female"
    assert page.text("who-visit") == "Visit 2"
    assert not is_open(page, "patient")
    pictures[:] = [np.zeros_like(each) for each in still]  # the eye that was there is not the next patient's
    wait_for(lambda: not running.session._looker.stays)
    pictures[:] = still
    eye = wait_for(lambda: running.state["eye"])
    wait_for(lambda: strip(page) == ["1"])  # it fires by itself
    label = wait_for(lambda: (said := page.find(f"#eye-{eye}").get_attribute("aria-label")) and "done" in said and said)
    assert label.startswith(f"{eye.capitalize()} eye, Picture: done")
    page.press("e")
    wait_for(lambda: is_open(page, "sure"))
    other = "left" if eye == "right" else "right"
    assert f"Still missing: {other.capitalize()} eye" in page.text("sure-lines")
    page.find("#sure-yes").click()
    wait_for(lambda: running.state["state"] == "ended")
    wait_for(lambda: page.text("who-visit") == "Visit 2, ended")
    assert not page.find("#trigger").is_enabled()
    wait_for(lambda: page.text("eye-said") == "Nothing more is kept until the next patient")
    assert time.monotonic() - began < 120
    images = wait_for(lambda: list((tmp_path / "out" / "session-2").glob("frame-*.dcm")))  # the disk may be slow
    assert len(images) == 1
    import pydicom

    assert str(pydicom.dcmread(images[0]).PatientName) == "Okonkwo^Adaeze"
    assert page.browser.get_log("browser") == []


def test_identity_is_on_the_screen_and_nowhere_else(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    running.post("/visit/patient", visit=1, patient=WHO)
    open_page(page, running)
    wait_for(lambda: page.text("who-name") == "Okonkwo, Adaeze")
    page.find("#who").click()
    assert page.find("#p-family").get_attribute("value") == "Okonkwo"
    page.find("#p-no").click()
    wait_for(lambda: page.find("#p-family").get_attribute("value") == "")
    kept = page.run(
        "return [location.href, document.title, {...localStorage}, {...sessionStorage}, document.cookie, history.state,"
        "performance.getEntriesByType('resource').map((e) => e.name),"
        "[...document.querySelectorAll('input')].map((e) => [e.name, e.autocomplete, e.value])]"
    )
    assert not [each for each in SECRETS if each in json.dumps(kept)]
    assert {each[1] for each in kept[-1] if each[2] == ""} == {"off"}
    running.post("/visit/next", visit=1)
    wait_for(lambda: page.text("who-visit") == "Visit 2")
    wait_for(lambda: page.text("who-name") == "No identity yet")
    everything = page.run("return document.documentElement.outerHTML")
    assert not [each for each in SECRETS if each in everything]
    running.post("/visit/patient", visit=2, patient=WHO)
    wait_for(lambda: page.text("who-name") == "Okonkwo, Adaeze")
    running.stop()
    running.stop = lambda: None  # type: ignore[method-assign]
    wait_for(lambda: page.link() in ("lost", "ended"))
    wait_for(lambda: "Okonkwo" not in page.run("return document.documentElement.outerHTML"))


def test_one_tap_states_the_eye_and_the_second_leaves_it_to_the_picture(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    shown = wait_for(lambda: running.state["eye"])
    other = "left" if shown == "right" else "right"
    wait_for(lambda: page.find(f"#eye-{shown}").get_attribute("aria-pressed") == "true")
    assert page.text("eye-said") == "Recognised in the picture; tap to correct"
    page.find(f"#eye-{other}").click()
    wait_for(lambda: running.state["stated"] == other)
    wait_for(lambda: page.find(f"#eye-{other}").get_attribute("aria-pressed") == "true")
    assert page.text("eye-said") == "The picture looks like the other eye"
    page.press(other[0])
    wait_for(lambda: running.state["stated"] is None)
    page.press(shown[0])
    wait_for(lambda: running.state["stated"] == shown)
    wait_for(lambda: page.text("eye-said").startswith("Set by you"))
    assert page.text("now").startswith(shown[0].upper())


def test_a_contradiction_is_asked_and_answered_with_one_tap(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    shown = wait_for(lambda: running.state["eye"])
    other = "left" if shown == "right" else "right"
    page.find(f"#eye-{other}").click()
    wait_for(lambda: running.state["stated"] == other)
    take(page, running)
    wait_for(lambda: page.text("pending") == "need an answer: 1")
    assert "Other eye?" in page.find("#captures .face").accessible_name
    page.find("#captures .face").click()
    assert page.find("#large-asks").is_displayed()
    page.find("#large-close").click()
    page.find(f"#captures .pick[aria-label$='{shown.capitalize()} eye']").click()
    wait_for(lambda: not running.state["captures"][0]["question"])
    wait_for(lambda: page.text("pending") == "")  # nothing is sent anywhere
    assert running.state["captures"][0]["eye"] == shown
    assert page.browser.get_log("browser") == []


def test_a_picture_is_corrected_retaken_and_discarded(clinic: Start, page: Page, tmp_path: Path) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    take(page, running)
    eye = running.state["captures"][0]["eye"]
    other = "left" if eye == "right" else "right"
    page.find("#captures .face").click()
    page.find(f"#large-{other}").click()
    wait_for(lambda: running.state["captures"][0]["eye"] == other)
    wait_for(lambda: page.find(f"#large-{other}").get_attribute("aria-pressed") == "true")
    page.find("#large").send_keys(eye[0])
    wait_for(lambda: running.state["captures"][0]["eye"] == eye)
    wait_for(lambda: page.find(f"#large-{eye}").get_attribute("aria-pressed") == "true")
    page.find("#retake").click()
    wait_for(lambda: running.state["captures"] == [])
    wait_for(lambda: strip(page) == [])
    wait_for(lambda: page.text("said").startswith(f"Discarded; take again: {eye.capitalize()} eye"))
    wait_for(lambda: not list((tmp_path / "out").glob("frame-*")))
    number = take(page, running)
    page.press(Keys.DELETE)
    wait_for(lambda: is_open(page, "large"))
    assert page.run("return document.activeElement.id") == "discard"
    assert running.state["captures"], "one key alone discards nothing"
    page.browser.switch_to.active_element.send_keys(Keys.DELETE)
    wait_for(lambda: running.state["captures"] == [])
    wait_for(lambda: page.text("said") == f"Picture {number} discarded")
    assert not is_open(page, "large")


def test_the_page_is_reloaded_at_each_step(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)

    def again() -> None:
        page.browser.refresh()
        page.wait_live()
        wait_for(lambda: page.text("who-visit") != "")

    open_page(page, running)
    running.post("/visit/next", visit=1, patient=WHO)
    again()
    wait_for(lambda: page.text("who-name") == "Okonkwo, Adaeze")
    take(page, running)
    again()
    wait_for(lambda: strip(page) == ["1"])
    other = "left" if wait_for(lambda: running.state["eye"]) == "right" else "right"
    page.find(f"#eye-{other}").click()
    wait_for(lambda: running.state["stated"] == other)
    again()
    wait_for(lambda: page.find(f"#eye-{other}").get_attribute("aria-pressed") == "true")
    take(page, running)
    again()
    wait_for(lambda: page.text("pending") == "need an answer: 1")
    assert strip(page) == ["2", "1"]
    running.post("/visit/end", visit=2)
    again()
    wait_for(lambda: page.text("who-visit") == "Visit 2, ended")
    page.find("#captures .face").click()
    page.find("#discard").click()  # a question stays open after the end
    wait_for(lambda: strip(page) == ["1"])


def test_another_phone_began_the_next_visit_meanwhile(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    take(page, running)
    page.find("#next").click()
    assert "This ends the current visit." in page.text("p-consequences")
    fill(page, patient_id="A-1")
    running.post("/visit/next", visit=1, patient={"patient_id": "B-2"})
    wait_for(lambda: page.text("who-name") == "B-2")
    page.find("#p-yes").click()
    wait_for(lambda: page.text("p-said").startswith("The visit has changed meanwhile"))
    assert running.state["number"] == 2, "the other phone's patient was sent away"
    assert page.text("p-consequences") == "", "it tells what ending the visit before meant"
    page.find("#p-yes").click()  # now it is meant
    wait_for(lambda: page.text("who-name") == "A-1")
    assert running.state["number"] == 3
    take(page, running)
    page.find("#captures .face").click()
    wait_for(lambda: is_open(page, "large"))
    running.post("/visit/next", visit=3)
    wait_for(lambda: not is_open(page, "large"))  # the first picture of the next one has the same number
    assert strip(page) == []


def test_another_phone_said_whose_visit_it_is_instead(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    running.post("/visit/patient", visit=1, patient={"patient_id": "A-1"})
    wait_for(lambda: page.text("who-name") == "A-1")
    running.post("/visit/patient", visit=1, patient={"patient_id": "B-2"})
    wait_for(lambda: page.text("who-name") == "B-2")


def test_a_wrong_identity_is_said_in_place(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    page.press("n")
    wait_for(lambda: is_open(page, "patient"))
    page.find("#p-yes").click()
    assert page.text("p-said") == "Scan or type the patient, or begin without identity."
    for field, value, sentence in (
        ("family", "Doe^Evil", "At most 64 letters"),
        ("family", "Doe\\Evil", "At most 64 letters"),
        ("given", "\u00c4" * 64, "At most 64 letters"),  # of two bytes each
        ("patient_id", "X\u0007Y", "At most 64 letters"),
        ("accession_number", "N" * 17, "At most 16 letters"),
    ):
        fill(page, patient_id="A-1", family="", given="", accession_number="")
        fill(page, **{field: value})
        page.find("#p-yes").click()
        assert page.text("p-said").startswith(sentence), (field, page.text("p-said"))
        assert page.run("return document.activeElement.id") == f"p-{field}"
        assert page.find(f"#p-{field}").get_attribute("aria-invalid") == "true"
    assert running.state["number"] == 1
    fill(page, patient_id="A-1", family="", given="", accession_number="", birth_date="2098-03-22")
    page.find("#p-yes").click()
    assert page.text("p-said") == "This is not a date of birth."
    fill(page, birth_date="")
    page.find("#p-accession_number").send_keys("1" * 17)  # which must not become another order's number
    page.find("#p-yes").click()
    assert page.text("p-said").startswith("At most 16 letters")
    assert running.state["number"] == 1
    fill(page, accession_number="")
    page.find("#p-yes").click()
    wait_for(lambda: page.text("who-name") == "A-1")


def test_an_identity_that_pictures_bear_is_fixed_and_says_why(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    running.post("/visit/patient", visit=1, patient={"patient_id": "A-1"})
    open_page(page, running)
    number = take(page, running)
    page.find("#who").click()
    assert page.text("p-consequences") == "There are pictures with this identity: discard them to change it."
    assert not page.find("#p-patient_id").is_enabled()
    page.find("#p-no").click()
    running.post(f"/captures/{number}/discard", visit=1)
    wait_for(lambda: strip(page) == [])
    page.find("#who").click()
    assert page.text("p-consequences") == ""
    fill(page, patient_id="A-2")
    page.find("#p-yes").click()
    wait_for(lambda: page.text("who-name") == "A-2")


def test_the_visit_has_the_number_that_it_is_listed_and_deleted_by(clinic: Start, page: Page, tmp_path: Path) -> None:
    (tmp_path / "out" / "session-6").mkdir(parents=True)  # of an earlier start of the program
    running = clinic(strictness=None)
    open_page(page, running)
    assert (page.text("who-visit"), running.state["number"]) == ("Visit 7", 1)
    take(page, running)
    running.post("/visit/next", visit=1)
    wait_for(lambda: page.text("who-visit") == "Visit 8")
    page.find("#menu").click()
    page.find("#open-visits").click()
    wait_for(lambda: page.text("visits-list").startswith("Visit 7, "))


def test_pictures_of_nobody_are_not_sent_without_a_question(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    take(page, running)
    said = "Nobody has said whose pictures these are."
    page.press("e")
    wait_for(lambda: is_open(page, "sure"))
    assert said in page.text("sure-lines")
    page.find("#sure-no").click()
    page.find("#next").click()
    assert said in page.text("p-consequences")
    page.find("#p-no").click()
    running.post("/visit/patient", visit=1, patient=WHO)
    wait_for(lambda: page.text("who-name") == "Okonkwo, Adaeze")
    page.press("e")
    wait_for(lambda: is_open(page, "sure"))
    assert said not in page.text("sure-lines")


def test_no_press_is_lost_while_another_one_is_on_its_way(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    page.browser.get_log("browser")  # of the tests before
    open_page(page, running)
    take(page, running)
    eye = running.state["captures"][0]["eye"]
    page.run(
        "const ask = window.fetch; window.fetch = async (path, ...more) => {"
        "if (path.endsWith('/eye')) await new Promise((done) => setTimeout(done, 1500)); return ask(path, ...more); }"
    )
    page.find("#captures .face").click()
    page.find(f"#large-{'left' if eye == 'right' else 'right'}").click()
    page.find("#retake").click()
    page.find("#retake").click()  # as a finger that trembles does
    wait_for(lambda: strip(page) == [])
    wait_for(lambda: page.text("said").startswith("Discarded; take again"))
    assert page.browser.get_log("browser") == []


def test_a_scan_counts_whatever_is_open_and_as_nothing_else(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    page.browser.get_log("browser")
    open_page(page, running)
    take(page, running)
    eye = running.state["captures"][0]["eye"]

    def shows(identity: str) -> bool:
        return is_open(page, "patient") and page.find("#p-patient_id").get_attribute("value") == identity

    page.find("#captures .face").click()
    scan(page, "RL-4711")  # R and L say the eye of the picture that is large
    wait_for(lambda: shows("RL-4711"))
    assert not is_open(page, "large")
    fill(page, family="Doe")
    scan(page, "B-222")  # with the focus on the ID, another one: it is not written behind the first
    wait_for(lambda: shows("B-222"))
    assert page.find("#p-family").get_attribute("value") == "", "the name of whom was scanned before"
    scan(page, "C-333")  # now the focus is on what begins the visit
    wait_for(lambda: shows("C-333"))
    fill(page, family="Okonkwo")
    page.run("document.getElementById('p-given').focus()")
    scan(page, "C-333")
    wait_for(lambda: page.run("return document.activeElement.id") == "p-yes")
    assert [page.find(f"#p-{each}").get_attribute("value") for each in ("family", "given")] == ["Okonkwo", ""]
    scan(page, "D-444", "Tab")  # what some scanners end with
    wait_for(lambda: shows("D-444"))
    page.find("#p-no").click()
    page.press("e")
    wait_for(lambda: is_open(page, "sure"))
    scan(page, "E-555")
    wait_for(lambda: shows("E-555"))
    assert not is_open(page, "sure")
    assert (running.state["number"], running.state["state"]) == (1, "open"), "nobody has looked at it"
    assert running.state["captures"][0]["eye"] == eye
    page.find("#p-yes").click()
    wait_for(lambda: page.text("who-name") == "E-555")
    assert page.browser.get_log("browser") == []


def test_what_is_typed_fast_by_hand_is_no_scan(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    page.find("#next").click()
    for key in ("A", "-", "1", "2", Keys.ENTER):
        page.run(
            "const e = document.getElementById('p-patient_id'); if (arguments[0].length === 1) e.value += arguments[0];"
            "e.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true, cancelable: true}))",
            "Enter" if key == Keys.ENTER else key,
        )
        time.sleep(0.07)
        if key == "1":
            page.run("document.getElementById('p-patient_id').value = 'PAT-1'")  # after a pause, say
    assert page.find("#p-patient_id").get_attribute("value") == "PAT-12"
    assert page.run("return document.activeElement.id") == "p-yes"


def test_keys_are_no_commands_while_somebody_types_or_scans(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    scan(page, "NERL S7")
    wait_for(lambda: is_open(page, "patient"))
    assert page.find("#p-patient_id").get_attribute("value") == "NERL S7"
    page.find("#p-family").send_keys("ne rl")
    page.find("#p-no").click()
    page.find("#menu").click()
    page.browser.switch_to.active_element.send_keys("e")
    time.sleep(0.3)
    page.find("#settings-close").click()
    assert (running.state["state"], running.state["stated"], running.state["captures"]) == ("open", None, [])
    assert not page.find("#sound").is_selected()
    page.trigger()
    wait_for(lambda: running.preview.hub.captured == 1)
    scan(page, "4711")  # the focus is on the trigger, which Enter would press
    wait_for(lambda: is_open(page, "patient"))
    page.find("#p-no").click()
    time.sleep(0.3)
    assert running.preview.hub.captured == 1


def test_every_dialog_keeps_the_focus_and_gives_it_back(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    take(page, running)
    for opener, dialog in (
        ("#who", "patient"),
        ("#menu", "settings"),
        ("#next", "patient"),
        ("#captures .face", "large"),
    ):
        page.find(opener).send_keys(Keys.ENTER)
        wait_for(lambda dialog=dialog: is_open(page, dialog))
        seen = set()
        for _ in range(25):
            ActionChains(page.browser).send_keys(Keys.TAB).perform()
            seen.add(page.run("return document.activeElement.closest('dialog')?.id ?? document.activeElement.tagName"))
        assert seen <= {dialog, "BODY"}, f"{dialog}: the focus left it for {seen}"  # BODY: the browser's own bar
        assert page.find(f"#{dialog}").accessible_name.strip()
        ActionChains(page.browser).send_keys(Keys.ESCAPE).perform()
        wait_for(lambda dialog=dialog: not is_open(page, dialog))
        assert page.run("return document.activeElement.matches(arguments[0])", opener), dialog


def test_without_dicom_no_identity_is_asked_for(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None, dicom=False)
    open_page(page, running)
    assert not page.find("#who").is_enabled()
    page.find("#next").click()
    wait_for(lambda: page.text("who-visit") == "Visit 2")
    take(page, running)
    page.find("#next").click()
    wait_for(lambda: is_open(page, "sure"))
    page.find("#sure-yes").click()
    wait_for(lambda: page.text("who-visit") == "Visit 3")


def test_the_next_patient_comes_while_the_camera_is_away(clinic: Start, page: Page, still: list[np.ndarray]) -> None:
    camera = Switched(still)
    running = clinic(strictness=None, camera=camera)
    open_page(page, running)
    camera.nothing = True
    wait_for(lambda: page.link() == "stalled")
    assert not page.find("#trigger").is_enabled()
    page.press("n")
    wait_for(lambda: is_open(page, "patient"))
    fill(page, patient_id="A-1")
    page.find("#p-yes").click()
    wait_for(lambda: page.text("who-name") == "A-1")
    camera.nothing = False
    page.wait_live()


def test_a_locked_camera_shows_no_patient(clinic: Start, page: Page) -> None:
    running = clinic(Listen(port=0, token=TOKEN), strictness=None)
    running.visits.identify(1, WHO)
    page.open(running.preview.url)
    wait_for(lambda: is_open(page, "door"))
    assert page.text("who-name") == ""
    page.find("#token").send_keys(TOKEN + Keys.ENTER)
    page.wait_live()
    wait_for(lambda: page.text("who-name") == "Okonkwo, Adaeze")


def test_the_states_of_the_layout_tests_are_as_a_session_tells_them(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None, judge=Judge(read_criterion("nhs-desp")))
    open_page(page, running)
    take(page, running)
    real, told = {**around(running.controls), **running.state}, visit(1)
    assert set(real) == set(told)
    assert set(real["captures"][0]) == set(told["captures"][0])
    assert real["wanted"] == told["wanted"]


def test_hints_pictures_and_questions_sound_once_they_are_switched_on(clinic: Start, page: Page) -> None:
    running = clinic(strictness=None)
    open_page(page, running)
    page.run(
        "window.heard = []; const start = OscillatorNode.prototype.start;"
        "OscillatorNode.prototype.start = function (t) {"
        "window.heard.push(this.frequency.value); start.call(this, t); }"
    )
    take(page, running)
    assert page.run("return window.heard") == []
    page.press("s")
    wait_for(lambda: page.run("return window.heard.length") == 2)
    shown = wait_for(lambda: running.state["eye"])
    page.find(f"#eye-{'left' if shown == 'right' else 'right'}").click()
    wait_for(lambda: running.state["stated"])
    page.run("window.heard = []")
    take(page, running)
    wait_for(lambda: {1600, 900, 700, 500} <= set(page.run("return window.heard")))  # kept, and what it asks
    assert page.browser.get_log("browser") == []
