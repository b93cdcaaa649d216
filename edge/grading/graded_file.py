"""One graded file, and the rows of a CSV of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.assessment import Assessment
from edge.errors import EdgeError
from edge.files.output import write_output
from edge.files.table import csv_text, whole_sentence
from edge.findings.eye import Eye
from edge.images.origin import UNSTATED, Origin

COLUMNS = ("path", "score", "verdict", "error", "cause", "place", "coverage", "eye", "field_definition")


@dataclass(frozen=True, eq=False)
class GradedFile:
    """One input: an assessment of its frame, or the reason why there is none.

    Attributes:
        reaches: how many bits its samples reach, where that is fewer than they have; see ``edge.images.Picture``.
        stated_eye: the eye that a DICOM file says it shows.
        origin: camera, institution and time, by what the file says.
        name: what rows call it, where that is not ``path``.
        identity: patient, study, series and instance of a DICOM file, which are written only where somebody asks.
        contradicts: what ``other_eye`` says where the assessment was left on another machine.
        size: width and height of the upright photograph, pixels; (0, 0) where it could not be read.
    """

    path: Path
    frame: NDArray[np.uint8] | None
    assessment: Assessment | None
    error: str = ""
    reaches: int | None = None
    stated_eye: Eye | None = None
    origin: Origin = UNSTATED
    name: str = ""
    identity: Mapping[str, str] = field(default_factory=dict, repr=False)
    size: tuple[int, int] = (0, 0)
    contradicts: bool = False

    @property
    def shown(self) -> str:
        """What rows call it."""
        return self.name or str(self.path)

    @property
    def other_eye(self) -> bool:
        """Whether the photograph shows the other eye than its file says."""
        if self.assessment is None:
            return self.contradicts
        told = self.assessment.eye
        return None not in (told, self.stated_eye) and told != self.stated_eye

    def cells(self) -> tuple[str, ...]:
        """What ``COLUMNS`` name, as text; empty where there is nothing to say."""
        found = self.assessment
        if found is None:
            return readable(self.shown), "", "", whole_sentence(readable(self.error)), *[""] * (len(COLUMNS) - 4)
        cause = found.cause
        return (
            readable(self.shown),
            f"{found.score:.4f}",
            found.verdict,
            "",
            cause.code if cause else "",
            cause.place if cause else "",
            f"{found.coverage:.4f}",
            found.eye or "",
            found.field_kind,
        )


def readable(text: Path | str) -> str:
    """Text that can be encoded: a file name of foreign bytes keeps them as escapes."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def write_csv(path: Path, rows: Sequence[tuple[str, ...]], more: Sequence[str] = ()) -> None:
    """Write rows below the header of ``COLUMNS`` and, behind these, of the columns ``more``.

    They are written whole or not at all where that can be; see ``edge.files.output``.

    Raises:
        EdgeError: the file cannot be written.
    """
    try:
        write_output(path, csv_text([(*COLUMNS, *more), *rows]).encode())
    except OSError as error:
        raise EdgeError(f"{path} cannot be written ({error.strerror}): check the folder and the disk.") from None
