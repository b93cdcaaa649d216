"""A result to share: complete, of this schema, and without anything that names its owner."""

from __future__ import annotations

import dataclasses
import getpass
import io
import re
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report.printed import to_html, to_json, to_markdown
from benchmarks.report.result import Result
from edge.errors import EdgeError

_ADDRESS = "a network address"
_PERSONAL = (
    (
        re.compile(r"(?:^|[\s'\"=(])(?:~|/(?:home|Users|root|mnt|media|tmp|var|opt|srv|data)\b|[A-Za-z]:\\|\\\\)"),
        "a folder",
    ),
    (re.compile(r"\b(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}\b"), "a network card's number"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "a device's number"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), _ADDRESS),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"), "a mail address"),
    (re.compile(r"\bserial(?: number)?\b", re.I), "a serial number"),
    (re.compile(r"\b1[34]\d{11}\b"), "a Jetson's serial number"),
)
_WHEN = (2000, 1, 1, 0, 0, 0)  # the same result gives the same file


def make_submission(result: Result) -> bytes:
    """A zip of the result as JSON, Markdown and a page.

    Raises:
        EdgeError: a text in it names a folder, a machine or its owner.
    """
    check_personal(result)
    blob = io.BytesIO()
    files = {
        "result.json": to_json(result) + "\n",
        "result.md": to_markdown(result) + "\n",
        "result.html": to_html(result),
    }
    with zipfile.ZipFile(blob, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _WHEN), text, zipfile.ZIP_DEFLATED)
    return blob.getvalue()


def check_personal(result: Result) -> None:
    """Refuse a result that names its owner.

    Raises:
        EdgeError: a text names its owner; with the field and what it contains.
    """
    for field, text in _texts(dataclasses.asdict(result), ""):
        if (what := personal_in(text, field)) is not None:
            raise EdgeError(f"{field} of the result holds {what}: edit that text before you share it")


def personal_in(text: str, field: str) -> str | None:
    """What in a text names a folder, a machine or its owner; None where nothing does.

    Args:
        text: of a result.
        field: its path, such as ``machine.kernel``.
    """
    name = "the name of this machine or of its user"
    names = [(re.compile(rf"\b{re.escape(each)}\b", re.I), name) for each in own_names()]
    version = re.search(r"(?:^|\.)(?:version|kernel)$", field)  # may have four numbers, as addresses have
    for pattern, what in (*_PERSONAL, *names):
        if pattern.search(text) and not (version and what == _ADDRESS):
            return what
    return None


def own_names() -> list[str]:
    """This machine's and its user's name, and the user's folder; common names are left out."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no entry for this user
        user = ""
    common = {"root", "user", "ubuntu", "nvidia", "jetson", "debian", "localhost", "runner", "admin", "pi", "home"}
    names = {user, socket.gethostname().split(".")[0], Path.home().name}
    return sorted(name for name in names if len(name) > 3 and name.lower() not in common)


def _texts(value: object, field: str) -> Iterator[tuple[str, str]]:
    """Every text in a result, with the path of its field."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(str(key), f"{field}.{key}".lstrip("."))
            yield from _texts(inner, f"{field}.{key}".lstrip("."))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner, field)
    elif isinstance(value, str):
        yield field, value
