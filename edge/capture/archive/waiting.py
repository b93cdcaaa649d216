"""Marks of DICOM files that wait to be delivered, or were; they outlive a session.

``.STEM.dcm.pending`` marks a DICOM file whose visit has not ended; the end renames it to ``.STEM.dcm.waiting``, unless
its eye is not certain. That marks a file to be handed over; it is renamed to ``.STEM.dcm.delivered`` once the file was,
in one step each, so that after a kill a file has one mark or the other. A file without a mark was never to be handed
over. While files of a folder wait, a session holds a lock on ``.handing-over`` in it, so that another one with the same
``--out`` leaves them alone.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_LOCK, _MARKS, _PENDING = ".handing-over", ".*.dcm.waiting", ".*.dcm.pending"


def mark_of(file: Path) -> Path:
    """The mark beside a DICOM file that waits."""
    return file.with_name(f".{file.name}.waiting")


def pending_of(file: Path) -> Path:
    """The mark beside a DICOM file of a visit that has not ended."""
    return file.with_name(f".{file.name}.pending")


def release(file: Path) -> bool:
    """The visit has ended: a pending file waits to be handed over from now on.

    Returns:
        Whether it was pending.

    Raises:
        OSError: the mark could not be renamed.
    """
    try:
        pending_of(file).replace(mark_of(file))
    except FileNotFoundError:
        return False
    return True


def mark_delivered(file: Path) -> None:
    """Mark a DICOM file as delivered: it waits no longer, and may go when the disk needs room.

    Raises:
        OSError: the mark could not be written; then the file still waits, and is delivered again.
    """
    delivered = file.with_name(f".{file.name}.delivered")
    try:
        mark_of(file).replace(delivered)
    except FileNotFoundError:  # somebody removed the mark
        delivered.touch(0o600)


def left_over(wanted: Path, pending: bool = False) -> bool:
    """Whether a file of an earlier session with this ``--out`` still waits, locked or not; or is pending, if asked."""
    marks = (_MARKS, _PENDING) if pending else (_MARKS,)
    return any(any(folder.glob(mark)) for folder in _sessions(wanted) for mark in marks)


class Folders:
    """The folders whose files one hand-over delivers; it locks them, each with an open file.

    Attributes:
        more: whether ``left_over`` left folders for later.
    """

    def __init__(self) -> None:
        self._locks: dict[Path, int] = {}
        self._most = _open_files() // 4
        self.more = False

    @property
    def few(self) -> bool:
        """Whether so few folders are locked that it is worth looking for more."""
        return len(self._locks) < self._most // 2

    def hold(self, folder: Path) -> bool:
        """Lock a folder; False if another session has it. Without locks in the file system it is ours."""
        if folder in self._locks:
            return True
        try:
            import fcntl

            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except (ImportError, OSError):
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        except OSError:
            os.close(lock)
            return True
        self._locks[folder] = lock
        return True

    def left_over(self, wanted: Path) -> list[Path]:
        """Lock and list the waiting files of earlier sessions with this ``--out``, oldest session first.

        Only so many sessions at once that files can still be opened, and none that is locked here already.
        """
        found: list[Path] = []
        self.more = False
        for folder in _sessions(wanted):
            if folder in self._locks:
                continue
            if len(self._locks) >= self._most:
                self.more = True
                break
            marks = sorted(folder.glob(_MARKS))
            if marks and self.hold(folder):
                found += [file for mark in marks if (file := _file_of(mark)) is not None]
        return found

    def release(self, only: Path | None = None) -> None:
        """Unlock one folder, or all."""
        for folder in list(self._locks) if only is None else [only]:
            if (lock := self._locks.pop(folder, None)) is None:
                continue
            with contextlib.suppress(OSError):
                (folder / _LOCK).unlink(missing_ok=True)  # before it is unlocked: the next session creates its own
            os.close(lock)


def _open_files() -> int:
    """How many files this process may have open: often 1024, on some systems 256."""
    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    except ImportError:
        return 1024
    return min(most, 1024) if most > 0 else 1024  # -1: as many as it likes


def _file_of(mark: Path) -> Path | None:
    """The file of a mark; None if a session was killed before it wrote it, or it was removed."""
    file = mark.with_name(mark.name[1:].removesuffix(".waiting"))
    if file.is_file() and not file.is_symlink():
        return file
    with contextlib.suppress(OSError):
        mark.unlink()
    return None


def _sessions(wanted: Path) -> list[Path]:
    return [wanted, *sorted(wanted.glob("session-*"), key=_number)]


def _number(folder: Path) -> tuple[int, str]:
    number = folder.name.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 0, folder.name
