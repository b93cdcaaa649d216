"""Members of a tar, packed or not, one after the other."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from edge.errors import brief, reason_of
from edge.images.limits import CUT_OFF, RefusedError
from edge.sources.archives import length_of, open_archive
from edge.sources.members import MOST_MEMBERS, Member, Sieve
from edge.sources.shared import Shared
from edge.sources.source import Found, Refused, Trouble, check_bytes

_HEADER_BYTES = 1 << 20  # of all that stands before a member: a longer name, attribute or list of holes is an attack
_ATTRIBUTES = 1000  # that hold for all members behind them
_FREE, _RATIO = 1 << 30, 100  # bytes that a packed one may unfold to, besides a multiple of its own size
_KEPT, _KEPT_BYTES = 32, 64 << 20  # members passed over, for a thread that comes a little later


@dataclass(frozen=True)
class TarMember(Member):
    """A photograph in a tar, of which ``version`` tells; ``change`` is its time."""

    offset: int
    packed: bool
    version: tuple[int, int]

    def open(self, shared: Shared) -> BinaryIO:
        """See ``Source``."""
        check_bytes(self.size)
        if self.packed:
            key = (self.archive, self.version)
            data = shared.once("stream", key, lambda: _Forward(*key, shared)).piece(self.offset, self.size)
        else:
            with _opened(self.archive, self.version, shared) as file:
                file.seek(self.offset)
                data = file.read(self.size)
        if len(data) < self.size:
            raise RefusedError(CUT_OFF)
        return io.BytesIO(data)


def _version_of(archive: str, file: BinaryIO) -> tuple[int, int]:
    """Tells an archive from another one of its name, where that can be seen: at its places are other members."""
    if "://" in archive:
        return 0, 0
    about = os.fstat(file.fileno())
    return about.st_size, about.st_mtime_ns


def _opened(archive: str, version: tuple[int, int], shared: Shared) -> BinaryIO:
    """The archive whose members were listed.

    Raises:
        RefusedError: it is another one now.
    """
    file = open_archive(archive, shared)
    if _version_of(archive, file) != version:
        file.close()
        raise RefusedError("is in an archive that was changed after it was listed: run the same command again")
    return file


class _Forward:
    """A packed stream, which is read onwards: going back means to unpack from its beginning.

    Threads ask for members nearly in their order, so the last ones that were passed over are kept.
    """

    def __init__(self, archive: str, version: tuple[int, int], shared: Shared) -> None:
        self._file = gzip.open(_opened(archive, version, shared), "rb")  # noqa: SIM115 (kept open)
        self._lock = threading.Lock()
        self._passed: deque[tuple[int, bytes]] = deque(maxlen=_KEPT)

    def piece(self, offset: int, size: int) -> bytes:
        """Bytes of the unpacked stream; fewer where it ends."""
        with self._lock:
            at = self._file.tell()
            if offset < at:
                for start, data in self._passed:
                    if start <= offset and offset + size <= start + len(data):
                        return data[offset - start : offset - start + size]
            elif 0 < offset - at <= _KEPT_BYTES:
                self._passed.append((at, self._file.read(offset - at)))
                while sum(len(data) for _, data in self._passed) > _KEPT_BYTES:
                    self._passed.popleft()
            self._file.seek(offset)
            return self._file.read(size)


class _Careful(io.RawIOBase):
    """A file that gives a parser of headers no more than the headers of one member.

    Attributes:
        left: bytes that may still be read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.left = _HEADER_BYTES

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self.left:
            raise ValueError("a header is longer than any")
        self.left -= size
        return self._file.read(size)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()


def tar_members(sieve: Sieve) -> Iterator[Found]:
    """The photographs of a tar, in their order; what is wrong comes behind them.

    Args:
        sieve: which archive (``.gz`` and ``.tgz`` are packed), and which of its members are graded.
    """
    archive = sieve.archive
    packed = not archive.lower().endswith(".tar")
    last = ""
    holes = Refused("what is stored with holes is not read; unpack it, and grade the folder.")
    try:
        with open_archive(archive, sieve.shared) as stored:
            file = cast(BinaryIO, gzip.GzipFile(fileobj=stored, mode="rb")) if packed else stored
            whole, version = length_of(stored), _version_of(archive, stored)
            for info, end in _headers(file):
                if packed and end > _FREE + _RATIO * whole:
                    raise ValueError(f"it unfolds to more than {_RATIO} times its size, as no photographs do")
                if not packed and end > whole + tarfile.BLOCKSIZE:
                    raise EOFError(f"{info.name} is longer than what is left")
                last = info.name
                link = info.issym() or info.islnk()
                if not (link or info.isreg()) or not sieve.takes(info.name, lambda: _head(file, info), link):  # noqa: B023
                    continue
                if info.issparse():
                    holes.add(info.name)
                else:
                    yield TarMember(archive, info.name, info.size, _time(info), info.offset_data, packed, version)
    except OSError as error:  # as of gzip, where it is damaged
        yield Trouble(archive, f"{archive} cannot be read ({reason_of(error)}){_behind(last)}: copy it again.")
    except Exception as error:  # whatever tarfile and zlib make of damaged bytes
        yield Trouble(
            archive, f"{archive} is cut off, damaged or no tar ({brief(error)}){_behind(last)}: copy it again."
        )
    for refused in (sieve.leads_out, sieve.links, holes):
        yield from refused.trouble(archive)


def _headers(file: BinaryIO) -> Iterator[tuple[tarfile.TarInfo, int]]:
    """Each header, and where the next one begins, before anything is skipped.

    Raises:
        ValueError, EOFError, tarfile.TarError: the archive is damaged, or does not end as one does.
    """
    careful = _Careful(file)
    with tarfile.TarFile(fileobj=cast(BinaryIO, careful), mode="r") as tar:
        before, count = -1, 0
        while (info := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # it keeps all
            careful.left = _HEADER_BYTES
            if len(tar.pax_headers) > _ATTRIBUTES:
                raise ValueError("it has more attributes than any")
            count += 1
            if count > MOST_MEMBERS:
                raise ValueError(f"it has more than {MOST_MEMBERS} members")
            if info.size < 0 or tar.offset <= before:
                raise ValueError("a member has a negative size")
            before = tar.offset
            yield info, tar.offset
        file.seek(tar.offset)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0") or file.tell() < tar.offset + tarfile.BLOCKSIZE:
            raise EOFError("its end is missing")


def _head(file: BinaryIO, info: tarfile.TarInfo) -> bytes:
    file.seek(info.offset_data)
    return file.read(min(info.size, 132))


def _time(info: tarfile.TarInfo) -> int:
    try:
        return int(info.mtime * 1e9) % (1 << 63)
    except (ValueError, OverflowError):
        return 0


def _behind(last: str) -> str:
    return f" behind {last}" if last else ""
