"""Photographs in object storage and on web servers, through fsspec: nothing of them is kept on a disk."""

from __future__ import annotations

import glob
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from edge.errors import EdgeError
from edge.images.find import is_photograph
from edge.images.limits import RefusedError
from edge.sources.address import LISTS, TARS, ZIPS
from edge.sources.shared import Shared
from edge.sources.shown import WEB, check_address, split_address, without_secrets
from edge.sources.source import Found, Tell, Trouble, check_bytes
from edge.sources.systems import asked, system_of

_PIECE, _BLOCK = 1 << 20, 8 << 20
_DEEPEST = 64  # folders: a web server may link in circles
_CHANGES = (
    "ETag", "etag", "e_tag", "Content-MD5", "Digest", "md5Hash", "content_md5", "generation", "Last-Modified",
    "LastModified", "last_modified", "mtime", "updated", "created", "modified",
)  # fmt: skip


@dataclass(frozen=True)
class RemoteFile:
    """A photograph at an address.

    Attributes:
        url: of it, with what it takes to be let in.
        listed: whether ``size`` and ``change`` are what a listing said; else they are asked for.
    """

    url: str = field(repr=False)
    root: str
    size: int | None = None
    change: int | None = None
    listed: bool = False

    @property
    def name(self) -> str:
        """The address without secrets."""
        return without_secrets(self.url)

    def look(self, shared: Shared) -> tuple[int | None, int | None]:
        """See ``Source``."""
        if self.listed:
            return self.size, self.change
        about = asked(self.url, shared, lambda system, path: system.info(path))
        return _size_of(about), change_of(about)

    def open(self, shared: Shared) -> BinaryIO:
        """See ``Source``."""
        check_bytes(self.size or 0)
        return io.BytesIO(asked(self.url, shared, self._read))

    def _read(self, system: Any, path: str) -> bytes:
        if split_address(self.url)[0] in ("file", "local") and not system.isfile(path):
            raise RefusedError("is a device or a pipe, not an image file: save the picture to a file first")
        # Of a web server one answer, without a question for its size before; else as few answers as can be.
        how = {"block_size": 0, "size": 1} if split_address(self.url)[0] in WEB else {"block_size": _BLOCK}
        data = bytearray()
        with system.open(path, "rb", **how) as file:
            while piece := file.read(_PIECE):
                data += piece
                check_bytes(len(data))
        return bytes(data)


def remote_files(url: str, tell: Tell, shared: Shared) -> Iterator[Found]:
    """The photographs at an address: of one file, of a pattern, or of a folder and those below.

    Args:
        url: such as ``s3://bucket/folder``; that of a folder on a web server ends with ``/``.
        tell: receives what is passed over.
        shared: of the run.
    """
    name = without_secrets(url)
    try:
        check_address(url)
        if name.lower().endswith(ZIPS + TARS + LISTS):
            raise EdgeError(f"{name} is an archive or a list at a signed address, not to be read there: copy it here.")
        yield from _at(url, name, tell, shared)
    except EdgeError as error:
        yield Trouble(name, str(error))
    except RefusedError as error:
        yield Trouble(name, f"{name} {error}.")


def _at(url: str, name: str, tell: Tell, shared: Shared) -> Iterator[Found]:
    scheme, path = split_address(url)[0], system_of(url)[1]
    if scheme in WEB and not url.endswith("/"):
        yield RemoteFile(url, name.rpartition("/")[0])
        return
    bare = url.rstrip("/")
    base = "" if scheme in WEB else bare.removesuffix(path) if bare.endswith(path) else f"{scheme}://"
    if scheme not in WEB and glob.has_magic(path):
        entries = asked(url, shared, lambda system, path: system.glob(path, detail=True)).values()
        if not entries:
            yield Trouble(name, f"{name} matches nothing: check the pattern, and quote it.")
        plain = re.split(r"[*?\[]", path)[0].rpartition("/")[0]
        yield from _files(entries, base, base + plain, tell)
        return
    about = {"type": "directory"} if url.endswith("/") else asked(url, shared, lambda system, path: system.info(path))
    if about["type"] != "directory":
        yield RemoteFile(url, name.rpartition("/")[0], _size_of(about), change_of(about), True)
        return
    yield from _below(bare + "/", base, name.rstrip("/"), (tell, shared), 0)


def _below(url: str, base: str, root: str, run: tuple[Tell, Shared], depth: int) -> Iterator[Found]:
    """A folder's files, then those of its folders; what is linked elsewhere is no part of it."""
    tell, shared = run
    try:
        entries = asked(url, shared, lambda system, path: system.ls(path, detail=True))
    except RefusedError as error:
        yield Trouble(without_secrets(url), f"{without_secrets(url)} {error}.")
        return
    inside = [each for each in entries if (base + each["name"]).startswith(url) and base + each["name"] != url]
    inside.sort(key=lambda each: str(each["name"]))
    yield from _files(inside, base, root, tell)
    for each in inside:
        folder = base + each["name"].rstrip("/") + "/"
        if each["type"] == "directory" and depth < _DEEPEST and not _is_hidden(folder[:-1]):
            yield from _below(folder, base, root, run, depth + 1)


def _files(entries: Iterable[Mapping[str, Any]], base: str, root: str, tell: Tell) -> Iterator[RemoteFile]:
    """Those entries of a listing that are photographs, by their names: each look at one is a question more."""
    for each in entries:
        url = base + each["name"]
        web = split_address(url)[0] in WEB
        if each["type"] == "directory" or _is_hidden(url) or (web and re.search("[?#]", url)):
            continue
        if is_photograph(PurePosixPath(url), lambda: b""):
            yield RemoteFile(url, root, _size_of(each), change_of(each), not web)
        else:
            tell(url, lambda: b"")


def _is_hidden(url: str) -> bool:
    return url.rpartition("/")[2].startswith(".")


def _size_of(about: Mapping[str, Any]) -> int | None:
    size = about.get("size")
    return size if isinstance(size, int) and size >= 0 else None


def change_of(about: Mapping[str, Any]) -> int | None:
    """A number made of what a listing says of a file's version; None where it says nothing."""
    said = [f"{name}={about[name]}" for name in _CHANGES if about.get(name)]
    return int.from_bytes(hashlib.sha256("\n".join(said).encode()).digest()[:8], "big") >> 1 if said else None
