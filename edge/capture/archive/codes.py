"""Coded entries of DICOM, and the private scheme for what the standard has no code for.

Tables are of PS3.16: CID 4207 (image position), CID 4209 (anatomic structure), CID 6044 (quality), CID 6041 (findings).
"""

from __future__ import annotations

from typing import Any

from edge.assessment import Verdict
from edge.capture.archive.study_file import import_pydicom
from edge.findings.cause import CauseCode
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind

SCHEME = "99EFIQA"  # a private designator begins with 99 (PS3.16, section 8.2)
LATERALITY: dict[Eye, str] = {"right": "R", "left": "L"}
POSITIONS: dict[FieldKind, tuple[str, str, str]] = {  # CID 4207; none is said of any other field
    "macula": ("111900", "DCM", "Macula centered"),
    "disc": ("111901", "DCM", "Disc centered"),
}
USABLE: dict[Verdict, tuple[str, str, str]] = {  # CID 6044
    "good": ("111237", "DCM", "Usable - Meets the quality control standard"),
    "usable": ("111236", "DCM", "Usable - Does not meet the quality control standard"),
    "reject": ("111235", "DCM", "Unusable - Quality renders image unusable"),
    "no_fundus": ("111235", "DCM", "Unusable - Quality renders image unusable"),
}
FINDINGS: dict[CauseCode, tuple[str, str, str]] = {  # the standard has no code for any of them on a retina
    "too_dark": ("TOO_DARK", SCHEME, "Too little light"),
    "edge_shadow": ("EDGE_SHADOW", SCHEME, "Shadow at the edge of the field"),
    "too_bright": ("TOO_BRIGHT", SCHEME, "Too much light"),
    "reflex": ("REFLEX", SCHEME, "Reflex"),
    "lid": ("LID", SCHEME, "Lid or lashes in the light"),
    "haze": ("HAZE", SCHEME, "Haze"),
    "blur": ("BLUR", SCHEME, "Blur"),
}


def code(value: str, scheme: str, meaning: str) -> Any:
    """A coded entry, as a data set."""
    item = import_pydicom().Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def numeric(value: str, scheme: str, meaning: str, number: float) -> Any:
    """An item of the acquisition context: a number without a unit."""
    item = _context("NUMERIC", value, scheme, meaning)
    item.NumericValue = f"{number:.4f}"
    item.MeasurementUnitsCodeSequence = [code("1", "UCUM", "no units")]
    return item


def coded(value: str, scheme: str, meaning: str, answer: tuple[str, str, str]) -> Any:
    """An item of the acquisition context: a coded entry."""
    item = _context("CODE", value, scheme, meaning)
    item.ConceptCodeSequence = [code(*answer)]
    return item


def text(value: str, scheme: str, meaning: str, words: str) -> Any:
    """An item of the acquisition context: words."""
    item = _context("TEXT", value, scheme, meaning)
    item.TextValue = words
    return item


def private_scheme() -> Any:
    """What declares the private scheme, for the Coding Scheme Identification Sequence."""
    item = import_pydicom().Dataset()
    item.CodingSchemeDesignator = SCHEME
    item.CodingSchemeName = "Codes of efiqa-edge"
    item.CodingSchemeResponsibleOrganization = "efiqa-edge contributors"
    return item


def _context(kind: str, value: str, scheme: str, meaning: str) -> Any:
    item = import_pydicom().Dataset()
    item.ValueType = kind
    item.ConceptNameCodeSequence = [code(value, scheme, meaning)]
    return item
