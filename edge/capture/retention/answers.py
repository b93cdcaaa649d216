"""Somebody says after a visit which eye a capture shows: its files say so, and it is handed over, as in the visit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from edge.capture.archive.dicom import answered
from edge.capture.archive.waiting import Folders, release
from edge.capture.retention.delete import NoSuchVisitError
from edge.capture.retention.own import changing
from edge.capture.retention.questions import Question, questions_of
from edge.capture.retention.visits import MARKS, Visit, visits_in
from edge.capture.session.aside import set_aside, stems_aside
from edge.capture.session.sidecar import capture_of, field_of, is_asked, rank_of, read_sidecar, with_answer
from edge.capture.session.storage import LINES, LineFile, aside_mark, remove_frame, rewrite
from edge.errors import EdgeError, InputError, reason_of
from edge.findings.eye import Eye

Take = Callable[[Path], object]


class AnsweredError(EdgeError):
    """Nothing is asked any more: it was answered before, discarded or sent."""


def answer(out: Path, visit_id: str, frame: int, eye: Eye, take: Take | None = None) -> tuple[Visit, Question]:
    """Say which eye a capture of an ended visit shows.

    Args:
        out: the folder of all sessions.
        visit_id: ``Visit.id``.
        frame: ``Question.frame``.
        eye: ``right`` or ``left``.
        take: hands a DICOM file over; without it one that was to be handed over waits for the next session that does.

    Returns:
        The visit, and what was asked.

    Raises:
        InputError: there is no such eye.
        NoSuchVisitError: there is no such visit.
        AnsweredError: nothing is asked of that frame.
        EdgeError: a file could not be written; then it is still asked.
    """
    if eye not in ("right", "left"):
        raise InputError("a capture is of the right or the left eye: say which.")
    with changing:
        visit = next((each for each in visits_in(out) if each.id == visit_id), None)
        if visit is None:
            raise NoSuchVisitError("there is no such visit: it was deleted, or is still running.")
        question = next((each for each in questions_of(visit) if each.frame == frame), None)
        if question is None:
            raise AnsweredError(f"nothing is asked of frame {frame} of that visit: it was answered before, or is gone.")
        stems = question.stems if question.number is None else _asked_of(visit.folder, question.number)
        _write(visit.folder, stems, eye, take)
    return visit, question


def answer_capture(folder: Path, number: int, eye: Eye, take: Take | None = None) -> bool:
    """The same for a capture of a visit that is over in this program, also without a DICOM file.

    Args:
        folder: of the visit.
        number: of the capture in it.
        eye, take: as for ``answer``.

    Returns:
        Whether something was asked of it.

    Raises:
        EdgeError: as ``answer`` does.
    """
    with changing:
        if stems := _asked_of(folder, number):
            _write(folder, stems, eye, take)
    return bool(stems)


def set_aside_capture(folder: Path, number: int, aside: bool) -> bool:
    """Mark a capture that is asked about as discarded, of a visit that is over, or bring it back.

    Returns:
        Whether there was something to mark, or to bring back.

    Raises:
        EdgeError: a mark could not be written or removed.
    """
    with changing:
        stems = _asked_of(folder, number, aside=not aside)
        try:
            for stem in stems:
                set_aside(folder, stem, aside)
        except OSError as error:
            raise EdgeError(f"{folder} cannot be written to ({reason_of(error)}): see to the disk.") from error
    return bool(stems)


def remove_capture(folder: Path, number: int) -> None:
    """Remove every file of a capture that was set aside, of a visit that is over.

    Raises:
        OSError: something could not be removed.
    """
    with changing:
        for stem in _asked_of(folder, number, aside=True):
            remove_frame(folder, stem)


def _asked_of(folder: Path, number: int, aside: bool = False) -> tuple[str, ...]:
    """The frames of a capture of which something is asked, the best one first; those that were set aside, or not."""
    found, gone = [], stems_aside(path.name for path in folder.glob(aside_mark("frame-*")))
    for path in folder.glob("frame-*.json"):
        said = read_sidecar(path)
        mark = next((each for each in MARKS if (folder / f".{path.stem}.dcm.{each}").exists()), "none")
        if capture_of(said) == number and is_asked(said, mark) and (path.stem in gone) == aside:
            found.append((rank_of(said), path.stem))
    return tuple(stem for _, stem in sorted(found))


def _write(folder: Path, stems: Iterable[str], eye: Eye, take: Take | None) -> None:
    """Write an eye into the files of frames of a visit that is over, and hand over what was kept back.

    The DICOM file comes first and the mark last, so that after a kill nothing leaves that does not name this eye.

    Raises:
        EdgeError: a file could not be written; what was kept back and is not written stays so.
    """
    locks, stems = Folders(), tuple(stems)
    locks.hold(folder)  # so that nobody deletes it meanwhile; a hand-over that has the lock keeps them away too
    ready = []
    try:
        for stem in stems:
            file, sidecar = folder / f"{stem}.dcm", folder / f"{stem}.json"
            said = read_sidecar(sidecar)
            if file.is_file() and not file.is_symlink():
                rewrite(file, _answered(file, eye, said))
            if said:
                rewrite(sidecar, (json.dumps(with_answer(said, eye), indent=2) + "\n").encode())
        _note(folder, stems, eye)
        for stem in stems:
            if release(folder / f"{stem}.dcm"):
                ready.append(folder / f"{stem}.dcm")
    except OSError as error:
        raise EdgeError(
            f"the eye could not be written into {folder} ({reason_of(error)}): it is still asked; see to the disk."
        ) from error
    finally:
        locks.release()
    for file in ready:
        if take is not None:
            take(file)


def _answered(file: Path, eye: Eye, said: dict[str, Any]) -> bytes:
    """A DICOM file with its eye."""
    try:
        return answered(file.read_bytes(), eye, field_of(said))
    except OSError:
        raise
    except Exception:  # pydicom may quote what it read
        raise EdgeError(f"{file} is no DICOM file: it was damaged after it had been saved, and is not sent.") from None


def _note(folder: Path, stems: tuple[str, ...], eye: Eye) -> None:
    """Add the same line to the session's record as in the visit."""
    shot = capture_of(read_sidecar(folder / f"{stems[0]}.json")) if stems else None
    lines = LineFile(folder / LINES)
    try:
        lines.append([json.dumps({"event": "corrected", "shot": shot, "laterality": eye, "after": "visit"})])
    finally:
        lines.close()
