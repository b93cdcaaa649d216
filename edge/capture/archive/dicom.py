"""A captured frame as DICOM: Ophthalmic Photography 8 Bit Image, with the quality where DICOM keeps such things.

Nothing of a patient is in it unless the user passed it in, by a file: see ``study_file``.
"""

from __future__ import annotations

import datetime
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import edge
from edge.capture.archive.dicom_image import code, draw, say_quality
from edge.capture.archive.study_file import import_pydicom, read_study
from edge.capture.loop import Graded

Laterality = Literal["R", "L"]

_STEP_S = 2.0  # a clock that is told another time by so much was set; less is how it is kept right
_OF_THE_CAMERA = {"InstitutionName", "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "PixelSpacing"}


class Beginning:
    """When a study began, by what the system's clock is known to have said then.

    A board without a battery learns the time in mid-session; until the clock steps, all images have the same.
    """

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._epoch: float | None = None

    def by(self, epoch: float) -> datetime.datetime:
        """Date and time; see ``Graded.epoch``."""
        if self._epoch is None or abs(epoch - self._epoch) > _STEP_S:
            self._epoch = epoch
        return datetime.datetime.fromtimestamp(self._at + self._epoch, datetime.timezone.utc).astimezone()


@dataclass(frozen=True)
class Study:
    """What all images of a session have in common.

    Attributes:
        laterality: right or left eye.
        said: by the user, as DICOM's attributes; its repr shows nothing of it.
        study_uid, series_uid: of this session.
        began: tells date and time of the study, one for all its images as long as nobody sets the clock; None where the
            file names a study that is there.
    """

    laterality: Laterality
    said: Mapping[str, str] = field(repr=False)
    study_uid: str
    series_uid: str
    began: Beginning | None

    @property
    def names_somebody(self) -> bool:
        """Whether an image leads to a person, by itself or with the help of the archive."""
        return any(value for name, value in self.said.items() if name not in _OF_THE_CAMERA)


def begin_study(laterality: Laterality, file: Path | None) -> Study:
    """Begin a study, or a new series of the study that the file names.

    Raises:
        EdgeError: pydicom is missing; the file cannot be read, holds a field of another name, or one of wrong form.
    """
    uid = import_pydicom().uid.generate_uid
    said = {} if file is None else read_study(file)
    known = said.get("StudyInstanceUID")
    return Study(laterality, said, known or str(uid()), str(uid()), None if known else Beginning())


def dicom_bytes(graded: Graded, sidecar: Mapping[str, Any], study: Study, number: int) -> bytes:
    """One captured frame as a DICOM file.

    Args:
        graded: the frame.
        sidecar: as for ``STEM.json``: when it was taken, what graded it.
        study: what it belongs to.
        number: of the image in its series, from 1.
    """
    pydicom = import_pydicom()
    image = pydicom.Dataset()
    taken = datetime.datetime.fromisoformat(sidecar["frame"]["taken"]).astimezone()
    _say_who(image, study)
    _say_when(image, None if study.began is None else study.began.by(graded.epoch), taken, number)
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.5.1"
    image.SOPInstanceUID = pydicom.uid.generate_uid()
    image.SeriesInstanceUID = study.series_uid
    _say_how(image, study)
    say_quality(image, graded, sidecar)
    draw(image, graded.frame)
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    file = io.BytesIO()
    pydicom.dcmwrite(file, image, enforce_file_format=True)
    return file.getvalue()


def _say_who(image: Any, study: Study) -> None:
    # These must be there, and may be empty. How the camera was held nobody knows, nor whether it turns its picture.
    for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
        setattr(image, name, "")
    image.ReferringPhysicianName, image.PatientOrientation = "", ""
    image.Manufacturer, image.ManufacturerModelName = "unknown", "unknown"
    for name, value in study.said.items():
        setattr(image, name, value.split("\\") if name == "PixelSpacing" else value)
    image.StudyInstanceUID = study.study_uid


def _say_when(image: Any, began: datetime.datetime | None, taken: datetime.datetime, number: int) -> None:
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


def _say_how(image: Any, study: Study) -> None:
    image.Modality = "OP"
    image.ImageType = ["ORIGINAL", "PRIMARY"]
    image.ImageLaterality = study.laterality
    image.SoftwareVersions = f"efiqa-edge {edge.__version__}"
    image.AnatomicRegionSequence = [code("5665001", "SCT", "Retina")]
    image.AcquisitionDeviceTypeCodeSequence = [code("409898007", "SCT", "Fundus Camera")]
    for name in ("PatientEyeMovementCommanded", "HorizontalFieldOfView", "DetectorType", "PupilDilated"):
        setattr(image, name, None)
    for name in ("EmmetropicMagnification", "IntraOcularPressure", "RefractiveStateSequence"):
        setattr(image, name, None)
    for name in ("IlluminationType", "LightPathFilterTypeStack", "ImagePathFilterTypeStack", "Lenses"):
        setattr(image, f"{name}CodeSequence", [])
