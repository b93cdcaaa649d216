"""edge-bench acceptance: one run that shows whether a board does the work, and a page to send back."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.acceptance.page import HEADER, form_lines, scrubbed, session_lines, table_row, to_html, to_json
from benchmarks.acceptance.result import Acceptance
from benchmarks.acceptance.run import AcceptanceOptions, accept
from benchmarks.commands.plan import parse_miss
from benchmarks.commands.shared import EXIT_CODES, check_result_file, command_line, write_file
from edge import EdgeError
from edge.bundle.bundle import read_bundle
from edge.bundle.named import named_bundle
from edge.commands.console.cli import MODEL, Debug, EngineName, Runtime, Trust, err, out
from edge.modality import check_fundus
from trainer.pages import check_report, markdown_table

_FILES = "acceptance.json", "acceptance.html"
_RUNS = 4000  # at 30 a second two minutes; 3,700 in time show that fewer than 0.1 % are late
ACCEPTANCE_HELP = """Accept a board: build its engines, verify them, judge a deadline, and run a live session.

INT8 and FP16 are built anew, compared with the golden maps and timed one by one and at a camera's 30 frames a second.
Then edge-capture runs with its page, film and automatic capture, while power, temperature and memory are read. OUT gets
acceptance.json and acceptance.html, to send back; no serial number, folder or host name is in them. Exit 0 for PASS, 1
for FAIL or where nothing could be run, 2 for wrong arguments, 3 for INCONCLUSIVE, 130 after Ctrl-C. edge-bench
--acceptance OUT is the same.

\b
Examples:
  edge-bench acceptance board
  edge-bench acceptance board --source 0 --minutes 30
"""


def acceptance(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="The folder for acceptance.json and acceptance.html.")],
    model: Annotated[Path | None, typer.Option(parser=named_bundle, metavar="FILE", help=MODEL)] = None,
    trust: Trust = None,
    engine: Runtime = EngineName.auto,
    source: Annotated[
        str | None, typer.Option(help="The camera of the live session, as for edge-capture; demo if left out.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.05, max=120, help="How long the live session is.")] = 10.0,
    runs: Annotated[int, typer.Option(min=1, max=100_000, help="Frames at the camera's pace.")] = _RUNS,
    deadline: Annotated[
        float, typer.Option(min=0.1, metavar="MS", help="From the arrival of a frame to its assessment.")
    ] = 33.0,
    miss: Annotated[str, typer.Option(metavar="SHARE", help="Share of frames that may be later.")] = "0.1%",
    debug: Debug = False,
) -> None:
    """Run the acceptance, print its verdict and write both files."""
    allowed = parse_miss(miss)
    if importlib.util.find_spec("aiohttp") is None:
        raise EdgeError('the live session needs aiohttp for its page: pip install "efiqa-edge[web]"')
    check_report("the page of an acceptance")
    check_fundus(read_bundle(named_bundle(model)).manifest, "edge-bench acceptance")  # leaves nothing behind
    _make_folder(folder)
    options = AcceptanceOptions(
        command=command_line(
            "edge-bench acceptance",
            (
                ("--model", model, None),
                ("--engine", engine, EngineName.auto),
                ("--source", None if source is None else "camera", None),
                ("--minutes", minutes, 10.0),
                ("--runs", runs, _RUNS),
                ("--deadline", deadline, 33.0),
                ("--miss", miss, "0.1%"),
            ),
        ),
        model=model,
        engine=engine.value,
        source=source,
        capture=_for_capture(model, trust, engine),
        minutes=minutes,
        runs=runs,
        deadline_ms=deadline,
        allowed=allowed,
    )
    found = scrubbed(accept(options))
    _print(found)
    for name, text in zip(_FILES, (to_json(found) + "\n", to_html(found)), strict=True):
        write_file(folder / name, text.encode(), "OUT")
    err.print(f"{folder}: acceptance.json and acceptance.html, to look into and to send back", markup=False)
    if found.interrupted:
        raise typer.Exit(130)
    raise typer.Exit(EXIT_CODES[found.verdict])


def _make_folder(folder: Path) -> None:
    """Before the run, not after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeError(f"{folder} cannot be written ({error.strerror}): name another folder") from error
    for name in _FILES:
        check_result_file(folder / name, "OUT")


def _for_capture(model: Path | None, trust: list[str] | None, engine: EngineName) -> list[str]:
    """The session takes the same model on the same engine."""
    named = [] if model is None else ["--model", str(model)]
    return [*named, "--engine", engine.value, *(word for key in trust or () for word in ("--trust", key))]


def _print(found: Acceptance) -> None:
    for form in found.forms:
        for label, text in form_lines(form):
            out.print(f"{form.name}, {label}: {text}", markup=False)
    for label, text in session_lines(found):
        out.print(f"{label}: {text}", markup=False)
    for sentence in (*found.reasons, *found.notes):
        out.print(f"- {sentence}", markup=False)
    out.print(markdown_table(HEADER, [table_row(found)]), markup=False)
    out.print(f"{found.verdict}", markup=False)
