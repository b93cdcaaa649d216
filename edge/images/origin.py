"""Where a photograph comes from by what its file says: camera, institution and time, and nothing about the patient."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_MOST = 64  # letters of a name: the file may hold any
_TIME = re.compile(r"(\d{4})[-:]?(\d{2})[-:]?(\d{2})(?:[ T]?(\d{2}):?(\d{2}):?(\d{2}))?")
_MAKE, _MODEL, _CHANGED, _TAKEN = 271, 272, 306, 36867  # EXIF and TIFF
_DICOM_DATES = (
    ("AcquisitionDateTime", ""),
    ("AcquisitionDate", "AcquisitionTime"),
    ("ContentDate", "ContentTime"),
    ("StudyDate", "StudyTime"),
)
IDENTITY = {
    "patient": "PatientID",
    "study": "StudyInstanceUID",
    "series": "SeriesInstanceUID",
    "instance": "SOPInstanceUID",
}


@dataclass(frozen=True)
class Origin:
    """Each is empty where the file does not say.

    Attributes:
        camera: make and model.
        site: the institution, of a DICOM file.
        taken: when, ``YYYY-MM-DDTHH:MM:SS`` by the camera's clock, or the day alone.
    """

    camera: str = ""
    site: str = ""
    taken: str = ""

    def to_dict(self) -> dict[str, str]:
        """What is not empty."""
        return {name: text for name, text in asdict(self).items() if text}


UNSTATED = Origin()


def from_tags(tags: Mapping[int, Any]) -> Origin:
    """Of the tags of EXIF or TIFF, by their numbers."""
    return Origin(_camera(tags.get(_MAKE), tags.get(_MODEL)), "", _time(tags.get(_TAKEN) or tags.get(_CHANGED)))


def from_dicom(dataset: Mapping[Any, Any]) -> Origin:
    """Of a data set of pydicom."""
    said = ((dataset.get(day), dataset.get(time, "") if time else "") for day, time in _DICOM_DATES)
    taken = next((f"{day}{time or ''}" for day, time in said if day), "")
    camera = _camera(dataset.get("Manufacturer"), dataset.get("ManufacturerModelName"))
    return Origin(camera, _words(dataset.get("InstitutionName")), _time(taken))


def identity_of(dataset: Mapping[Any, Any]) -> dict[str, str]:
    """Whom and what a data set of pydicom belongs to: for those alone who ask for it."""
    said = {name: _words(dataset.get(keyword)) for name, keyword in IDENTITY.items()}
    return {name: text for name, text in said.items() if text}


def _camera(make: object, model: object) -> str:
    """Make and model, the make once: many models begin with it."""
    first, second = _words(make), _words(model)
    return second if second.lower().startswith(first.lower()) else f"{first} {second}".strip()[:_MOST]


def _words(value: object) -> str:
    """Printable words of any value."""
    text = value.decode("latin-1") if isinstance(value, bytes) else "" if value is None else str(value)
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:_MOST]


def _time(value: object) -> str:
    """A time in ISO 8601; empty where it is none that can be."""
    found = _TIME.match(_words(value))
    if found is None or not (found[1] >= "1970" and "01" <= found[2] <= "12" and "01" <= found[3] <= "31"):
        return ""
    day = f"{found[1]}-{found[2]}-{found[3]}"
    return day if found[4] is None else f"{day}T{found[4]}:{found[5]}:{found[6]}"
