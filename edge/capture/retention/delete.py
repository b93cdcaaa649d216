"""Delete a visit: every file that its session wrote, and no other.

The first step renames ``session.jsonl`` to ``.deleting``, which needs no room on the disk: from then on the folder is
no visit any more, and whatever a kill leaves of it goes at the next start. Before that step nothing of it is gone.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from edge.capture.archive.waiting import Folders
from edge.capture.retention.own import DELETING, RECORDING, changing, folders_of, opened, own_files
from edge.capture.retention.visits import Visit, visits_in
from edge.capture.session.aside import remove_aside, stems_aside
from edge.capture.session.leftovers import Recording
from edge.capture.session.storage import LINES
from edge.errors import EdgeError, reason_of


class NoSuchVisitError(EdgeError):
    """There is no ended visit of that id."""


class BusyVisitError(EdgeError):
    """The visit is still running, or being handed over."""


def delete_visit(out: Path, visit_id: str) -> Visit:
    """Delete a visit that has ended, whether or not it was delivered.

    Args:
        out: the folder of all sessions.
        visit_id: ``Visit.id``; anything else names no visit.

    Returns:
        The visit that is gone.

    Raises:
        NoSuchVisitError: there is none; it may have been deleted before.
        BusyVisitError: its session runs, or its hand-over is under way; nothing of it was removed.
        EdgeError: a file could not be removed; what is left goes at the next start.
    """
    visit = next((each for each in visits_in(out) if each.id == visit_id), None)
    if visit is None:
        raise NoSuchVisitError("there is no such visit: it was deleted before, or is still running.")
    remove(visit)
    return visit


def remove(visit: Visit) -> None:
    """Delete a visit; see ``delete_visit``."""
    with changing:
        _remove(visit)


def _remove(visit: Visit) -> None:
    name = visit.id.partition(".")[0]
    locks = Folders()
    try:
        with opened(visit.number, visit.folder) as descriptor:
            names = {entry.name for entry in own_files(descriptor)}
            if visit.folder in Recording.alive or RECORDING in names:
                raise BusyVisitError(f"{name} is still running: end the visit first.")
            if LINES not in names:
                raise NoSuchVisitError(f"{name} is gone already.")
            if not locks.hold(visit.folder):
                raise BusyVisitError(f"{name} is being handed over to the archive: delete it once that is done.")
            os.rename(LINES, DELETING, src_dir_fd=descriptor, dst_dir_fd=descriptor)
            os.fsync(descriptor)  # a power cut must not bring half of it back as a whole one
            _finish(descriptor)
    except FileNotFoundError:
        raise NoSuchVisitError(f"{name} is gone already.") from None
    except OSError as error:
        raise EdgeError(
            f"{visit.folder} could not be deleted completely ({reason_of(error)}): what is left goes at the next start."
        ) from error
    finally:
        locks.release()
    _remove_if_empty(visit.number, visit.folder)


def finish_deletions(out: Path) -> int:
    """Finish what a kill left half deleted, or discarded in an ended visit; what fails is tried at the next start.

    Returns:
        How many visits were half deleted.
    """
    finished = 0
    for number, folder, _ in folders_of(out):
        try:
            with opened(number, folder) as descriptor:
                names = {entry.name for entry in own_files(descriptor)}
                if DELETING not in names:
                    if stems_aside(names) and RECORDING not in names:
                        remove_aside(folder)
                    continue
                _finish(descriptor)
        except OSError:
            continue
        _remove_if_empty(number, folder)
        finished += 1
    return finished


def _finish(descriptor: int) -> None:
    """Remove all files of a session from an open folder; the mark of the deletion goes last.

    Raises:
        OSError: one could not be removed; all others are, but for that mark.
    """
    trouble: OSError | None = None
    names = sorted((entry.name for entry in own_files(descriptor) if entry.name != DELETING), key=_turn)
    for name in names:
        try:
            os.unlink(name, dir_fd=descriptor)
        except FileNotFoundError:  # another process finishes it too
            pass
        except OSError as error:
            trouble = error
    if trouble is not None:
        raise trouble
    os.fsync(descriptor)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(DELETING, dir_fd=descriptor)


def _turn(name: str) -> tuple[int, str]:
    """Marks go first, lest a hand-over begins with what is left; then sidecars, without which no set is complete."""
    return (0 if name.endswith((".waiting", ".delivered")) else 1 if name.endswith(".json") else 2), name


def _remove_if_empty(number: int, folder: Path) -> None:
    if number != 1:  # ``--out`` itself is the user's
        with contextlib.suppress(OSError):  # something foreign is in it
            folder.rmdir()
