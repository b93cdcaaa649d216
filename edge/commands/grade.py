"""edge-grade: grade image files and folders."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.text import Text

from edge.assessment import TERMINAL_COLOURS, Verdict, shown_score
from edge.bundle.named import named_bundle
from edge.camera.quiet import quiet_opencv
from edge.commands.console import cli
from edge.commands.console.criterion import CriterionSetting
from edge.commands.console.endings import Printed
from edge.commands.console.field import FieldSetting
from edge.commands.grade_outputs import check_files, check_maps, check_stdout, is_stdout
from edge.commands.grade_rows import Rows
from edge.commands.grade_words import closing_lines, count_causes, counts, few_bits, other_eyes, unread_words
from edge.criteria.adequacy import Adequacy
from edge.errors import EdgeError
from edge.files.output import is_stream
from edge.grading import (
    GradedFile,
    find_inputs,
    grade_files,
    picture_stems,
    readable,
    write_pictures,
)
from edge.images import BITS, passed_over
from edge.metrics.labels import choose_truth, key_of
from edge.metrics.protocol import Evaluation, Ranking, compare_with_truth
from edge.model import QualityModel

app = cli.new_app("Grade image files and folders.")
main = cli.main_of(app)

_HELP = """Grade photographs: a quality score from 0 to 1 and a verdict for each file.

A file that cannot be graded is reported in its row, and the exit code is 1 at the end. With labels, from --labels or
from folders called good, usable, reject or bad, metrics follow; with a graded score from --labels, the rank
correlation with it.

\b
Examples:
  edge-grade photo.jpg
  edge-grade photos/ --csv grades.csv --maps maps/
  edge-grade drimdb/good drimdb/bad
  edge-grade photos/ --labels labels.csv --json
"""


@app.command(help=_HELP)
def grade(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, folders or patterns.")],
    csv: Annotated[
        Path | None, typer.Option(help="Write path,score,verdict,error,cause,... here, one row per input.")
    ] = None,
    details: Annotated[
        Path | None,
        typer.Option(help="Write all that is known of each file here, as JSON Lines of edge/assessment.schema.json."),
    ] = None,
    maps: Annotated[Path | None, typer.Option(help="Write STEM.map.png and STEM.overlay.png below here.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="A CSV path,quality or path,score, paths relative to it; prints metrics.")
    ] = None,
    model: Annotated[Path | None, typer.Option(parser=named_bundle, metavar="FILE", help=cli.MODEL)] = None,
    engine: cli.Runtime = cli.EngineName.auto,
    bits: Annotated[
        int | None, typer.Option(help="How many of 16 bits count (10, 12, 14, 16), where the files do not say so.")
    ] = None,
    field: FieldSetting = None,
    criterion: CriterionSetting = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads for inference; all cores without it.")] = None,
    trust: cli.Trust = None,
    json_lines: cli.Json = False,
    debug: cli.Debug = False,
) -> None:
    """Parse, grade, print."""
    check_stdout(json_lines, {"--csv": csv, "--details": details})
    if bits is not None and bits not in BITS:
        raise typer.BadParameter(f"{bits} is not one of {', '.join(map(str, BITS))}", param_hint="--bits")
    passed = passed_over(paths)
    if passed.unread:
        _note(unread_words(passed))
    inputs = find_inputs(paths, or_none=json_lines)  # whoever reads JSON gets a row of each path, and the summary
    images = [item.path for item in inputs if not item.error]
    stems = picture_stems(inputs)
    mask = None if field is None else Path(field)
    given = [*images, labels, model, mask, criterion.file if criterion else None]
    check_files(csv, details, given)
    check_maps(maps, stems, given)
    truth = choose_truth(labels, images) if images else None
    table = Rows(csv, details, criterion, maps)
    scored: dict[Path, tuple[float, Verdict]] = {}  # by image, so that one given twice counts once
    few: list[tuple[Path, int]] = []  # what has 16 bits, and how many of them it reaches
    show_table = csv is None and not json_lines and not is_stdout(details)
    printed = Printed(any(each is not None for each in (csv, details, maps)), _error)
    no_maps = ""  # why pictures are missing
    try:
        # The row of a file says what is wrong with it; OpenCV prints nothing.
        with quiet_opencv(), QualityModel.load(model, engine.value, threads, field=field) as quality:
            quality.warn = _note
            table.model = quality.bundle.sha256
            if show_table:
                column = criterion.shown if criterion else "cause"
                printed.say(partial(cli.out.print, f"{'score':>6}  {'verdict':<9}  {column:<24}  path", markup=False))
            for stem, graded in zip(
                stems, _with_progress(grade_files(quality, inputs, bits), len(inputs), csv), strict=True
            ):
                problem = "" if maps is None else _draw(maps, stem, graded)
                if problem and not no_maps:
                    no_maps = problem
                    _error(problem)
                adequacy = table.add(graded, None if problem else stem)
                if graded.assessment is not None:
                    scored[key_of(graded.path)] = (graded.assessment.score, graded.assessment.verdict)
                if graded.reaches is not None:
                    few.append((graded.path, graded.reaches))
                printed.say(partial(_show, graded, adequacy, show_table, json_lines))
    except KeyboardInterrupt:
        _keep(table)
        raise
    table.write()
    rows = table.rows
    if few:
        _note(few_bits(few))
    if table.other_eyes:
        _note(other_eyes(table.other_eyes))
    evaluation = compare_with_truth(truth, scored) if truth is not None else None
    if json_lines:
        verdicts, failed = counts(rows)
        summary: dict[str, object] = {"graded": len(rows) - failed, "failed": failed, "verdicts": verdicts}
        summary["causes"] = count_causes(rows)
        if criterion is not None:
            summary |= {"criterion": criterion.shown, "adequate": table.adequate[0]}
        summary["model"] = {"name": quality.manifest.name, "sha256": table.model}
        summary["passed_over"] = {"photographs": len(passed.unread), "others": passed.others}
        printed.say(lambda: print(json.dumps({"summary": summary | _metrics(evaluation, labels)}, allow_nan=False)))
    else:
        # Rows that go through a pipe or to our own output end with the last of them.
        where = cli.err if any(each is not None and is_stream(each) for each in (csv, details)) else cli.out
        written = {"rows": csv, "details": details, "maps and overlays": None if no_maps else maps}
        closing = closing_lines(rows, passed, written, evaluation, labels)
        for line in (*closing, *table.closing()):
            printed.say(partial(where.print, Text(cli.one_line(line)), soft_wrap=True))
    if no_maps or printed.lost or any(row[3] for row in rows):
        raise typer.Exit(1)


def _keep(table: Rows) -> None:
    """Write the rows so far; a failure is printed, and the exit code stays that of Ctrl-C."""
    if not table.rows:
        return
    try:
        table.write()
    except EdgeError as error:
        _error(str(error))


def _error(words: str) -> None:
    cli.err.print(Text(cli.one_line(f"error: {words}")), soft_wrap=True)


def _note(words: str) -> None:
    cli.err.print(Text(cli.one_line(f"note: {words}")), soft_wrap=True)


def _draw(maps: Path, stem: Path, graded: GradedFile) -> str:
    """Write the pictures of a file that was graded; why they could not be, if so: that must not cost the scores."""
    if graded.assessment is None or graded.frame is None:
        return ""
    try:
        write_pictures(maps, stem, graded.frame, graded.assessment)
    except EdgeError as error:
        return str(error)
    return ""


def _with_progress(graded: Iterator[GradedFile], total: int, csv: Path | None) -> Iterator[GradedFile]:
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


def _show(graded: GradedFile, adequacy: Adequacy | None, table: bool, json_lines: bool) -> None:
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
                f"{score:>6}  ", (f"{verdict or 'error':<9}", colour), f"  {said:<24}  ", cli.one_line(error or path)
            ),
            soft_wrap=True,
        )
    elif error:
        _error(error)


def _metrics(evaluation: Evaluation | Ranking | None, labels: Path | None) -> dict[str, object]:
    if evaluation is None:
        return {}
    return {"labels": readable(labels) if labels else "folders", "metrics": evaluation.as_dict()}


if __name__ == "__main__":
    main()
