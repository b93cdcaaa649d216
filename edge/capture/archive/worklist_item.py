"""An entry of a modality worklist: whose visit it is, and what was ordered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Code:
    """A coded entry of an order, such as of its procedure.

    Attributes:
        value, scheme, meaning: as the information system gave them.
    """

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class WorklistItem:
    """One patient who is expected. Its repr shows the key alone, because everything else identifies a person.

    Attributes:
        key: names the entry while this program runs, and reveals nothing of it.
        attributes: DICOM attributes of patient and study, checked as ``study_file`` checks them.
        scheduled: when, ``2026-11-29T09:30``, or the date alone; empty if unknown.
        study_uid: that the images of the visit are to have; empty if the information system gave none.
        procedure_id, procedure: of the requested procedure; empty where unknown.
        step_id, step: of the scheduled procedure step; empty where unknown.
        procedure_code: of the requested procedure.
        step_code: of the protocol of the step.
    """

    key: str
    attributes: Mapping[str, str] = field(repr=False)
    scheduled: str = field(default="", repr=False)
    study_uid: str = field(default="", repr=False)
    procedure_id: str = field(default="", repr=False)
    procedure: str = field(default="", repr=False)
    step_id: str = field(default="", repr=False)
    step: str = field(default="", repr=False)
    procedure_code: Code | None = field(default=None, repr=False)
    step_code: Code | None = field(default=None, repr=False)

    @property
    def shown(self) -> dict[str, str]:
        """What a page shows of it, to whoever may see patients: the key, and the fields of an identity."""
        birth = self.attributes.get("PatientBirthDate", "")
        return {
            "key": self.key,
            "patient_name": self.attributes.get("PatientName", ""),
            "patient_id": self.attributes.get("PatientID", ""),
            "birth_date": f"{birth[:4]}-{birth[4:6]}-{birth[6:]}" if birth else "",
            "sex": self.attributes.get("PatientSex", ""),
            "scheduled": self.scheduled,
            "accession_number": self.attributes.get("AccessionNumber", ""),
        }
