"""Captured frames as DICOM, and their way to a folder or a server."""

from __future__ import annotations

import email
import email.policy
import io
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from edge.assessment import Assessment, Timings, Verdict
from edge.camera.protocol import Frame
from edge.capture import handover as handover_module
from edge.capture.dicom import FIELDS, begin_study, dicom_bytes
from edge.capture.handover import HandOver
from edge.capture.loop import Graded
from edge.capture.session import Session
from edge.errors import EdgeError
from edge.field import Crop
from edge.model import QualityModel

pydicom = pytest.importorskip("pydicom")

SIDECAR = {"frame": {"taken": "2026-03-04T05:06:07.800+00:00"}, "model": {"name": "default", "sha256": "ab" * 32}}
IDENTITY = {
    "patient_id": "00123",
    "patient_name": "Müller^Änne",
    "birth_date": "1950-01-31",
    "sex": "F",
    "accession_number": "A-77",
    "study_uid": "1.2.826.0.1.3680043.8.498.7",
    "pixel_spacing": "0.0061",
    "manufacturer": "Maker",
}


def graded(index: int, score: float = 0.875, verdict: Verdict = "good", size: tuple[int, int] = (65, 61)) -> Graded:
    image = np.random.default_rng(index).integers(0, 255, (*size, 3), np.uint8)
    whole = np.ones((4, 4), bool)
    degradation = np.full((4, 4), 1 - score, np.float32)
    assessment = Assessment(score, verdict, degradation, whole, Crop(0, 0, 60), Timings(1.0, 2.0, 3.0))
    return Graded(Frame(image, index, 100.0 + index / 30), assessment, index / 30, 5.0)


def write(path: Path, said: dict[str, str]) -> Path:
    path.write_text("".join(f"{name}: {value}\n" for name, value in said.items()), encoding="utf-8")
    return path


def read(data: bytes) -> object:
    return pydicom.dcmread(io.BytesIO(data))


def test_pixels_laterality_and_quality_come_back(tmp_path: Path) -> None:
    one = graded(1)
    image = read(dicom_bytes(one, SIDECAR, begin_study("L", None), 3))
    assert image.SOPClassUID.name == "Ophthalmic Photography 8 Bit Image Storage"
    assert np.array_equal(image.pixel_array, one.frame.image[:, :, ::-1])
    assert (image.ImageLaterality, image.Modality, image.InstanceNumber) == ("L", "OP", 3)
    score, verdict, maker = image.AcquisitionContextSequence
    assert float(score.NumericValue) == 0.875
    assert score.ConceptNameCodeSequence[0].CodeMeaning == "Image Quality Rating"
    assert verdict.ConceptCodeSequence[0].CodeValue == "111237"
    assert "ab" * 32 in maker.TextValue


@pytest.mark.parametrize(("verdict", "code"), [("usable", "111236"), ("reject", "111235"), ("no_fundus", "111235")])
def test_a_verdict_has_its_code(verdict: Verdict, code: str) -> None:
    image = read(dicom_bytes(graded(1, 0.3, verdict), SIDECAR, begin_study("R", None), 1))
    assert image.AcquisitionContextSequence[1].ConceptCodeSequence[0].CodeValue == code


def test_without_a_file_nobody_is_in_it() -> None:
    image = read(dicom_bytes(graded(1), SIDECAR, begin_study("R", None), 1))
    for name in FIELDS.values():
        if name not in ("StudyInstanceUID", "Manufacturer", "ManufacturerModelName"):
            assert not image.get(name), name
    assert image.Manufacturer == "unknown"


def test_what_the_file_says_is_in_it_as_written(tmp_path: Path) -> None:
    study = begin_study("R", write(tmp_path / "study.yaml", IDENTITY))
    image = read(dicom_bytes(graded(1), SIDECAR, study, 1))
    assert image.PatientID == "00123"
    assert str(image.PatientName) == "Müller^Änne"
    assert image.PatientBirthDate == "19500131"
    assert image.StudyInstanceUID == IDENTITY["study_uid"]
    assert [float(each) for each in image.PixelSpacing] == [0.0061, 0.0061]
    assert image.AccessionNumber == "A-77"
    for secret in ("00123", "ller", "1950", "A-77"):
        assert secret not in repr(study)


def test_the_attributes_that_must_be_there_are_there() -> None:
    """Type 1 and 2 of the modules that PS3.3 A.41 makes mandatory; pixel spacing only a camera's maker knows."""
    image = read(dicom_bytes(graded(1), SIDECAR, begin_study("R", None), 1))
    filled = """SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID Modality InstanceNumber ImageType
        Rows Columns SynchronizationFrameOfReferenceUID SynchronizationTrigger AcquisitionTimeSynchronized
        SamplesPerPixel PhotometricInterpretation PlanarConfiguration BitsAllocated BitsStored HighBit
        PixelRepresentation PixelData
        NumberOfFrames FrameIncrementPointer ContentDate ContentTime AcquisitionDateTime LossyImageCompression
        BurnedInAnnotation ImageLaterality AnatomicRegionSequence AcquisitionDeviceTypeCodeSequence Manufacturer"""
    there = """PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime ReferringPhysicianName StudyID
        AccessionNumber SeriesNumber PatientEyeMovementCommanded RefractiveStateSequence EmmetropicMagnification
        IntraOcularPressure HorizontalFieldOfView PupilDilated IlluminationTypeCodeSequence DetectorType
        LightPathFilterTypeStackCodeSequence ImagePathFilterTypeStackCodeSequence LensesCodeSequence"""
    for name in filled.split():
        assert image.get(name) not in (None, "", []), name
    for name in there.split():
        assert name in image, name
    assert image.AcquisitionDateTime.endswith("+0000")


@pytest.mark.parametrize(
    "text",
    [
        "ssn: 123-45-6789",
        "birth_date: hidden-1950",
        "sex: hidden",
        "study_uid: 1.2.hidden",
        "study_uid: 1.02.3",
        "patient_id: 'hid\\den'",
        "patient_id: [hidden]",
        "accession_number: hidden-hidden-hidden",
        "birth_date: 1950-13-40",
        "birth_date: 1950-02-30",
        "birth_date: ١٩٥٠٠١٠١",
        "pixel_spacing: 0.00195012345678901",
        "patient_name: hid=hid=hid=hid",
        'patient_id: "hid\\tden"',
        "hidden",
        "{hidden",
    ],
)
def test_a_wrong_file_is_one_sentence_that_tells_nothing_of_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EdgeError, match=r"study\.yaml") as told:
        begin_study("R", path)
    assert not re.search("hid|123-45|ssn|1950", str(told.value))
    assert told.value.__cause__ is None


# --- on their way


class Server:
    """A DICOMweb server on the loopback that refuses as often as it is told to."""

    def __init__(self, refusals: int = 0) -> None:
        self.stored: list[object] = []
        self.tokens: list[str | None] = []
        self.refusals = refusals
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.tokens.append(self.headers["Authorization"])
                if server.refusals > 0 or self.path != "/dicom-web/studies":
                    server.refusals -= 1
                    self.send_error(503)
                    return
                if b"refuse me" in body:
                    self.send_error(409)
                    return
                head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
                parts = list(email.message_from_bytes(head + body, policy=email.policy.HTTP).iter_parts())
                for part in parts:
                    assert part.get_content_type() == "application/dicom"
                    server.stored.append(read(part.get_payload(decode=True)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}/dicom-web"


@contextmanager
def serving(server: Server) -> Iterator[None]:
    thread = threading.Thread(target=server.http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover_module, "_FIRST_PAUSE_S", 0.02)


def test_a_session_hands_its_captures_to_a_server(
    model: QualityModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EFIQA_STOW_TOKEN", "sesame")
    server, said = Server(refusals=2), []
    study = begin_study("R", write(tmp_path / "study.yaml", IDENTITY))
    with serving(server):
        giving = HandOver(server.address, said.append)
        with Session(
            tmp_path / "out", model, "source", 30.0, video=False, wait=False, report=said.append, study=study,
            hand_over=giving,
        ) as session:  # fmt: skip
            session.capture([graded(7), graded(5)])
        deadline = time.monotonic() + 60
        while giving.delivered < 2 and time.monotonic() < deadline:  # at the end of a session each gets one more try
            time.sleep(0.01)
        giving.close()
    stored = sorted(server.stored, key=lambda image: int(image.InstanceNumber))  # a refused one goes behind the other
    assert [image.InstanceNumber for image in stored] == [1, 2]
    assert np.array_equal(stored[0].pixel_array, graded(7).frame.image[:, :, ::-1])
    assert {image.SeriesInstanceUID for image in server.stored} == {study.series_uid}
    assert len({image.SOPInstanceUID for image in server.stored}) == 2
    assert giving.delivered == 2
    assert set(server.tokens) == {"Bearer sesame"}
    assert len(said) == 1
    assert "it answers 503" in said[0]
    # Nothing else of the session knows whose eye it is.
    for path in (tmp_path / "out").iterdir():
        if path.suffix != ".dcm":
            for secret in (b"00123", b"ller", b"1950"):
                assert secret not in path.read_bytes(), path.name
        assert not re.search("00123|ller", path.name)


def test_without_a_capture_the_best_frame_is_made_at_the_end(model: QualityModel, tmp_path: Path) -> None:
    giving = HandOver(str(tmp_path / "inbox"), print)
    with Session(
        tmp_path / "out", model, "source", 30.0, video=False, wait=False, report=print,
        study=begin_study("L", None), hand_over=giving,
    ) as session:  # fmt: skip
        session.keep(graded(3), graded(3))
    giving.close()
    assert (tmp_path / "out" / "frame-000003.dcm").exists()
    (given,) = (tmp_path / "inbox").iterdir()
    assert pydicom.dcmread(given).ImageLaterality == "L"
    assert not given.name.startswith("frame")


def test_a_server_that_is_not_there_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, said = Server(), []
    server.http.server_close()
    trying, tried, go_on = threading.Event(), threading.Semaphore(0), threading.Event()
    stow = handover_module._stow

    def slow(address: str, file: Path) -> None:
        trying.set()
        assert go_on.wait(60)
        try:
            stow(address, file)
        finally:
            tried.release()

    monkeypatch.setattr(handover_module, "_stow", slow)
    giving = HandOver(server.address.replace("http://", "http://me:secret@"), said.append)
    file = tmp_path / "one.dcm"
    file.write_bytes(b"x")
    giving.take(file)
    assert trying.wait(60)
    giving.take(file)  # comes back while the first is still being sent
    giving._files.pop()
    assert said == []
    go_on.set()
    assert all(tried.acquire(timeout=60) for _ in range(3))  # it is tried again and again, and told of once
    giving.close()
    assert len(said) == 2
    assert "does not take DICOM files" in said[0]
    assert said[1].startswith("1 DICOM files could not be handed over")
    assert "secret" not in "".join(said)


def test_a_file_that_a_server_will_not_have_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    server, said = Server(), []
    good = dicom_bytes(graded(1), SIDECAR, begin_study("R", None), 1)
    for name, data in (("bad", b"refuse me"), ("good", good)):
        (tmp_path / name).write_bytes(data)
    with serving(server):
        giving = HandOver(server.address, said.append)
        giving.take(tmp_path / "bad")
        giving.take(tmp_path / "good")
        giving.close()
    assert len(server.stored) == giving.delivered == 1
    assert "it answers 409" in said[0]
    assert said[-1].startswith("1 DICOM files could not be handed over")


def test_all_images_of_a_study_have_its_time(tmp_path: Path) -> None:
    study = begin_study("R", None)
    later = {**SIDECAR, "frame": {"taken": "2026-03-04T05:16:07.800+00:00"}}
    one, two = (read(dicom_bytes(graded(n), told, study, n)) for n, told in ((1, SIDECAR), (2, later)))
    assert (one.StudyDate, one.StudyTime) == (two.StudyDate, two.StudyTime) != ("", "")
    assert one.ContentTime != two.ContentTime
    known = begin_study("R", write(tmp_path / "study.yaml", IDENTITY))
    assert read(dicom_bytes(graded(1), SIDECAR, known, 1)).StudyTime == ""  # another made it, and knows when


def test_a_target_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgeError, match="neither a folder nor an address"):
        HandOver("ftp://host/x", print)
    with pytest.raises(EdgeError, match="cannot take DICOM files"):
        HandOver(str(tmp_path / "file" / "below"), print)
