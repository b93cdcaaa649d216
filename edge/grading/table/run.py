"""Grading what a table lacks."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge.ahead import ahead
from edge.criteria.criterion import Criterion
from edge.errors import EdgeError
from edge.grading.batch import AHEAD, READERS, grade_read
from edge.grading.graded_file import GradedFile
from edge.grading.inputs import Input
from edge.grading.table.columns import Row
from edge.grading.table.fingerprint import FileFacts, facts_of, perceptual_hash
from edge.grading.table.record import key_text, row_of
from edge.grading.table.table import Table
from edge.images import ImageReader, Picture
from edge.images.limits import RefusedError
from edge.model import QualityModel
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


@dataclass(frozen=True)
class _Reading:
    facts: FileFacts | None
    picture: Picture | None
    looks: str
    error: Exception | None

    def result(self) -> Picture:
        if self.error is not None or self.picture is None:
            raise self.error or EdgeError("nothing was read.")
        return self.picture


class Grading:
    """A run over inputs.

    Attributes:
        kept: how many photographs the table had already.
    """

    def __init__(self, model: QualityModel, table: Table, asked: Asked, recheck: bool = False) -> None:
        """Set up.

        Args:
            model: what grades.
            table: what is known, and where the rows go.
            asked: how.
            recheck: compare the content of every file, also where its size and its time are those of the row.
        """
        self.kept = 0
        self._model, self._table, self._asked, self._recheck = model, table, asked, recheck
        self._by = (model.bundle.sha256, str(asked))
        self._in_work: set[str] = set()

    def rows(self, inputs: Iterable[Input]) -> Iterator[tuple[GradedFile, Row]]:
        """Grade what the table lacks, and add a row for each before it is yielded.

        Raises:
            EdgeError: the table cannot be written.
        """
        with (
            ThreadPoolExecutor(READERS, thread_name_prefix="read") as threads,
            Shared() as shared,  # ended before the threads are waited for
            ImageReader() as reader,
        ):
            lacking, read_of = itertools.tee(self._lacking(inputs, shared))
            work = partial(_read, reader, shared, self._asked.bits)
            with closing(ahead(threads, work, read_of, AHEAD)) as readings:
                for future, item in zip(readings, lacking, strict=False):
                    yield self._added(item, future.result())

    def _added(self, item: Input, reading: _Reading) -> tuple[GradedFile, Row]:
        """Grade what was read, and add its row."""
        graded, asked = grade_read(self._model, item, reading.result), self._asked
        row = row_of(item, graded, reading.facts, reading.looks, asked.criterion, self._by, asked.identity)
        self._table.add(row)
        self._in_work.discard(str(row["path"]))
        return graded, row

    def _lacking(self, inputs: Iterable[Input], shared: Shared) -> Iterator[Input]:
        for item in inputs:
            key = key_text(item.name)
            if key not in self._in_work:
                if self._is_known(item, key, shared):
                    self.kept += 1
                else:
                    self._in_work.add(key)
                    yield item

    def _is_known(self, item: Input, key: str, shared: Shared) -> bool:
        """Whether its row is still true. What could not be graded is tried again."""
        known = self._table.index.find(key)
        if known is None or not known.verdict or (known.model, known.settings) != self._by:
            return False
        try:
            facts = _facts(item, shared, hashed=False)
            if None is not facts.size != known.size:
                return False
            unchanged = None is not facts.modified == known.modified and not self._recheck
            return unchanged or _facts(item, shared, hashed=True).sha256 == known.sha256
        except (OSError, ValueError, EdgeError, RefusedError):
            return False


def _facts(item: Input, shared: Shared, hashed: bool) -> FileFacts:
    """Look at a photograph; ``hashed`` reads all of its bytes."""
    source = item.source
    if source is None:
        return facts_of(item.path, hashed)
    size, change = source.look(shared)
    if not hashed:
        return FileFacts(size, change)
    with held(source, shared) as found:
        return FileFacts(found.size, change, found.sha256)


def _read(reader: ImageReader, shared: Shared, bits: int | None, item: Input) -> _Reading:
    """Never raises: what is known of a file whose picture cannot be read is in its row too."""
    facts: FileFacts | None = None
    try:
        if item.error:
            raise EdgeError(item.error)
        if item.source is not None:
            try:
                facts = _facts(item, shared, hashed=False)
            except RefusedError as error:
                raise EdgeError(f"{item.name} {error}.") from None
            with held(item.source, shared) as found:
                facts = FileFacts(found.size, facts.modified, found.sha256)
                picture = reader.picture(found.path, bits, item.name)
            return _Reading(facts, picture, perceptual_hash(picture.frame), None)
        if item.path.is_file():  # a pipe is refused below, unread
            facts = facts_of(item.path, hashed=False)
        picture = reader.picture(item.path, bits)
        after = facts_of(item.path)
        if facts is not None and after.modified == facts.modified:  # else another content may have been decoded
            facts = after
        return _Reading(facts, picture, perceptual_hash(picture.frame), None)
    except Exception as error:
        return _Reading(facts, None, "", error)


def _named(field: str | None) -> str | None:
    """A field setting; a mask by its content."""
    if field is None or not Path(field).is_file():
        return field
    return f"mask:{hashlib.sha256(Path(field).read_bytes()).hexdigest()[:16]}"


def _digest(criterion: Criterion | None) -> str | None:
    return None if criterion is None else hashlib.sha256(repr(criterion).encode()).hexdigest()[:16]
