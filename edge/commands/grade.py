"""edge-grade: grade image files and folders."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from edge.assessment import Verdict
from edge.bundle.bundle import read_bundle
from edge.bundle.manifest import ModalityName
from edge.bundle.named import named_bundle
from edge.camera.quiet import quiet_opencv
from edge.commands.console import cli, places
from edge.commands.console.criterion import CriterionSetting
from edge.commands.console.endings import Printed
from edge.commands.console.field import FieldSetting
from edge.commands.console.title import hide_secrets
from edge.commands.grade_how import Which, graded_by
from edge.commands.grade_outputs import check_files, check_maps, check_stdout, check_table, is_stdout
from edge.commands.grade_rows import Rows
from edge.commands.grade_shown import print_error, print_note, show_row, with_progress
from edge.commands.grade_table import TableAsked, grade_table
from edge.commands.grade_words import Noticed, closing_lines, count_causes, counts, unread_words
from edge.errors import EdgeError
from edge.files.output import is_stream
from edge.grading import (
    GradedFile,
    find_inputs,
    picture_stems,
    readable,
    write_pictures,
)
from edge.grading.inputs import Passed
from edge.images import BITS, passed_over
from edge.metrics.labels import choose_truth, key_of
from edge.metrics.protocol import Evaluation, Ranking, compare_with_truth
from edge.modality import MODALITIES, check_fundus, model_for
from edge.sources.address import files_among, place_of
from edge.sources.dicomweb import Access

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
  edge-grade archive/ --table archive.parquet
"""


@app.command(help=_HELP)
def grade(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders, patterns, archives, lists or addresses.")
    ],
    csv: Annotated[
        Path | None, typer.Option(help="Write path,score,verdict,error,cause,... here, one row per input.")
    ] = None,
    details: Annotated[
        Path | None,
        typer.Option(help="Write all that is known of each file here, as JSON Lines of edge/assessment.schema.json."),
    ] = None,
    maps: Annotated[Path | None, typer.Option(help="Write STEM.map.png and STEM.overlay.png below here.")] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="Keep a row of each photograph here (.parquet, .csv, .jsonl), and grade what it lacks."),
    ] = None,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="With --table: compare the content of every file, not its size and time.")
    ] = False,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="ADDRESS", help="With --table: grade on a Ray cluster: ray."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="A CSV path,quality or path,score, paths relative to it; prints metrics.")
    ] = None,
    model: Annotated[Path | None, typer.Option(parser=named_bundle, metavar="FILE", help=cli.MODEL)] = None,
    modality: Annotated[
        ModalityName | None, typer.Option(help="What the pictures are: takes the model that ships for them.")
    ] = None,
    engine: cli.Runtime = cli.EngineName.auto,
    bits: Annotated[
        int | None, typer.Option(help="How many of 16 bits count (10, 12, 14, 16), where the files do not say so.")
    ] = None,
    field: FieldSetting = None,
    criterion: CriterionSetting = None,
    column: places.Column = "path",
    carry: places.Carry = None,
    root: places.Root = None,
    identity: places.Identity = False,
    ca: places.Ca = None,
    insecure: places.Insecure = False,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads for inference; all cores without it.")] = None,
    trust: cli.Trust = None,
    json_lines: cli.Json = False,
    debug: cli.Debug = False,
) -> None:
    """Parse, grade, print."""
    model = model_for(modality, model)
    if criterion is not None:  # known before a photograph is read or a file begun
        check_fundus(read_bundle(named_bundle(model)).manifest, "edge-grade --criterion", "leave --criterion out")
    check_stdout(json_lines, {"--csv": csv, "--details": details})
    if bits is not None and bits not in BITS:
        raise typer.BadParameter(f"{bits} is not one of {', '.join(map(str, BITS))}", param_hint="--bits")
    others = {"--csv": csv, "--details": details, "--maps": maps, "--labels": labels}
    check_table(table, {"--recheck": recheck, "--carry": bool(carry), "--identity": identity, "--on": bool(on)}, others)
    hide_secrets()
    how = places.how_of(column, carry, root, Access(ca, insecure, identity))
    if table is not None:
        asked = TableAsked(table, model, engine.value, threads, recheck, bits, field, criterion, how, identity, on)
        grade_table(paths, asked, json_lines)
        return
    local, elsewhere = passed_over([path for path in paths if place_of(path).kind == "local"]), Passed()
    try:
        inputs = find_inputs(paths, json_lines, how, elsewhere)  # who reads JSON gets a row of each, and the summary
    except EdgeError:
        if local.unread:  # where there is nothing else, it matters most
            print_note(unread_words(local))
        raise
    passed = elsewhere.beside(local)
    if passed.unread:
        print_note(unread_words(passed))
    images = [item.path for item in inputs if not item.error]
    stems = picture_stems(inputs)
    mask = None if field is None else Path(field)
    given = [*images, *files_among(paths), labels, model, mask, criterion.file if criterion else None]
    check_files(csv, details, given)
    check_maps(maps, stems, given)
    truth = choose_truth(labels, images) if images else None
    gathered = Rows(csv, details, criterion, maps)
    scored: dict[Path, tuple[float, Verdict]] = {}  # by image, so that one given twice counts once
    noticed = Noticed()
    show_table = csv is None and not json_lines and not is_stdout(details)
    printed = Printed(any(each is not None for each in (csv, details, maps)), print_error)
    no_maps = ""  # why pictures are missing
    try:
        # The row of a file says what is wrong with it; OpenCV prints nothing.
        which = Which(model, engine.value, threads, field, bits)
        with quiet_opencv(), graded_by(which, inputs, maps is not None) as (bundle, graded_files):
            gathered.model = bundle.sha256
            if show_table:
                column = criterion.shown if criterion else "cause"
                printed.say(partial(cli.out.print, f"{'score':>6}  {'verdict':<10}  {column:<25}  path", markup=False))
            for stem, graded in zip(stems, with_progress(graded_files, len(inputs), csv), strict=True):
                problem = "" if maps is None else _draw(maps, stem, graded)
                if problem and not no_maps:
                    no_maps = problem
                    print_error(problem)
                adequacy = gathered.add(graded, None if problem else stem)
                if graded.assessment is not None:
                    scored[key_of(graded.path)] = (graded.assessment.score, graded.assessment.verdict)
                noticed.add(graded)
                printed.say(partial(show_row, graded, adequacy, show_table, json_lines))
    except KeyboardInterrupt:
        _keep(gathered)
        raise
    gathered.write()
    rows = gathered.rows
    for words in noticed.notes():
        print_note(words)
    evaluation = compare_with_truth(truth, scored) if truth is not None else None
    if json_lines:
        verdicts, failed = counts(rows)
        summary: dict[str, object] = {"graded": len(rows) - failed, "failed": failed, "verdicts": verdicts}
        summary["causes"] = count_causes(rows)
        if criterion is not None:
            summary |= {"criterion": criterion.shown, "adequate": gathered.adequate[0]}
        summary["model"] = {"name": bundle.manifest.name, "sha256": gathered.model}
        summary["passed_over"] = {"photographs": len(passed.unread), "others": passed.others}
        printed.say(lambda: print(json.dumps({"summary": summary | _metrics(evaluation, labels)}, allow_nan=False)))
    else:
        # Rows that go through a pipe or to our own output end with the last of them.
        where = cli.err if any(each is not None and is_stream(each) for each in (csv, details)) else cli.out
        written = {"rows": csv, "details": details, "maps and overlays": None if no_maps else maps}
        closing = closing_lines(rows, passed, written, evaluation, labels, MODALITIES[bundle.manifest.modality])
        for line in (*closing, *gathered.closing()):
            printed.say(partial(where.print, Text(cli.one_line(line)), soft_wrap=True))
    if no_maps or printed.lost or any(row[3] for row in rows):
        raise typer.Exit(1)


def _keep(gathered: Rows) -> None:
    """Write the rows so far; a failure is printed, and the exit code stays that of Ctrl-C."""
    if not gathered.rows:
        return
    try:
        gathered.write()
    except EdgeError as error:
        print_error(str(error))
        return
    files = " and ".join(str(readable(path)) for path in (gathered.csv, gathered.details) if path)
    if files:
        print_note(f"stopped; only what was graded so far is in {files}, and the same command grades all anew")


def _draw(maps: Path, stem: Path, graded: GradedFile) -> str:
    """Write the pictures of a file that was graded; why they could not be, if so: that must not cost the scores."""
    if graded.assessment is None or graded.frame is None:
        return ""
    try:
        write_pictures(maps, stem, graded.frame, graded.assessment)
    except EdgeError as error:
        return str(error)
    return ""


def _metrics(evaluation: Evaluation | Ranking | None, labels: Path | None) -> dict[str, object]:
    if evaluation is None:
        return {}
    return {"labels": readable(labels) if labels else "folders", "metrics": evaluation.as_dict()}


if __name__ == "__main__":
    main()
