"""Patient, study and camera data from the user's file: arguments would be visible to every user of the machine.

Values in the file are never printed, not even wrong ones; names of fields are.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from edge.errors import EdgeError
from edge.files.given import read_given

# The fields of the file, and their DICOM attributes.
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
PATIENT = ("patient_id", "patient_name", "birth_date", "sex", "accession_number")  # what a page may give
# The form of some fields: a pattern, and the same in words.
_FORMS = {
    "birth_date": (r"[0-9]{8}", "a date, YYYY-MM-DD"),
    "sex": (r"[MFO]", "M, F or O"),
    "study_uid": (r"(?=.{1,64}$)[0-2](\.(0|[1-9][0-9]*))+", "a UID of digits and dots, at most 64"),
    "pixel_spacing": (
        r"[0-9]*\.?[0-9]+(\\[0-9]*\.?[0-9]+)?",
        "millimetres such as 0.0061, in at most 16 characters",
    ),
}
# That of all others by DICOM's value representation: the largest number of bytes, and the form in words.
_TEXTS = {
    "PN": (64, "a name such as Doe^Jane in one line, without backslash, of at most 64 bytes"),
    "LO": (64, "one line without backslash of at most 64 bytes"),
    "SH": (16, "one line without backslash of at most 16 bytes"),
}
_ONE_LINE = r"[^\\\x00-\x1f\x7f-\x9f\ud800-\udfff]*"
_MAY_BE_NAMED = re.compile(r"[A-Za-z][A-Za-z_-]{0,31}")  # any other may be a value whose name is missing


def read_study(file: Path) -> dict[str, str]:
    """Read and check a file; returns its fields as DICOM attributes.

    Raises:
        EdgeError: it cannot be read, or a field has an unknown name or a wrong form; the message never holds a value.
    """
    try:
        # Everything stays text: patient 00123 must not become 83.
        data = yaml.load(read_given(file, 1).decode("utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not YAML"
        raise EdgeError(f"{file} cannot be read ({why}); it holds lines such as patient_id: ...") from None
    if not isinstance(data, dict):
        raise EdgeError(f"{file} holds no fields; it holds lines such as patient_id: ...")
    try:
        return check_fields(data)
    except EdgeError as error:
        raise EdgeError(f"{file}: {error}") from None


def check_fields(fields: Mapping[Any, object]) -> dict[str, str]:
    """Check fields by the forms that DICOM requires, whoever gave them; returns them as DICOM attributes.

    Args:
        fields: by the names of ``FIELDS``; a ``birth_date`` may be written 1950-01-31.

    Raises:
        EdgeError: a field has an unknown name or a wrong form; the message never holds a value.
    """
    attributes = {}
    for number, (name, value) in enumerate(fields.items(), 1):
        if not isinstance(name, str) or name not in FIELDS:
            raise EdgeError(_unknown(name, number))
        text = value.replace("-", "") if name == "birth_date" and isinstance(value, str) else value
        if not (isinstance(text, str) and _is_right(name, text)):
            _, form = _FORMS.get(name) or _TEXTS[_kind_of(name)]
            raise EdgeError(f"{name} does not have the form or length that DICOM requires: {form}.")
        attributes[FIELDS[name]] = text if name != "pixel_spacing" or "\\" in text else f"{text}\\{text}"
    return attributes


def check_patient(fields: Mapping[Any, object]) -> dict[str, str]:
    """Check what a page gives of a patient: ``PATIENT`` alone, and what is empty is left out.

    Raises:
        EdgeError: a field has another name or a wrong form; the message never holds a value.
    """
    given = {name: value for name, value in fields.items() if value not in ("", None)}
    if any(name not in PATIENT for name in given):  # its name may be a value that was typed into the wrong place
        raise EdgeError(f"a field is none of {', '.join(PATIENT)}.")
    return check_fields(given)


def _unknown(name: Any, number: int) -> str:
    """The error for an unknown field; its name is shown only if it looks like a name rather than a value."""
    shown = name if isinstance(name, str) and _MAY_BE_NAMED.fullmatch(name) else f"field number {number}"
    known = {_letters(each): field for field, keyword in FIELDS.items() for each in (keyword, field)}
    near = difflib.get_close_matches(_letters(shown), known, n=1, cutoff=0.75)
    if near and shown == name:
        return f"{shown} is not a field; did you mean {known[near[0]]}?"
    return f"{shown} is none of {', '.join(FIELDS)}; take it out."


def _letters(name: str) -> str:
    return re.sub("[^a-z]", "", name.lower())


def _kind_of(name: str) -> str:
    return str(import_pydicom().datadict.dictionary_VR(FIELDS[name]))


def _is_right(name: str, text: str) -> bool:
    """Whether a field has the right form. A wrong one must not reach pydicom later: its warnings show the value."""
    pydicom, representation = import_pydicom(), _kind_of(name)
    pattern, _ = _FORMS.get(name, (_ONE_LINE, ""))
    if not re.fullmatch(pattern, text):
        return False
    if not _is_short(representation, text):
        return False
    if representation == "PN" and any(group.count("^") > 4 for group in text.split("=")):
        return False
    try:
        for part in text.split("\\"):
            pydicom.valuerep.validate_value(representation, part, pydicom.config.RAISE)
        if name == "birth_date":
            datetime.datetime.strptime(text, "%Y%m%d")
    except ValueError:
        return False
    return True


def is_text(representation: str, text: str) -> bool:
    """Whether a text of representation SH or LO is one line, and short enough."""
    return re.fullmatch(_ONE_LINE, text) is not None and _is_short(representation, text)


def _is_short(representation: str, text: str) -> bool:
    # The standard counts characters, but many programs count bytes, and truncate or refuse.
    longest, _ = _TEXTS.get(representation, (None, ""))
    groups = text.split("=") if representation == "PN" else [text]
    return longest is None or all(len(group.encode()) <= longest for group in groups)


def import_pydicom() -> Any:
    """Import pydicom with the submodules used here; raises EdgeError if it is missing."""
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
