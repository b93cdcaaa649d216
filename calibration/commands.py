"""edge-calibrate: a float run in, an INT8 bundle out; and a site's own criterion onto a bundle."""

from __future__ import annotations

import dataclasses
import json
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from calibration.signing.commands import keygen, sign
from calibration.site.commands import bundle_argument, cameras, criterion, golden, page, thresholds
from edge.bundle.manifest import ModalityName
from edge.commands.console.cli import Debug, Json, Trust, err, main_of, new_app, out
from edge.commands.start import late
from edge.errors import EdgeError
from trainer.pages import check_report

METHODS = "max,percentile,entropy,mse"
MaxMapMae = Annotated[
    float, typer.Option(min=0.0001, max=1, help="By how much the map may move: mean absolute difference.")
]

app = new_app(
    "Make the bundle that devices run.\n\nExample: edge-calibrate int8 runs/mine --data photographs -o model.efiqa"
)


class PrecisionName(str, Enum):
    """The names of ``calibration.precision.PrecisionRule``, without loading torch."""

    auto = "auto"
    int8 = "int8"
    float32 = "float32"


def _module(name: str) -> Any:
    """A module of the calibration, loaded on use: torch takes seconds."""
    return late(f"calibration.{name}", "calibration", "train,cpu")


@app.command()
def int8(
    run: Annotated[Path, typer.Argument(help="The run folder that edge-train wrote.")],
    target: Annotated[Path, typer.Option("--output", "-o", help="The bundle to write.")],
    data: Annotated[
        Path | None, typer.Option(help="Photographs to calibrate on, and labelled sets for thresholds; else phantoms.")
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option(help="Calibrate on this folder, or on the frames.csv of an earlier run, in place of --data."),
    ] = None,
    modality: Annotated[
        ModalityName | None, typer.Option(help="Refuse a run of another one; the run says by itself what it is of.")
    ] = None,
    methods: Annotated[str, typer.Option(help="Ways to choose ranges, tried in turn; the best is kept.")] = METHODS,
    max_map_mae: MaxMapMae = 0.01,
    finetune: Annotated[
        int, typer.Option(min=0, max=100_000, help="Steps of fine-tuning the best of them; 0 leaves it out.")
    ] = 300,
    precision: Annotated[
        PrecisionName, typer.Option(help="What the bundle holds; auto: INT8 where it is surely faster here.")
    ] = PrecisionName.auto,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Quantize the student to INT8, compare it with the float one, and write a bundle if the maps stay what they were.

    Example: edge-calibrate int8 runs/mine --data photographs -o model.efiqa
    """
    bundle, parity = _module("bundle"), _module("parity.report")
    check_report("the chart of what each layer costs")
    asked = tuple(name for known in METHODS.split(",") for name in methods.split(",") if name == known)
    if not asked or len(asked) != len(methods.split(",")):
        raise typer.BadParameter(f"--methods takes some of {METHODS}, with commas between them, not {methods}.")
    report = bundle.make_bundle(
        run, data, target, frames, cast(Any, asked), max_map_mae, finetune, precision.value, modality
    )
    if as_json:
        forms = {name: parity.as_dict(form) for name, form in report.forms.items()}
        plain = vars(report) | {"forms": forms, "parity": parity.figures(report.parity)}
        out.print_json(json.dumps(plain, default=_plain))
        return
    out.print(f"{report.path}: {report.path.stat().st_size / 2**20:.2f} MiB", markup=False)
    _print_trials(report, "which alone would move the map by {:.4f}")
    out.print(f"the bundle holds {report.choice.precision}: {report.choice.reason}", markup=False)
    for line in report.parity.lines():
        out.print(line)
    for name, form in report.forms.items():
        out.print(f"{name}:", *parity.lines(form), sep="\n", markup=False)
    for name, questions in report.aurocs.items():
        for question, (before, after) in questions.items():
            out.print(f"AUROC {name} {question}: float32 {before:.4f}, INT8 {after:.4f}", markup=False)
    for line in parity.auroc_lines(report.auroc_differences):
        out.print(line, markup=False)
    fitted = report.manifest.thresholds
    out.print(
        f"thresholds: usable from {fitted.usable:.3f}, good from {fitted.good:.3f} ({report.manifest.thresholds_from})"
    )
    if report.manifest.thresholds_from.startswith("not fitted"):
        err.print(
            "note: fit them before anyone relies on a verdict: label some photographs (edge-calibrate page), then "
            "edge-calibrate thresholds."
        )


def _print_trials(report: Any, cost: str) -> None:
    """The methods and their differences, and the layers left in float and what each costs."""
    for method, apart in report.trials.items():
        out.print(f"map mean abs difference by {method:<11} {apart:.4f}{' (taken)' if method == report.method else ''}")
    for layer, apart in report.left_out.items():
        out.print(f"in float: {layer}, {cost.format(apart)}", markup=False)


def _plain(value: Any) -> Any:
    """Types that JSON lacks: dataclasses by field, anything else as text."""
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else str(value)


@app.command()
def parity(
    run: Annotated[Path, typer.Argument(help="The run folder, calibrated by edge-calibrate int8.")],
    model: Annotated[Path, bundle_argument("The INT8 bundle that was made from it; default is the one that ships.")],
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Images and folders; synthetic eyes without.")
    ] = None,
    target: Annotated[
        Path | None, typer.Option("--output", "-o", help="A folder for parity.md, .json and .png.")
    ] = None,
    max_map_mae: MaxMapMae = 0.01,
    trust: Trust = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Compare every form of a student, from torch to each engine, on any photographs. Exit 1 where they differ.

    Example: edge-calibrate parity runs/mine model.efiqa photographs -o report
    """
    shown = _module("parity.report")
    report, fault = _module("parity.rerun").compare_again(run, model, paths or [], target, max_map_mae)
    if as_json:
        out.print_json(json.dumps(shown.as_dict(report) | {"fault": fault}))
    else:
        out.print(*shown.lines(report), sep="\n", markup=False)
    if fault:
        raise EdgeError(fault)


@app.command()
def teacher(
    run: Annotated[Path, typer.Argument(help="The run folder that edge-train wrote, with its adapter.")],
    target: Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")],
    data: Annotated[Path | None, typer.Option(help="Photographs to calibrate on; synthetic eyes without.")] = None,
    size: Annotated[
        int | None, typer.Option(min=16, max=2048, help="Side of the input in pixels; the recipe's without.")
    ] = None,
    max_map_mae: MaxMapMae = 0.01,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Export the foundation model, backbone and adapter as one graph, in float16 and INT8, for larger devices.

    Example: edge-calibrate teacher runs/mine --data photographs -o teacher
    """
    family = _module("teacher.form").TARGET
    report = _module("teacher.teacher").make_teacher(run, data, target, size, max_map_mae)
    if as_json:
        out.print_json(json.dumps(dataclasses.asdict(report), default=str))
        return
    out.print(f"{report.backbone} and its adapter at {report.size} pixels, grid {report.grid}", markup=False)
    _print_trials(report, "whose output INT8 would move by {:.1%}")
    for form in report.forms:
        out.print(
            f"{form.path}: {form.mebibytes:.1f} MiB, map {form.map_mae:.5f} off, at most {form.map_max:.4f}; "
            f"{family} engine: {form.engine}",
            markup=False,
        )
    out.print(f"{report.bundle}: {report.why_float or 'INT8'}; peak memory {report.peak_gib:.1f} GiB", markup=False)


app.command()(thresholds)
app.command()(cameras)
app.command()(criterion)
app.command()(page)
app.command()(golden)
app.command()(keygen)
app.command()(sign)
main = main_of(app)
