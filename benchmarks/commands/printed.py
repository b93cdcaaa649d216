"""A result on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.report.lines import cells, lines_beside, scenario_lines
from benchmarks.report.printed import HEADER, headline, last, rows
from benchmarks.report.result import Result


def print_table(result: Result, console: Console) -> None:
    """The result for people."""
    for each in result.scenarios:
        table = Table(title=escape(headline(result, each)), title_justify="left")
        for number, name in enumerate(HEADER):
            table.add_column(name, justify="right" if number else "left")
        for title, summary in rows(each):
            table.add_row(title, *cells(summary), style="bold" if title == last(each) else None)
        console.print(table)
        for label, text in scenario_lines(each):
            console.print(f"{label}: {text}", markup=False, emoji=False)
    for label, text in lines_beside(result):
        console.print(f"{label}: {text}", markup=False, emoji=False)
