"""A captured frame as DICOM: Ophthalmic Photography 8 Bit Image, with the quality as acquisition context.

It holds no patient data except that from the user's file: see ``study_file``.
"""

from __future__ import annotations

import datetime
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

import edge
from edge.assessment import Verdict
from edge.camera.protocol import Frame
from edge.capture.archive.study_file import import_pydicom, read_study
from edge.capture.graded import Graded

Laterality = Literal["R", "L"]

_USABLE: dict[Verdict, tuple[str, str]] = {
    "good": ("111237", "Usable - Meets the quality control standard"),
    "usable": ("111236", "Usable - Does not meet the quality control standard"),
    "reject": ("111235", "Unusable - Quality renders image unusable"),
    "no_fundus": ("111235", "Unusable - Quality renders image unusable"),
}
_STEP_S = 2.0  # a larger step means that the clock was set; less is ordinary synchronisation
_OF_THE_CAMERA = {"InstitutionName", "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "PixelSpacing"}


class Beginning:
    """When a study began, by the system's clock.

    A board without a battery learns the time in mid-session; until the clock steps, all images have the same value.
    """

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._epoch: float | None = None

    def by(self, epoch: float) -> datetime.datetime:
        """Date and time of the beginning, by an ``epoch`` as in ``Graded``."""
        if self._epoch is None or abs(epoch - self._epoch) > _STEP_S:
            self._epoch = epoch
        return datetime.datetime.fromtimestamp(self._at + self._epoch, datetime.timezone.utc).astimezone()


@dataclass(frozen=True)
class Study:
    """What all images of a session have in common.

    Attributes:
        laterality: right or left eye.
        attributes: DICOM attributes from the user; hidden in the repr.
        study_uid, series_uid: of this session.
        began: date and time of the study, the same for all its images unless the clock is set; None if the file names
            an existing study.
    """

    laterality: Laterality
    attributes: Mapping[str, str] = field(repr=False)
    study_uid: str
    series_uid: str
    began: Beginning | None

    @property
    def names_somebody(self) -> bool:
        """Whether an image identifies a person, by itself or through the archive."""
        return any(value for name, value in self.attributes.items() if name not in _OF_THE_CAMERA)


def begin_study(laterality: Laterality, file: Path | None) -> Study:
    """Start a study, or a new series of the study that the file names.

    Raises:
        EdgeError: pydicom is missing; the file cannot be read, holds a field of another name, or one with a wrong form.
    """
    uid = import_pydicom().uid.generate_uid
    attributes = {} if file is None else read_study(file)
    known = attributes.get("StudyInstanceUID")
    return Study(laterality, attributes, known or str(uid()), str(uid()), None if known else Beginning())


def dicom_bytes(graded: Graded, sidecar: Mapping[str, Any], study: Study, number: int) -> bytes:
    """One captured frame as a DICOM file.

    Args:
        graded: the frame.
        sidecar: the content of ``STEM.json``.
        study: of the image.
        number: of the image in its series, from 1.
    """
    pydicom = import_pydicom()
    image = pydicom.Dataset()
    taken = datetime.datetime.fromisoformat(sidecar["frame"]["taken"]).astimezone()
    _add_patient(image, study)
    _add_times(image, None if study.began is None else study.began.by(graded.epoch), taken, number)
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.5.1"
    image.SOPInstanceUID = pydicom.uid.generate_uid()
    image.SeriesInstanceUID = study.series_uid
    _add_acquisition(image, study)
    _add_quality(image, graded, sidecar)
    _add_pixels(image, graded.frame)
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    file = io.BytesIO()
    pydicom.dcmwrite(file, image, enforce_file_format=True)
    return file.getvalue()


def _add_patient(image: Any, study: Study) -> None:
    # These are required, and may be empty. The orientation of the camera and of its picture is unknown.
    for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
        setattr(image, name, "")
    image.ReferringPhysicianName, image.PatientOrientation = "", ""
    image.Manufacturer, image.ManufacturerModelName = "unknown", "unknown"
    for name, value in study.attributes.items():
        setattr(image, name, value.split("\\") if name == "PixelSpacing" else value)
    image.StudyInstanceUID = study.study_uid


def _add_times(image: Any, began: datetime.datetime | None, taken: datetime.datetime, number: int) -> None:
    image.SpecificCharacterSet = "ISO_IR 192"
    image.StudyDate, image.StudyTime = ("", "") if began is None else _day_and_time(began)
    image.ContentDate, image.ContentTime = _day_and_time(taken)
    image.AcquisitionDateTime = taken.strftime("%Y%m%d%H%M%S.%f%z")
    image.TimezoneOffsetFromUTC = taken.strftime("%z")
    image.InstanceNumber, image.SeriesNumber = number, 1
    image.SynchronizationFrameOfReferenceUID = "1.2.840.10008.15.1.1"  # UTC
    image.SynchronizationTrigger, image.AcquisitionTimeSynchronized = "NO TRIGGER", "N"


def _day_and_time(moment: datetime.datetime) -> tuple[str, str]:
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S.%f")


def _add_acquisition(image: Any, study: Study) -> None:
    image.Modality = "OP"
    image.ImageType = ["ORIGINAL", "PRIMARY"]
    image.ImageLaterality = study.laterality
    image.SoftwareVersions = f"efiqa-edge {edge.__version__}"
    image.AnatomicRegionSequence = [_code("5665001", "SCT", "Retina")]
    image.AcquisitionDeviceTypeCodeSequence = [_code("409898007", "SCT", "Fundus Camera")]
    for name in ("PatientEyeMovementCommanded", "HorizontalFieldOfView", "DetectorType", "PupilDilated"):
        setattr(image, name, None)
    for name in ("EmmetropicMagnification", "IntraOcularPressure", "RefractiveStateSequence"):
        setattr(image, name, None)
    for name in ("IlluminationType", "LightPathFilterTypeStack", "ImagePathFilterTypeStack", "Lenses"):
        setattr(image, f"{name}CodeSequence", [])


def _add_quality(image: Any, graded: Graded, sidecar: Mapping[str, Any]) -> None:
    """Add score, verdict and their algorithm as acquisition context."""
    score = _context("111029", "Image Quality Rating", "NUMERIC")
    verdict = _context("111050", "Quality Assessment", "CODE")
    maker = _context("111001", "Algorithm Name", "TEXT")
    score.NumericValue = f"{graded.assessment.score:.4f}"
    score.MeasurementUnitsCodeSequence = [_code("1", "UCUM", "no units")]
    number, meaning = _USABLE[graded.assessment.verdict]
    verdict.ConceptCodeSequence = [_code(number, "DCM", meaning)]
    model = sidecar["model"]
    maker.TextValue = f"efiqa-edge {edge.__version__}, {model['name']} {model['sha256']}, {graded.assessment.verdict}"
    image.AcquisitionContextSequence = [score, verdict, maker]
    if "criterion" in sidecar:
        judged = _context("ADEQUACY", "Adequacy by a criterion of screening", "TEXT", "99EFIQA")
        judged.TextValue = sidecar["criterion"]["words"]
        image.AcquisitionContextSequence.append(judged)


def _add_pixels(image: Any, frame: Frame) -> None:
    """Add the pixels and their earlier lossy compression."""
    picture = np.ascontiguousarray(frame.image[:, :, ::-1])
    image.Rows, image.Columns = picture.shape[:2]
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "RGB", 0
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
    image.LossyImageCompression, image.BurnedInAnnotation = "00" if frame.lossy is None else "01", "NO"
    if frame.lossy is not None:
        image.LossyImageCompressionRatio = f"{max(frame.lossy.ratio, 0.01):.6g}"
        image.LossyImageCompressionMethod = frame.lossy.method or "UNKNOWN"  # required here
    image.NumberOfFrames = 1
    image.FrameIncrementPointer, image.FrameTimeVector = 0x00181065, [0]
    image.PixelData = picture.tobytes() + b"\0" * (picture.size % 2)


def _context(value: str, meaning: str, kind: str, scheme: str = "DCM") -> Any:
    item = import_pydicom().Dataset()
    item.ValueType = kind
    item.ConceptNameCodeSequence = [_code(value, scheme, meaning)]
    return item


def _code(value: str, scheme: str, meaning: str) -> Any:
    """A coded entry."""
    item = import_pydicom().Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
