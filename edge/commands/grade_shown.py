"""What edge-grade shows of each file: its row, an error, and how far it has come."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

from rich.progress import Progress
from rich.text import Text

from edge.assessment import TERMINAL_COLOURS, shown_score
from edge.commands.console import cli
from edge.criteria.adequacy import Adequacy
from edge.grading import GradedFile


def print_error(words: str) -> None:
    """Print an error that ends nothing."""
    cli.err.print(Text(cli.one_line(f"error: {words}")), soft_wrap=True)


def print_note(words: str) -> None:
    """Print a note."""
    cli.err.print(Text(cli.one_line(f"note: {words}")), soft_wrap=True)


def with_progress(graded: Iterator[GradedFile], total: int, csv: Path | None) -> Iterator[GradedFile]:
    """A bar on stderr once the work has taken two seconds, unless the rows themselves are seen coming."""
    if not cli.err.is_terminal or (csv is None and cli.out.is_terminal):
        yield from graded
        return
    # Without the redirection rows that go to a file would end up on the terminal.
    bar = Progress(console=cli.err, transient=True, redirect_stdout=False, redirect_stderr=False)
    task = bar.add_task("grading", total=total)
    since, shown = time.monotonic(), False
    try:
        for item in graded:
            if not shown and time.monotonic() - since > 2:
                bar.start()
                shown = True
            yield item
            bar.advance(task)
    finally:
        if shown:
            bar.stop()


def show_row(graded: GradedFile, adequacy: Adequacy | None, table: bool, json_lines: bool) -> None:
    """One row, in the form asked for."""
    path, _, verdict, error, cause, place, *_ = graded.cells()
    if json_lines:
        row = {
            "path": path,
            "score": round(graded.assessment.score, 6) if graded.assessment else None,
            "verdict": verdict or None,
            "error": error or None,
        }
        if graded.assessment is not None:
            row |= {"cause": cause or None, "place": place or None, "eye": graded.assessment.eye}
        if adequacy is not None:
            row |= {"criterion": adequacy.shown, "adequate": adequacy.adequate}
        print(json.dumps(row, allow_nan=False), flush=True)
    elif table:
        found = graded.assessment
        said = f"{cause.replace('_', ' ')} at {place}" if cause else ""
        if adequacy is not None:
            said = "adequate" if adequacy.adequate else f"not adequate: {adequacy.failed[0].requirement}"
        score, colour = (shown_score(found.score), TERMINAL_COLOURS[found.verdict]) if found else ("", "bold red")
        cli.out.print(
            Text.assemble(
                f"{score:>6}  ", (f"{verdict or 'error':<10}", colour), f"  {said:<25}  ", cli.one_line(error or path)
            ),
            soft_wrap=True,
        )
    elif error:
        print_error(error)
