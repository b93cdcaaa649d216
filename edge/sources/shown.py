"""Addresses as rows show them, and which are not taken."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

from edge.errors import EdgeError

WEB, DICOMWEB = ("http", "https"), "dicomweb+"
# File systems in another one, among them those that keep copies on the disk.
_WRAPPERS = (
    "asyncwrapper", "async_wrapper", "blockcache", "cached", "dask", "data", "dir", "filecache", "generic",
    "libarchive", "reference", "simplecache", "tar", "zip",
)  # fmt: skip
_SECRET = re.compile(
    r"(x-(amz|goog|ms|oss)-|awsaccesskeyid$|expires$|.*(token|sig|signature|key|secret|password)$)", re.I
)


def split_address(url: str) -> tuple[str, str, str]:
    """Scheme, host or bucket (with its user), and what follows; of any text."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    if scheme.lower().removeprefix(DICOMWEB) in WEB and "?" in place:  # a query without a path
        place, mark, query = place.partition("?")
        slash, path = "", f"{mark}{query}{slash}{path}"
    return scheme.lower(), place, slash + path


def without_secrets(url: str) -> str:
    """An address without user and password, and without what lets in whoever has it."""
    scheme, place, path = split_address(url)
    if _has_user(scheme, place):
        place = place.rpartition("@")[2]
    if scheme.startswith(DICOMWEB):  # a query may name a patient
        path = path.partition("?")[0]
    if scheme in WEB:
        path, mark, query = path.partition("#")[0].partition("?")
        kept = [(key, value) for key, value in parse_qsl(query, keep_blank_values=True) if not _SECRET.match(key)]
        path += mark + urlencode(kept) if kept else ""
    return f"{scheme}://{place}{path}"


def check_address(url: str) -> None:
    """Refuse what would keep copies, or show a password to every user of the machine.

    Raises:
        EdgeError: so it is.
    """
    scheme, place, _ = split_address(url)
    name = without_secrets(url)
    if ":" in scheme or scheme in _WRAPPERS:
        raise EdgeError(f"{name} is one file system in another: give the address of the photographs themselves.")
    if not place and scheme not in ("memory", "file", "local"):
        raise EdgeError(f"{name} names no host or bucket: check the address.")
    if _has_user(scheme, place):
        raise EdgeError(f"{name} was given with a user or password: put these into fsspec's configuration instead.")


def _has_user(scheme: str, place: str) -> bool:
    """Whether a user or password stands before a host; before that of Azure stands the container."""
    user, mark, _ = place.rpartition("@")
    return bool(mark) and (scheme in WEB or scheme.startswith(DICOMWEB) or ":" in user)
