"""The buttons of a visit through HTTP, on a real session with its folders and DICOM files."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.capture.archive.target import FolderTarget
from edge.capture.guided import GuidedSession
from edge.capture.session import acts as acts_module
from edge.capture.session import discards as discards_module
from edge.capture.session import frame_store as frame_store_module
from edge.capture.session import queue as queue_module
from edge.capture.visit import Visit
from edge.preview.around import around
from edge.preview.server import Listen

from .conftest import Clinic, Cycle, Switched, wait_for

pydicom = pytest.importorskip("pydicom")
TOKEN = "a-token-of-the-test"
WHO = {"patient_id": "0012", "patient_name": "Doe^Jane", "birth_date": "1950-01-31", "sex": "F"}
Start = Callable[..., Clinic]


def images(folder: Path) -> dict[str, Any]:
    return {path.name: pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))}


def captured(clinic: Clinic, number: int = 1) -> None:
    """Wait until the picture of a capture is on the page, and so its files on disk."""
    wait_for(lambda: any(each.number == number for each in clinic.preview.hub.captures))


def events(clinic: Clinic, name: str) -> list[Any]:
    """What a client that connects now is told at once."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", clinic.preview.port, timeout=300)
    with contextlib.closing(connection):
        connection.request("GET", "/state")
        answer, lines = connection.getresponse(), []
        until = time.monotonic() + 1.5
        while time.monotonic() < until or "event: frame" not in lines:  # which is the last of what is told at once
            lines.append(answer.readline().decode().rstrip("\n"))
    return [
        json.loads(data.removeprefix("data: "))
        for event, data in itertools.pairwise(lines)
        if event == f"event: {name}"
    ]


def test_a_visit_from_its_patient_to_its_end(clinic: Start, still: list[np.ndarray], tmp_path: Path) -> None:
    """One patient after the other: each study has its own pictures and its own patient, and nothing before its end."""
    (tmp_path / "archive").mkdir()
    pictures = list(still)
    running = clinic(camera=Cycle(pictures), target=FolderTarget(str(tmp_path / "archive")))
    assert running.post("/visit/patient", visit=1, patient=WHO) == (200, {"ok": True})
    captured(running)
    assert not list((tmp_path / "archive").iterdir()), "a capture is pending until its visit ends"
    assert json.loads(running.ask("GET", "/patient")[2]) == {"visit": 1, "patient": WHO}
    assert running.post("/visit/next", visit=1, patient={"patient_name": "Roe^Rick"}) == (200, {"visit": 2})
    assert json.loads(running.ask("GET", "/patient")[2]) == {"visit": 2, "patient": {"patient_name": "Roe^Rick"}}
    seen = running.counts.graded
    wait_for(lambda: running.counts.graded > seen + 30)
    assert running.state["captures"] == [], "the eye before the camera is still that of the patient before"
    pictures[:] = [np.zeros_like(each) for each in still]
    wait_for(lambda: not running.session._looker.stays)
    pictures[:] = still
    captured(running)
    (first,) = wait_for(lambda: list(images(tmp_path / "archive").values()))
    assert (first.PatientName, first.PatientID, first.PatientBirthDate) == ("Doe^Jane", "0012", "19500131")
    assert first.ImageLaterality == running.state["captures"][0]["eye"][0].upper()
    assert running.post("/visit/end", visit=2) == (200, {"ok": True})
    both = wait_for(lambda: (found := images(tmp_path / "archive")) and len(found) == 2 and found)
    names = {str(each.PatientName): each.StudyInstanceUID for each in both.values()}
    assert set(names) == {"Doe^Jane", "Roe^Rick"}
    assert len(set(names.values())) == 2
    assert running.state["state"] == "ended"
    assert running.ask("POST", "/trigger", {})[0] == 409
    assert running.post("/visit/next", visit=2) == (200, {"visit": 3})
    assert json.loads(running.ask("GET", "/patient")[2]) == {"visit": 3, "patient": None}


def test_the_eye_of_the_patient_before_is_not_sent_as_the_best_frame_of_the_next(clinic: Start, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    running = clinic(target=FolderTarget(str(archive)), strictness=None)
    wait_for(lambda: list((tmp_path / "out").glob("frame-*.json")))
    for visit, who in ((1, "B"), (2, "C")):  # nobody moves the camera, and nobody presses the trigger
        assert running.post("/visit/next", visit=visit, patient={"patient_id": who})[0] == 200
        seen = running.counts.graded
        wait_for(lambda seen=seen: running.counts.graded > seen + 10)
    running.stop()
    running.stop = lambda: None  # type: ignore[method-assign]
    assert {str(image.PatientID) for image in images(archive).values()} == {""}
    assert not list((tmp_path / "out").glob("session-*/frame-*"))


def test_what_was_discarded_does_not_come_back_as_another_patients(clinic: Start, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    running = clinic(target=FolderTarget(str(archive)), strictness=None)
    wait_for(lambda: running.state["eye"])
    assert running.post("/visit/patient", visit=1, patient={"patient_id": "A"})[0] == 200
    running.post("/trigger", visit=1)
    captured(running)
    assert running.post("/captures/1/discard", visit=1)[0] == 200
    assert running.post("/visit/patient", visit=1, patient={"patient_id": "B"})[0] == 200
    assert running.post("/captures/1/undo", visit=1)[0] == 409
    assert running.state["discarded"] == []
    assert running.post("/visit/end", visit=1)[0] == 200
    wait_for(lambda: not list((tmp_path / "out").glob("frame-*")))
    assert images(archive) == {}


def test_a_visit_that_begins_is_never_told_of_the_patient_before(
    clinic: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = clinic()
    assert running.post("/visit/patient", visit=1, patient=WHO)[0] == 200
    begin, told = GuidedSession.next_visit, list[Any]()

    def ask() -> None:
        told.append(json.loads(running.ask("GET", "/patient")[2]))

    asking = threading.Thread(target=ask)

    def slow(session: GuidedSession) -> Visit:
        ended = begin(session)
        asking.start()  # the number is that of the next one now, and its folder is still that of the last
        asking.join(2)
        return ended

    monkeypatch.setattr(GuidedSession, "next_visit", slow)
    assert running.post("/visit/next", visit=1, patient={"patient_id": "B"}) == (200, {"visit": 2})
    asking.join()
    assert told == [{"visit": 2, "patient": {"patient_id": "B"}}]


def test_a_change_that_is_not_on_disk_is_not_said_to_be_done(
    clinic: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    running = clinic()
    captured(running)
    with monkeypatch.context() as patch:
        patch.setattr(acts_module, "_DISK_S", 0.5)
        patch.setattr(frame_store_module, "rewrite", full)
        status, said = running.post("/visit/patient", visit=1, patient=WHO)
        assert (status, "not on disk yet" in said["error"]) == (409, True)
    wait_for(lambda: {str(each.PatientName) for each in images(tmp_path / "out").values()} == {"Doe^Jane"})
    assert running.post("/visit/end", visit=1) == (200, {"ok": True})


def test_a_capture_for_which_there_is_no_room_is_still_missing(clinic: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    running = clinic(strictness=None)
    wait_for(lambda: running.state["eye"])
    with monkeypatch.context() as patch:
        patch.setattr(queue_module, "_MOST_CAPTURES", 0)
        assert running.ask("POST", "/trigger", {})[0] == 202
        wait_for(lambda: any("is not kept" in sentence for _, sentence in running.preview.hub.notes))
    assert running.visits.visit.captures == ()
    assert len(running.visits.visit.missing) == 2
    assert running.ask("POST", "/trigger", {})[0] == 202
    captured(running, 2)


def test_a_second_phone_cannot_act_on_another_visit(clinic: Start) -> None:
    running = clinic()
    captured(running)
    answers: list[tuple[int, dict[str, Any]]] = []
    phones = [
        threading.Thread(target=lambda who=who: answers.append(running.post("/visit/next", visit=1, patient=who)))
        for who in ({"patient_id": "A"}, {"patient_id": "B"})
    ]
    for phone in phones:
        phone.start()
    for phone in phones:
        phone.join()
    assert sorted(status for status, _ in answers) == [200, 409]
    (refused,) = [said for status, said in answers if status == 409]
    assert refused == {"error": "visit 2 is the current one, not visit 1: look again.", "code": "other_visit"}
    for path, more in (
        ("/visit/end", {}),
        ("/visit/eye", {"eye": "left"}),
        ("/visit/patient", {"patient": WHO}),
        ("/captures/1/eye", {"eye": "left"}),
        ("/captures/1/discard", {}),
        ("/captures/1/undo", {}),
        ("/trigger", {}),
    ):
        assert running.post(path, visit=1, **more)[0] == 409
    assert running.state["number"] == 2
    assert running.visits.visit.number == 2


def test_a_discarded_capture_leaves_no_file_and_may_fire_again(
    clinic: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(discards_module, "UNDO_S", 1.0)
    running = clinic()
    captured(running)
    before = list((tmp_path / "out").glob("*frame-*"))
    assert before
    assert running.post("/captures/1/discard", visit=1) == (200, {"ok": True})
    assert running.state["captures"] == []
    assert len(running.state["missing"]) == 2
    assert running.ask("GET", "/captures/1.plain.jpg")[0] == 404
    wait_for(lambda: not [path for path in before if path.exists()])
    wait_for(lambda: running.state["discarded"] == [])
    captured(running, 2)  # of the same eye
    assert [each["number"] for each in running.state["captures"]] == [2]
    assert running.post("/captures/1/discard", visit=1)[0] == 409
    status, said = running.post("/captures/1/undo", visit=1)
    assert (status, said["error"]) == (409, "capture 1 of visit 1 is gone: take it again.")


def test_a_discarded_capture_comes_back_whole_and_a_kill_before_that_loses_nothing(
    clinic: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(discards_module, "UNDO_S", 600.0)
    running = clinic(strictness=None)
    running.ask("POST", "/trigger", {})
    captured(running)
    wait_for(lambda: list((tmp_path / "out").glob("frame-*.dcm")))
    (before,) = running.state["captures"]
    there = {path: path.read_bytes() for path in (tmp_path / "out").glob("frame-*")}
    assert running.post("/captures/1/discard", visit=1)[0] == 200
    assert [each["number"] for each in running.state["discarded"]] == [1], "a page that is reloaded knows it too"
    seen = running.counts.graded
    wait_for(lambda: running.counts.graded > seen + 60)
    now = {path: path.read_bytes() for path in (tmp_path / "out").glob("frame-*")}
    assert now.items() <= there.items()  # without the best frame so far, which a capture replaces
    assert len(list((tmp_path / "out").glob("frame-*.dcm"))) == 1, "what a kill would lose"
    assert running.post("/captures/1/undo", visit=1) == (200, {"ok": True})
    assert (running.state["captures"], running.state["discarded"]) == ([before], [])
    assert running.ask("GET", "/captures/1.plain.jpg")[0] == 200
    assert running.post("/captures/1/undo", visit=1)[0] == 409
    assert running.post("/visit/end", visit=1)[0] == 200
    assert set((tmp_path / "out").glob("frame-*")) == set(now)


@pytest.mark.parametrize("how", ["/visit/end", "/visit/next", "program"])
def test_the_end_of_a_visit_ends_the_time_to_bring_back_and_sends_nothing_of_it(
    clinic: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    monkeypatch.setattr(discards_module, "UNDO_S", 600.0)
    (tmp_path / "archive").mkdir()
    running = clinic(target=FolderTarget(str(tmp_path / "archive")), strictness=None)
    running.ask("POST", "/trigger", {})
    captured(running)
    running.post("/captures/1/discard", visit=1)
    if how == "program":
        running.stop()
        running.stop = lambda: None  # type: ignore[method-assign]
    else:
        assert running.post(how, visit=1)[0] == 200
    wait_for(lambda: not list((tmp_path / "out").glob("frame-*")))
    assert not list((tmp_path / "archive").iterdir())


def test_the_visit_that_has_just_ended_is_listed_at_once_and_answered_and_deleted_as_any_other(
    clinic: Start, tmp_path: Path
) -> None:
    running = clinic(strictness=None)
    shown = wait_for(lambda: running.state["eye"])
    running.post("/visit/eye", visit=1, eye="left" if shown == "right" else "right")
    for number in (1, 2):
        running.ask("POST", "/trigger", {})
        captured(running, number)
    assert json.loads(running.ask("GET", "/visits")[2])["visits"] == []
    assert running.post("/visit/end", visit=1)[0] == 200
    (listed,) = json.loads(running.ask("GET", "/visits")[2])["visits"]
    assert listed["captures"] == 2
    ended = wait_for(lambda: [v for v in json.loads(running.ask("GET", "/visits")[2])["visits"] if not v["saving"]])[0]
    assert ended["asks"] == 2
    assert running.post("/visit/end", visit=1)[0] == 200  # once more, from another phone
    assert running.post("/captures/1/eye", visit=1, eye=shown) == (200, {"ok": True})
    (one, two) = running.state["captures"]
    assert (one["question"], one["eye"], two["question"]) == (False, shown, True)
    assert {image.get("ImageLaterality") for image in images(tmp_path / "out").values()} == {shown[0].upper(), None}
    assert running.post("/captures/1/eye", visit=1, eye=shown)[0] == 409
    assert running.post("/captures/2/discard", visit=1)[0] == 200
    assert running.post("/captures/2/undo", visit=1)[0] == 200
    (left,) = json.loads(running.ask("GET", f"/visits/{ended['id']}/questions")[2])["questions"]
    assert running.post(f"/visits/{ended['id']}/eye", frame=left["frame"], eye=shown) == (200, {"ok": True, "asks": 0})
    assert [(each["question"], each["eye"]) for each in running.state["captures"]] == [(False, shown)] * 2
    assert running.post(f"/visits/{ended['id']}/delete")[0] == 200
    assert not list((tmp_path / "out").glob("frame-*"))
    assert running.post("/visit/next", visit=1) == (200, {"visit": 2})


def test_a_page_that_does_not_know_of_a_restart_names_nobody_and_discards_nothing(clinic: Start) -> None:
    first = clinic(strictness=None)
    (shown, *_) = events(first, "visit")
    first.stop()
    first.stop = lambda: None  # type: ignore[method-assign]
    running = clinic(strictness=None)
    late = {"visit": shown["number"], "session": shown["session"]}
    assert running.state["number"] == shown["number"]
    for path, more in (("/visit/patient", {"patient": WHO}), ("/visit/next", {}), ("/visit/end", {})):
        status, said = running.post(path, **late, **more)
        assert (status, said["code"]) == (409, "other_visit")
    assert not running.state["identified"]
    (now, *_) = events(running, "visit")
    assert running.post("/visit/patient", visit=1, session=now["session"], patient=WHO) == (200, {"ok": True})


def test_the_trigger_takes_a_picture_of_the_visit_that_it_names_and_of_no_other(clinic: Start) -> None:
    running = clinic(strictness=None)
    assert running.post("/trigger", visit=1)[0] == 202
    captured(running)
    assert running.post("/visit/next", visit=1) == (200, {"visit": 2})
    assert running.post("/trigger", visit=1) == (
        409, {"error": "visit 2 is the current one, not visit 1: look again.", "code": "other_visit"},
    )  # fmt: skip
    for wrong in ("1", True, 1.5, [1]):
        assert running.post("/trigger", visit=wrong)[0] == 400
    seen = running.counts.graded
    wait_for(lambda: running.counts.graded > seen + 10)
    assert running.state["captures"] == []
    assert running.post("/trigger", visit=2)[0] == 202
    captured(running)


def test_what_was_sent_and_what_was_not_is_told(clinic: Start, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    running = clinic(target=FolderTarget(str(archive)), strictness=None)

    def told() -> tuple[str, int]:
        delivery = around(running.controls)["delivery"]
        return delivery["state"], delivery["files"]

    assert told() == ("sent", 0)
    archive.rmdir()
    running.ask("POST", "/trigger", {})
    captured(running)
    running.post("/visit/end", visit=1)
    wait_for(lambda: told() == ("failed", 1))
    (shown, *_) = events(running, "visit")
    assert shown["delivery"] == {"state": "failed", "files": 1}
    archive.mkdir()
    wait_for(lambda: told() == ("sent", 1))


def test_after_a_kill_the_next_program_says_which_visit_was_cut(clinic: Start, tmp_path: Path) -> None:
    for name in ("session-2", "session-3"):
        (tmp_path / "out" / name).mkdir(parents=True)
        (tmp_path / "out" / name / "session.jsonl").touch()
    (tmp_path / "out" / "session-3" / ".recording").touch()
    running = clinic(strictness=None)
    assert running.state["restarted"] == 3
    running.post("/visit/next", visit=1)
    assert running.state["restarted"] is None
    running.stop()
    running.stop = lambda: None  # type: ignore[method-assign]
    assert clinic(strictness=None).state["restarted"] is None


def test_what_contradicts_the_stated_eye_is_not_sent_until_somebody_says_which_it_is(
    clinic: Start, still: list[np.ndarray], tmp_path: Path
) -> None:
    (tmp_path / "archive").mkdir()
    running = clinic(target=FolderTarget(str(tmp_path / "archive")), strictness=None)
    shown = wait_for(lambda: running.state["eye"])
    other = "left" if shown == "right" else "right"
    assert running.post("/visit/eye", visit=1, eye=other) == (200, {"ok": True})
    assert running.ask("POST", "/trigger", {})[0] == 202
    captured(running)
    (one,) = running.state["captures"]
    assert (one["eye"], one["told"], one["contradiction"], one["question"]) == (other, shown, True, True)
    assert len(running.state["missing"]) == 2
    assert running.post("/visit/end", visit=1) == (200, {"ok": True})
    assert running.post("/captures/1/eye", visit=1, eye="up")[0] == 400
    assert not list((tmp_path / "archive").iterdir())
    assert running.post("/captures/1/eye", visit=1, eye=shown) == (200, {"ok": True})
    (image,) = wait_for(lambda: list(images(tmp_path / "archive").values()))
    assert image.ImageLaterality == shown[0].upper()
    sidecars = [json.loads(path.read_bytes()) for path in (tmp_path / "out").glob("frame-*.json")]
    assert {each["capture"]["laterality"] for each in sidecars} == {shown}
    assert running.post("/captures/1/eye", visit=1, eye=other)[0] == 409  # it has gone


def test_an_identity_that_comes_late_is_in_what_is_there(clinic: Start, tmp_path: Path) -> None:
    running = clinic()
    captured(running)
    assert not running.state["identified"]
    assert running.post("/visit/patient", visit=1, patient=WHO) == (200, {"ok": True})
    assert running.state["identified"]
    assert {str(each.PatientName) for each in images(tmp_path / "out").values()} == {"Doe^Jane"}
    status, said = running.post("/visit/patient", visit=1, patient={"patient_name": "Roe^Rick"})
    assert status == 409
    assert "captures of another identity" in said["error"]
    assert running.post("/visit/patient", visit=1, patient=WHO)[0] == 200
    assert {str(each.PatientName) for each in images(tmp_path / "out").values()} == {"Doe^Jane"}


@pytest.mark.parametrize(
    ("patient", "field"),
    [
        ({"patient_name": "Doe^Jane\x07"}, "patient_name"),
        ({"patient_name": "Doe^Jane\nEVIL"}, "patient_name"),
        ({"patient_id": "X" * 200}, "patient_id"),
        ({"patient_name": "Ä" * 200}, "patient_name"),
        ({"birth_date": "1950-02-31"}, "birth_date"),
        ({"sex": "SECRETVALUE"}, "sex"),
        ({"SECRETVALUE1": "SECRETVALUE"}, "a field"),
        ({"patient_id": ["SECRETVALUE"]}, "patient_id"),
    ],
)
def test_a_wrong_identity_is_one_sentence_without_it(
    clinic: Start, patient: dict[str, Any], field: str, tmp_path: Path
) -> None:
    running = clinic()
    for path in ("/visit/patient", "/visit/next"):
        status, said = running.post(path, visit=1, patient=patient)
        assert status == 400
        assert field.split("_")[0] in said["error"]
        for value in patient.values():
            assert str(value) not in said["error"]
        assert "\n" not in said["error"]
    assert running.state["number"] == 1
    assert not (tmp_path / "out" / "session-2").exists()


def test_without_dicom_there_is_nowhere_for_an_identity(clinic: Start) -> None:
    running = clinic(dicom=False)
    status, said = running.post("/visit/next", visit=1, patient=WHO)
    assert (status, "start it with --dicom" in said["error"]) == (409, True)
    assert running.post("/visit/next", visit=1) == (200, {"visit": 2})
    assert running.state["identity"] is False


def test_no_identity_crosses_an_open_network(clinic: Start) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for insecure in (False, True):
        proxied = Listen(port=0, token=TOKEN, proxies=("127.0.0.1",), public_names=("eye.example",), insecure=insecure)
        running = clinic(proxied)
        plain = {**bearer, "Host": "eye.example", "Origin": "http://eye.example"}
        over_tls = {**bearer, "Host": "eye.example", "Origin": "https://eye.example"}
        for path in ("/visit/patient", "/visit/next"):
            status, _, answer = running.ask("POST", path, {"visit": 1, "patient": WHO}, plain)
            assert status == 200 if insecure else status == 403
            if not insecure:
                assert b"--cert" in answer
                assert b"Doe" not in answer
        assert running.ask("GET", "/patient", headers=plain)[0] == (200 if insecure else 403)
        if not insecure:
            assert running.ask("POST", "/visit/patient", {"visit": 1, "patient": WHO}, over_tls)[0] == 200
            assert running.ask("GET", "/patient", headers={**bearer, "X-Forwarded-Proto": "https"})[0] == 200


def test_the_token_guards_every_button(clinic: Start) -> None:
    running = clinic(Listen(port=0, token=TOKEN))
    buttons = ("/visit/next", "/visit/end", "/visit/patient", "/visit/eye", "/captures/1/eye", "/captures/1/discard")
    for path in (*buttons, "/captures/1/undo", "/trigger", "/visits/session-1.20270115T080000Z/eye"):
        assert running.ask("POST", path, {"visit": 1})[0] == 401
    for path in ("questions", "questions/1.jpg"):
        assert running.ask("GET", f"/visits/session-1.20270115T080000Z/{path}")[0] == 401
    assert running.ask("GET", "/patient")[0] == 401


def test_what_is_no_button_is_one_sentence(clinic: Start) -> None:
    running = clinic()
    for path, body in (
        ("/visit/next", {}),
        ("/visit/next", {"visit": "1"}),
        ("/visit/next", {"visit": True}),
        ("/visit/next", {"visit": 1, "patient": "Doe"}),
        ("/visit/patient", {"visit": 1}),
        ("/visit/eye", {"visit": 1}),
        ("/visit/eye", {"visit": 1, "eye": ["left"]}),
        ("/captures/1/eye", {"visit": 1}),
    ):
        status, _, answer = running.ask("POST", path, body)
        assert status == 400, path
        assert set(json.loads(answer)) == {"error"}
    assert running.ask("POST", "/captures/9/discard", {"visit": 1})[0] == 409
    assert running.ask("POST", "/captures/x/discard", {"visit": 1})[0] == 404


def test_the_state_of_a_visit_reaches_who_comes_late_and_while_no_frame_comes(
    clinic: Start, still: list[np.ndarray]
) -> None:
    camera = Switched(still)
    running = clinic(strictness=None, camera=camera)
    (told, *_) = events(running, "visit")
    assert (told["number"], told["state"], told["identity"], told["disk"]) == (1, "open", True, "ok")
    assert told["wanted"] == [{"eye": "right", "field": None}, {"eye": "left", "field": None}]
    assert told["missing"] == told["wanted"]
    camera.nothing = True
    running.post("/visit/next", visit=1, patient=WHO)
    assert running.state["number"] == 2
    (told, *_) = events(running, "visit")
    assert (told["number"], told["identified"]) == (2, True)
    assert WHO["patient_name"] not in json.dumps(told)
    camera.nothing = False


def test_pictures_of_the_last_patient_are_gone(clinic: Start) -> None:
    running = clinic(strictness=None)
    running.ask("POST", "/trigger", {})
    captured(running)
    (shown,) = json.loads(running.ask("GET", "/captures")[2])["captures"]
    assert (shown["visit"], shown["number"]) == (1, 1)
    assert running.ask("GET", shown["overlay"])[0] == 200
    running.post("/visit/next", visit=1)
    wait_for(lambda: running.state["number"] == 2)
    assert json.loads(running.ask("GET", "/captures")[2])["captures"] == []
    assert running.ask("GET", shown["overlay"])[0] == 404
    running.ask("POST", "/trigger", {})
    captured(running)
    assert running.ask("GET", shown["overlay"])[0] == 404  # of that number, but not of that visit


def test_a_patient_is_switched_in_mid_capture(clinic: Start, still: list[np.ndarray], tmp_path: Path) -> None:
    """Whatever moment the switch hits, each picture is in the folder of the visit that was before the camera."""
    running = clinic(strictness=None)
    for visit in range(1, 9):
        running.ask("POST", "/trigger", {})
        time.sleep(0.013 * visit)
        assert running.post("/visit/next", visit=visit, patient={"patient_id": str(visit + 1)})[0] == 200
    running.stop()
    running.stop = lambda: None  # type: ignore[method-assign]
    folders = [tmp_path / "out", *(tmp_path / "out" / f"session-{n}" for n in range(2, 10))]
    for number, folder in enumerate(folders, 1):
        lines = [json.loads(line) for line in (folder / "session.jsonl").read_text().splitlines()]
        seen = [line["index"] for line in lines if "index" in line and "t" in line]
        for path in folder.glob("frame-*.png"):
            if path.name.count(".") == 1:
                assert int(path.stem.split("-")[1]) in seen, "a frame of another visit"
        for image in images(folder).values():
            assert image.PatientID == ("" if number == 1 else str(number))


def test_at_the_end_of_the_program_each_button_says_so(clinic: Start) -> None:
    running = clinic(strictness=None)
    running.visits.close()
    for path, more in (("/visit/next", {}), ("/visit/end", {}), ("/visit/patient", {"patient": WHO})):
        status, said = running.post(path, visit=1, **more)
        assert (status, "visit 1 has ended, with the program" in said["error"]) == (409, True)
    assert running.ask("GET", "/patient")[0] == 200
