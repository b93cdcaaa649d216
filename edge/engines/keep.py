"""The folder of the engine cache, its user's alone: an engine is code, and who may write there runs it as that user."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from edge.errors import EdgeError
from edge.files.atomic import write_atomically

_LARGEST = 4 << 30  # bytes of an engine
_OPENED = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def make_own_folder(folder: Path) -> None:
    """Make the folder of the cache where it is missing, for its user alone.

    Raises:
        EdgeError: it is there and is not this user's, or others may write in it.
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_own_folder(folder)
    if stat.S_IMODE(folder.stat().st_mode) != 0o700 and _is_mine(folder.stat()):
        with contextlib.suppress(OSError):  # made by an older version of this program; nobody else may write in it
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
    """Open a file of the cache without waiting for anybody, and see then what it is; raises OSError as ``read_own``."""
    file = os.open(path, flags | _OPENED | getattr(os, "O_BINARY", 0), mode)
    about = os.fstat(file)
    # A folder that is closed today may have been open when somebody wrote in a file that all may write.
    for_all = hasattr(os, "geteuid") and about.st_mode & stat.S_IWOTH
    if stat.S_ISREG(about.st_mode) and (_is_mine(about) or about.st_uid == 0) and not for_all:
        return file
    os.close(file)
    raise OSError(None, f"{path} is not a file of yours that you alone may write")


def write_own(path: Path, data: bytes) -> None:
    """Write a file of the cache, which nobody else may write, whatever the umask says; raises OSError."""
    write_atomically(path, data)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS_WRITE:  # until now the folder kept them out
        path.chmod(mode & ~_OTHERS_WRITE)
