"""From one photograph to its row, here or on another machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from edge.criteria.criterion import Criterion
from edge.errors import EdgeError, EngineError
from edge.grading.batch import failed
from edge.grading.grader import Graded, Grades
from edge.grading.inputs import Input
from edge.grading.table.columns import Row
from edge.grading.table.fingerprint import FileFacts, facts_of
from edge.grading.table.record import row_of
from edge.images.limits import RefusedError
from edge.sources.shared import Shared
from edge.sources.source import held


@dataclass(frozen=True)
class Asked:
    """How photographs are graded; one that was graded otherwise is graded again.

    Attributes:
        bits: how many of 16 bits count, or None for what the files say.
        field: the field setting, or None for what the bundle says.
        criterion: that they are judged by, or None.
        identity: whether rows say whose photograph it is, where a DICOM file does.
        carry: columns of lists that rows carry.
    """

    bits: int | None = None
    field: str | None = None
    criterion: Criterion | None = None
    identity: bool = False
    carry: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For the column ``settings``; empty where nothing is asked."""
        said = {"bits": self.bits, "field": _named(self.field), "criterion": _digest(self.criterion)}
        said |= {"identity": "yes" if self.identity else None, "carry": ",".join(self.carry) or None}
        return " ".join(f"{name}={value}" for name, value in said.items() if value is not None)


class RowsOf:
    """What makes rows.

    Attributes:
        by: SHA-256 of the bundle, and the settings.
    """

    def __init__(self, grades: Grades, asked: Asked) -> None:
        self._grades, self._asked = grades, asked
        self.by = (grades.bundle.sha256, str(asked))

    def of(self, shared: Shared, item: Input) -> tuple[Graded, Row]:
        """Grade a photograph; what is known of one that cannot be read is in its row too.

        Args:
            shared: of the run.
            item: the photograph.

        Raises:
            EngineError: see ``Grades``.
        """
        graded, facts = self._graded(shared, item)
        asked = self._asked
        return graded, row_of(item, graded.file, facts, graded.looks, asked.criterion, self.by, asked.identity)

    def _graded(self, shared: Shared, item: Input) -> tuple[Graded, FileFacts | None]:
        facts: FileFacts | None = None
        try:
            if item.error:
                raise EdgeError(item.error)
            if item.source is not None:
                try:
                    facts = facts_now(item, shared, hashed=False)
                except RefusedError as error:
                    raise EdgeError(f"{item.name} {error}.") from None
                with held(item.source, shared) as found:
                    facts = FileFacts(found.size, facts.modified, found.sha256)
                    return self._grades.graded(item, found.path, looks=True), facts
            if item.path.is_file():  # a pipe is refused below, unread
                facts = facts_of(item.path, hashed=False)
            graded = self._grades.graded(item, looks=True)
            if graded.file.assessment is not None:
                after = facts_of(item.path)
                if facts is not None and after.modified == facts.modified:  # else another content may have been decoded
                    facts = after
            return graded, facts
        except EngineError:
            raise
        except Exception as error:
            return failed(item, error), facts


def facts_now(item: Input, shared: Shared, hashed: bool) -> FileFacts:
    """Look at a photograph; ``hashed`` reads all of its bytes."""
    source = item.source
    if source is None:
        return facts_of(item.path, hashed)
    size, change = source.look(shared)
    if not hashed:
        return FileFacts(size, change)
    with held(source, shared) as found:
        return FileFacts(found.size, change, found.sha256)


def _named(field: str | None) -> str | None:
    """A field setting; a mask by its content."""
    if field is None or not Path(field).is_file():
        return field
    return f"mask:{hashlib.sha256(Path(field).read_bytes()).hexdigest()[:16]}"


def _digest(criterion: Criterion | None) -> str | None:
    return None if criterion is None else hashlib.sha256(repr(criterion).encode()).hexdigest()[:16]
