"""Which eye is it? Nobody said while the visit was open: it is answered in the list of ended visits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pydicom = pytest.importorskip("pydicom")

from edge.capture.archive.target import FolderTarget

from .conftest import Clinic, wait_for

Start = Callable[..., Clinic]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


def unsure(running: Clinic) -> str:
    """A picture that contradicts the stated eye, in a visit that ends; returns the eye that it shows."""
    shown = str(wait_for(lambda: running.state["eye"]))
    before = running.preview.hub.captured
    running.post("/visit/eye", visit=running.state["number"], eye="left" if shown == "right" else "right")
    assert running.ask("POST", "/trigger", {})[0] == 202
    wait_for(lambda: running.preview.hub.captured > before)
    return shown


def visits(running: Clinic, query: str = "") -> dict[str, Any]:
    status, _, body = running.ask("GET", f"/visits{query}")
    assert status == 200
    return dict(json.loads(body))


def ended(running: Clinic, number: int = 1) -> dict[str, Any]:
    """One visit of the list, once it is there."""

    def there() -> list[dict[str, Any]]:
        return [each for each in visits(running)["visits"] if each["number"] == number and not each["saving"]]

    found = wait_for(there)
    return dict(found[0])


def arrived(archive: Path, number: int) -> list[Any]:
    found = wait_for(lambda: (files := sorted(archive.glob("*.dcm"))) and len(files) >= number and files)
    return [pydicom.dcmread(path) for path in found]


def test_what_nobody_said_is_asked_later_and_sent_once_it_is_answered(clinic: Start, archive: Path) -> None:
    running = clinic(target=FolderTarget(str(archive)), strictness=None)
    running.post("/visit/patient", visit=1, patient={"patient_id": "P-1"})
    shown = unsure(running)
    running.post("/visit/next", visit=1, patient={"patient_id": "P-2"})
    visit = ended(running)
    assert (visit["asks"], visit["delivered"], visit["unsent"]) == (1, False, 1)
    assert visits(running)["asks"] == 1
    assert [each["number"] for each in visits(running, "?asks=1")["visits"]] == [1]
    status, _, body = running.ask("GET", f"/visits/{visit['id']}/questions")
    (question,) = json.loads(body)["questions"]
    assert (status, question["number"], question["told"], question["contradiction"]) == (200, 1, shown, True)
    status, headers, picture = running.ask("GET", question["picture"])
    assert (status, headers["content-type"], picture[:2]) == (200, "image/jpeg", b"\xff\xd8")
    assert not list(archive.iterdir())
    path, said = f"/visits/{visit['id']}/eye", {"frame": question["frame"], "eye": shown}
    assert running.post(path, **said) == (200, {"ok": True, "asks": 0})
    (image,) = arrived(archive, 1)
    assert (image.ImageLaterality, image.PatientID, image.Modality) == (shown[0].upper(), "P-1", "OP")
    wait_for(lambda: ended(running)["delivered"])
    assert running.post(path, **said)[0] == 409
    assert running.ask("GET", question["picture"])[0] == 404


def test_what_one_phone_discards_another_cannot_send(clinic: Start, archive: Path, tmp_path: Path) -> None:
    running = clinic(target=FolderTarget(str(archive)), strictness=None)
    shown = unsure(running)
    assert running.post("/visit/end", visit=1)[0] == 200
    visit = ended(running)
    (question,) = json.loads(running.ask("GET", f"/visits/{visit['id']}/questions")[2])["questions"]
    answer = f"/visits/{visit['id']}/eye", {"frame": question["frame"], "eye": shown}
    assert running.post("/captures/1/discard", visit=1)[0] == 200
    assert ended(running)["asks"] == 0
    wait_for(lambda: running.housekeeper.asks == 0)  # the bar of the page asks no more
    assert running.post(answer[0], **answer[1])[0] == 409
    assert running.post("/captures/1/eye", visit=1, eye=shown)[0] == 409
    assert running.post("/captures/1/discard", visit=1)[0] == 409
    assert running.post("/captures/1/undo", visit=1)[0] == 200
    assert running.post(answer[0], **answer[1]) == (200, {"ok": True, "asks": 0})
    arrived(archive, 1)
    assert running.post("/captures/1/discard", visit=1)[0] == 409
    running.post("/visit/next", visit=1)
    unsure(running)
    running.post("/visit/end", visit=2)
    ended(running, 2)
    assert running.post("/captures/1/discard", visit=2)[0] == 200
    running.post("/visit/next", visit=2)  # which ends the time to bring it back
    wait_for(lambda: not list((tmp_path / "out" / "session-2").glob("*frame-*")))
    assert len(list(archive.iterdir())) == 1


def test_what_a_killed_program_left_is_asked_by_the_next_one(clinic: Start, archive: Path, tmp_path: Path) -> None:
    first = clinic(target=FolderTarget(str(archive)), strictness=None)
    shown = unsure(first)
    first.stop()
    first.stop = lambda: None  # type: ignore[method-assign]
    running = clinic(target=FolderTarget(str(archive)), strictness=None)
    wait_for(lambda: running.housekeeper.asks == 1)
    visit = ended(running)
    (question,) = json.loads(running.ask("GET", f"/visits/{visit['id']}/questions")[2])["questions"]
    assert running.post(f"/visits/{visit['id']}/eye", frame=question["frame"], eye=shown)[0] == 200
    assert [each.ImageLaterality for each in arrived(archive, 1)] == [shown[0].upper()]


def test_what_is_no_answer_is_one_sentence(clinic: Start) -> None:
    running = clinic(strictness=None)
    for path, body, status in (
        ("/visits/session-9.20270115T080000Z/eye", {"frame": 1, "eye": "left"}, 404),
        ("/visits/session-1.20270115T080000Z/eye", {"frame": 1, "eye": "up"}, 400),
        ("/visits/session-1.20270115T080000Z/eye", {"frame": "1", "eye": "left"}, 400),
        ("/visits/session-1.20270115T080000Z/eye", {"frame": True, "eye": "left"}, 400),
        ("/visits/..%2fout/eye", {"frame": 1, "eye": "left"}, 404),
    ):
        answer = running.ask("POST", path, body)
        assert answer[0] == status, path
        assert set(json.loads(answer[2])) == {"error"}
    assert running.ask("GET", "/visits/session-9.20270115T080000Z/questions")[0] == 404
    assert running.ask("GET", "/visits/session-9.20270115T080000Z/questions/1.jpg")[0] == 404
