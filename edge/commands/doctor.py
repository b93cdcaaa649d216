"""edge-doctor: what works on this machine, and how to fix the rest."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from edge.commands.console import cli
from edge.doctor.checkup import examine, next_step
from edge.doctor.finding import Finding
from edge.doctor.jetson import is_jetson
from edge.progress import progress

app = cli.new_app("Check this machine.")
main = cli.main_of(app)

_HELP = """Say what works on this machine, and one remedy for each thing that does not.

Each line is ok; warning: it works, but worse than it could; or missing: what needs it does not work. The last line runs
the model that ships. Nothing is changed but the engine cache. Exit 0 where the model runs (with --quick: where nothing
is missing), 1 where it does not.

\b
Examples:
  edge-doctor
  edge-doctor --quick --json
"""
_COLOURS = {"ok": "green", "warning": "yellow", "missing": "red"}
Quick = Annotated[bool, typer.Option("--quick", help="Do not run the model, which may have to build an engine first.")]
Root = Annotated[Path, typer.Option(hidden=True, help="Where the files of the machine lie.")]


@app.command(help=_HELP)
def doctor(quick: Quick = False, as_json: cli.Json = False, debug: cli.Debug = False, root: Root = Path("/")) -> None:
    """Run the checks, print what they find, and set the exit code."""
    findings: list[Finding] = []
    checks = examine(root, quick)
    while (finding := _next(checks)) is not None:
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        listed = [dataclasses.asdict(each) for each in findings]
        print(json.dumps({"ok": _passes(findings, quick), "findings": listed}, indent=1))
    if not _passes(findings, quick):
        raise typer.Exit(1)
    if not as_json and not quick:
        cli.out.print(next_step(is_jetson(root)), markup=False)


def _next(checks: Iterator[Finding]) -> Finding | None:
    """What the next check finds; its bar is removed before that is printed, as both may be on one terminal."""
    with progress("checking"):
        return next(checks, None)


def _print(finding: Finding) -> None:
    state = f"[{_COLOURS[finding.state]}]{finding.state:<8}[/]"
    cli.out.print(f"{state} {finding.name:<13} ", end="")
    cli.out.print(finding.found, markup=False)
    if finding.remedy:
        cli.out.print(f"{'':<23}-> {finding.remedy}", markup=False)


def _passes(findings: list[Finding], quick: bool) -> bool:
    judged = findings if quick else [each for each in findings if each.name == "model"]
    return bool(judged) and all(each.state != "missing" for each in judged)


if __name__ == "__main__":
    main()
