"""Captures on their way to a real archive: Orthanc with its DICOMweb plugin, as a DICOM node, and with a worklist."""

from __future__ import annotations

import datetime
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
import pytest

from edge.assessment import Assessment, Timings
from edge.camera.protocol import Frame
from edge.capture.graded import Graded
from edge.errors import EdgeError
from edge.field.find import Crop
from edge.phantom.retina import phantom_frame

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("aiohttp")

LOGIN = {"EFIQA_STOW_LOGIN": "camera:p@ss:w/rd"}
SECRETS = ("p@ss", "p%40ss", "00123", "Müller", "1950-01-31", "19500131")
ONE = ("--fast", "--no-video", "--frames", "45", "--dicom", "--laterality", "L")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text("patient_id: 00123\npatient_name: Müller^Änne\nbirth_date: 1950-01-31\nsex: F\n", encoding="utf-8")
    return path


def kept(out: Path) -> list[Any]:
    return sorted(map(pydicom.dcmread, out.rglob("*.dcm")), key=lambda image: int(image.InstanceNumber))


def marks(out: Path) -> list[Path]:
    return [*out.rglob(".*.waiting"), *out.rglob(".handing-over")]


def make_certificate(folder: Path) -> None:
    """Of the archive, signed by itself: cert.pem and key.pem."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=archive", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


def test_what_comes_back_is_what_was_captured(
    make_orthanc: Callable[..., Any], capture: Callable[..., Any], study: Path, tmp_path: Path
) -> None:
    orthanc, out = make_orthanc(), tmp_path / "out"
    orthanc.start()
    run = capture(
        "demo", "--fast", "--no-video", "--json", "--strictness", "easy", "--keep-dicom", "2", "--dicom",
        "--laterality", "L", "--study", study, "--hand-over", orthanc.address, "--out", out, **LOGIN,
    )  # fmt: skip
    assert run.end() == 0, run.said.read_text()
    sent, back = kept(out), orthanc.instances()
    assert len(sent) == len(back) >= 2
    for mine, theirs in zip(sent, back, strict=True):
        assert np.array_equal(mine.pixel_array, theirs.pixel_array)
        assert mine == theirs  # every attribute of the data set
        assert theirs.PatientName == "Müller^Änne"
    shots = [json.loads(path.with_suffix(".json").read_text())["capture"] for path in out.glob("*.dcm")]
    assert {shot["rank"] for shot in shots} <= {1, 2}
    assert run.notes("DICOM") == []
    assert marks(out) == []
    for path in (run.said, run.said.with_name("stdout"), *out.glob("*.json*")):
        assert not [secret for secret in SECRETS if secret in path.read_text()], path


@pytest.mark.parametrize("by", ["address", "node"])
def test_an_archive_that_goes_away_and_comes_back_loses_nothing(
    make_orthanc: Callable[..., Any], capture: Callable[..., Any], tmp_path: Path, by: str
) -> None:
    """Two visits: one while it is there, one while it is not."""
    orthanc, out = make_orthanc(), tmp_path / "out"
    orthanc.start()
    run = capture(
        "demo:600", "--no-video", "--web", "--port", "0", "--dicom", "--laterality", "L",
        "--hand-over", getattr(orthanc, by), "--out", out, **LOGIN,
    )  # fmt: skip
    page = Page(run)
    page.capture()
    page.post("/visit/end", visit=1)
    page.wait(lambda: len(orthanc.instances()) == 1)
    orthanc.stop()
    page.post("/visit/next", visit=1)
    page.capture()
    page.post("/visit/end", visit=2)
    run.wait_for("does not take DICOM files")
    orthanc.start()
    page.wait(lambda: len(orthanc.instances()) == 2)
    run.process.send_signal(signal.SIGINT)
    assert run.end() in (0, 130), run.said.read_text()
    assert {image.SOPInstanceUID for image in orthanc.instances()} == {image.SOPInstanceUID for image in kept(out)}
    began, over = (line for line in run.notes("take") if "DICOM files" in line)
    assert began.startswith(f"note: {getattr(orthanc, by)} does not take DICOM files (Connection refused)")
    assert "takes DICOM files again, after" in over
    assert marks(out) == []


def test_what_was_not_delivered_goes_at_the_next_start(
    make_orthanc: Callable[..., Any], capture: Callable[..., Any], study: Path, tmp_path: Path
) -> None:
    orthanc, out = make_orthanc(), tmp_path / "out"
    first = capture("demo", *ONE, "--study", study, "--hand-over", orthanc.address, "--out", out, **LOGIN)
    first.wait_for("does not take DICOM files")
    first.process.kill()  # as a power cut would
    first.end()
    assert len(kept(out)) == 1
    orthanc.start()
    second = capture("demo", *ONE, "--hand-over", orthanc.address, "--out", out, **LOGIN)
    assert second.end() == 0, second.said.read_text()
    assert len(orthanc.instances()) == len(kept(out)) == 2
    (told,) = second.notes("DICOM")
    assert told.startswith("note: 1 DICOM file of earlier sessions in")
    assert marks(out) == []


def test_wrong_credentials_are_told_of_and_end_in_bounded_time(
    make_orthanc: Callable[..., Any], capture: Callable[..., Any], tmp_path: Path
) -> None:
    orthanc, out = make_orthanc(), tmp_path / "out"
    orthanc.start()
    wrong = orthanc.address.replace("://", "://camera:wrongword@")
    run = capture("demo", *ONE, "--hand-over", wrong, "--out", out, impatient=True)
    assert run.end() == 1
    began, *_, left = run.notes("DICOM")
    assert "it answers 401: user, password or token is wrong" in began
    assert "1 DICOM file could not be handed over" in left
    assert "401" in left
    assert "wrongword" not in run.said.read_text()
    right = orthanc.address.replace("://", f"://camera:{quote('p@ss:w/rd', safe='')}@")
    again = capture("demo", *ONE, "--hand-over", right, "--out", out)
    assert again.end() == 0, again.said.read_text()
    assert len(orthanc.instances()) == 2


def test_an_instance_that_the_archive_refuses_does_not_keep_the_others_from_it(
    make_orthanc: Callable[..., Any], capture: Callable[..., Any], tmp_path: Path
) -> None:
    orthanc, out = make_orthanc(), tmp_path / "out"
    out.mkdir()
    broken = out / "frame-000001.dcm"
    broken.write_bytes(b"an image that a disk has eaten")
    mark = broken.with_name(".frame-000001.dcm.waiting")
    mark.touch()
    orthanc.start()
    run = capture("demo", *ONE, "--hand-over", orthanc.address, "--out", out, impatient=True, **LOGIN)
    assert run.end() == 1
    before, began, *_, left = run.notes("DICOM")
    assert "1 DICOM file of earlier sessions" in before
    assert "it answers 400: it does not understand the file" in began
    assert "1 DICOM file could not be handed over" in left
    assert len(orthanc.instances()) == 1
    assert broken.exists()
    assert marks(out) == [mark]


def test_tls_with_a_certificate_of_the_hospital(
    make_orthanc: Callable[..., Any],
    capture: Callable[..., Any],
    proxy: Callable[..., Any],
    study: Path,
    tmp_path: Path,
) -> None:
    make_certificate(tmp_path)
    orthanc, out = make_orthanc(), tmp_path / "out"
    orthanc.start()
    with proxy(orthanc.port, tmp_path / "cert.pem", tmp_path / "key.pem") as port:
        address = f"https://127.0.0.1:{port}/dicom-web"
        common = ("demo", *ONE, "--study", study, "--hand-over", address, "--out", out)
        untrusted = capture(*common, impatient=True, **LOGIN)
        assert untrusted.end() == 1
        assert "its certificate is not trusted: self" in untrusted.notes("does not take")[0]
        assert orthanc.instances() == []
        trusted = capture(*common, "--ca", tmp_path / "cert.pem", **LOGIN)
        assert trusted.end() == 0, trusted.said.read_text()
    assert len(orthanc.instances()) == 2


# --- as a DICOM node


def test_what_comes_back_from_a_node_is_what_was_captured(
    make_orthanc: Callable[..., Any], capture: Callable[..., Any], study: Path, tmp_path: Path
) -> None:
    orthanc, out = make_orthanc(), tmp_path / "out"
    orthanc.start()
    run = capture(
        "demo", "--fast", "--no-video", "--json", "--strictness", "easy", "--keep-dicom", "2", "--dicom",
        "--laterality", "L", "--study", study, "--hand-over", orthanc.node, "--aet", "CAMERA 1", "--out", out,
    )  # fmt: skip
    assert run.end() == 0, run.said.read_text()
    sent, back = kept(out), orthanc.instances()
    assert len(sent) == len(back) >= 2
    for mine, theirs in zip(sent, back, strict=True):
        assert np.array_equal(mine.pixel_array, theirs.pixel_array)
        assert mine == theirs  # every attribute of the data set
        assert theirs.PatientName == "Müller^Änne"
    assert marks(out) == []
    for path in (run.said, run.said.with_name("stdout"), *out.glob("*.json*")):
        assert not [secret for secret in SECRETS if secret in path.read_text()], path


def test_a_node_of_another_name_refuses_in_one_sentence_and_keeps_the_file_waiting(
    make_orthanc: Callable[..., Any], capture: Callable[..., Any], tmp_path: Path
) -> None:
    orthanc, out = make_orthanc(), tmp_path / "out"
    orthanc.start()
    other = orthanc.node.replace("ARCHIVE", "OTHER")
    run = capture("demo", *ONE, "--hand-over", other, "--out", out, impatient=True)
    assert run.end() == 1
    began, left = run.notes("does not take")[0], run.notes("DICOM")[-1]
    assert "it refuses the association: it does not know the AE title in its address" in began
    assert "1 DICOM file could not be handed over" in left
    again = capture("demo", *ONE, "--hand-over", orthanc.node, "--out", out)
    assert again.end() == 0, again.said.read_text()
    assert len(orthanc.instances()) == len(kept(out)) == 2


def test_a_node_behind_tls(
    make_orthanc: Callable[..., Any],
    capture: Callable[..., Any],
    proxy: Callable[..., Any],
    study: Path,
    tmp_path: Path,
) -> None:
    make_certificate(tmp_path)
    orthanc, out = make_orthanc(), tmp_path / "out"
    orthanc.start()
    with proxy(orthanc.dicom_port, tmp_path / "cert.pem", tmp_path / "key.pem") as port:
        common = ("demo", *ONE, "--study", study, "--hand-over", f"dicoms://ARCHIVE@127.0.0.1:{port}", "--out", out)
        untrusted = capture(*common, impatient=True)
        assert untrusted.end() == 1
        assert "its certificate is not trusted: self" in untrusted.notes("does not take")[0]
        assert orthanc.instances() == []
        trusted = capture(*common, "--ca", tmp_path / "cert.pem")
        assert trusted.end() == 0, trusted.said.read_text()
    assert len(orthanc.instances()) == 2


# --- its worklist


def expect(folder: Path, number: int, name: str, day: datetime.date, modality: str = "OP", **more: str) -> None:
    """An entry as the plugin reads it."""
    entry, step = pydicom.Dataset(), pydicom.Dataset()
    entry.SpecificCharacterSet = more.get("charset", "ISO_IR 192")
    entry.SOPClassUID, entry.SOPInstanceUID = "1.2.840.10008.5.1.4.31", f"1.2.826.0.1.3680043.8.498.1.{number}"
    entry.PatientName, entry.PatientID, entry.PatientBirthDate = name, f"P{number}", "19500131"
    entry.PatientSex, entry.AccessionNumber, entry.RequestedProcedureID = "F", f"A{number}", f"RP{number}"
    entry.StudyInstanceUID = f"1.2.826.0.1.3680043.8.498.77.{number}"
    entry.RequestedProcedureDescription = "Fundus photography"
    step.Modality, step.ScheduledStationAETitle = modality, more.get("station", "EFIQA")
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = f"{day:%Y%m%d}", f"{8 + number:02}15"
    step.ScheduledProcedureStepID = f"S{number}"
    entry.ScheduledProcedureStepSequence = [step]
    entry.file_meta = pydicom.dataset.FileMetaDataset()
    entry.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    pydicom.dcmwrite(folder / f"{number}.wl", entry, enforce_file_format=True)


def test_the_worklist_of_today_is_read_and_its_order_fulfilled(
    make_orthanc: Callable[..., Any], tmp_path: Path
) -> None:
    pytest.importorskip("pynetdicom")
    from edge.capture.archive.dicom import dicom_bytes
    from edge.capture.archive.dimse_address import read_address
    from edge.capture.archive.study import begin_study
    from edge.capture.archive.target import read_target
    from edge.capture.archive.worklist import query

    orthanc, today = make_orthanc(), datetime.date.today()
    if not any("libModalityWorklists" in str(path) for path in Path("/usr/share/orthanc/plugins").glob("*")):
        pytest.skip("NO WORKLIST: Orthanc's plugin for worklists is missing")
    expect(orthanc.expected, 2, "Müller^Änne", today)
    expect(orthanc.expected, 1, "Yamada^Tarou=山田^太郎=やまだ^たろう", today, station="ROOM1")
    expect(orthanc.expected, 3, "Other^Day", today - datetime.timedelta(days=1))
    expect(orthanc.expected, 4, "Other^Modality", today, modality="CT")
    expect(orthanc.expected, 5, "Иванов^Иван", today, charset="ISO_IR 144")
    orthanc.start()
    items, note = query(read_address(orthanc.node), today)
    assert note == ""
    names = [item.shown["patient_name"] for item in items]
    assert names == ["Yamada^Tarou=山田^太郎=やまだ^たろう", "Müller^Änne", "Иванов^Иван"]  # earliest first
    assert items[1].scheduled == f"{today.isoformat()}T10:15"
    asked = [query(read_address(f"{orthanc.node}?{more}"), today)[0] for more in ("station=ROOM1", "modality=any")]
    assert [len(found) for found in asked] == [1, 4]
    study = begin_study({}, items[1])
    graded, sidecar = captured()
    file = tmp_path / "one.dcm"
    file.write_bytes(dicom_bytes(graded, sidecar, study, 1, "right", "disc"))
    until = time.monotonic() + 60
    read_target(orthanc.node, secret=True).send(file, lambda: until)
    (back,) = orthanc.instances()
    assert (back.PatientName, back.AccessionNumber) == ("Müller^Änne", "A2")
    assert back.StudyInstanceUID == "1.2.826.0.1.3680043.8.498.77.2"
    assert back.RequestAttributesSequence[0].ScheduledProcedureStepID == "S2"
    assert np.array_equal(back.pixel_array, graded.frame.image[:, :, ::-1])
    orthanc.stop()
    with pytest.raises(EdgeError, match=r"gives no answer \(Connection refused\)"):
        query(read_address(orthanc.node), today)


def captured() -> tuple[Graded, dict[str, Any]]:
    """A capture, with what a sidecar says of it."""
    picture = phantom_frame(5)
    whole = np.ones((4, 4), bool)
    assessment = Assessment(
        0.875, "good", np.full((4, 4), 0.125, np.float32), whole, Crop(0, 0, 60), Timings(1.0, 2.0, 3.0)
    )
    sidecar = {"frame": {"taken": "2026-03-04T05:06:07.800+00:00"}, "model": {"name": "default", "sha256": "ab" * 32}}
    return Graded(Frame(picture, 1, 100.0), assessment, 1.0, 5.0), sidecar


def test_a_patient_of_the_worklist_is_chosen_on_the_page_and_the_pictures_go_to_the_archive(
    make_orthanc: Callable[..., Any], capture: Callable[..., Any], tmp_path: Path
) -> None:
    """As a nurse does it: who is expected, next patient, trigger, end of visit, next patient."""
    pytest.importorskip("pynetdicom")
    orthanc, out = make_orthanc(), tmp_path / "out"
    expect(orthanc.expected, 1, "Müller^Änne", datetime.date.today())
    expect(orthanc.expected, 2, "Roe^Rita", datetime.date.today())
    orthanc.start()
    run = capture(
        "demo:600", "--no-video", "--web", "--port", "0", "--laterality", "L", "--dicom", "--worklist", orthanc.node,
        "--hand-over", orthanc.node, "--out", out,
    )  # fmt: skip
    page = Page(run)
    first, second = page.get("/worklist")["items"]
    assert [first["patient_name"], second["patient_name"]] == ["Müller^Änne", "Roe^Rita"]
    for entry in (first, second):
        visit = page.visit()["number"]
        assert page.post("/visit/next", visit=visit, worklist=entry["key"]) == {"visit": visit + 1}
        page.capture()
        page.post("/visit/end", visit=visit + 1)
    page.wait(lambda: len(orthanc.instances()) == 2)
    run.process.send_signal(signal.SIGINT)
    assert run.end() in (0, 130), run.said.read_text()
    found = {str(image.PatientName): image for image in orthanc.instances()}
    for name, number in (("Müller^Änne", 1), ("Roe^Rita", 2)):
        image = found[name]
        assert image.StudyInstanceUID == f"1.2.826.0.1.3680043.8.498.77.{number}"
        assert (image.PatientID, image.AccessionNumber) == (f"P{number}", f"A{number}")
        assert image.RequestAttributesSequence[0].ScheduledProcedureStepID == f"S{number}"
        assert image.ImageLaterality == "L"
    assert {image.SOPInstanceUID: image.PixelData for image in kept(out)} == {
        image.SOPInstanceUID: image.PixelData for image in found.values()
    }
    for path in (run.said, run.said.with_name("stdout"), *out.rglob("*.json*")):
        words = path.read_text()
        assert not [secret for secret in ("Müller", "Roe^", "498.77", "19500131") if secret in words], path
    assert not [path for path in out.rglob("*") if "P1" in path.name or "Roe" in path.name]
    assert marks(out) == []


class Page:
    """The page's routes, as its script uses them."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self.wait(lambda: "page: http" in run.said.read_text())
        (line,) = [line for line in run.said.read_text().splitlines() if line.startswith("page: ")]
        self._address = line.split()[1].rstrip("/")
        self.wait(lambda: self.visit() is not None)

    def wait(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while not true():
            assert self._run.process.poll() is None, self._run.said.read_text()
            assert time.monotonic() < deadline, self._run.said.read_text()
            time.sleep(0.1)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self._address + path, timeout=60) as answer:
            return json.load(answer)

    def post(self, path: str, **body: Any) -> Any:
        request = urllib.request.Request(
            self._address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def visit(self) -> Any:
        """The visit of now, as the first event of the state says it."""
        with urllib.request.urlopen(self._address + "/state", timeout=60) as events:
            kind = ""
            for line in events:
                name, _, value = line.decode().strip().partition(": ")
                kind = value if name == "event" else kind
                if name == "data" and kind == "visit":
                    return json.loads(value)
        return None

    def capture(self) -> None:
        """Take a picture of whatever shows a retina."""
        self.post("/trigger")
        self.wait(lambda: len(self.visit()["captures"]) == 1)


def photograph(path: Path, number: int) -> Path:
    """A DICOM file as another camera makes it."""
    image = pydicom.Dataset()
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = pydicom.uid.OphthalmicPhotography8BitImageStorage, f"1.2.3.4.{number}"
    image.StudyInstanceUID, image.SeriesInstanceUID, image.InstanceNumber = "1.2.3", "1.2.3.9", number
    image.PatientID, image.PatientName, image.Modality, image.StudyDate = "00123", "Mueller^Jane", "OP", "20210506"
    image.Rows, image.Columns, image.SamplesPerPixel, image.PlanarConfiguration = 180, 240, 3, 0
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
    image.PhotometricInterpretation = "RGB"
    image.PixelData = np.ascontiguousarray(cv2.resize(phantom_frame(number), (240, 180))[:, :, ::-1]).tobytes()
    pydicom.dcmwrite(path, image, enforce_file_format=True)
    return path


def report(path: Path) -> Path:
    """What is in a study too, and no picture."""
    document = pydicom.Dataset()
    document.file_meta = pydicom.dataset.FileMetaDataset()
    document.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    document.SOPClassUID, document.SOPInstanceUID = pydicom.uid.EncapsulatedPDFStorage, "1.2.3.5"
    document.StudyInstanceUID, document.SeriesInstanceUID, document.Modality = "1.2.3", "1.2.3.8", "OP"
    document.PatientID, document.EncapsulatedDocument = "00123", b"%PDF"
    pydicom.dcmwrite(path, document, enforce_file_format=True)
    return path


def test_an_archive_is_queried_and_graded_in_place(
    make_orthanc: Callable[..., Any], tmp_path: Path, proxy: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """QIDO and WADO."""
    pytest.importorskip("imagehash")
    from edge.capture.archive.target import read_target
    from edge.commands.grade import main

    orthanc, table = make_orthanc(), tmp_path / "t.csv"
    orthanc.start()
    for name, value in LOGIN.items():
        monkeypatch.setenv(name, value)
    images = [photograph(tmp_path / f"{number}.dcm", number) for number in range(3)]
    for path in (*images, report(tmp_path / "report.dcm")):
        read_target(orthanc.address).send(path, lambda: time.monotonic() + 120)
    address = "dicomweb+" + orthanc.address

    def grade(*arguments: object, code: int = 0) -> tuple[list[dict[str, Any]], str]:
        monkeypatch.setattr(sys, "argv", ["edge-grade", *map(str, arguments), "--json"])
        try:
            main()
            ended: object = 0
        except SystemExit as end:
            ended = end.code or 0
        said = capfd.readouterr()
        assert ended == code, said
        return [json.loads(line) for line in said.out.splitlines()], said.out + said.err

    (*rows, last), said = grade(f"{address}?Modality=OP&StudyDate=20210101-", "--table", table)
    summary = last["summary"]
    assert (len(rows), summary["graded"], summary["passed_over"]["others"]) == (3, 3, 1)
    assert all(row["path"].startswith(f"{address}/instances/") for row in rows)
    text = table.read_text(encoding="utf-8")
    assert not [secret for secret in ("1.2.3", "00123", "Jane", "p@ss") if secret in text + said]
    ((last,), _) = grade(f"{address}?Modality=OP&PatientID=00123", "--table", table)
    assert last["summary"]["kept"] == 3
    (*none, last), _ = grade(f"{address}?Modality=OP&StudyDate=19990101", code=1)
    assert [("holds no images" in row["error"], row["path"]) for row in none] == [(True, address)]
    (row, last), _ = grade(f"{address}?SOPInstanceUID=1.2.3.4.1", "--table", table, "--identity")
    assert row["path"] == f"{address}/studies/1.2.3/series/1.2.3.9/instances/1.2.3.4.1"
    (carried,) = (line for line in table.read_text(encoding="utf-8").splitlines() if row["path"] in line)
    assert '""patient"": ""00123""' in carried
    plain, _ = grade(*images)
    inside, _ = grade(f"{address}?Modality=OP")
    assert sorted(row["score"] for row in inside[:-1]) == sorted(row["score"] for row in plain[:-1])
    make_certificate(tmp_path)
    with proxy(orthanc.port, tmp_path / "cert.pem", tmp_path / "key.pem") as port:
        safe = f"dicomweb+https://127.0.0.1:{port}/dicom-web?Modality=OP&limit=1"
        (row, _), _ = grade(safe, code=1)
        assert "its certificate is not trusted" in row["error"]
        (row, _), _ = grade(safe, "--ca", tmp_path / "cert.pem")
        assert row["verdict"]
    orthanc.stop()
    (row, _), _ = grade(f"{address}?Modality=OP", code=1)
    assert "cannot be asked (Connection refused)" in row["error"]
