"""Atomic writes: a file is either complete or absent."""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

_MOST_NAME_BYTES = 80  # of a temporary name: file systems take 255, and count bytes
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}\.tmp", re.DOTALL)
_listing = threading.Lock()
_left: dict[Path, dict[str, list[Path]]] = {}  # by folder and stem, temporary files that earlier processes left


def write_atomically(path: Path, data: bytes, *, private: bool = False, like: os.stat_result | None = None) -> None:
    """Write a file under a temporary name in its own folder, flush it to the disk, then rename it.

    A reader sees the old file or the new one, also after a power cut; a failed write leaves nothing behind, and the
    temporary files of killed writers of the same file are removed. Whatever has that name is replaced, also a link or a
    pipe: files that a user names go through ``edge.files.output``.

    Args:
        path: the file.
        data: its content.
        private: whether only its owner may read it, whatever the umask is.
        like: a file whose permissions it gets, and whose owner and group where that is allowed.

    Raises:
        OSError: the folder is missing, read-only or full.
    """
    with replacing(path, private=private, like=like) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = False, like: os.stat_result | None = None) -> Iterator[io.BufferedWriter]:
    """The same for a file that is written piece by piece: it gets its name when the block ends without an error.

    Args:
        path: the file.
        private, like: see ``write_atomically``.

    Yields:
        The temporary file, open for writing.

    Raises:
        OSError: the folder is missing, read-only or full.
    """
    stem = path.name.encode("utf-8", "ignore")[:_MOST_NAME_BYTES].decode("utf-8", "ignore")
    _sweep(path.parent, stem)
    with contextlib.ExitStack() as held:
        temporary, descriptor = _create(path.parent, stem, 0o600 if private or like is not None else 0o666, held)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if like is not None:
                    _make_alike(file.fileno(), like)
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make what was renamed or removed in a folder durable too, where the system can flush one."""
    with contextlib.suppress(OSError):
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _make_alike(descriptor: int, like: os.stat_result) -> None:
    with contextlib.suppress(OSError, AttributeError):  # others' files, or a system without owners
        os.fchown(descriptor, like.st_uid, like.st_gid)
    with contextlib.suppress(OSError, AttributeError):
        os.fchmod(descriptor, like.st_mode & 0o777)


def _create(folder: Path, stem: str, mode: int, held: contextlib.ExitStack) -> tuple[Path, int]:
    """A temporary file, locked until ``held`` closes, to distinguish it from those that killed writers left."""
    while True:
        temporary = folder / f".{stem}.{secrets.token_hex(4)}.tmp"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            if not _lock(descriptor):
                return temporary, descriptor
            held.callback(os.close, os.dup(descriptor))  # the lock ends when both are closed
        except KeyboardInterrupt:
            temporary.unlink(missing_ok=True)
            raise
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), temporary.lstat()):
                return temporary, descriptor
        os.close(descriptor)  # another process removed it before it was locked


def _lock(descriptor: int) -> bool:
    """Whether we hold the lock now; not where another process has it, or the file system has no locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _sweep(folder: Path, stem: str) -> None:
    """Remove the temporary files that killed writers of a file left. A folder is listed once: it may be very large."""
    where = Path(os.path.abspath(folder))  # noqa: PTH100 (a link stays one)
    with _listing:
        if where not in _left:
            _left[where] = {}
            with contextlib.suppress(OSError):
                for name in os.listdir(where):  # noqa: PTH208 (names alone)
                    if (found := _TEMPORARY.fullmatch(name)) is not None:
                        _left[where].setdefault(found[1], []).append(where / name)
        left = _left[where].pop(stem, [])
    for path in left:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            try:
                if _lock(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)
