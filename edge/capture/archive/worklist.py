"""Whom a modality worklist expects today, and which of them the operator chose."""

from __future__ import annotations

import datetime
import hashlib
import re
import secrets
import threading
import time
from typing import Any

from edge.archive.refusal import ArchiveRefusedError
from edge.capture.archive.dimse_address import DimseAddress
from edge.capture.archive.dimse_process import MOST_ITEMS, ask
from edge.capture.archive.study_file import check_fields, is_text
from edge.capture.archive.worklist_item import Code, WorklistItem
from edge.errors import EdgeError

_LONGEST_S = 10.0  # of one query: a nurse waits for it
_FRESH_S = 2.0  # two phones that ask at once get one answer
_MOST_KEPT = 2000  # entries that can still be chosen
_SECRET = secrets.token_bytes(32)  # so that nobody who sees a key can try names on it
_IDENTITY = ("patient_id", "patient_name", "birth_date", "sex", "accession_number")


class Worklist:
    """A worklist server; may be used from any thread. Nothing of what it answers is logged.

    Attributes:
        shown: its address.
        note: of the last answer: a sentence about entries that are left out; empty if there are none.
    """

    def __init__(self, address: DimseAddress) -> None:
        self.shown = address.shown
        self.note = ""
        self._address = address
        self._asking = threading.Lock()
        self._latest: tuple[WorklistItem, ...] = ()
        self._at = float("-inf")
        self._kept: dict[str, WorklistItem] = {}

    def items(self) -> tuple[WorklistItem, ...]:
        """Ask for those who are expected today, earliest first; waits for at most ten seconds, or for another query.

        Raises:
            EdgeError: it gives no answer, or a wrong one; one sentence, without anything that the server wrote.
        """
        with self._asking:
            if time.monotonic() - self._at > _FRESH_S:
                self._latest, self.note = query(self._address, datetime.date.today())
                self._at = time.monotonic()
                for item in self._latest:
                    self._kept.pop(item.key, None)
                    self._kept[item.key] = item
                for key in [*self._kept][:-_MOST_KEPT]:
                    del self._kept[key]
            return self._latest

    def taken(self, key: str) -> WorklistItem | None:
        """The entry of a key that ``items`` returned since the program began, also while the server is away."""
        return self._kept.get(key)


def query(address: DimseAddress, day: datetime.date) -> tuple[tuple[WorklistItem, ...], str]:
    """Ask a server once.

    Args:
        address: of the server, with the modality and station that it is asked for.
        day: for which the procedure step is scheduled.

    Returns:
        The entries whose identity has the forms that DICOM requires, earliest first; and a sentence about those that
        are left out, empty if there are none.

    Raises:
        EdgeError: it gives no answer in ten seconds, or a wrong one.
    """
    wanted = {"day": f"{day:%Y%m%d}", "modality": address.modality, "station": address.station}
    until = time.monotonic() + _LONGEST_S
    try:
        answer = ask({**address.request, "find": wanted}, lambda: until)
    except (OSError, ArchiveRefusedError) as error:
        why = str(getattr(error, "strerror", None) or error)
        raise EdgeError(
            f"the worklist {address.shown} gives no answer ({why}): type the identity, or try again."
        ) from None
    entries = answer["items"]
    items = {item.key: item for entry in entries if (item := _item(entry)) is not None}
    wrong = answer["unread"] or any(_item(entry) is None for entry in entries)
    notes = ["entries whose identity DICOM does not allow are left out"] if wrong else []
    notes += [f"only the first {MOST_ITEMS} entries are shown"] if answer["more"] else []
    note = f"the worklist {address.shown}: {' and '.join(notes)}." if notes else ""
    return tuple(sorted(items.values(), key=lambda item: (item.scheduled or "~", item.key))), note


def _item(entry: dict[str, Any]) -> WorklistItem | None:
    """A checked entry; None where its identity is empty or wrong. What is wrong of the order is left out."""
    try:
        attributes = check_fields({name: entry[name] for name in _IDENTITY if entry[name]})
    except EdgeError:
        return None
    if not {"PatientID", "PatientName"} & attributes.keys():
        return None
    physician = _checked("referring_physician", entry)
    description = _checked("procedure", entry, "study_description")
    code = hashlib.blake2b(repr(sorted(entry.items())).encode(), key=_SECRET, digest_size=12)
    return WorklistItem(
        key=code.hexdigest(),
        attributes={**attributes, **physician, **description},
        scheduled=_moment(entry["day"], entry["time"]),
        study_uid=_checked("study_uid", entry).get("StudyInstanceUID", ""),
        procedure_id=_text("SH", entry["procedure_id"]),
        procedure=_text("LO", entry["procedure"]),
        step_id=_text("SH", entry["step_id"]),
        step=_text("LO", entry["step"]),
        procedure_code=_code(entry["procedure_code"]),
        step_code=_code(entry["step_code"]),
    )


def _checked(name: str, entry: dict[str, Any], field: str = "") -> dict[str, str]:
    """One field as its attribute; nothing where it is empty or has a wrong form."""
    try:
        return check_fields({field or name: entry[name]}) if entry[name] else {}
    except EdgeError:
        return {}


def _text(kind: str, value: str) -> str:
    return value if is_text(kind, value) else ""


def _code(entry: dict[str, str]) -> Code | None:
    found = Code(_text("SH", entry["value"]), _text("SH", entry["scheme"]), _text("LO", entry["meaning"]))
    return found if found.value and found.scheme and found.meaning else None


def _moment(day: str, at: str) -> str:
    """Date and time as ISO 8601 writes them, to the minute."""
    if not re.fullmatch(r"[0-9]{8}", day):
        return ""
    clock = re.match(r"([01][0-9]|2[0-3])([0-5][0-9])?", at)
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    return date if clock is None else f"{date}T{clock[1]}:{clock[2] or '00'}"
