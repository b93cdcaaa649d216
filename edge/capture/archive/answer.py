"""Decide from the answer of a DICOMweb server whether a file is stored (PS3.18, Store Instances Response).

Nothing that the server wrote is ever shown: its bytes may attack the operator's terminal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from edge.archive.refusal import ArchiveRefusedError, check_status

_NAMED, _REASON, _FAILED, _STORED = "00081155", "00081197", "00081198", "00081199"
_FAILED_IN_XML, _STORED_IN_XML = (
    re.compile(rb"tag=[\"']" + tag.encode() + rb"[\"'][^>]*(?<!/)>") for tag in (_FAILED, _STORED)
)
_DUPLICATE = 0x0111
REASONS = {
    0x0110: "processing failure",
    0x0122: "it does not store such images",
    0x0124: "not authorised",
    0xA700: "out of resources",
}
_STATUSES = {
    400: "it does not understand the file",
    403: "user or token may not store there",
    409: "it rejects the file",
    413: "the file is larger than it accepts",
    415: "it does not accept such files",
    507: "it is full",
}


def check_answer(status: int, headers: Mapping[str, str], body: bytes, uid: str | None) -> None:
    """Check that an answer confirms the file that was sent.

    Args:
        status: of HTTP.
        headers: of the answer; case-insensitive.
        body: of the answer.
        uid: of the instance that was sent, if known.

    Raises:
        ArchiveRefusedError: the file is not stored.
    """
    data = _module_of(body)
    if failed := _of(uid, _items(data, _FAILED)):
        reason = _first(failed[0], _REASON)
        if reason == _DUPLICATE and (status == 409 or 200 <= status < 300):
            return  # it was stored before, and that answer was lost
        raise ArchiveRefusedError(f"it refuses the file{_words_of(reason)}")
    check_status(status, _STATUSES)
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ArchiveRefusedError("its answer is compressed, which was not requested")
    if _FAILED_IN_XML.search(body):
        raise ArchiveRefusedError("it refuses the file")
    if body.lstrip()[:5].lower() in (b"<!doc", b"<html") or "text/html" in headers.get("Content-Type", "").lower():
        raise ArchiveRefusedError(f"it answers {status} with a web page, as a proxy or a login does: check the address")
    if not _of(uid, _items(data, _STORED)) and not _stored_in_xml(body, uid):
        # Any other web server may answer 200 too.
        raise ArchiveRefusedError(f"it answers {status}, but does not say that it stored the file: check the address")


def _of(uid: str | None, items: list[Any]) -> list[Any]:
    """Those that refer to the instance that was sent."""
    return [item for item in items if uid is None or str(_first(item, _NAMED)).rstrip("\0 ") == uid]


def _stored_in_xml(body: bytes, uid: str | None) -> bool:
    stored = _STORED_IN_XML.search(body)
    return stored is not None and (
        uid is None or re.search(rb">\s*%b[\s\0]*<" % re.escape(uid.encode()), body[stored.end() :]) is not None
    )


def _words_of(reason: object) -> str:
    if not isinstance(reason, int) or not 0 <= reason <= 0xFFFF:
        return ""
    return f" with reason {reason:04X}H" + (f": {REASONS[reason]}" if reason in REASONS else "")


def _module_of(body: bytes) -> object:
    """The JSON data set of an answer; None if there is none. Some servers put it into a list."""
    try:
        data: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return data[0] if isinstance(data, list) and data else data


def _items(data: object, tag: str) -> list[Any]:
    """The values of an attribute in DICOM's JSON; none if it is missing or malformed."""
    found = data.get(tag) if isinstance(data, dict) else None
    value = found.get("Value") if isinstance(found, dict) else None
    return value if isinstance(value, list) else []


def _first(item: object, tag: str) -> object:
    return next(iter(_items(item, tag)), None)
