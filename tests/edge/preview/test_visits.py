"""The visits on disk, for the page: listed, deleted with every file, and nothing else through hostile ids."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from edge.capture.archive.waiting import Folders
from edge.capture.retention import housekeeper as housekeeper_module
from edge.capture.retention.housekeeper import Housekeeper
from edge.capture.retention.policy import Policy
from edge.capture.session.leftovers import Recording
from edge.preview import around as around_module
from edge.preview import visits as routes
from edge.preview.around import around
from edge.preview.context import Controls
from edge.preview.server import Listen

from .conftest import Clinic, Demo, wait_for

TOKEN = "c81f5e0b97d2a643"
Start = Callable[..., Demo]


def put(out: Path, number: int, *marks: str) -> Path:
    """A visit of a capture for each mark."""
    folder = out if number == 1 else out / f"session-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "session.jsonl").touch()
    for shot, mark in enumerate(marks):
        stem = f"frame-{shot:06d}"
        (folder / f"{stem}.json").write_text(json.dumps({"capture": {"rank": 1}}))
        (folder / f"{stem}.dcm").write_bytes(b"Doe^Jane" * 100_000)
        if mark:
            (folder / f".{stem}.dcm.{mark}").touch()
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def served(demo: Start, out: Path) -> Iterator[Demo]:
    """A page of a session that keeps its visits in ``out``."""
    said: list[str] = []
    with Housekeeper(out, Policy(), said.append, said.append) as keeper:
        running = demo(controls=Controls(lambda: None, housekeeper=keeper))
        yield running


def listed(running: Demo, query: str = "") -> dict[str, Any]:
    status, _, body = running.ask("GET", f"/visits{query}")
    assert status == 200
    return dict(json.loads(body))


def test_visits_are_listed_newest_first_without_a_patient(served: Demo, out: Path) -> None:
    put(out, 1, "delivered", "delivered")
    put(out, 2, "waiting", "delivered", "pending", "")
    put(out, 3)
    mark = Recording(put(out, 4))
    status, headers, body = served.ask("GET", "/visits")
    mark.end()
    told = json.loads(body)
    assert status == 200
    assert headers["cache-control"] == "no-store"
    assert b"Doe" not in body
    assert [each["number"] for each in told["visits"]] == [3, 2, 1]
    three, two, one = told["visits"]
    assert {name: two[name] for name in ("captures", "waiting", "unsent", "delivered", "size_mib")} == {
        "captures": 4, "waiting": 1, "unsent": 2, "delivered": False, "size_mib": 3.1,
    }  # fmt: skip
    assert (one["delivered"], one["captures"], three["captures"], three["delivered"]) == (True, 2, 0, False)
    assert one["begun"].endswith("+00:00")
    assert told["total"] == 3
    assert told["disk"] in ("ok", "low", "full")
    assert told["free_mib"] > 0


def test_a_long_list_comes_in_parts(served: Demo, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_MOST", 2)
    for number in (1, 2, 3, 4, 5):
        put(out, number)
    first = listed(served)
    assert ([each["number"] for each in first["visits"]], first["total"]) == ([5, 4], 5)
    assert [each["number"] for each in listed(served, "?before=4")["visits"]] == [3, 2]
    assert [each["number"] for each in listed(served, "?before=2")["visits"]] == [1]
    for wrong in ("x", "-1", "1.5", "\u0661", "9" * 30, "1;2"):
        assert served.ask("GET", f"/visits?before={quote(wrong)}")[0] == 400


def test_a_visit_is_deleted_with_every_file_and_only_once(served: Demo, out: Path) -> None:
    put(out, 1, "delivered")
    folder = put(out, 2, "waiting", "")
    (folder / "notes.txt").write_text("of somebody")
    newest = listed(served)["visits"][0]
    status, _, body = served.ask("POST", f"/visits/{newest['id']}/delete", {})
    assert (status, json.loads(body)["deleted"]) == (200, newest["id"])
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    status, _, body = served.ask("POST", f"/visits/{newest['id']}/delete", {})
    assert status == 404
    assert "deleted before" in json.loads(body)["error"]
    assert [each["number"] for each in listed(served)["visits"]] == [1]


def test_one_that_runs_or_is_handed_over_is_refused(served: Demo, out: Path) -> None:
    put(out, 1)
    folder = put(out, 2, "waiting")
    visit_id = listed(served)["visits"][0]["id"]
    hand_over = Folders()
    hand_over.hold(folder)
    status, _, body = served.ask("POST", f"/visits/{visit_id}/delete", {})
    assert (status, json.loads(body)) == (
        409, {"error": "session-2 is being handed over to the archive: delete it once that is done."},
    )  # fmt: skip
    hand_over.release()
    mark = Recording(folder)
    assert served.ask("POST", f"/visits/{visit_id}/delete", {})[0] == 404
    mark.end()
    assert (folder / "frame-000000.dcm").exists()


HOSTILE = (
    "session-2", "..", ".", "%2e%2e", "..%2fout", "session-2%2f..%2fsession-3", "session-2.20270115T080000Z%00", "*",
    "%ff",    "session-2.20270115T080000Z%0a", "%3Cscript%3E", "session-2.20270115T080000Z%2fdelete", "a" * 900,
)  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_ids_delete_nothing(served: Demo, out: Path, hostile: str) -> None:
    put(out, 1)
    put(out, 2, "delivered")
    put(out.parent, 2, "delivered")
    before = sorted(out.parent.rglob("*"))
    status, _, body = served.ask("POST", f"/visits/{hostile}/delete", {})
    assert status in (400, 403, 404)
    assert b"script" not in body
    assert sorted(out.parent.rglob("*")) == before
    assert served.reports == []


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "text/plain"}, {"Origin": "https://evil.example"}, {"Host": "evil.example"}]
)
def test_other_sites_delete_nothing(served: Demo, out: Path, headers: dict[str, str]) -> None:
    put(out, 1)
    folder = put(out, 2, "delivered")
    visit_id = listed(served)["visits"][0]["id"]
    assert served.ask("POST", f"/visits/{visit_id}/delete", {}, headers)[0] in (403, 415, 421)
    assert (folder / "session.jsonl").exists()


def test_the_token_guards_both(demo: Start, out: Path) -> None:
    put(out, 1)
    folder = put(out, 2, "delivered")
    with Housekeeper(out, Policy(), print, print) as keeper:
        running = demo(Listen(port=0, token=TOKEN), controls=Controls(lambda: None, housekeeper=keeper))
        assert running.ask("GET", "/visits")[0] == 401
        visit_id = keeper.visits()[1].id
        assert running.ask("POST", f"/visits/{visit_id}/delete", {})[0] == 401
        assert (folder / "session.jsonl").exists()
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert running.ask("POST", f"/visits/{visit_id}/delete", {}, bearer)[0] == 200


def test_without_out_there_are_none(demo: Start) -> None:
    running = demo(controls=Controls(None))
    assert listed(running) == {"visits": [], "total": 0, "size_mib": 0, "asks": 0, "free_mib": None, "disk": None}
    assert running.ask("POST", "/visits/session-1.20270115T080000Z/delete", {})[0] == 409
    assert b"efiqa_disk" not in running.ask("GET", "/metrics")[2]


def test_metrics_have_the_room_and_what_waits(demo: Start, out: Path) -> None:
    put(out, 1, "waiting", "delivered")
    put(out, 2, "waiting", "waiting")
    with Housekeeper(out, Policy(), print, print) as keeper:
        running = demo(controls=Controls(lambda: None, housekeeper=keeper))
        wait_for(lambda: keeper.waiting == 3)
        lines = running.ask("GET", "/metrics")[2].decode().splitlines()
    assert "efiqa_files_waiting 3" in lines
    sizes = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("efiqa_disk")}
    assert 0 < sizes["efiqa_disk_free_bytes"] <= sizes["efiqa_disk_bytes"]
    assert "# TYPE efiqa_disk_free_bytes gauge" in lines


def test_a_large_visit_that_is_deleted_holds_no_frame_up(served: Demo, out: Path) -> None:
    put(out, 1)
    folder = put(out, 2)
    for number in range(2000):
        (folder / f"frame-{number:06d}.png").write_bytes(b"x")
    visit_id = listed(served)["visits"][0]["id"]
    before, began = served.preview.published, time.monotonic()
    assert served.ask("POST", f"/visits/{visit_id}/delete", {})[0] == 200
    wait_for(lambda: served.preview.published > before)
    assert time.monotonic() - began < 30
    assert not folder.exists()


def test_a_disk_that_hangs_holds_no_frame_up_and_its_room_is_unknown(
    clinic: Callable[..., Clinic], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeper_module, "_LOOK_S", 0.05)
    running = clinic(strictness=None)
    keeper, ask, back = running.housekeeper, os.statvfs, threading.Event()
    assert around(running.controls)["disk"] in ("ok", "low", "full")

    def hangs(path: Any) -> Any:  # as a folder in a network does, for as long as its server is away
        back.wait(120)
        return ask(path)

    monkeypatch.setattr(os, "statvfs", hangs)
    monkeypatch.setattr(around_module, "OLD_S", 1.0)
    try:
        wait_for(lambda: keeper.space_age_s > 1.5)
        assert around(running.controls)["disk"] == "unknown"
        status, said = running.post("/visit/eye", visit=1, eye="left")  # what is told anew then
        assert (status, said) == (200, {"ok": True})
        assert running.post("/visit/eye", visit=1, eye=None)[0] == 200
        before = running.counts.graded
        wait_for(lambda: running.counts.graded > before + 30, 60)
        lines = running.ask("GET", "/metrics")[2].decode()
        assert "efiqa_disk_free_bytes" not in lines
        assert float(lines.split("\nefiqa_disk_age_seconds ")[1].split()[0]) > 1
        assert (listed(running)["free_mib"], listed(running)["disk"]) == (None, "unknown")
    finally:
        back.set()
    wait_for(lambda: around(running.controls)["disk"] in ("ok", "low", "full"))
