"""Captured frames as DICOM."""

from __future__ import annotations

import dataclasses
import datetime
import io
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.assessment import Assessment, Timings, Verdict
from edge.camera.protocol import Frame
from edge.capture.archive import codes
from edge.capture.archive.dicom import dicom_bytes, rewritten
from edge.capture.archive.study import Study, begin_study, identified, of_the_camera
from edge.capture.archive.study_file import FIELDS, check_patient, read_study
from edge.capture.archive.worklist_item import Code, WorklistItem
from edge.capture.graded import Graded
from edge.errors import EdgeError
from edge.field.find import Crop
from edge.findings.cause import CAUSES
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

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
    assessment = Assessment(score, verdict, degradation, whole, Crop(0, 0, 60), Timings(1.0, 2.0, 3.0), coverage=0.75)
    return Graded(Frame(image, index, 100.0 + index / 30), assessment, index / 30, 5.0)


def write(path: Path, said: dict[str, str]) -> Path:
    path.write_text("".join(f"{name}: {value}\n" for name, value in said.items()), encoding="utf-8")
    return path


def read(data: bytes) -> object:
    return pydicom.dcmread(io.BytesIO(data))


def test_pixels_laterality_and_quality_come_back(tmp_path: Path) -> None:
    one = graded(1)
    image = read(dicom_bytes(one, SIDECAR, begin_study(), 3, "left", "macula"))
    assert image.SOPClassUID.name == "Ophthalmic Photography 8 Bit Image Storage"
    assert np.array_equal(image.pixel_array, one.frame.image[:, :, ::-1])
    assert (image.ImageLaterality, image.Modality, image.InstanceNumber) == ("L", "OP", 3)
    score, verdict, maker, coverage = image.AcquisitionContextSequence
    assert float(score.NumericValue) == 0.875
    assert score.ConceptNameCodeSequence[0].CodeMeaning == "Image Quality Rating"
    assert verdict.ConceptCodeSequence[0].CodeValue == "111237"
    assert "ab" * 32 in maker.TextValue
    assert float(coverage.NumericValue) == 0.75


def test_the_criterion_is_told_where_there_is_one() -> None:
    words = "nhs-desp (unverified): adequate"
    told = {**SIDECAR, "criterion": {"words": words}}
    image = read(dicom_bytes(graded(1), told, begin_study(), 3, "left", "macula"))
    assert image.AcquisitionContextSequence[-1].TextValue == words
    assert image.AcquisitionContextSequence[-1].ConceptNameCodeSequence[0].CodingSchemeDesignator == "99EFIQA"


@pytest.mark.parametrize(("verdict", "code"), [("usable", "111236"), ("reject", "111235"), ("no_fundus", "111235")])
def test_a_verdict_has_its_code(verdict: Verdict, code: str) -> None:
    image = read(dicom_bytes(graded(1, 0.3, verdict), SIDECAR, begin_study(), 1, "right", "macula"))
    assert image.AcquisitionContextSequence[1].ConceptCodeSequence[0].CodeValue == code


def test_without_a_file_there_is_no_patient_in_it() -> None:
    image = read(dicom_bytes(graded(1), SIDECAR, begin_study(), 1, "right", "macula"))
    for name in FIELDS.values():
        if name not in ("StudyInstanceUID", "Manufacturer", "ManufacturerModelName"):
            assert not image.get(name), name
    assert image.Manufacturer == "unknown"


def test_the_values_of_the_file_are_in_it_as_written(tmp_path: Path) -> None:
    study = begin_study(read_study(write(tmp_path / "study.yaml", IDENTITY)))
    image = read(dicom_bytes(graded(1), SIDECAR, study, 1, "right", "macula"))
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
    image = read(dicom_bytes(graded(1), SIDECAR, begin_study(), 1, "right", "macula"))
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
        read_study(path)
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
        read_study(path)
    assert words in str(told.value)


def test_a_clock_that_is_set_in_mid_session_sets_the_time_of_the_study_too() -> None:
    """A board without a battery begins in 1970, and learns the time once it has a network."""
    study = begin_study()
    now = time.time() - time.monotonic()
    images = [
        read(dicom_bytes(dataclasses.replace(graded(1), epoch=epoch), SIDECAR, study, 1, "right", "macula"))
        for epoch in (-time.monotonic(), now, now + 0.5)  # the last is but kept right
    ]
    assert images[0].StudyDate in ("19691231", "19700101")
    today = datetime.datetime.now().astimezone()
    assert images[1].StudyDate in {f"{today - datetime.timedelta(days=days):%Y%m%d}" for days in (0, 1)}
    assert (images[2].StudyDate, images[2].StudyTime) == (images[1].StudyDate, images[1].StudyTime)


def test_all_images_of_a_study_have_its_time(tmp_path: Path) -> None:
    study = begin_study()
    later = {**SIDECAR, "frame": {"taken": "2026-03-04T05:16:07.800+00:00"}}
    one, two = (read(dicom_bytes(graded(n), told, study, n, "left", "disc")) for n, told in ((1, SIDECAR), (2, later)))
    assert (one.StudyDate, one.StudyTime) == (two.StudyDate, two.StudyTime) != ("", "")
    assert one.ContentTime != two.ContentTime
    known = begin_study(read_study(write(tmp_path / "study.yaml", IDENTITY)))
    existing = read(dicom_bytes(graded(1), SIDECAR, known, 1, "left", "disc"))
    assert existing.StudyTime == ""  # another made it, and knows when
    assert known.names_somebody


# --- a visit

ITEM = WorklistItem(
    key="0f",
    attributes={"PatientID": "P-77", "PatientName": "Roe^Rita", "AccessionNumber": "A-9", "PatientSex": "F"},
    scheduled="2026-11-29T09:30",
    study_uid="1.2.826.0.1.3680043.8.498.77",
    procedure_id="RP-1",
    procedure="Fundus photography",
    step_id="S-1",
    step="both eyes",
    procedure_code=Code("FP", "99RIS", "Fundus"),
    step_code=Code("FP2", "99RIS", "Both eyes"),
)


def code_of(sequence: Any) -> tuple[str, str]:
    (entry,) = sequence
    return entry.CodingSchemeDesignator, entry.CodeValue


@pytest.mark.parametrize(("eye", "letter"), [("right", "R"), ("left", "L")])
@pytest.mark.parametrize(("field", "position"), [("macula", "111900"), ("disc", "111901"), ("other", None)])
def test_eye_and_field_have_the_codes_of_the_standard(
    eye: Eye, letter: str, field: FieldKind, position: str | None
) -> None:
    image = read(dicom_bytes(graded(1), SIDECAR, begin_study(), 1, eye, field))
    assert image.ImageLaterality == letter
    assert code_of(image.AnatomicRegionSequence) == ("SCT", "5665001")
    if position is None:
        assert "RelativeImagePositionCodeSequence" not in image
    else:
        assert code_of(image.RelativeImagePositionCodeSequence) == ("DCM", position)


def test_the_codes_are_those_of_the_context_groups() -> None:
    """As pydicom has them from PS3.16: meaning and value of each code that we take from the standard."""
    from pydicom.sr.codedict import codes as known

    assert [known.CID4207.MaculaCentered.value, known.CID4207.DiscCentered.value] == ["111900", "111901"]
    assert known.CID4209.Retina.value == "5665001"
    assert known.CID4202.FundusCamera.value == "409898007"
    for value, scheme, meaning in {*codes.POSITIONS.values(), *codes.USABLE.values()}:
        found = {
            entry.value: entry.meaning for group in (known.CID4207, known.CID6044) for entry in group.concepts.values()
        }
        assert (scheme, found[value]) == ("DCM", meaning)


def test_what_took_a_part_is_told_in_the_private_scheme_which_is_declared() -> None:
    with QualityModel.load() as model:
        dark = (phantom_frame(5) * 0.15).astype(np.uint8)
        assessment = model.assess(dark)
    assert assessment.cause is not None
    one = Graded(Frame(dark, 1, 100.0), assessment, 0.0, 5.0)
    image = read(dicom_bytes(one, SIDECAR, begin_study(), 1, "left", "macula"))
    findings = [
        code_of(item.ConceptCodeSequence)
        for item in image.AcquisitionContextSequence
        if code_of(item.ConceptNameCodeSequence) == ("DCM", "111052")
    ]
    assert findings == [("99EFIQA", cause.code.upper()) for cause in assessment.causes]
    assert image.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99EFIQA"
    assert set(codes.FINDINGS) == set(CAUSES)


def test_an_unknown_eye_is_a_photograph_of_another_class_until_somebody_says_it() -> None:
    """Ophthalmic Photography requires R, L or B (PS3.3, C.8.17.5); other photographs may be of an unknown side."""
    study = begin_study()
    data = dicom_bytes(graded(1), SIDECAR, study, 1, None, "macula")
    unknown, told = read(data), read(rewritten(data, study, "left", "macula"))
    assert unknown.SOPClassUID.name == "VL Photographic Image Storage"
    assert unknown.Laterality == ""
    assert "ImageLaterality" not in unknown
    assert told.SOPClassUID.name == "Ophthalmic Photography 8 Bit Image Storage"
    assert told == read(dicom_bytes(graded(1), SIDECAR, study, 1, "left", "macula"))
    assert unknown.SOPInstanceUID == told.SOPInstanceUID
    assert unknown.StudyInstanceUID == told.StudyInstanceUID
    assert unknown.SeriesInstanceUID != told.SeriesInstanceUID  # of another modality


def test_a_corrected_eye_changes_nothing_else() -> None:
    study = begin_study(check_patient({"patient_id": "00123"}))
    wrong = dicom_bytes(graded(1), SIDECAR, study, 4, "left", "macula")
    right = read(rewritten(wrong, study, "right", "disc"))
    assert right == read(dicom_bytes(graded(1), SIDECAR, study, 4, "right", "disc"))
    assert rewritten(rewritten(wrong, study, "right", "disc"), study, "left", "macula") == wrong
    assert np.array_equal(right.pixel_array, graded(1).frame.image[:, :, ::-1])


def test_a_visit_is_one_study_and_one_series_with_an_instance_a_capture() -> None:
    study = begin_study()
    images = [read(dicom_bytes(graded(n), SIDECAR, study, n, "left", "disc")) for n in (1, 2, 3)]
    for name, number in (("StudyInstanceUID", 1), ("SeriesInstanceUID", 1), ("SOPInstanceUID", 3)):
        assert len({image[name].value for image in images}) == number, name
    assert begin_study().study_uid != study.study_uid


def test_an_order_of_the_worklist_is_repeated_in_the_image() -> None:
    study = begin_study({"Manufacturer": "Maker", "PatientID": "of the one before"}, ITEM)
    image = read(dicom_bytes(graded(1), SIDECAR, study, 1, "right", "macula"))
    assert (image.PatientID, str(image.PatientName), image.AccessionNumber) == ("P-77", "Roe^Rita", "A-9")
    assert image.StudyInstanceUID == ITEM.study_uid
    assert image.StudyID == "RP-1"
    assert image.StudyDate
    assert image.Manufacturer == "Maker"
    (request,) = image.RequestAttributesSequence
    assert (request.RequestedProcedureID, request.ScheduledProcedureStepID) == ("RP-1", "S-1")
    assert request.StudyInstanceUID == ITEM.study_uid
    assert code_of(request.ScheduledProtocolCodeSequence) == ("99RIS", "FP2")
    assert code_of(image.ProcedureCodeSequence) == code_of(request.RequestedProcedureCodeSequence) == ("99RIS", "FP")
    assert study.names_somebody
    for secret in ("P-77", "Roe", "A-9", "RP-1", "of the one before"):
        assert secret not in repr(study) + repr(ITEM)


def test_an_identity_that_comes_late_takes_the_place_of_all_that_was_said_before() -> None:
    study = begin_study({"Manufacturer": "Maker", "StudyDescription": "of the one before"}, ITEM)
    data = dicom_bytes(graded(1), SIDECAR, study, 1, "right", "macula")
    other = identified(study, check_patient({"patient_id": "00123", "sex": "", "birth_date": None}))
    image = read(rewritten(data, other, "right", "macula"))
    assert (image.PatientID, str(image.PatientName), image.AccessionNumber) == ("00123", "", "")
    assert (image.PatientSex, image.StudyID, image.Manufacturer) == ("", "", "Maker")
    for secret in (b"Roe", b"A-9", b"RP-1", b"of the one before", b"99RIS"):
        assert secret not in rewritten(data, other, "right", "macula")
    ordered = identified(other, {}, ITEM)
    assert ordered.study_uid == ITEM.study_uid
    assert read(rewritten(data, ordered, "right", "macula")).RequestAttributesSequence


@pytest.mark.parametrize(
    "first", [begin_study({"StudyInstanceUID": "1.2.77", "PatientID": "77"}), begin_study({}, ITEM)]
)
def test_nobody_gets_the_study_of_another(first: Study) -> None:
    """One that the file or the worklist named is in the archive, as somebody's: it is not that of whoever comes."""
    other = check_patient({"patient_id": "00123"})
    nameless = dataclasses.replace(ITEM, study_uid="", attributes=other)
    for study in (identified(first, other), identified(first, {}, nameless)):
        assert study.study_uid != first.study_uid
        assert read(dicom_bytes(graded(1), SIDECAR, study, 1, "right", "macula")).StudyDate
        assert identified(study, other).study_uid == study.study_uid
    again = identified(first, first.attributes)
    assert again.study_uid == first.study_uid


def test_the_next_patient_gets_nothing_but_the_camera_of_the_file(tmp_path: Path) -> None:
    given = read_study(write(tmp_path / "study.yaml", {**IDENTITY, "study_description": "of the first"}))
    following = begin_study(of_the_camera(given))
    assert dict(following.attributes) == {"Manufacturer": "Maker", "PixelSpacing": "0.0061\\0.0061"}
    assert following.study_uid != IDENTITY["study_uid"]
    assert not following.names_somebody


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"patient_id": "a\x1bhidden"}, "patient_id does not have the form"),
        ({"patient_id": "hidden" * 34}, "patient_id does not have the form"),
        ({"patient_name": ["hidden"]}, "patient_name does not have the form"),
        ({"birth_date": 19500131}, "birth_date does not have the form"),
        ({"sex": "hidden"}, "M, F or O"),
        ({"study_uid": "1.2.3"}, "a field is none of patient_id, "),
        ({"hidden^jane": "x"}, "a field is none of patient_id, "),
        ({5: "x"}, "a field is none of patient_id, "),
    ],
)
def test_a_wrong_identity_from_a_page_is_one_sentence_without_its_values(given: dict[Any, Any], words: str) -> None:
    with pytest.raises(EdgeError) as told:
        check_patient(given)
    assert words in str(told.value)
    assert "hidden" not in str(told.value)
