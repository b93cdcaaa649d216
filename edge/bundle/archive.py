"""The zip of a bundle, read as untrusted input: only the members asked for, and never more than the file holds."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from edge.errors import EdgeError, reason_of

# Everything that zipfile raises for a damaged file, found by corrupting bundles.
ARCHIVE_ERRORS = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, LookupError, EOFError, OSError,
                  OverflowError, struct.error)  # fmt: skip
_LARGEST = 1280 << 20  # bytes of a file, which is held in memory; the largest foundation model in INT8 has 1.1 GiB
_MOST_MEMBERS, _LARGEST_LIST = 64, 64 << 10
_END = struct.Struct("<4s4H2LH")  # the record at the end of a zip that has no comment
_TAIL = 64 << 10  # bytes searched for that record, to distinguish a file with more behind it from one that is cut off
_LOCATOR = 20  # bytes of the record before it in archives beyond 4 GiB, which point to another list
_EPOCH = (1980, 1, 1, 0, 0, 0)  # one date for all members: the same content makes the same file
_HEADER = 30  # minimum bytes between the offset of a member and its content


def read_archive(path: Path) -> bytes:
    """All of a zip file.

    Raises:
        EdgeError: there is none, it cannot be read, or is larger than any bundle.
    """
    try:
        _check_kind(path, path.stat())  # before it is opened, because opening some devices has effects
        # A pipe that replaces the file now must not block this open.
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(file, "rb") as opened:
            about = os.fstat(file)
            _check_kind(path, about)
            _check_ends(path, opened, about.st_size)
            opened.seek(0)
            return opened.read(about.st_size)  # no more, where the file grows now
    except FileNotFoundError as error:
        raise EdgeError(f"there is no model {path}: check the path") from error
    except MemoryError as error:
        raise EdgeError(f"{path} does not fit into memory: end other programs") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise EdgeError(f"{path} cannot be read ({reason_of(error)}): check its permissions") from error


def _check_kind(path: Path, about: os.stat_result) -> None:
    if stat.S_ISDIR(about.st_mode):
        raise EdgeError(f"{path} is a folder, not a model: name a .efiqa file")
    if not stat.S_ISREG(about.st_mode):
        raise EdgeError(f"{path} is a device or a pipe, not a model: name a .efiqa file")
    if about.st_size > _LARGEST:
        raise EdgeError(f"{path} is larger than {_LARGEST >> 20} MiB and cannot be a model: name a .efiqa file")


def _check_ends(path: Path, file: BinaryIO, size: int) -> None:
    """Check start and end of a zip before all of it is read."""
    start = file.read(4)
    if start == b"ftrt" or path.suffix in (".engine", ".plan"):
        raise EdgeError(
            f"{path} is a built engine, which runs only on the kind of GPU and the TensorRT that it was built for: "
            "name the .efiqa file, of which this machine builds its own"
        )
    if start[:2] != b"PK":
        raise EdgeError(f"{path} is not a model bundle (not a zip file): name a .efiqa file")
    file.seek(max(0, size - _TAIL))
    try:
        _check_list(file.read(_TAIL), size)
    except zipfile.BadZipFile as error:
        raise EdgeError(f"{path} is damaged or cut off ({error}): copy or download it again") from error


def _check_list(tail: bytes, size: int) -> None:
    """Check how many members a zip lists, and where, before anything relies on it."""
    if len(tail) < _END.size or tail[-_END.size :][:4] != b"PK\5\6":
        more = -1 < tail.rfind(b"PK\5\6") < len(tail) - _END.size
        raise zipfile.BadZipFile("something follows behind its end" if more else "its end is missing")
    _, _, _, here, members, listed, start, _ = _END.unpack(tail[-_END.size :])
    if here != members or members > _MOST_MEMBERS or listed > _LARGEST_LIST:
        raise zipfile.BadZipFile(f"it lists {members} members")
    if tail[: -_END.size][-_LOCATOR:][:4] == b"PK\6\7" or start + listed + _END.size != size:
        raise zipfile.BadZipFile("its list of members is not where it should be")


def open_archive(data: bytes) -> zipfile.ZipFile:
    """A zip in memory whose members do not overlap: together they are no larger than the file.

    Raises:
        EdgeError: two members share a name, or bytes.
        zipfile.BadZipFile, and others of ``ARCHIVE_ERRORS``: it is damaged.
    """
    _check_list(data[-_TAIL:], len(data))
    archive = zipfile.ZipFile(io.BytesIO(data))
    members = sorted(archive.infolist(), key=lambda info: info.header_offset)
    if len({info.filename for info in members}) != len(members):
        raise EdgeError("two members of it have one name; copy or download it again")
    ends = [info.header_offset for info in members[1:]] + [archive.start_dir]
    for info, end in zip(members, ends, strict=True):
        if info.header_offset + _HEADER + info.compress_size > end:
            raise EdgeError("its members lie in one another; copy or download it again")
    return archive


def pack_archive(members: Mapping[str, bytes]) -> bytes:
    """A zip of these members in this order, stored; the same content makes the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, also where Windows writes it
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return packed.getvalue()


def find_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """The entry of a member; raises EdgeError where there is none of this name."""
    try:
        return archive.getinfo(name)
    except KeyError as error:
        raise EdgeError(f"it holds no {name}; copy or download it again") from error


def read_member(archive: zipfile.ZipFile, name: str, largest: int) -> bytes:
    """One member; only stored ones are read, so that none can expand beyond the size of the file.

    Raises:
        EdgeError: there is none, it is compressed or larger than ``largest``.
    """
    info = find_member(archive, name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise EdgeError(f"{name} in it is compressed, which a bundle never is; make it again with edge-calibrate")
    if info.file_size > largest:
        raise EdgeError(
            f"{name} in it claims {info.file_size >> 10} KiB, which is too large; copy or download it again"
        )
    return archive.read(info)
