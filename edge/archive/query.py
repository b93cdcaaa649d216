"""What an archive holds (QIDO-RS), and one instance of it (WADO-RS)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, urlencode

from edge.archive.http import Answer, ask
from edge.archive.refusal import ArchiveRefusedError, check_status
from edge.archive.server import Server

PAGE = 200  # instances asked for at a time
_LONGEST = 64 << 20  # bytes of a page, of a server that gives all at once
_SEARCH_S, _RETRIEVE_S, _SLOWEST_BYTES_S = 120.0, 60.0, 128 << 10
_UID = re.compile(r"[0-9.]{1,64}")
_TAGS = {"study": "0020000D", "series": "0020000E", "instance": "00080018", "kind": "00080016"}
_ASKED = {404: "there is no DICOMweb server at this path, or not what was asked for", 413: "that is too much at once"}

Try = Callable[[Callable[[], Answer]], Answer]


@dataclass(frozen=True)
class Instance:
    """One object in an archive; its repr shows no UID.

    Attributes:
        kind: its SOP class; empty where the archive does not say.
    """

    study: str = field(repr=False)
    series: str = field(repr=False)
    instance: str = field(repr=False)
    kind: str = ""


def search(server: Server, query: str, try_: Try) -> Iterator[Instance]:
    """The instances that a query finds, page by page: their number takes no memory.

    Args:
        server: whom to ask.
        query: attributes as QIDO-RS wants them, ``Modality=OP&StudyDate=20210101-20211231``; ``limit`` is for all.
        try_: has each page asked for, again if it likes.

    Raises:
        OSError, ArchiveRefusedError: the archive cannot be asked, or its answer is not valid.
    """
    asked = [(key, value) for key, value in parse_qsl(query, keep_blank_values=True) if key not in ("limit", "offset")]
    limits = [int(value) for key, value in parse_qsl(query) if key == "limit" and value.isascii() and value.isdigit()]
    left = min(limits, default=1 << 62)
    offset, before = 0, ""
    while left > 0:
        path = "/instances?" + urlencode([*asked, ("limit", str(min(PAGE, left))), ("offset", str(offset))])
        page = _instances(try_(lambda path=path: _get(server, path, "application/dicom+json", _LONGEST, _SEARCH_S)))  # type: ignore[misc]
        if not page or page[0].instance == before:  # the same again: the archive knows no offset
            return
        yield from page[:left]
        offset, left, before = offset + len(page), left - len(page), page[0].instance


def retrieve(server: Server, of: Instance, most: int) -> bytes:
    """The DICOM file of an instance.

    Args:
        server: whom to ask.
        of: what.
        most: bytes that it may have.

    Raises:
        OSError, ArchiveRefusedError: the archive does not give it.
    """
    path = f"/studies/{of.study}/series/{of.series}/instances/{of.instance}"
    accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    answer = _get(server, path, accept, most + (1 << 16), _RETRIEVE_S + most / _SLOWEST_BYTES_S)
    return _first_part(answer)


def _get(server: Server, path: str, accept: str, longest: int, seconds: float) -> Answer:
    deadline = time.monotonic() + seconds
    answer = ask(server, path, {"Accept": accept}, lambda: deadline, longest=longest)
    check_status(answer.status, _ASKED)
    return answer


def _instances(answer: Answer) -> list[Instance]:
    if answer.status == 204 or not answer.body.strip():
        return []
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise ArchiveRefusedError("its answer is no list of instances: check the address")
    return [_instance(item) for item in found]


def _instance(item: Any) -> Instance:
    said = {name: _value(item, tag) for name, tag in _TAGS.items()}
    if not all(_UID.fullmatch(said[name]) for name in ("study", "series", "instance")):
        raise ArchiveRefusedError("its answer names an instance that cannot be")
    return Instance(
        said["study"], said["series"], said["instance"], said["kind"] if _UID.fullmatch(said["kind"]) else ""
    )


def _value(item: Any, tag: str) -> str:
    found = item.get(tag) if isinstance(item, dict) else None
    values = found.get("Value") if isinstance(found, dict) else None
    return values[0] if isinstance(values, list) and values and isinstance(values[0], str) else ""


def _first_part(answer: Answer) -> bytes:
    """The first part of a multipart answer; all of one that has no parts."""
    about = Message()
    about["Content-Type"] = answer.headers.get("Content-Type", "")
    if about.get_content_type() == "application/dicom":
        return answer.body
    boundary = (about.get_boundary() or "").encode("latin-1", "replace")
    start = answer.body.find(b"--" + boundary)
    start = answer.body.find(b"\r\n\r\n", start) + 4 if boundary and start >= 0 else 3
    end = answer.body.find(b"\r\n--" + boundary, start)
    if start == 3 or end < 0:
        raise ArchiveRefusedError("its answer is no DICOM file: check the address")
    return answer.body[start:end]
