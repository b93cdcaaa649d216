"""Whose visit it is: from what an operator typed or scanned to a study, where alone it is kept."""

from __future__ import annotations

from collections.abc import Mapping

from edge.capture.archive.study import Study, begin_study, identified, of_the_camera
from edge.capture.archive.study_file import check_patient
from edge.capture.archive.worklist_item import WorklistItem
from edge.capture.visit import Visit
from edge.errors import EdgeError, InputError

Fields = Mapping[str, object]


def study_of_next(before: Study | None, patient: Fields, item: WorklistItem | None) -> Study | None:
    """The study of the next visit; None where no DICOM files are made.

    Args:
        before: that of another visit with the same camera.
        patient: fields as for ``check_patient``; empty for nobody.
        item: of the worklist.

    Raises:
        InputError: a field is wrong; the sentence holds no value.
        EdgeError: there is nowhere to keep an identity.
    """
    if before is None:
        if patient or item is not None:
            raise _nowhere()
        return None
    return begin_study({**of_the_camera(before.attributes), **_checked(patient)}, item)


def study_of_visit(visit: Visit, study: Study | None, patient: Fields, item: WorklistItem | None) -> Study:
    """The study of this visit, now that it is known whose it is.

    Args:
        visit: of now.
        study: of it so far.
        patient, item: as for ``study_of_next``.

    Raises:
        InputError: a field is wrong; the sentence holds no value.
        EdgeError: there is nowhere to keep an identity, the visit has ended, or it has captures of somebody else.
    """
    if study is None:
        raise _nowhere()
    wanted = identified(study, _checked(patient), item)
    if visit.state == "ended":
        raise EdgeError(f"visit {visit.number} has ended: begin the next one to say whose it is.")
    if visit.captures and study.names_somebody and wanted.attributes != study.attributes:
        raise EdgeError(
            f"visit {visit.number} has captures of another identity: discard them, or begin the next visit."
        )
    return wanted


def _checked(patient: Fields) -> dict[str, str]:
    """An identity as DICOM attributes."""
    try:
        return check_patient(patient) if patient else {}
    except EdgeError as error:  # it names no value
        raise InputError(str(error)) from None


def _nowhere() -> EdgeError:
    return EdgeError("this session makes no DICOM files, where alone an identity is kept: start it with --dicom.")
