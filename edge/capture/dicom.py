"""A captured frame as DICOM: Ophthalmic Photography 8 Bit Image, with the quality where DICOM keeps such things.

Nothing of a patient is in it unless the user passed it in, by a file: an argument could be seen by everybody on the
machine. Nothing of that file is ever printed, not even where it is wrong.
"""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

import edge
from edge.capture.dicom_image import code, draw, say_quality
from edge.capture.loop import Graded
from edge.errors import EdgeError

Laterality = Literal["R", "L"]

# What the file may say, and the attribute that it becomes.
FIELDS = {
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "birth_date": "PatientBirthDate",
    "sex": "PatientSex",
    "accession_number": "AccessionNumber",
    "study_uid": "StudyInstanceUID",
    "study_id": "StudyID",
    "study_description": "StudyDescription",
    "referring_physician": "ReferringPhysicianName",
    "institution": "InstitutionName",
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "serial_number": "DeviceSerialNumber",
    "pixel_spacing": "PixelSpacing",
}
_OF_THE_CAMERA = {"InstitutionName", "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "PixelSpacing"}
_MOST_BYTES = {"PN": 64, "LO": 64, "SH": 16}
_SHAPES = {
    "birth_date": r"[0-9]{8}",
    "sex": r"[MFO]",
    "study_uid": r"(?=.{1,64}$)[0-2](\.(0|[1-9][0-9]*))+",
    "pixel_spacing": r"[0-9]*\.?[0-9]+(\\[0-9]*\.?[0-9]+)?",
}


@dataclass(frozen=True)
class Study:
    """What all images of a session have in common.

    Attributes:
        laterality: right or left eye.
        said: by the user, as DICOM's attributes; its repr shows nothing of it.
        study_uid, series_uid: of this session.
        began: date and time of the study, one for all its images; None where the file names a study that is there.
    """

    laterality: Laterality
    said: Mapping[str, str] = field(repr=False)
    study_uid: str
    series_uid: str
    began: datetime.datetime | None

    @property
    def names_somebody(self) -> bool:
        """Whether an image leads to a person, by itself or with the help of the archive."""
        return any(value for name, value in self.said.items() if name not in _OF_THE_CAMERA)


def begin_study(laterality: Laterality, file: Path | None) -> Study:
    """Begin a study, or a new series of the study that the file names.

    Raises:
        EdgeError: pydicom is missing; the file cannot be read, holds a field of another name, or one of wrong form.
    """
    uid = _pydicom().uid.generate_uid
    said = {} if file is None else _read(file)
    known = said.get("StudyInstanceUID")
    return Study(
        laterality, said, known or str(uid()), str(uid()), None if known else datetime.datetime.now().astimezone()
    )


def dicom_bytes(graded: Graded, sidecar: Mapping[str, Any], study: Study, number: int) -> bytes:
    """One captured frame as a DICOM file.

    Args:
        graded: the frame.
        sidecar: as for ``STEM.json``: when it was taken, what graded it.
        study: what it belongs to.
        number: of the image in its series, from 1.
    """
    pydicom = _pydicom()
    image = pydicom.Dataset()
    taken = datetime.datetime.fromisoformat(sidecar["frame"]["taken"]).astimezone()
    _say_who(image, study)
    _say_when(image, study.began, taken, number)
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


def _read(file: Path) -> dict[str, str]:
    """The fields of a file, checked; no message shows what a field holds."""
    try:
        # Everything stays text: patient 00123 is not patient 83.
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not YAML"
        raise EdgeError(f"{file} cannot be read ({why}); it holds lines such as patient_id: ...") from None
    if not isinstance(data, dict):
        raise EdgeError(f"{file} holds no fields; it holds lines such as patient_id: ...")
    said = {}
    for name, value in data.items():
        if name not in FIELDS:
            raise EdgeError(f"{file} holds a field of another name than {', '.join(FIELDS)}; take it out.")
        text = value.replace("-", "") if name == "birth_date" and isinstance(value, str) else value
        if not (isinstance(text, str) and _is_right(name, text)):
            raise EdgeError(f"{file}: {name} has not the form or length that DICOM wants; see docs/edge-capture.md.")
        said[FIELDS[name]] = text if name != "pixel_spacing" or "\\" in text else f"{text}\\{text}"
    return said


def _is_right(name: str, text: str) -> bool:
    """Whether a field has its form. What is wrong must not come to pydicom later: its warnings show the value."""
    pydicom = _pydicom()
    if not re.fullmatch(_SHAPES.get(name, r"[^\\\x00-\x1f\x7f-\x9f\ud800-\udfff]*"), text):
        return False
    representation = pydicom.datadict.dictionary_VR(FIELDS[name])
    # The standard counts characters, but programs of our time still count bytes, and cut or refuse.
    longest = _MOST_BYTES.get(representation)
    groups = text.split("=") if representation == "PN" else [text]
    if longest is not None and any(len(group.encode()) > longest for group in groups):
        return False
    if representation == "PN" and any(group.count("^") > 4 for group in groups):
        return False
    try:
        for part in text.split("\\"):
            pydicom.valuerep.validate_value(representation, part, pydicom.config.RAISE)
        if name == "birth_date":
            datetime.datetime.strptime(text, "%Y%m%d")
    except ValueError:
        return False
    return True


def _pydicom() -> Any:
    try:
        import pydicom
        import pydicom.config
        import pydicom.datadict
        import pydicom.dataset
        import pydicom.uid
        import pydicom.valuerep
    except ImportError as error:
        raise EdgeError('--dicom needs pydicom; install it with: pip install "efiqa-edge[dicom]"') from error
    return pydicom
