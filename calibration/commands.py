"""edge-calibrate: a float run in, an INT8 bundle out; and a site's own criterion onto a bundle."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from calibration.criterion import Aim
from calibration.label_page import make_page
from calibration.site import fit_site
from edge.commands.cli import Debug, EngineName, Json, Runtime, err, main_of, new_app, out
from edge.errors import EdgeError

METHODS = "max,percentile,entropy,mse"

app = new_app(
    "Make the bundle that devices run.\n\nExample: edge-calibrate int8 runs/mine --data photographs -o model.efiqa"
)


@app.command()
def int8(
    run: Annotated[Path, typer.Argument(help="The run folder that edge-train wrote.")],
    target: Annotated[Path, typer.Option("--output", "-o", help="The bundle to write.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Photographs to calibrate on; labelled sets among them fit the thresholds. Phantoms without."
        ),
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option(help="Calibrate on this folder, or on the frames.csv of an earlier run, in place of --data."),
    ] = None,
    methods: Annotated[str, typer.Option(help="Ways to choose ranges, tried in turn; the best is kept.")] = METHODS,
    max_map_mae: Annotated[
        float, typer.Option(min=0.0001, max=1, help="By how much INT8 may move the map: mean absolute difference.")
    ] = 0.01,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Quantise the student to INT8, compare it with the float one, and write a bundle if the maps stay what they were.

    Example: edge-calibrate int8 runs/mine --data photographs -o model.efiqa
    """
    try:
        from calibration.bundles import make_bundle
    except ImportError as error:
        raise EdgeError(f'calibration needs {error.name}: pip install "efiqa-edge[train,cpu]".') from error
    asked = tuple(name for known in METHODS.split(",") for name in methods.split(",") if name == known)
    if not asked or len(asked) != len(methods.split(",")):
        raise typer.BadParameter(f"--methods takes some of {METHODS}, with commas between them, not {methods}.")
    report = make_bundle(
        run, data, target, lambda words: err.print(words, markup=False), frames, cast(Any, asked), max_map_mae
    )
    if as_json:
        out.print_json(json.dumps(dataclasses.asdict(report) | {"path": str(report.path)}, default=str))
        return
    out.print(f"{report.path}: {report.path.stat().st_size / 2**20:.2f} MiB", markup=False)
    for method, apart in report.trials.items():
        out.print(f"map mean abs difference by {method:<11} {apart:.4f}{' (taken)' if method == report.method else ''}")
    for layer, apart in report.left_out.items():
        out.print(f"in float: {layer}, which alone would move the map by {apart:.4f}", markup=False)
    before, after = report.milliseconds
    out.print(f"inference on OpenVINO    {before:.2f} ms float32, {after:.2f} ms INT8 ({before / after:.1f} times)")
    for line in report.parity.lines():
        out.print(line)
    for name, questions in report.aurocs.items():
        for question, (before, after) in questions.items():
            out.print(f"AUROC {name} {question}: float32 {before:.4f}, INT8 {after:.4f}", markup=False)
    fitted = report.manifest.thresholds
    out.print(
        f"thresholds: usable from {fitted.usable:.3f}, good from {fitted.good:.3f} ({report.manifest.thresholds_from})"
    )


@app.command()
def thresholds(
    model: Annotated[Path, typer.Argument(help="The bundle to start from; it is not changed.")],
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
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit a site's own criterion, pooling weights and thresholds, to as few as ten labelled images.

    The network stays as it is, byte for byte. Without --at-sensitivity or --at-specificity the mean of both is best.

    Example: edge-calibrate thresholds model.efiqa --labels labels.csv -o ours.efiqa
    """
    if at_sensitivity is not None and at_specificity is not None:
        raise typer.BadParameter("one threshold holds one rate: give --at-sensitivity or --at-specificity, not both.")
    aim = Aim()
    if at_sensitivity is not None:
        aim = Aim("sensitivity", at_sensitivity)
    elif at_specificity is not None:
        aim = Aim("specificity", at_specificity)
    report = fit_site(model, labels, target, aim, engine.value, lambda words: err.print(words, markup=False))
    for sentence in report.left_out:
        err.print(f"left out: {sentence}", markup=False)
    for sentence in report.doubts:
        err.print(f"warning: {sentence}", markup=False)
    if as_json:
        out.print_json(json.dumps(dataclasses.asdict(report), default=str))
        return
    for line in report.lines():
        out.print(line, markup=False)


@app.command()
def page(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Images and folders of them.")],
    target: Annotated[Path, typer.Option("--output", "-o", help="The HTML page to write; keep the CSV beside it.")],
    number: Annotated[int, typer.Option(min=1, help="So many images at most, evenly chosen.")] = 200,
    debug: Debug = False,
) -> None:
    """Make a page to label images with keys while looking at them, which saves the CSV for thresholds. No network.

    Example: edge-calibrate page captures -o captures/label.html
    """
    made = make_page(paths, target, number, lambda words: err.print(words, markup=False))
    out.print(f"{target}: {made} images; open it in a browser, and save labels.csv beside it", markup=False)


main = main_of(app)
