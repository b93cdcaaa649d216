"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

_MOST_NAME_BYTES = 80  # of a temporary name: file systems take 255, and count bytes


def write_atomically(path: Path, data: bytes, *, private: bool = False, like: os.stat_result | None = None) -> None:
    """Write a file under a temporary name in its own folder, flush it to the disk, then rename it.

    A reader sees the old file or the new one, also after a power cut; a failed write leaves nothing behind. Whatever
    has the name is replaced, a link or a pipe too: what a user names goes through ``edge.output``.

    Args:
        path: where it shall lie.
        data: what shall be in it.
        private: whether nobody but its owner may read it, whatever the umask says.
        like: a file whose permissions, and where we may give them, owner and group it gets.

    Raises:
        OSError: the folder is missing, read-only or full.
    """
    stem = path.name.encode("utf-8", "ignore")[:_MOST_NAME_BYTES].decode("utf-8", "ignore")
    temporary = path.with_name(f".{stem}.{secrets.token_hex(4)}.tmp")
    try:
        mode = 0o600 if private or like is not None else 0o666
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            if like is not None:
                _make_alike(file.fileno(), like)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    with contextlib.suppress(OSError):  # keeps the rename too, where the system can flush a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _make_alike(descriptor: int, like: os.stat_result) -> None:
    with contextlib.suppress(OSError, AttributeError):  # others' files, or a system without owners
        os.fchown(descriptor, like.st_uid, like.st_gid)
    with contextlib.suppress(OSError, AttributeError):
        os.fchmod(descriptor, like.st_mode & 0o777)
