"""Photographs of a place that is no folder, and one photograph by its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import EdgeError
from edge.sources.address import Place, place_of
from edge.sources.dicomweb import Access, DicomwebInstance, dicomweb_instances
from edge.sources.manifest import Listing
from edge.sources.members import MARK, Sieve
from edge.sources.remote import RemoteFile, remote_files
from edge.sources.shared import Shared
from edge.sources.shown import check_address, without_secrets
from edge.sources.source import Found, Source, Tell, Trouble
from edge.sources.tars import tar_members
from edge.sources.zips import zip_members


@dataclass(frozen=True)
class How:
    """How places are read that need more than their name.

    Attributes:
        listing: how lists are.
        access: how archives that speak DICOMweb are reached.
    """

    listing: Listing = field(default_factory=Listing)
    access: Access = field(default_factory=Access)


def sources_in(place: Place, how: How, tell: Tell, shared: Shared) -> Iterator[Found]:
    """The photographs of a place, one after the other.

    Args:
        place: of any kind but ``local`` and ``list``.
        how: it is read.
        tell: receives what is passed over.
        shared: of the run.
    """
    if place.kind == "url":
        yield from remote_files(place.text, tell, shared)
        return
    if place.kind == "dicomweb":
        yield from dicomweb_instances(place.text, how.access, tell, shared)
        return
    members = zip_members if place.kind == "zip" else tar_members
    yield from members(Sieve(place.text, tell, place.inside, shared))


def source_of(text: str, how: How, shared: Shared) -> Source | None:
    """One photograph by its name; None where that is the name of a file.

    Raises:
        EdgeError: there is none of this name.
    """
    place = place_of(text)
    if place.kind in ("zip", "tar") and place.inside:
        return _member(place, shared)
    if place.kind == "url":
        check_address(text)
        return RemoteFile(text, without_secrets(text).rpartition("/")[0])
    if place.kind == "dicomweb":
        return _instance(place, how, shared)
    return None


def place_below(root: Path, name: str) -> str:
    """What a table calls ``name``, as it is found from here.

    Args:
        root: the folder that paths of the table are relative to; an address is not.
        name: of a row.
    """
    return name if "://" in name else str(root / name)


def _instance(place: Place, how: How, shared: Shared) -> Source:
    found = next(dicomweb_instances(place.text.partition("?")[0], how.access, lambda name, head: None, shared), None)
    if not isinstance(found, DicomwebInstance):
        raise EdgeError(found.words if isinstance(found, Trouble) else f"{without_secrets(place.text)} has no picture.")
    return found


def _member(place: Place, shared: Shared) -> Source:
    key: tuple[str, int, int] = (place.text, 0, 0)
    if "://" not in place.text:
        try:
            about = Path(place.text).stat()
        except OSError:
            raise EdgeError(f"{place.text} is not there: check the path.") from None
        key = (place.text, about.st_size, about.st_mtime_ns)
    members = shared.once("members", key, lambda: _members(place.kind == "zip", place.text, shared))
    if place.inside not in members:
        raise EdgeError(f"{place.text} has no photograph {place.inside} that can be read: check the name.")
    return members[place.inside]


def _members(zipped: bool, archive: str, shared: Shared) -> Mapping[str, Source]:
    """Members by name, in memory: of archives whose members are asked for one by one."""
    found = (zip_members if zipped else tar_members)(Sieve(archive, lambda name, head: None, shared=shared))
    return {each.name.partition(MARK)[2]: each for each in found if not isinstance(each, Trouble)}
