"""Repair what a killed session left: at the next start with the same ``--out`` its files are finished or removed.

A session locks ``.recording`` in its folder until it has ended. A folder with that file but without the lock belongs to
a session that was killed; any other folder is left alone, and so is every file that no session writes.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from edge.camera.recording.stream import load_av
from edge.capture.archive.waiting import mark_of, pending_of, release
from edge.capture.session.aside import remove_aside
from edge.capture.session.sidecar import eye_is_certain, read_sidecar
from edge.capture.session.storage import LINES, VIDEO, session_number

_MARK = ".recording"
_PART = f".{Path(VIDEO).stem}.part{Path(VIDEO).suffix}"
_KINDS = ("png", "map.png", "overlay.jpg", "dcm")
_PIECE = re.compile(rf"(frame-[0-9]{{6,}})\.({'|'.join(map(re.escape, _KINDS))})")
# Temporary names of a frame's files, of their marks for the archive, and of the mark of the session itself.
_TEMPORARY = re.compile(r"\.(\.?frame-[0-9]{6,}\.[a-z.]+|recording)\.[0-9a-f]{8}\.tmp")


class Recording:
    """The mark that a session is running in its folder.

    Attributes:
        alive: folders of the sessions that run in this process, also where the file system knows no locks.
    """

    alive: ClassVar[set[Path]] = set()

    def __init__(self, folder: Path) -> None:
        self._path = folder / _MARK
        self.alive.add(folder)
        self._lock: int | None = None
        with contextlib.suppress(OSError, ImportError):
            self._take()

    def _take(self) -> None:
        """Use another name until it is locked: an unlocked ``.recording`` belongs to a dead session."""
        import fcntl

        temporary = self._path.with_name(f"{_MARK}.{os.urandom(4).hex()}.tmp")
        lock = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with contextlib.suppress(OSError):  # a full disk still has room for an empty file
                os.write(lock, f"edge-capture, process {os.getpid()}\n".encode())
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.replace(self._path)
        except OSError:
            os.close(lock)
            temporary.unlink(missing_ok=True)
            raise
        self._lock = lock

    def end(self) -> None:
        """Remove the mark: everything is written."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None
        self.alive.discard(self._path.parent)


def repair(wanted: Path) -> str:
    """Finish or remove what killed sessions with this ``--out`` left.

    Returns:
        One sentence about it; empty if there was nothing.
    """
    folders, videos, removed, gone, unsure = [], 0, 0, 0, list[str]()
    for folder in _sessions(wanted):
        with _dead(folder) as dead:
            if not dead:
                continue
            try:
                video, pieces = _finish_video(folder), _remove_pieces(folder)
                gone += remove_aside(folder)
                _cut_lines(folder / LINES)
                unsure += [f"{each.name} in {folder}" for each in end_visit(folder)]
                (folder / _MARK).unlink(missing_ok=True)
            except OSError:  # a full or read-only disk: the next start tries again
                continue
            folders.append(folder)
            videos, removed = videos + video, removed + pieces
    if not folders:
        return ""
    who = f"the session in {folders[0]} was" if len(folders) == 1 else f"{len(folders)} sessions in {wanted} were"
    done = ["its video is finished" if len(folders) == 1 else f"{videos} videos are finished"] * bool(videos)
    done += [f"{removed} half-written file{'s are' if removed > 1 else ' is'} removed"] * bool(removed)
    done += ["what was discarded is gone"] * bool(gone)
    done = done or ["no file was left half-written"]
    if unsure:
        done += [
            f"which eye {', '.join(unsure)} shows is not certain, so that it is not handed over before it is said on "
            "the page (--web)"
        ]
    return f"{who} killed: {', '.join(done)}; all other files are complete."


def killed_visits(wanted: Path) -> list[int]:
    """The numbers of the visits that were cut by a kill and are not repaired yet."""
    numbers = []
    for folder in _sessions(wanted):
        with _dead(folder) as dead:
            if dead:
                numbers.append(session_number(folder.name) or 1 if folder != wanted else 1)
    return sorted(numbers)


def _sessions(wanted: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [
            folder
            for folder in (wanted, *sorted(wanted.glob("session-*")))
            if (folder / _MARK).is_file() and not folder.is_symlink()
        ]
    return []


@contextlib.contextmanager
def _dead(folder: Path) -> Iterator[bool]:
    """Whether the session of a folder is dead and this process may repair it; it is locked meanwhile."""
    try:
        import fcntl

        lock = os.open(folder / _MARK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (ImportError, OSError):
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield os.path.samestat(os.fstat(lock), (folder / _MARK).lstat())  # not repaired by another process just now
    except OSError:  # it is alive, or that is unknown
        yield False
    finally:
        os.close(lock)


def _finish_video(folder: Path) -> bool:
    """Rename an unfinished video, which plays up to its last second; False if it shows nothing."""
    part = folder / _PART
    if not part.is_file() or part.is_symlink():
        return False
    if not (folder / VIDEO).exists() and _shows_something(part):
        part.replace(folder / VIDEO)
        return True
    part.unlink()
    return False


def _shows_something(video: Path) -> bool:
    try:
        with load_av().open(str(video)) as container:
            return next(container.decode(video=0), None) is not None
    except Exception:  # a header without a picture, or half a header
        return False


def _remove_pieces(folder: Path) -> int:
    """Remove temporary files, and the files of sets without the sidecar, which comes last.

    A DICOM file that waits for the archive is complete, and stays: the hand-over delivers it.
    """
    removed = 0
    for mark in folder.glob(".frame-*.dcm.pending"):
        if not (folder / mark.name[1:].removesuffix(".pending")).exists():
            mark.unlink()
    for path in sorted(folder.iterdir()):
        piece = _PIECE.fullmatch(path.name)
        half = piece is not None and not (folder / f"{piece[1]}.json").exists() and not mark_of(path).exists()
        if (half or _TEMPORARY.fullmatch(path.name)) and path.is_file() and not path.is_symlink():
            path.unlink()
            pending_of(path).unlink(missing_ok=True)
            removed += 1
    return removed


def end_visit(folder: Path) -> list[Path]:
    """End the visit of a dead session: its DICOM files wait to be handed over, if their eye is certain.

    Returns:
        Those whose eye is not; they stay.

    Raises:
        OSError: a mark could not be written.
    """
    unsure = []
    for mark in sorted(folder.glob(".frame-*.dcm.pending")):
        file = folder / mark.name[1:].removesuffix(".pending")
        if eye_is_certain(read_sidecar(file.with_suffix(".json"))):
            release(file)
        else:
            unsure.append(file)
    return unsure


def _cut_lines(path: Path) -> None:
    """Cut off an incomplete last line."""
    if not path.is_file() or path.is_symlink():
        return
    with path.open("rb+") as file:
        at = size = file.seek(0, os.SEEK_END)
        while at > 0:
            begin = max(0, at - 65536)
            file.seek(begin)
            end = file.read(at - begin).rfind(b"\n")
            if end >= 0:
                at = begin + end + 1
                break
            at = begin
        if at < size:
            file.truncate(at)
            os.fsync(file.fileno())
