"""What an image says of its visit, its eye and its field: the part that is written again when the operator corrects it.

Ophthalmic Photography has no word for an unknown eye: Image Laterality is R, L or B, and required (PS3.3, C.8.17.5).
General Series has one: its Laterality may be empty (type 2C, C.7.3.1). So an image whose eye is unknown is a VL
Photographic Image until somebody says which it is, in a series of its own, because its modality is another one.
"""

from __future__ import annotations

from typing import Any

from edge.capture.archive.codes import LATERALITY, POSITIONS, code
from edge.capture.archive.study import Study, sided_series_of
from edge.capture.archive.study_file import FIELDS, import_pydicom
from edge.capture.archive.worklist_item import Code, WorklistItem
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind

OPHTHALMIC, UNSIDED = "1.2.840.10008.5.1.4.1.1.77.1.5.1", "1.2.840.10008.5.1.4.1.1.77.1.4"  # SOP classes
# Required and empty in Ophthalmic Photography: nobody tells us.
_UNKNOWN = ("PatientEyeMovementCommanded", "HorizontalFieldOfView", "DetectorType", "PupilDilated")
_UNKNOWN_OPTICS = ("EmmetropicMagnification", "IntraOcularPressure", "RefractiveStateSequence")
_UNKNOWN_LIST = ("IlluminationType", "LightPathFilterTypeStack", "ImagePathFilterTypeStack", "Lenses")
_OPHTHALMIC_ALONE = (
    *_UNKNOWN,
    *_UNKNOWN_OPTICS,
    *(f"{name}CodeSequence" for name in _UNKNOWN_LIST),
    "AcquisitionDeviceTypeCodeSequence",
    "SynchronizationFrameOfReferenceUID",
    "SynchronizationTrigger",
    "AcquisitionTimeSynchronized",
    "NumberOfFrames",
    "FrameIncrementPointer",
    "FrameTimeVector",
    "ImageLaterality",
    "RelativeImagePositionCodeSequence",
)
_LONGEST_ID = 16  # bytes of a short string
_OF_AN_ORDER = ("RequestAttributesSequence", "ProcedureCodeSequence")


def settle(image: Any, study: Study, eye: Eye | None, field: FieldKind) -> None:
    """Write into an image whose it is, which eye, and which field, in place of what it said before.

    Args:
        image: a data set of pydicom.
        study: of the visit.
        eye: that it shows; None where that is unknown.
        field: what it is centred on.
    """
    for name in (*FIELDS.values(), *_OF_AN_ORDER):
        image.pop(name, None)
    _settle_patient(image, study)
    if study.ordered is not None:
        _settle_order(image, study.ordered, study.study_uid)
    if eye is None:
        _forget_eye(image)
        image.SOPClassUID, image.Modality, image.SeriesNumber = UNSIDED, "XC", 2
        image.SeriesInstanceUID, image.Laterality = study.unsided_series_uid, ""
    else:
        _settle_eye(image, study.series_uid, eye, field)


def settle_eye(image: Any, eye: Eye, field: FieldKind) -> None:
    """Write into an image of a visit that is over which eye it shows; whose it is stays as it is.

    Args:
        image, field: as for ``settle``.
        eye: that it shows.
    """
    series = str(image.SeriesInstanceUID)
    _settle_eye(image, sided_series_of(series) if image.SOPClassUID == UNSIDED else series, eye, field)


def _settle_eye(image: Any, series: str, eye: Eye, field: FieldKind) -> None:
    _forget_eye(image)
    image.SOPClassUID, image.Modality, image.SeriesNumber = OPHTHALMIC, "OP", 1
    image.SeriesInstanceUID, image.ImageLaterality = series, LATERALITY[eye]
    _settle_ophthalmic(image, field)


def _forget_eye(image: Any) -> None:
    for name in (*_OPHTHALMIC_ALONE, "Laterality"):
        image.pop(name, None)


def _settle_patient(image: Any, study: Study) -> None:
    # These are required, and may be empty. The orientation of the camera and of its picture is unknown.
    for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
        setattr(image, name, "")
    image.ReferringPhysicianName, image.PatientOrientation = "", ""
    image.Manufacturer, image.ManufacturerModelName = "unknown", "unknown"
    for name, value in study.attributes.items():
        setattr(image, name, value.split("\\") if name == "PixelSpacing" else value)
    image.StudyInstanceUID = study.study_uid


def _settle_order(image: Any, item: WorklistItem, study_uid: str) -> None:
    """Repeat the order, by which an information system finds what it asked for (IHE, Scheduled Workflow)."""
    request = import_pydicom().Dataset()
    request.StudyInstanceUID = study_uid
    request.AccessionNumber = item.attributes.get("AccessionNumber", "")
    if len(item.procedure_id.encode()) <= _LONGEST_ID:
        image.StudyID = item.procedure_id
    for name, value in (
        ("RequestedProcedureID", item.procedure_id),
        ("RequestedProcedureDescription", item.procedure),
        ("ScheduledProcedureStepID", item.step_id),
        ("ScheduledProcedureStepDescription", item.step),
    ):
        if value:
            setattr(request, name, value)
    if item.step_code is not None:
        request.ScheduledProtocolCodeSequence = [_coded(item.step_code)]
    if item.procedure_code is not None:
        request.RequestedProcedureCodeSequence = [_coded(item.procedure_code)]
        image.ProcedureCodeSequence = [_coded(item.procedure_code)]
    image.RequestAttributesSequence = [request]


def _coded(entry: Code) -> Any:
    return code(entry.value, entry.scheme, entry.meaning)


def _settle_ophthalmic(image: Any, field: FieldKind) -> None:
    for name in (*_UNKNOWN, *_UNKNOWN_OPTICS):
        setattr(image, name, None)
    for name in _UNKNOWN_LIST:
        setattr(image, f"{name}CodeSequence", [])
    image.AcquisitionDeviceTypeCodeSequence = [code("409898007", "SCT", "Fundus Camera")]
    if field in POSITIONS:
        image.RelativeImagePositionCodeSequence = [code(*POSITIONS[field])]
    image.SynchronizationFrameOfReferenceUID = "1.2.840.10008.15.1.1"  # UTC
    image.SynchronizationTrigger, image.AcquisitionTimeSynchronized = "NO TRIGGER", "N"
    image.NumberOfFrames = 1
    image.FrameIncrementPointer, image.FrameTimeVector = 0x00181065, [0]
