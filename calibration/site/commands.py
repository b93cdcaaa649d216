"""The commands of edge-calibrate that need no torch: thresholds, cameras, criterion, page and golden."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from calibration.golden import add_golden
from calibration.site.cameras import fit_cameras
from calibration.site.criterion import Aim
from calibration.site.fit import SiteReport, fit_site
from calibration.site.label_page import make_page
from calibration.site.programme import CriterionReport, fit_criterion
from edge.bundle.named import named_bundle
from edge.commands.console.cli import MODEL, Debug, EngineName, Json, Runtime, Trust, err, out
from trainer.evaluation.sets import CLEAR_LIST
from trainer.pages import put_between, split_page

BEGIN, END = "<!-- cameras: written by edge-calibrate cameras -->", "<!-- end of cameras -->"


def bundle_argument(help_text: str) -> Any:
    """A bundle as an argument: a file, or ``default`` for the one that ships."""
    return typer.Argument(parser=named_bundle, metavar="MODEL", help=help_text)


def thresholds(
    model: Annotated[
        Path, bundle_argument("The bundle to start from, or default, the one that ships; it is not changed.")
    ],
    labels: Annotated[
        Path, typer.Option(help="A CSV path,quality, paths relative to it; edge-calibrate page makes one.")
    ],
    target: Annotated[Path, typer.Option("--output", "-o", help="The bundle to write.")],
    at_sensitivity: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Accept at least this share of good and usable images.")
    ] = None,
    at_specificity: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Refuse at least this share of the others.")
    ] = None,
    engine: Runtime = EngineName.auto,
    trust: Trust = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit a site's own criterion, pooling weights and thresholds, to as few as ten labelled images.

    The network stays as it is, byte for byte. Without --at-sensitivity or --at-specificity the mean of both is best.

    Example: edge-calibrate thresholds default --labels labels.csv -o ours.efiqa
    """
    if at_sensitivity is not None and at_specificity is not None:
        raise typer.BadParameter("one threshold holds one rate: give --at-sensitivity or --at-specificity, not both.")
    aim = Aim()
    if at_sensitivity is not None:
        aim = Aim("sensitivity", at_sensitivity)
    elif at_specificity is not None:
        aim = Aim("specificity", at_specificity)
    _print(fit_site(model, labels, target, aim, engine.value), as_json)


def cameras(
    model: Annotated[
        Path, bundle_argument("The bundle to start from, or default, the one that ships; it is not changed.")
    ],
    data: Annotated[Path, typer.Option(help="Folder of labelled sets, and of the photographs that the list names.")],
    target: Annotated[Path, typer.Option("--output", "-o", help="The bundle to write.")],
    table: Annotated[
        Path,
        typer.Option(
            "--list",
            show_default="trainer/lists/clear.csv",
            help="The marks of two readers, a CSV of path,mark1,mark2.",
        ),
    ] = CLEAR_LIST,
    page: Annotated[Path | None, typer.Option(help="Also put the tables into this Markdown page.")] = None,
    engine: Runtime = EngineName.auto,
    trust: Trust = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit thresholds that serve many cameras to labelled sets together, and try them on each set left out in turn.

    Network and weights stay as they are. Of the list, only the half that chooses is looked at.

    Example: edge-calibrate cameras default --data photographs -o carried.efiqa
    """
    if page is not None:
        split_page(page, BEGIN, END)
    report = fit_cameras(model, data, table, target, engine.value)
    text = report.text()
    if page is not None:
        put_between(page, BEGIN, END, text)
    if as_json:
        out.print_json(json.dumps(dataclasses.asdict(report), default=str))
    else:
        out.print(text, markup=False)


def _print(report: SiteReport | CriterionReport, as_json: bool) -> None:
    """The report on stdout, and what it lacks on stderr."""
    for sentence in report.left_out:
        err.print(f"left out: {sentence}", markup=False)
    for sentence in report.doubts:
        err.print(f"warning: {sentence}", markup=False)
    if as_json:
        out.print_json(json.dumps(dataclasses.asdict(report), default=str))
        return
    for line in report.lines():
        out.print(line, markup=False)


def criterion(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The criterion to start from: one that ships, or a file.")
    ],
    labels: Annotated[
        Path, typer.Option(help="A CSV path,adequate (yes or no) or path,quality, paths relative to it.")
    ],
    target: Annotated[Path, typer.Option("--output", "-o", help="The criterion to write, a YAML file.")],
    model: Annotated[Path | None, typer.Option(parser=named_bundle, metavar="FILE", help=MODEL)] = None,
    engine: Runtime = EngineName.auto,
    trust: Trust = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit the limits of a screening criterion to what a site calls adequate. No programme approves what comes out.

    Example: edge-calibrate criterion nhs-desp --labels labels.csv -o mine.yaml
    """
    _print(fit_criterion(name, labels, target, model, engine.value), as_json)


def page(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Images and folders of them.")],
    target: Annotated[Path, typer.Option("--output", "-o", help="The HTML page to write; keep the CSV beside it.")],
    number: Annotated[int, typer.Option(min=1, help="At most this many images, evenly chosen.")] = 200,
    debug: Debug = False,
) -> None:
    """Make a page to label images with keys while looking at them, which saves the CSV for thresholds. No network.

    Example: edge-calibrate page captures -o captures/label.html
    """
    made = make_page(paths, target, number)
    out.print(f"{target}: {made} images; open it in a browser, and save labels.csv beside it", markup=False)


def golden(
    model: Annotated[Path, bundle_argument("A bundle of an older version; it is not changed.")],
    target: Annotated[Path, typer.Option("--output", "-o", help="The bundle to write.")],
    trust: Trust = None,
    debug: Debug = False,
) -> None:
    """Add golden maps to a bundle, which engines are compared with on the device; all else in it stays as it is.

    Example: edge-calibrate golden model.efiqa -o new.efiqa
    """
    made = add_golden(model, target)
    out.print(f"{target}: with {len(made.golden) >> 10} KiB of golden frames and maps", markup=False)
