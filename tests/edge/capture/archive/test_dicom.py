"""Captured frames as DICOM."""

from __future__ import annotations

import dataclasses
import datetime
import io
import re
import time
from pathlib import Path

import numpy as np
import pytest

from edge.assessment import Assessment, Timings, Verdict
from edge.camera.protocol import Frame
from edge.capture.archive.dicom import begin_study, dicom_bytes
from edge.capture.archive.study_file import FIELDS
from edge.capture.graded import Graded
from edge.errors import EdgeError
from edge.field.find import Crop

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


def test_the_criterion_is_told_where_there_is_one() -> None:
    words = "nhs-desp (unverified): adequate"
    image = read(dicom_bytes(graded(1), {**SIDECAR, "criterion": {"words": words}}, begin_study("L", None), 3))
    assert image.AcquisitionContextSequence[3].TextValue == words
    assert image.AcquisitionContextSequence[3].ConceptNameCodeSequence[0].CodingSchemeDesignator == "99EFIQA"


@pytest.mark.parametrize(("verdict", "code"), [("usable", "111236"), ("reject", "111235"), ("no_fundus", "111235")])
def test_a_verdict_has_its_code(verdict: Verdict, code: str) -> None:
    image = read(dicom_bytes(graded(1, 0.3, verdict), SIDECAR, begin_study("R", None), 1))
    assert image.AcquisitionContextSequence[1].ConceptCodeSequence[0].CodeValue == code


def test_without_a_file_there_is_no_patient_in_it() -> None:
    image = read(dicom_bytes(graded(1), SIDECAR, begin_study("R", None), 1))
    for name in FIELDS.values():
        if name not in ("StudyInstanceUID", "Manufacturer", "ManufacturerModelName"):
            assert not image.get(name), name
    assert image.Manufacturer == "unknown"


def test_the_values_of_the_file_are_in_it_as_written(tmp_path: Path) -> None:
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
        "hidden^jane: patient_id",
        "hidden 1950: patient_name",
        "[hid, den]: sex",
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
def test_a_wrong_file_is_one_sentence_without_its_values(tmp_path: Path, text: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EdgeError, match=r"study\.yaml") as told:
        begin_study("R", path)
    assert not re.search("hid|123-45|1950", str(told.value))
    assert told.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pateint_id: 7", "pateint_id is not a field; did you mean patient_id?"),
        ("PatientBirthDate: 1950-01-31", "PatientBirthDate is not a field; did you mean birth_date?"),
        ("ssn: 7", "ssn is none of patient_id, patient_name, "),
        ("sex: M\nDoe^Jane: patient_name", "field number 2 is none of patient_id, "),
        ("sex: X", "sex does not have the form or length that DICOM requires: M, F or O."),
        ("birth_date: 31.1.1950", "YYYY-MM-DD."),
        ("study_uid: 1.02.3", "digits and dots"),
        ("pixel_spacing: 6 um", "millimetres such as 0.0061"),
        ("accession_number: more-than-sixteen-bytes", "at most 16 bytes."),
        ("patient_name: [Doe, Jane]", "Doe^Jane"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_may_be(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EdgeError) as told:
        begin_study("R", path)
    assert words in str(told.value)


def test_a_clock_that_is_set_in_mid_session_sets_the_time_of_the_study_too() -> None:
    """A board without a battery begins in 1970, and learns the time once it has a network."""
    study = begin_study("R", None)
    now = time.time() - time.monotonic()
    images = [
        read(dicom_bytes(dataclasses.replace(graded(1), epoch=epoch), SIDECAR, study, 1))
        for epoch in (-time.monotonic(), now, now + 0.5)  # the last is but kept right
    ]
    assert images[0].StudyDate in ("19691231", "19700101")
    today = datetime.datetime.now().astimezone()
    assert images[1].StudyDate in {f"{today - datetime.timedelta(days=days):%Y%m%d}" for days in (0, 1)}
    assert (images[2].StudyDate, images[2].StudyTime) == (images[1].StudyDate, images[1].StudyTime)


def test_all_images_of_a_study_have_its_time(tmp_path: Path) -> None:
    study = begin_study("R", None)
    later = {**SIDECAR, "frame": {"taken": "2026-03-04T05:16:07.800+00:00"}}
    one, two = (read(dicom_bytes(graded(n), told, study, n)) for n, told in ((1, SIDECAR), (2, later)))
    assert (one.StudyDate, one.StudyTime) == (two.StudyDate, two.StudyTime) != ("", "")
    assert one.ContentTime != two.ContentTime
    known = begin_study("R", write(tmp_path / "study.yaml", IDENTITY))
    assert read(dicom_bytes(graded(1), SIDECAR, known, 1)).StudyTime == ""  # another made it, and knows when
