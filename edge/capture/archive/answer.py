"""Whether what a DICOMweb server answers means that a file is stored (PS3.18, Store Instances Response).

Nothing that the server wrote is ever shown: its bytes may be meant for the operator's terminal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_NAMED, _REASON, _FAILED, _STORED = "00081155", "00081197", "00081198", "00081199"
_FAILED_IN_XML, _STORED_IN_XML = (
    re.compile(rb"tag=[\"']" + tag.encode() + rb"[\"'][^>]*(?<!/)>") for tag in (_FAILED, _STORED)
)
_DUPLICATE = 0x0111
_REASONS = {
    0x0110: "processing failure",
    0x0122: "it stores no such images",
    0x0124: "not authorised",
    0xA700: "out of resources",
}
_STATUSES = {
    400: "it does not understand the file",
    401: "user, password or token is wrong",
    403: "user or token may not store there",
    404: "there is no DICOMweb server at this path",
    405: "there is no DICOMweb server at this path",
    409: "it will not have the file",
    413: "the file is larger than it takes",
    415: "it takes no such files",
    429: "it is asked too often",
    500: "something fails in it",
    502: "what stands before it cannot reach it",
    503: "it has no time or is being started",
    504: "what stands before it cannot reach it",
    507: "it is full",
}


class ArchiveRefusedError(Exception):
    """The server answered, and the file is not stored, as far as one can understand it; fit to be shown."""


def check_answer(status: int, headers: Mapping[str, str], said: bytes, uid: str | None) -> None:
    """Hold an answer against what was asked.

    Args:
        status: of HTTP.
        headers: of the answer; any spelling of their names must do.
        said: its body.
        uid: of the instance that was sent, where it is known.

    Raises:
        RefusedError: the file is not stored.
    """
    told = _module_of(said)
    if failed := _of(uid, _items(told, _FAILED)):
        reason = _first(failed[0], _REASON)
        if reason == _DUPLICATE and (status == 409 or 200 <= status < 300):
            return  # it was stored the last time, and the answer was lost
        raise ArchiveRefusedError(f"it refuses the file{_words_of(reason)}")
    if 300 <= status < 400:
        raise ArchiveRefusedError(f"it answers {status}, which points elsewhere: give the address that it moved to")
    if not 200 <= status < 300:
        raise ArchiveRefusedError(f"it answers {status}" + (f": {_STATUSES[status]}" if status in _STATUSES else ""))
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ArchiveRefusedError("its answer is compressed, which nobody asked for")
    if _FAILED_IN_XML.search(said):
        raise ArchiveRefusedError("it refuses the file")
    if said.lstrip()[:5].lower() in (b"<!doc", b"<html") or "text/html" in headers.get("Content-Type", "").lower():
        raise ArchiveRefusedError(f"it answers {status} with a web page, as a proxy or a login does: check the address")
    if not _of(uid, _items(told, _STORED)) and not _stored_in_xml(said, uid):
        # Whatever else answers at an address says 200 too.
        raise ArchiveRefusedError(f"it answers {status}, but does not say that it stored the file: check the address")


def _of(uid: str | None, items: list[Any]) -> list[Any]:
    """Those that speak of the instance that was sent."""
    return [item for item in items if uid is None or str(_first(item, _NAMED)).rstrip("\0 ") == uid]


def _stored_in_xml(said: bytes, uid: str | None) -> bool:
    stored = _STORED_IN_XML.search(said)
    return stored is not None and (
        uid is None or re.search(rb">\s*%b[\s\0]*<" % re.escape(uid.encode()), said[stored.end() :]) is not None
    )


def _words_of(reason: object) -> str:
    if not isinstance(reason, int) or not 0 <= reason <= 0xFFFF:
        return ""
    return f" with reason {reason:04X}H" + (f": {_REASONS[reason]}" if reason in _REASONS else "")


def _module_of(said: bytes) -> object:
    """What JSON an answer holds; None for none. Some servers put the one data set into a list."""
    try:
        told: object = json.loads(said)
    except (ValueError, RecursionError):
        return None
    return told[0] if isinstance(told, list) and told else told


def _items(told: object, tag: str) -> list[Any]:
    """The values of an attribute in DICOM's JSON; none where it is not there, or not of this form."""
    found = told.get(tag) if isinstance(told, dict) else None
    value = found.get("Value") if isinstance(found, dict) else None
    return value if isinstance(value, list) else []


def _first(item: object, tag: str) -> object:
    return next(iter(_items(item, tag)), None)
