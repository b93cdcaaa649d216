"""The rows and the details of edge-grade, gathered file by file and written at the end or at Ctrl-C."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from edge.criteria.adequacy import Adequacy, judge
from edge.criteria.criterion import Criterion
from edge.errors import EdgeError
from edge.files.output import write_output
from edge.grading import COLUMNS, GradedFile, readable, write_csv

Row = tuple[str, ...]  # of ``edge.grading.COLUMNS`` and ``Rows.more``


@dataclass
class Rows:
    """What was graded so far.

    Attributes:
        csv: where the rows go, None for nowhere.
        details: where the details go, None for nowhere.
        criterion: that each photograph is judged by.
        maps: the folder of maps; then each row names its pictures.
        rows: one a file, in the order given.
        model: SHA-256 of the bundle that graded them.
    """

    csv: Path | None
    details: Path | None
    criterion: Criterion | None
    maps: Path | None
    rows: list[Row] = field(default_factory=list)
    model: str = ""
    _lines: list[str] = field(default_factory=list)
    _failed: Counter[str] = field(default_factory=Counter)  # how many photographs miss each requirement

    @property
    def more(self) -> tuple[str, ...]:
        """Columns behind those of ``edge.grading.COLUMNS``."""
        judged = ("criterion", "adequate", "requirement") if self.criterion else ()
        return (*judged, *(("pictures",) if self.maps else ()), "model")

    def add(self, graded: GradedFile, stem: Path | None) -> Adequacy | None:
        """Note one file; what the criterion says of it, if there is one.

        Args:
            graded: the file.
            stem: of its pictures below the folder of maps, without suffix; None where they were not written.
        """
        found = graded.assessment
        adequacy = judge(found, self.criterion) if found is not None and self.criterion is not None else None
        self._failed.update(failure.name for failure in (adequacy.failed if adequacy else ()))
        more: Row = ()
        if self.criterion is not None:
            failed = "; ".join(map(str, adequacy.failed)) if adequacy else ""
            said = ("yes" if adequacy.adequate else "no", failed) if adequacy else ("", "")
            more = (self.criterion.shown, *said)
        if self.maps is not None:
            more = (*more, readable(stem.as_posix()) if found is not None and stem is not None else "")
        self.rows.append((*graded.cells(), *more, self.model if found is not None else ""))
        if self.details is not None:
            self._lines.append(json.dumps(_detail(graded, adequacy, self.model), allow_nan=False) + "\n")
        return adequacy

    def write(self) -> None:
        """Write what is there.

        Raises:
            EdgeError: a file cannot be written.
        """
        try:
            if self.csv is not None:
                write_csv(self.csv, self.rows, self.more)
        finally:  # either is worth having without the other
            if self.details is not None:
                _write_lines(self.details, self._lines)

    @property
    def adequate(self) -> tuple[int, int]:
        """How many the criterion calls adequate, of how many it judged."""
        place = len(COLUMNS) + self.more.index("adequate")
        judged = [row[place] for row in self.rows if row[place]]
        return judged.count("yes"), len(judged)

    def closing(self) -> list[str]:
        """What the criterion says of all of them, for people."""
        if self.criterion is None:
            return []
        adequate, judged = self.adequate
        digits, others = len(str(judged)), judged - adequate
        why = [f"  {count:>{digits}}  {name}" for name, count in self._failed.most_common()]
        why = (
            [f"why {others} {'is' if others == 1 else 'are'} not adequate (one may fail in several):", *why]
            if why
            else []
        )
        return [*why, f"{adequate} of {judged} adequate by {self.criterion.shown}; no programme has approved it"]


def _write_lines(path: Path, lines: list[str]) -> None:
    try:
        write_output(path, "".join(lines).encode())
    except OSError as error:
        raise EdgeError(f"{path} cannot be written ({error.strerror}): check the folder and the disk.") from None


def _detail(graded: GradedFile, adequacy: Adequacy | None, model: str) -> dict[str, object]:
    record: dict[str, object] = {"path": readable(graded.shown), "error": graded.error or None}
    if graded.assessment is not None:
        record |= graded.assessment.to_dict() | {"model": model}
        if graded.stated_eye is not None:
            record |= {"stated_eye": graded.stated_eye, "other_eye": graded.other_eye}
    return record | ({"criterion": adequacy.to_dict()} if adequacy is not None else {})
