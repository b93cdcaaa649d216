"""Ask a modality worklist (C-FIND, PS3.4 annex K), and take texts out of its answers; their forms are not checked."""

from __future__ import annotations

from typing import Any

import pydicom
import pydicom.config
from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName
from pynetdicom import _config
from pynetdicom.association import Association

from edge.capture.archive.dimse_process import MOST_ITEMS
from edge.capture.archive.dimse_words import PeerFailedError, PeerRefusedError

MODEL = "1.2.840.10008.5.1.4.31"
_PENDING = (0xFF00, 0xFF01)
# Where each text is found: of the entry, and of its scheduled procedure step.
IDENTITY = {
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "birth_date": "PatientBirthDate",
    "sex": "PatientSex",
    "accession_number": "AccessionNumber",
}
ENTRY = {
    "study_uid": "StudyInstanceUID",
    "referring_physician": "ReferringPhysicianName",
    "procedure_id": "RequestedProcedureID",
    "procedure": "RequestedProcedureDescription",
}
STEP = {
    "step_id": "ScheduledProcedureStepID",
    "step": "ScheduledProcedureStepDescription",
    "day": "ScheduledProcedureStepStartDate",
    "time": "ScheduledProcedureStepStartTime",
}
_CODE = {"value": "CodeValue", "scheme": "CodingSchemeDesignator", "meaning": "CodeMeaning"}


def find(association: Association, wanted: dict[str, str]) -> dict[str, Any]:
    """Ask for those who are expected.

    Args:
        association: for ``MODEL``.
        wanted: ``day``, ``modality``, ``station``; an empty one matches all.

    Returns:
        ``items``, each a flat object of texts and ``procedure_code`` and ``step_code``; ``unread``, whether there were
        some whose identity is no text; and ``more``, whether there were more than ``MOST_ITEMS``.
    """
    pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE
    _config.LOG_RESPONSE_IDENTIFIERS = False  # pynetdicom would decode every text for its log
    items: list[dict[str, Any]] = []
    unread = False
    for seen, (status, answer) in enumerate(association.send_c_find(_query(wanted), MODEL)):
        if "Status" not in status:
            raise PeerFailedError("it closes the connection without an answer")
        if status.Status == 0x0000:
            break
        if status.Status not in _PENDING:
            raise PeerRefusedError(f"it refuses the query with status {status.Status:04X}H")
        if seen == MOST_ITEMS:
            return {"items": items, "unread": unread, "more": True}
        try:
            items.append(_entry(answer or Dataset()))
        except Exception:  # whatever it is, it is not of the right type
            unread = True
    return {"items": items, "unread": unread, "more": False}


def _query(wanted: dict[str, str]) -> Dataset:
    query, step = Dataset(), Dataset()
    for name in (*IDENTITY.values(), *ENTRY.values()):
        setattr(query, name, "")
    for name in STEP.values():
        setattr(step, name, "")
    step.ScheduledProcedureStepStartDate = wanted["day"]
    step.Modality, step.ScheduledStationAETitle = wanted["modality"], wanted["station"]
    query.RequestedProcedureCodeSequence, step.ScheduledProtocolCodeSequence = [], []
    query.ScheduledProcedureStepSequence = [step]
    return query


def _entry(answer: Dataset) -> dict[str, Any]:
    """The texts of one answer; raises whatever pydicom does where those of an identity are none."""
    if answer.get("SpecificCharacterSet") in (None, "", "ISO_IR 6"):
        # Many systems send UTF-8 without saying so; what is none is refused, because a wrong letter makes a wrong name.
        implicit, little = answer.original_encoding
        answer.set_original_encoding(implicit, little, ["utf-8"])
    found: dict[str, Any] = {name: _text(answer, tag) for name, tag in IDENTITY.items()}
    steps = _first(answer, "ScheduledProcedureStepSequence")
    found |= {name: _text_or_none(answer, tag) for name, tag in ENTRY.items()}
    found |= {name: _text_or_none(steps, tag) for name, tag in STEP.items()}
    found["procedure_code"] = _code(_first(answer, "RequestedProcedureCodeSequence"))
    found["step_code"] = _code(_first(steps, "ScheduledProtocolCodeSequence"))
    return found


def _text(answer: Dataset, name: str) -> str:
    value = answer.get(name)
    if value is None:
        return ""
    if not isinstance(value, str | PersonName):  # several values, a sequence, bytes, a number
        raise TypeError
    return str(value).strip(" \0")


def _text_or_none(answer: Dataset, name: str) -> str:
    try:
        return _text(answer, name)
    except Exception:
        return ""


def _first(answer: Dataset, name: str) -> Dataset:
    try:
        return next(iter(answer.get(name) or []), Dataset())
    except Exception:
        return Dataset()


def _code(entry: Dataset) -> dict[str, str]:
    return {name: _text_or_none(entry, tag) for name, tag in _CODE.items()}
