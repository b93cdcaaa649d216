"""Grading what a table lacks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial

from edge.errors import EdgeError
from edge.grading.graded_file import GradedFile
from edge.grading.grader import Grader, Told
from edge.grading.inputs import Input
from edge.grading.table.columns import Row
from edge.grading.table.made import Asked, Makes, RowsOf, facts_now
from edge.grading.table.record import key_text
from edge.grading.table.table import Table
from edge.images.limits import RefusedError
from edge.model import QualityModel
from edge.sources.members import Member
from edge.sources.shared import Shared

__all__ = ["Asked", "Grading"]
log = logging.getLogger(__name__)
PLAIN = Asked()


class Grading:
    """A run over inputs.

    Attributes:
        kept: how many photographs the table had already.
    """

    def __init__(
        self,
        makes: QualityModel | Makes,
        table: Table,
        asked: Asked = PLAIN,
        recheck: bool = False,
        tell: Callable[[str], None] = log.warning,
    ) -> None:
        """Set up.

        Args:
            makes: what makes rows; a model does so in this process.
            table: what is known, and where the rows go.
            asked: how; of a model.
            recheck: compare the content of every file, also where its size and its time are those of the row.
            tell: receives what the model warns of.
        """
        self.kept = 0
        self._makes = RowsOf(Grader(makes, asked.bits), asked) if isinstance(makes, QualityModel) else makes
        self._table, self._recheck, self._tell = table, recheck, Told(tell)

    def rows(self, inputs: Iterable[Input]) -> Iterator[tuple[GradedFile, Row]]:
        """Grade what the table lacks, and add a row for each before it is yielded.

        Of a photograph that cannot be found now, as where a server is down, a row that was true stays.

        Raises:
            EdgeError: the table cannot be written, or the engine failed.
        """
        with closing(self._makes.rows(partial(self._lacking, inputs))) as made:
            for graded, row in made:
                if not self._is_missed(row):
                    self._table.add(row)
                for words in graded.notes:
                    self._tell(words)
                yield graded.file, row

    def _lacking(self, inputs: Iterable[Input], shared: Shared) -> Iterator[Input]:
        for item in inputs:
            key = key_text(item.name)
            if not self._is_met(item, key):
                if self._is_known(item, key, shared):
                    self.kept += 1
                else:
                    yield item

    def _is_met(self, item: Input, key: str) -> bool:
        """Whether it came before in this run; archives can hold several members of one name, none of them the other."""
        mark = f"{item.source.size} {item.source.change}" if isinstance(item.source, Member) else ""
        before = self._table.index.meet(key, mark)
        if before not in (None, mark):
            self._tell(f"of members that have one name the first is graded (as of {key}): pack the archive again.")
        return before is not None

    def _is_missed(self, row: Row) -> bool:
        known = self._table.index.find(str(row["path"]))
        if row["verdict"] or known is None or not known.verdict or (known.model, known.settings) != self._makes.by:
            return False
        return row["size"] is None and row["modified"] is None

    def _is_known(self, item: Input, key: str, shared: Shared) -> bool:
        """Whether its row is still true. What could not be graded is tried again."""
        known = self._table.index.find(key)
        if known is None or not known.verdict or (known.model, known.settings) != self._makes.by:
            return False
        try:
            facts = facts_now(item, shared, hashed=False)
            if None is not facts.size != known.size:
                return False
            unchanged = None is not facts.modified == known.modified and not self._recheck
            return unchanged or facts_now(item, shared, hashed=True).sha256 == known.sha256
        except (OSError, ValueError, EdgeError, RefusedError):
            return False
