"""edge-grade --table: an archive into a table, what it lacks."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import typer

from edge.assessment import verdicts_with
from edge.bundle.bundle import Bundle
from edge.camera.quiet import quiet_opencv
from edge.commands.console import cli
from edge.commands.console.criterion import NamedCriterion
from edge.commands.console.endings import Printed
from edge.commands.grade_how import Which, are_many, learns, rows_by
from edge.commands.grade_shown import print_error, print_note
from edge.commands.grade_words import Noticed, listed, why_lines
from edge.errors import EdgeError
from edge.findings.cause import CAUSES
from edge.grading import Input, readable
from edge.grading.inputs import Passed, stream_inputs
from edge.grading.table.columns import Row
from edge.grading.table.fingerprint import check_hash
from edge.grading.table.run import Asked, Grading
from edge.grading.table.table import Table
from edge.images import remedy_of
from edge.modality import MODALITIES
from edge.progress import progress
from edge.sources.address import files_among
from edge.sources.elsewhere import How


@dataclass(frozen=True)
class TableAsked:
    """What edge-grade was asked for beside the photographs."""

    table: Path
    model: Path | None
    engine: str
    threads: int | None
    recheck: bool
    bits: int | None
    field: str | None
    criterion: NamedCriterion | None
    how: How
    identity: bool
    on: str | None


@dataclass
class _Run:
    """What this run did.

    Attributes:
        verdicts: of the empty one a photograph could not be graded.
        causes: main causes of those that are ``usable`` or ``reject``.
        adequate: how many the criterion calls so.
        nowhere: paths that lead to no photograph.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    adequate: int = 0
    nowhere: int = 0
    passed: Passed = field(default_factory=Passed)
    noticed: Noticed = field(default_factory=Noticed)

    @property
    def failed(self) -> int:
        """Photographs that could not be graded, and paths that lead to none."""
        return self.verdicts[""] + self.nowhere

    @property
    def graded(self) -> int:
        """The others."""
        return self.verdicts.total() - self.verdicts[""]

    def add(self, row: Row) -> None:
        """Count a row."""
        self.verdicts[str(row["verdict"])] += 1
        if row["verdict"] in ("usable", "reject"):
            self.causes[str(row["cause"])] += 1
        self.adequate += row["adequate"] == "yes"

    def notes(self) -> list[str]:
        """What is told of once a run."""
        example, count = self.passed.example, self.passed.unread
        number = "1 photograph is" if count == 1 else f"{count} photographs are"
        unread = [f"{number} passed over, such as {example}: {remedy_of([example])}."] if example else []
        return unread + self.noticed.notes()

    def found(self, inputs: Iterator[Input]) -> Iterator[Input]:
        """The inputs that are files; what is wrong with the others is printed."""
        for item in inputs:
            if not item.error:
                yield item
                continue
            self.nowhere += 1
            print_error(item.error)


def grade_table(paths: Sequence[str], asked: TableAsked, json_lines: bool) -> None:
    """Grade what the table lacks, and print what was done.

    Raises:
        EdgeError: the table or the model cannot be used.
        Exit: something failed.
    """
    check_hash()
    if os.path.realpath(asked.table) in map(os.path.realpath, files_among(paths)):
        raise EdgeError(f"{asked.table} cannot be the table: it is an input; give another name.")
    run = _Run()
    printed = Printed(True, print_error)
    how = Asked(asked.bits, asked.field, asked.criterion, asked.identity, asked.how.listing.carry)
    inputs, many = are_many(stream_inputs(paths, run.passed, asked.how))
    which = Which(asked.model, asked.engine, asked.threads, asked.field, asked.bits)
    if learns(which):
        raise EdgeError(
            "a table holds each photograph graded by itself, and what --field learn finds depends on their order: give "
            "--field circle:X,Y,R, a mask, or --field frame."
        )
    with quiet_opencv(), ExitStack() as stack:
        with progress("starting"):  # a large table, processes or a cluster take some seconds
            table = stack.enter_context(Table(asked.table))
            bundle, makes = stack.enter_context(rows_by(which, many, how, asked.on))
        grading = Grading(makes, table, how, asked.recheck, print_note)
        rows = grading.rows(run.found(inputs))
        try:
            with progress("grading") as tick:
                for number, (graded, row) in enumerate(rows, 1):
                    run.add(row)
                    run.noticed.add(graded)
                    if json_lines:
                        printed.say(partial(_print_json, row))
                    elif row["error"]:
                        print_error(str(row["error"]))
                    tick(number)
        except KeyboardInterrupt:
            _settle_at_last(table)
            print_note(f"stopped; {readable(asked.table)} holds what was graded so far, and the same command goes on")
            raise
        table.settle()
        for words in run.notes():
            print_note(words)
        if json_lines:
            summary = _summary(run, grading, table, asked, bundle)
            printed.say(lambda: print(json.dumps({"summary": summary}, allow_nan=False)))
        for line in [] if json_lines else _closing(run, grading, table, asked, bundle):
            printed.say(partial(cli.out.print, cli.one_line(line), markup=False))
    if run.failed or printed.lost:
        raise typer.Exit(1)


def _settle_at_last(table: Table) -> None:
    """At Ctrl-C: a failure is printed, and the exit code stays that of Ctrl-C."""
    try:
        table.settle()
    except EdgeError as error:
        print_error(str(error))


def _print_json(row: Row) -> None:
    """A row as without --table."""
    said: dict[str, object] = {name: row[name] or None for name in ("path", "verdict", "error")}
    said["score"] = row["score"]
    if row["verdict"]:
        said |= {"cause": row["cause"] or None, "place": row["place"] or None, "eye": row["eye"] or None}
        if row["criterion"]:
            said |= {"criterion": row["criterion"], "adequate": row["adequate"] == "yes"}
    print(json.dumps(said, allow_nan=False), flush=True)


def _summary(run: _Run, grading: Grading, table: Table, asked: TableAsked, bundle: Bundle) -> dict[str, object]:
    """What was done, for machines."""
    summary: dict[str, object] = {"graded": run.graded, "failed": run.failed, "kept": grading.kept}
    summary["verdicts"] = {verdict: run.verdicts[verdict] for verdict in verdicts_with(run.verdicts)}
    summary["causes"] = {cause: run.causes[cause] for cause in CAUSES}
    if asked.criterion is not None:
        summary |= {"criterion": asked.criterion.shown, "adequate": run.adequate}
    summary["model"] = {"name": bundle.manifest.name, "sha256": bundle.sha256}
    summary["passed_over"] = {"photographs": run.passed.unread, "others": run.passed.others}
    held = {"photographs": table.index.size(), "copies": table.index.copies()}
    return summary | {"table": {"path": readable(asked.table), **held}}


def _closing(run: _Run, grading: Grading, table: Table, asked: TableAsked, bundle: Bundle) -> list[str]:
    """The last lines, for people."""
    passed, size, copies = run.passed, table.index.size(), table.index.copies()
    modality = MODALITIES[bundle.manifest.modality]
    verdicts = listed(run.verdicts, modality)
    left = f", {passed.unread + passed.others} other files passed over" if passed.unread + passed.others else ""
    lines = [f"{run.graded} graded ({verdicts}), {run.failed} failed, {grading.kept} in the table already{left}"]
    if modality.explained:
        lines += why_lines(run.causes, run.verdicts)
    if asked.criterion is not None and run.graded:  # nothing is said of what the table had
        of = f"of the {run.graded} graded now" if grading.kept else f"of {run.graded}"
        lines.append(f"{run.adequate} {of} adequate by {asked.criterion.shown}; no programme has approved it")
    lines.append(f"table: {readable(asked.table)}, {size} photograph{'s' * (size != 1)}")
    if copies:
        lines.append(f"{copies} are copies of others: edge-curate duplicates {readable(asked.table)} names them")
    return lines
