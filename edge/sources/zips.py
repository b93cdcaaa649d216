"""Members of a zip, one after the other as its directory lists them: their number takes no memory.

``zipfile`` keeps the whole directory, half a gigabyte of a million members. It unpacks here, and checks the sums.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipExtFile, ZipInfo

from edge.errors import reason_of
from edge.images.limits import RefusedError
from edge.sources.archives import length_of, open_archive
from edge.sources.members import MOST_MEMBERS, Member, Sieve
from edge.sources.shared import Shared
from edge.sources.source import Found, Refused, Trouble, check_bytes

_END = struct.Struct("<4s4H2LH")  # of the archive
_LOCATOR = struct.Struct("<4sLQL")  # of the end of a large one
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")  # of the directory
_LOCAL = struct.Struct("<4s5H3L2H")  # before the bytes of a member
_FULL = 0xFFFFFFFF  # where the true number is elsewhere
_METHODS = (ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA)
_BOMB_BYTES, _BOMB_RATIO = 64 << 20, 200  # no photograph is both this large and packed this well
_OVERLAP = "its members overlap, as those of a zip bomb do: unpack it elsewhere, and look at what it is."


class _DamagedError(Exception):
    """What is wrong with the directory."""


@dataclass(frozen=True)
class ZipMember(Member):
    """A photograph in a zip; ``change`` is the sum of its bytes, so that other members may come and go."""

    offset: int
    packed: int
    method: int

    def open(self, shared: Shared) -> BinaryIO:
        """See ``Source``."""
        return self.opened(shared)

    def opened(self, shared: Shared) -> BinaryIO:
        """The same, as the file of ``zipfile`` that it is."""
        check_bytes(self.size)
        if self.size > _BOMB_BYTES and self.size > _BOMB_RATIO * self.packed:
            raise RefusedError("unfolds to more than any photograph, as a zip bomb does: look at what it is")
        if self.method not in _METHODS:
            raise RefusedError("is packed in a way that is not read: pack its archive again with Deflate")
        file = open_archive(self.archive, shared)
        try:
            file.seek(self.offset)
            head = file.read(_LOCAL.size)
            if len(head) < _LOCAL.size or head[:4] != b"PK\3\4":
                raise RefusedError("is damaged: its archive has other bytes in its place; copy the archive again")
            *_, name, more = _LOCAL.unpack(head)
            file.seek(name + more, os.SEEK_CUR)
            info = ZipInfo(self.member.partition("\0")[0])
            info.compress_type, info.CRC = self.method, self.change
            info.compress_size, info.file_size = self.packed, self.size
            return ZipExtFile(file, "r", info, None, True)  # type: ignore[return-value]
        except BaseException:
            file.close()
            raise


def zip_members(sieve: Sieve) -> Iterator[Found]:
    """The photographs of a zip, in the order of its directory; what is wrong comes behind them.

    Args:
        sieve: which archive, and which of its members are graded.
    """
    archive = sieve.archive
    locked = Refused("what is encrypted is not read; unpack it with its password, and grade the folder.")
    try:
        with open_archive(archive, sieve.shared) as file:
            taken, whole = 0, length_of(file)
            for flags, link, member in _entries(archive, file):
                taken += member.packed + _LOCAL.size
                if taken > whole:
                    raise _DamagedError(_OVERLAP)
                if member.member.endswith("/"):
                    continue
                head = b"" if flags & 1 else _Head(member, sieve.shared)
                if not sieve.takes(member.member, lambda head=head: bytes(head), link):  # type: ignore[misc]
                    continue
                if flags & 1:
                    locked.add(member.member)
                else:
                    yield member
    except OSError as error:
        yield Trouble(archive, f"{archive} cannot be read ({reason_of(error)}): check the path and its permissions.")
    except _DamagedError as error:
        yield Trouble(archive, f"{archive}: {error}")
    for refused in (sieve.leads_out, sieve.links, locked):
        yield from refused.trouble(archive)


class _Head:
    """The first bytes of a member, read where they are asked for."""

    def __init__(self, member: ZipMember, shared: Shared) -> None:
        self._member, self._shared = member, shared

    def __bytes__(self) -> bytes:
        try:
            with self._member.opened(self._shared) as file:
                return file.read(132)
        except Exception:  # told of if it is graded
            return b""


def _entries(archive: str, file: BinaryIO) -> Iterator[tuple[int, bool, ZipMember]]:
    """Flags, whether it is a link, and the member, of each entry of the directory.

    Raises:
        _DamagedError: it is cut off, damaged or absurd; the entries before are good.
    """
    at, left, shift = _directory(file)
    while left > 0:
        file.seek(at)  # others read in between
        head = file.read(_ENTRY.size)
        if len(head) < _ENTRY.size or head[:4] != b"PK\1\2":
            raise _DamagedError("its directory is damaged: copy it again from its source.")
        _, made_by, _, flags, method, _, _, crc, packed, size, *lengths, _, _, mode, offset = _ENTRY.unpack(head)
        name, more, extra = file.read(lengths[0]), file.read(lengths[1]), sum(lengths[:3])
        size, packed, offset = _large(more, size, packed, offset)
        text = name.decode("utf-8" if flags & 0x800 else "cp437", "backslashreplace").partition("\0")[0]
        link = made_by >> 8 == 3 and stat.S_ISLNK(mode >> 16)
        yield flags, link, ZipMember(archive, text, size, crc, offset + shift, packed, method)
        at, left = at + _ENTRY.size + extra, left - _ENTRY.size - extra


def _directory(file: BinaryIO) -> tuple[int, int, int]:
    """Where the directory begins, its bytes, and how many bytes of something else stand before the archive."""
    whole = file.seek(0, os.SEEK_END)
    start = max(0, whole - _END.size - 0xFFFF)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(b"PK\5\6", 0, max(0, len(tail) - _END.size + 4))
    if place < 0:
        raise _DamagedError("it is no zip, or is cut off: copy it again from its source.")
    end = start + place
    _, disk, _, _, count, size, offset, _ = _END.unpack(tail[place : place + _END.size])
    file.seek(max(0, end - _LOCATOR.size))
    locator = file.read(_LOCATOR.size)
    if len(locator) == _LOCATOR.size and locator[:4] == b"PK\6\7":  # the true numbers are elsewhere
        file.seek(min(_LOCATOR.unpack(locator)[2], whole))
        found = file.read(_END64.size)
        if len(found) < _END64.size or found[:4] != b"PK\6\6":
            raise _DamagedError("its end is damaged: copy it again from its source.")
        end = file.tell() - _END64.size
        *_, disk, _, _, count, size, offset = _END64.unpack(found)
    if disk:
        raise _DamagedError("it is one of several parts: join them to one zip.")
    if count > MOST_MEMBERS:
        raise _DamagedError(f"it declares {count} members, more than the {MOST_MEMBERS} that are read: pack several.")
    if size + offset > end:
        raise _DamagedError("its directory is not where its end says: copy it again from its source.")
    return end - size, size, end - size - offset


def _large(more: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """The numbers that do not fit in 32 bits, from the extra field."""
    numbers = [size, packed, offset]
    while len(more) >= 4:
        kind, length = struct.unpack_from("<2H", more)
        if kind == 1:
            held = more[4 : 4 + length]
            for place in (place for place, number in enumerate(numbers) if number == _FULL):
                if len(held) < 8:
                    raise _DamagedError("its directory is damaged: copy it again from its source.")
                numbers[place], held = int.from_bytes(held[:8], "little"), held[8:]
            break
        more = more[4 + length :]
    return numbers[0], numbers[1], numbers[2]
