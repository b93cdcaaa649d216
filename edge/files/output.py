"""Output files that a user names: written through links, into pipes and devices, never over an input.

A regular file is replaced atomically and keeps its permissions; a link stays, and its target is replaced. Anything else
(a pipe, ``/dev/stdout``, a terminal) is written to.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from edge.errors import EdgeError, reason_of
from edge.files.atomic import write_atomically

_OWN_DESCRIPTOR = re.compile(r"/(?:dev|proc/(?:self|thread-self|[0-9]+)(?:/task/[0-9]+)?)/fd/([0-9]+)")
_MOST_LINKS = 40  # as the kernel follows


def write_output(path: Path, data: bytes) -> None:
    """Write an output of a command.

    Raises:
        OSError: it cannot be written; a regular file is then unchanged.
    """
    descriptor = _descriptor(path)
    if descriptor is not None:
        _write_to(os.dup(descriptor), data)  # opened again, it would overwrite what others have written to it
        return
    mode = _mode(path)
    if mode is None:
        write_atomically(_target_of(path), data)
    elif stat.S_ISREG(mode):
        _replace(_target_of(path), data)
    elif stat.S_ISBLK(mode):
        raise OSError(errno.EPERM, "it is a disk")
    else:  # for a folder this raises
        _write_to(os.open(path, os.O_WRONLY | os.O_NOCTTY), data)


def is_stream(path: Path) -> bool:
    """Whether a name means something that cannot be replaced: a pipe, a device, our own standard output."""
    with contextlib.suppress(OSError):
        mode = _mode(path)
        return _descriptor(path) is not None or (mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode))
    return False


def check_output(path: Path, what: str, inputs: Iterable[Path | None] = ()) -> None:
    """Refuse, before the work, an output that could not be written after it or would overwrite an input.

    Args:
        path: the output.
        what: its role, such as "the CSV".
        inputs: files that are read; None for one that was not given.

    Raises:
        EdgeError: it cannot be written there, or is one of the inputs.
    """
    try:
        problem = _problem(path, {_identity(each) for each in inputs if each is not None} - {None})
    except (OSError, ValueError) as error:
        raise EdgeError(f"{path} cannot be {what} ({reason_of(error)}): give another name.") from None
    if problem:
        raise EdgeError(f"{path} cannot be {what}: {problem}.")


def _problem(path: Path, inputs: set[tuple[int, int] | None]) -> str:
    descriptor = _descriptor(path)
    if descriptor is not None:
        return "" if _is_writable(descriptor) else "nothing is open there to write into; give another name"
    mode = _mode(path)
    if mode is None or stat.S_ISREG(mode):
        if _identity(path) in inputs:
            return "it is an input, which would be lost; give another name"
        target = _target_of(path)
        if not target.parent.is_dir():
            return f"there is no folder {target.parent}; make it first, or give another name"
        if not os.access(target.parent, os.W_OK):
            return f"the folder {target.parent} is read-only; give another one"
        return "" if mode is None or os.access(target, os.W_OK) else "it is read-only; give another name"
    if stat.S_ISDIR(mode):
        return "it is a folder; give the name of a file"
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        return f"it is a {'disk' if stat.S_ISBLK(mode) else 'socket'}; give the name of a file"
    return "" if os.access(path, os.W_OK) else "it is read-only; give another name"


def _mode(path: Path) -> int | None:
    """Type and permissions of what a name means; None where it does not exist."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _identity(path: Path) -> tuple[int, int] | None:
    """Equal for two names of one file, links of both kinds included."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _target_of(path: Path) -> Path:
    """The final target of a link, whether or not it exists."""
    return Path(os.path.realpath(path))


def _descriptor(path: Path) -> int | None:
    """The descriptor of our own open file that a name such as ``/dev/stdout`` means."""
    at = Path(os.path.abspath(path))  # noqa: PTH100 (not resolved: that would follow it to the file behind it)
    for _ in range(_MOST_LINKS):
        named = _OWN_DESCRIPTOR.fullmatch(str(at))
        if named is not None and _is_ours(at):
            return int(named[1])
        try:
            at = Path(os.path.abspath(at.parent / os.readlink(at)))  # noqa: PTH100, PTH115
        except OSError:  # no link
            return None
    return None


def _is_ours(at: Path) -> bool:
    process = at.parts[2] if at.parts[1] == "proc" else "self"
    return process in ("self", "thread-self", str(os.getpid()))


def _is_writable(descriptor: int) -> bool:
    """Whether one of our own open files is open for writing."""
    try:
        import fcntl

        return bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR))
    except ImportError:
        return True
    except OSError:  # closed
        return False


def _write_to(descriptor: int, data: bytes) -> None:
    """Write to an open descriptor, after what we have printed there already, and close it."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _replace(target: Path, data: bytes) -> None:
    """Replace a regular file atomically; a read-only one is left alone, although its folder would allow it."""
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    write_atomically(target, data, like=target.stat())
