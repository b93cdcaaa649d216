"""Somebody says after a visit which eye a capture shows: its files say so, and it is handed over, as in the visit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from edge.capture.archive.dicom import answered
from edge.capture.archive.waiting import Folders, release
from edge.capture.retention.delete import NoSuchVisitError
from edge.capture.retention.questions import questions_of
from edge.capture.retention.visits import Visit, visits_in
from edge.capture.session.sidecar import capture_of, field_of, read_sidecar, with_answer
from edge.capture.session.storage import LINES, LineFile, rewrite
from edge.errors import EdgeError, InputError, reason_of
from edge.findings.eye import Eye

Take = Callable[[Path], object]


class AnsweredError(EdgeError):
    """Nothing is asked any more: it was answered before, discarded or sent."""


def answer(out: Path, visit_id: str, frame: int, eye: Eye, take: Take | None = None) -> Visit:
    """Say which eye a capture of an ended visit shows.

    Args:
        out: the folder of all sessions.
        visit_id: ``Visit.id``.
        frame: ``Question.frame``.
        eye: ``right`` or ``left``.
        take: hands a DICOM file over; without it one that was to be handed over waits for the next session that does.

    Returns:
        The visit.

    Raises:
        InputError: there is no such eye.
        NoSuchVisitError: there is no such visit.
        AnsweredError: nothing is asked of that frame.
        EdgeError: a file could not be written; then it is still asked.
    """
    if eye not in ("right", "left"):
        raise InputError("a capture is of the right or the left eye: say which.")
    visit = next((each for each in visits_in(out) if each.id == visit_id), None)
    if visit is None:
        raise NoSuchVisitError("there is no such visit: it was deleted, or is still running.")
    question = next((each for each in questions_of(visit) if each.frame == frame), None)
    if question is None:
        raise AnsweredError(f"nothing is asked of frame {frame} of that visit: it was answered before, or is gone.")
    settle_frames(visit.folder, question.stems, eye, take)
    return visit


def settle_frames(folder: Path, stems: Iterable[str], eye: Eye, take: Take | None) -> None:
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
                rewrite(file, answered(file.read_bytes(), eye, field_of(said)))
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


def _note(folder: Path, stems: tuple[str, ...], eye: Eye) -> None:
    """Add the same line to the session's record as in the visit."""
    shot = capture_of(read_sidecar(folder / f"{stems[0]}.json")) if stems else None
    lines = LineFile(folder / LINES)
    try:
        lines.append([json.dumps({"event": "corrected", "shot": shot, "laterality": eye, "after": "visit"})])
    finally:
        lines.close()
