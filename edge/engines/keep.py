"""The folder of the engine cache, private to its user: an engine is code that runs with the user's permissions."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.errors import EdgeError
from edge.files.atomic import write_atomically

log = logging.getLogger(__name__)
_LARGEST = 4 << 30  # bytes of an engine
_OPENED = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def make_own_folder(folder: Path) -> None:
    """Create the folder of the cache where it is missing, private to its user.

    Raises:
        EdgeError: it is there and is not this user's, or others may write in it.
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_own_folder(folder)
    if stat.S_IMODE(folder.stat().st_mode) != 0o700 and _is_mine(folder.stat()):
        with contextlib.suppress(OSError):  # made by an older version; nobody else may write in it
            folder.chmod(0o700)


def check_own_folder(folder: Path) -> None:
    """Refuse a cache that somebody else may have written.

    Raises:
        EdgeError: it is not this user's (or root's), or others may write in it.
        OSError: it is not there, or cannot be looked at.
    """
    about = folder.stat()
    if not stat.S_ISDIR(about.st_mode):
        raise EdgeError(f"the engine cache {folder} is not a folder: remove it, or set EFIQA_CACHE to a folder")
    if not hasattr(os, "geteuid"):  # Windows, where a user's folders are their own
        return
    if not _is_mine(about) and about.st_uid != 0:
        raise EdgeError(
            f"the engine cache {folder} belongs to another user (number {about.st_uid}), who could put any program in "
            "it: set EFIQA_CACHE to a folder of your own"
        )
    if about.st_mode & _OTHERS_WRITE:
        raise EdgeError(
            f"other users may write in the engine cache {folder} and so could put any program in it: chmod 700 it, "
            "having removed what is in it, or set EFIQA_CACHE to another folder"
        )


def _is_mine(about: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or about.st_uid == os.geteuid()


def read_own(path: Path) -> bytes:
    """A file of the cache: a regular one, and this user's (or root's).

    Raises:
        EdgeError: the folder is not this user's alone.
        OSError: there is none, it cannot be read, or is a pipe, a device, a link or somebody else's.
    """
    check_own_folder(path.parent)
    with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
        return file.read(_LARGEST)


def open_own(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open a file of the cache without blocking, then check what it is; raises OSError as ``read_own``."""
    file = os.open(path, flags | _OPENED | getattr(os, "O_BINARY", 0), mode)
    about = os.fstat(file)
    # A folder that is closed today may have been open when somebody wrote in a file that all may write.
    for_all = hasattr(os, "geteuid") and about.st_mode & stat.S_IWOTH
    if stat.S_ISREG(about.st_mode) and (_is_mine(about) or about.st_uid == 0) and not for_all:
        return file
    os.close(file)
    raise OSError(None, f"{path} is not a file of yours that you alone may write")


def write_own(path: Path, data: bytes) -> None:
    """Write a file of the cache that nobody else may write, whatever the umask is; raises OSError."""
    write_atomically(path, data)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS_WRITE:  # until now the folder kept them out
        path.chmod(mode & ~_OTHERS_WRITE)


@contextlib.contextmanager
def alone(where: Callable[[], Path]) -> Iterator[None]:
    """Hold a lock file, so that one process builds an engine and the others wait for it.

    Where the folder cannot hold one, the work is done without it, and at worst twice.

    Args:
        where: the file, which is removed afterwards; may raise EdgeError where there is no folder for it.
    """
    from filelock import FileLock, Timeout  # takes 50 ms, and an engine from the cache needs none

    held = None
    with contextlib.suppress(OSError, EdgeError):  # a cache that cannot be written is reported when the engine is kept
        path = where()
        make_own_folder(path.parent)
        # No soft lock where the disk knows no locks: its file would outlive a killed holder.
        lock = FileLock(path, mode=0o600, fallback_to_soft=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            log.info("another process builds this engine; waiting for it")
            lock.acquire()
        held = lock
    try:
        yield
    finally:
        if held is not None:
            with contextlib.suppress(OSError):
                path.unlink()  # while it is held: whoever waits for it sees that the file is gone, and creates another
            held.release()
