"""From one photograph to its row, here or on another machine."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from edge.ahead import ahead
from edge.criteria.criterion import Criterion
from edge.errors import EdgeError
from edge.grading.batch import failed
from edge.grading.grader import Graded, Grader
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


class Makes(Protocol):
    """What makes rows of photographs, here or elsewhere."""

    @property
    def by(self) -> tuple[str, str]:
        """SHA-256 of the bundle, and the settings."""

    def rows(self, lacking: Callable[[Shared], Iterator[Input]]) -> Generator[tuple[Graded, Row], None, None]:
        """A row of each photograph, one after the other.

        Args:
            lacking: gives the photographs, with what a run shares.

        Raises:
            EdgeError: they cannot be graded there.
        """


class RowsOf:
    """What makes rows in this process.

    Attributes:
        by: SHA-256 of the bundle, and the settings.
    """

    def __init__(self, grades: Grader, asked: Asked) -> None:
        self._grades, self._asked = grades, asked
        self.by = (grades.bundle.sha256, str(asked))

    def rows(self, lacking: Callable[[Shared], Iterator[Input]]) -> Generator[tuple[Graded, Row], None, None]:
        """See ``Makes``; in the order of the photographs."""
        with (
            ThreadPoolExecutor(self._grades.at_once, thread_name_prefix="grade") as threads,
            Shared() as shared,  # ended before the threads are waited for, as are the grades
            closing(self._grades),
            closing(ahead(threads, partial(self.of, shared), lacking(shared), 2 * self._grades.at_once)) as done,
        ):
            for each in done:
                yield each.result()

    def of(self, shared: Shared, item: Input) -> tuple[Graded, Row]:
        """Grade a photograph; what is known of one that cannot be read is in its row too.

        Args:
            shared: of the run.
            item: the photograph.
        """
        with contextlib.ExitStack() as stack:
            return self.row(*opened(stack, shared, item))

    def row(self, item: Input, path: Path | None, facts: FileFacts | None) -> tuple[Graded, Row]:
        """The same of one that is opened; see ``opened``."""
        graded, facts = self._graded(item, path, facts)
        asked = self._asked
        return graded, row_of(item, graded.file, facts, graded.looks, asked.criterion, self.by, asked.identity)

    def _graded(self, item: Input, path: Path | None, facts: FileFacts | None) -> tuple[Graded, FileFacts | None]:
        try:
            if item.error:
                raise EdgeError(item.error)
            if path is not None:
                return self._grades.graded(item, path, looks=True), facts
            if item.path.is_file():  # a pipe is refused below, unread
                facts = facts_of(item.path, hashed=False)
            graded = self._grades.graded(item, looks=True)
            if graded.looks:
                digest = facts_of(item.path).sha256
                if (
                    facts is not None and facts_of(item.path, hashed=False) == facts
                ):  # else another may have been decoded
                    facts = replace(facts, sha256=digest)
            return graded, facts
        except Exception as error:
            return failed(item, error), facts


def lean(graded: Graded, row: Row) -> tuple[Graded, Row]:
    """A row, and of what it was made of only what is told of: it goes from process to process."""
    file = graded.file
    told = replace(file, assessment=None, frame=None, identity={}, contradicts=file.other_eye)
    return replace(graded, file=told), row


def opened(stack: contextlib.ExitStack, shared: Shared, item: Input) -> tuple[Input, Path | None, FileFacts | None]:
    """A photograph as any process of this machine can read it; the bytes of one that is no file are held.

    Args:
        stack: holds them until it ends.
        shared: of the run.
        item: the photograph.

    Returns:
        The photograph, where its bytes are and what is known of them; with its error where it cannot be read.
    """
    if item.error or item.source is None:
        return item, None, None
    facts: FileFacts | None = None
    try:
        try:
            facts = facts_now(item, shared, hashed=False)
        except RefusedError as error:
            raise EdgeError(f"{item.name} {error}.") from None
        found = stack.enter_context(held(item.source, shared))
    except Exception as error:
        words = str(error) if isinstance(error, EdgeError) else failed(item, error).file.error
        return replace(item, error=words, source=None, called=item.name), None, facts
    return item, found.path, FileFacts(found.size, facts.modified, found.sha256)


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
