"""What the operator is asked of a capture whose eye is not certain, and told where it stayed so."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from edge.capture.graded import Graded
from edge.capture.visit import Captured


def question_of(visit: int, shown: Captured) -> str:
    """What is asked of a capture; empty where nothing is."""
    which = f"capture {shown.number} of visit {visit}"
    if shown.contradiction:
        return (
            f"{which} shows a {shown.told} eye, but {shown.stated} was stated: say which it is, or discard it; "
            "until then it is not handed over."
        )
    if shown.eye is None:
        return f"{which} does not tell its eye: say which it is; until then it is not handed over."
    return ""


def unanswered(folder: Path, numbers: Collection[int]) -> str:
    """What is told of DICOM files whose eye is not certain: of these captures, or of the best frame."""
    what = f"capture {', '.join(map(str, sorted(numbers)))}" if numbers else "the best frame"
    where = f"{what} in {folder}"
    return (
        f"which eye {where} shows is not certain: its DICOM file names none, and is not handed over before it is said "
        "among the ended visits of the page (--web)."
    )


def poor_best(folder: Path, best: Graded | None) -> str:
    """What is told of a best frame that no archive gets: nobody asked for it, and it shows too little; else nothing."""
    if best is None or best.assessment.verdict in ("good", "usable"):
        return ""
    return (
        f"nothing was captured in {folder}, and its best frame ({best.assessment.verdict}) is not good enough for the "
        "archive: it is kept there and not handed over."
    )
