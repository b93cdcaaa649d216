"""Prints how often the eye is told and right, and how far fovea and disc are from their marks."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import cv2
import typer

from benchmarks.machine.machine import describe_machine
from benchmarks.studies.landmarks.measure import SETS, Seen, see_phantoms, see_photographs
from benchmarks.studies.landmarks.tables import EYES, PLACES, eyes_row, places_row, wrong_eyes
from benchmarks.studies.landmarks.truth import read_marks
from edge.bundle.named import named_bundle
from edge.commands.console.cli import MODEL, Debug, err, main_of, new_app
from edge.errors import EdgeError
from edge.model import QualityModel
from trainer.pages import markdown_table, put_between, split_page

app = new_app("Disc, fovea and eye against what is known.")
MARKS = Path(__file__).parents[3] / "tests" / "real" / "marks" / "foveae.csv"
BEGIN, END = "<!-- landmarks: written by benchmarks.studies.landmarks -->", "<!-- end of landmarks -->"


@app.command()
def landmarks(
    data: Annotated[Path, typer.Option(help="Folder of photographs, with a folder for each set.")],
    page: Annotated[Path | None, typer.Option(help="Also put the tables into this Markdown page.")] = None,
    marks: Annotated[Path, typer.Option(help="Foveae and discs as two readers marked them.")] = MARKS,
    phantoms: Annotated[int, typer.Option(min=1, help="Synthetic eyes of each kind.")] = 200,
    model: Annotated[Path | None, typer.Option(parser=named_bundle, metavar="FILE", help=MODEL)] = None,
    debug: Debug = False,
) -> None:
    """Look at photographs whose eye, fovea or disc is known, at synthetic eyes, and at all of them mirrored.

    Example: python -m benchmarks.studies.landmarks --data photographs --page docs/benchmarks.md
    """
    if page is not None:
        split_page(page, BEGIN, END)
    known = read_marks(marks)
    seen: dict[str, list[Seen]] = {}
    cv2.setNumThreads(1)
    with QualityModel.load(model, threads=1) as quality:
        for name in SETS:
            if (data / name).is_dir():
                err.print(f"looking at {name}")
                seen[name] = list(see_photographs(quality, data, name, known))
        if not seen:
            raise EdgeError(f"{data} has none of the folders {', '.join(SETS)}: give the folder that holds them.")
        err.print("looking at synthetic eyes")
        seen["synthetic eyes"] = list(see_phantoms(quality, phantoms))
        seen["synthetic, macula out of sight"] = list(see_phantoms(quality, phantoms, nasal=True))
        machine = describe_machine(quality.engine.describe(), 1, None)
    text = report(seen, f"{machine.device or machine.cpu}, {machine.engine['runtime']}, 1 thread")
    typer.echo(text)
    if page is not None:
        put_between(page, BEGIN, END, text)


def report(seen: dict[str, list[Seen]], device: str) -> str:
    """Both tables, in Markdown, with date and device."""
    photographs = [each for name, group in seen.items() if "synthetic" not in name for each in group]
    marked = {name: group for name, group in seen.items() if any(each.errors for each in group)}
    if any(each.errors for each in photographs):
        marked = {"all photographs that are marked": photographs, **marked}
    wrong, both = wrong_eyes(photographs), [each.name for each in photographs if each.filed_as_both]
    parts = [
        f"{datetime.now(timezone.utc):%Y-%m-%d}, {device}.",
        markdown_table(EYES, [eyes_row(name, group) for name, group in seen.items()]),
        f"Usable photographs of which the wrong eye is told: {', '.join(wrong) or 'none'}.",
        f"Filed as a right and, byte by byte the same, as a left eye, so not known: {', '.join(both) or 'none'}.",
        markdown_table(PLACES, [places_row(name, group) for name, group in marked.items()]),
    ]
    return "\n\n".join(parts)


if __name__ == "__main__":
    main_of(app)()
