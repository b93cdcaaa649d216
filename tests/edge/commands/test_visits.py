"""Visits as a nurse has them: the real command, power cuts at each step, and an identity that is in DICOM alone."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("aiohttp")

COMMAND = [sys.executable, "-m", "edge.commands.capture", "demo:600", "--web", "--port", "0", "--no-video", "--dicom"]
REPOSITORY = Path(__file__).parents[3]
SECRET = "Zzyzxqu"  # part of every identity here, and of nothing else


class Clinic:
    """One run of the command with its page."""

    def __init__(self, out: Path, archive: Path, said: Path, *more: str) -> None:
        self.said = said
        self._errors = said.open("ab")
        self.process = subprocess.Popen(
            [*COMMAND, "--out", str(out), "--hand-over", str(archive), "--json", *more],
            stderr=self._errors,
            stdout=said.with_suffix(".stdout").open("ab"),
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        before = len(re.findall(r"^page: ", said.read_text(), re.M))
        self.url = wait_for(lambda: self._page(before))
        self.state = wait_for(self.look)

    def _page(self, before: int) -> str | None:
        assert self.process.poll() is None, self.said.read_text()
        pages = re.findall(r"^page: (http://\S+)/$", self.said.read_text(), re.M)
        return str(pages[-1]) if len(pages) > before else None

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.read().decode()

    def post(self, path: str, **body: Any) -> Any:
        return json.loads(self.ask(path, body))

    def look(self) -> dict[str, Any] | None:
        """The visit of now, as a client that connects is told it."""
        with urllib.request.urlopen(self.url + "/state", timeout=300) as answer:
            name = ""
            for line in answer:
                if line.startswith(b"event: "):
                    name = line[7:].decode().strip()
                elif line.startswith(b"data: ") and name == "visit":
                    found: dict[str, Any] = json.loads(line[6:])
                    return found
        return None

    def capture(self) -> dict[str, Any]:
        """Press the button while there is an eye, and wait until the picture is on disk."""
        before = {each["number"] for each in json.loads(self.ask("/captures"))["captures"]}
        wait_for(lambda: (self.look() or {}).get("eye"))
        self.post("/trigger")
        return dict(
            wait_for(
                lambda: [each for each in json.loads(self.ask("/captures"))["captures"] if each["number"] not in before]
            )[0]
        )

    def cut(self, step: Callable[[], Any], after_s: float) -> bool:
        """Cut the power while a step is on its way; whether it was answered before that."""
        answered = threading.Event()

        def ask() -> None:
            with contextlib.suppress(OSError, ValueError, urllib.error.HTTPError):
                step()
                answered.set()

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(after_s)
        self.process.kill()
        self.process.wait()
        asking.join()
        self._errors.close()
        return answered.is_set()

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(300)
        self._errors.close()


def wait_for(happened: Callable[[], Any], seconds: float = 300.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if thing := happened():
            return thing
        time.sleep(0.05)
    raise AssertionError(f"it did not happen within {seconds} s")


def images(folder: Path) -> dict[str, Any]:
    return {path.name: pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))}


def leaks(*places: Path) -> Iterator[Path]:
    """Files other than DICOM that hold part of an identity, or whose name does."""
    for place in places:
        for path in [place, *place.rglob("*")] if place.is_dir() else [place]:
            if SECRET.lower() in path.name.lower() or (
                path.is_file() and path.suffix != ".dcm" and SECRET.lower().encode() in path.read_bytes().lower()
            ):
                yield path


def who(number: int) -> dict[str, str]:
    return {"patient_id": f"{SECRET}-{number}", "patient_name": f"{SECRET}^Ana{number}", "birth_date": "1947-11-03"}


STEPS: dict[str, Callable[[Clinic, dict[str, Any], int], Any]] = {
    "capture": lambda clinic, shot, run: clinic.post("/trigger"),
    "patient": lambda clinic, shot, run: clinic.post("/visit/patient", visit=1, patient=who(run)),
    "eye": lambda clinic, shot, run: clinic.post("/captures/1/eye", visit=1, eye="right"),
    "discard": lambda clinic, shot, run: clinic.post("/captures/1/discard", visit=1),
    "next": lambda clinic, shot, run: clinic.post("/visit/next", visit=1, patient=who(run + 100)),
    "end": lambda clinic, shot, run: clinic.post("/visit/end", visit=1),
}


def test_a_power_cut_at_each_step_loses_nothing_and_mixes_no_patients(tmp_path: Path) -> None:
    out, archive, said = tmp_path / "out", tmp_path / "archive", tmp_path / "said"
    said.touch()
    promised: dict[str, int] = {}  # pictures that were on the page, and the run of their patient
    patients: dict[str, set[str]] = {}  # by folder
    discarded: set[str] = set()
    gone = ""  # the patient whose only picture was discarded, where that was answered
    for run, (name, step) in enumerate(STEPS.items(), 1):
        before = {path.parent for path in out.rglob("session.jsonl")}
        clinic = Clinic(out, archive, said)
        if name != "patient":
            clinic.post("/visit/patient", visit=1, patient=who(run))
        shot = clinic.capture()
        (folder,) = {path.parent for path in out.rglob("session.jsonl")} - before
        picture = str(folder / f"frame-{shot['index']:06d}.png")
        answered = clinic.cut(lambda step=step, clinic=clinic, shot=shot, run=run: step(clinic, shot, run), 0.01 * run)
        patients[folder.name] = {who(run)["patient_id"]}
        if name == "discard":
            discarded.add(picture)
            gone = who(run)["patient_id"] if answered else ""
        else:
            promised[picture] = run
        if name == "patient" and not answered:
            patients[folder.name].add("")
        for other in {path.parent for path in out.rglob("session.jsonl")} - before - {folder}:
            patients[other.name] = {who(run + 100)["patient_id"]}
    last = Clinic(out, archive, said)  # ends the visit that was cut last
    last.end()
    for picture, run in promised.items():
        assert Path(picture).is_file(), f"what was shown in run {run} is lost"
        assert Path(picture).with_suffix(".json").is_file()
        assert Path(picture).with_suffix(".dcm").is_file()
    for folder_name, of in patients.items():
        for image in images(out if folder_name == "out" else out / folder_name).values():
            assert str(image.PatientID) in of, folder_name
    sent = {str(image.SOPInstanceUID): image for image in images(archive).values()}
    for picture, run in promised.items():
        mine = pydicom.dcmread(Path(picture).with_suffix(".dcm"))
        assert str(mine.SOPInstanceUID) in sent, f"run {run} was not handed over"
        assert sent[str(mine.SOPInstanceUID)] == mine
    assert not list(out.rglob(".*.dcm.waiting"))
    assert not list(out.rglob(".*.tmp"))
    for picture in discarded:  # all of it, or nothing; and nothing where it was answered that it is discarded
        assert len(list(Path(picture).parent.glob(f"{Path(picture).stem}.*"))) in ((0,) if gone else (0, 5))
    assert not gone or gone not in {str(image.PatientID) for image in sent.values()}
    assert list(leaks(out, archive, said, said.with_suffix(".stdout"))) == []


def test_an_identity_is_in_dicom_files_and_nowhere_else(tmp_path: Path) -> None:
    out, archive, said = tmp_path / "out", tmp_path / "archive", tmp_path / "said"
    said.touch()
    clinic = Clinic(out, archive, said, "--strictness", "easy")
    limits = Path(f"/proc/{clinic.process.pid}/limits").read_text(encoding="ascii")
    assert re.search(r"^Max core file size +0 +0 ", limits, re.M), "a crash would write all the memory to a file"
    clinic.post("/visit/patient", visit=1, patient=who(1))
    told = [json.dumps(clinic.look())]
    clinic.capture()
    for wrong in (
        {"patient_name": f"{SECRET}\x07"},
        {"patient_id": SECRET * 200},
        {"patient_name": f"{SECRET}^" * 6},
        {"birth_date": SECRET},
        {SECRET: SECRET},
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            clinic.post("/visit/next", visit=1, patient=wrong)
        told.append(refused.value.read().decode())
    clinic.post("/visit/next", visit=1, patient=who(2))
    clinic.capture()
    told += [json.dumps(clinic.look()), clinic.ask("/metrics"), clinic.ask("/captures"), clinic.ask("/healthz")]
    assert SECRET in clinic.ask("/patient")
    with pytest.raises(urllib.error.HTTPError) as late:
        clinic.post("/visit/patient", visit=2, patient=who(3))
    told.append(late.value.read().decode())
    clinic.post("/visit/end", visit=2)
    clinic.end()
    assert not [each for each in told if SECRET.lower() in each.lower()]
    assert list(leaks(out, archive, said, said.with_suffix(".stdout"))) == []
    for number, folder in ((1, out), (2, out / "session-2")):
        found = images(folder)
        assert found
        assert {str(each.PatientName) for each in found.values()} == {who(number)["patient_name"]}
    assert {str(each.PatientID) for each in images(archive).values()} == {who(n)["patient_id"] for n in (1, 2)}
