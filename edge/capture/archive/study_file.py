"""What the user says of patient, study and camera, in a file: an argument could be seen by everybody on the machine.

Nothing that the file holds is ever printed, not even where it is wrong; names of fields are.
"""

from __future__ import annotations

import datetime
import difflib
import re
from pathlib import Path
from typing import Any

import yaml

from edge.errors import EdgeError
from edge.files.given import read_given

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
_MOST_BYTES = {"PN": 64, "LO": 64, "SH": 16}
_SHAPES = {
    "birth_date": r"[0-9]{8}",
    "sex": r"[MFO]",
    "study_uid": r"(?=.{1,64}$)[0-2](\.(0|[1-9][0-9]*))+",
    "pixel_spacing": r"[0-9]*\.?[0-9]+(\\[0-9]*\.?[0-9]+)?",
}
_FORMS = {
    "birth_date": "a date, YYYY-MM-DD",
    "sex": "M, F or O",
    "study_uid": "a UID of digits and dots, at most 64",
    "pixel_spacing": "millimetres such as 0.0061, in at most 16 characters",
}
_FORMS_OF_KINDS = {
    "PN": "a name such as Doe^Jane in one line, without backslash, of at most 64 bytes",
    "LO": "one line without backslash of at most 64 bytes",
    "SH": "one line without backslash of at most 16 bytes",
}
_MAY_BE_NAMED = re.compile(r"[A-Za-z][A-Za-z_-]{0,31}")  # others may be what a line without its name holds


def read_study(file: Path) -> dict[str, str]:
    """The fields of a file as DICOM's attributes, checked.

    Raises:
        EdgeError: it cannot be read, holds a field of another name, or one of wrong form; never what a field holds.
    """
    try:
        # Everything stays text: patient 00123 is not patient 83.
        data = yaml.load(read_given(file, 1).decode("utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not YAML"
        raise EdgeError(f"{file} cannot be read ({why}); it holds lines such as patient_id: ...") from None
    if not isinstance(data, dict):
        raise EdgeError(f"{file} holds no fields; it holds lines such as patient_id: ...")
    said = {}
    for number, (name, value) in enumerate(data.items(), 1):
        if name not in FIELDS:
            raise EdgeError(f"{file}: {_unknown(name, number)}")
        text = value.replace("-", "") if name == "birth_date" and isinstance(value, str) else value
        if not (isinstance(text, str) and _is_right(name, text)):
            form = _FORMS.get(name) or _FORMS_OF_KINDS[_kind_of(name)]
            raise EdgeError(f"{file}: {name} has not the form or length that DICOM wants: {form}.")
        said[FIELDS[name]] = text if name != "pixel_spacing" or "\\" in text else f"{text}\\{text}"
    return said


def _unknown(name: Any, number: int) -> str:
    """What to do about a field that is none; its name is shown only where it is one rather than a value."""
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
    """Whether a field has its form. What is wrong must not come to pydicom later: its warnings show the value."""
    pydicom, representation = import_pydicom(), _kind_of(name)
    if not re.fullmatch(_SHAPES.get(name, r"[^\\\x00-\x1f\x7f-\x9f\ud800-\udfff]*"), text):
        return False
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


def import_pydicom() -> Any:
    """pydicom, with all that is used of it; raises EdgeError where it is missing."""
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
