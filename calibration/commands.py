"""edge-calibrate: a float run in, an INT8 bundle out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from edge.commands.cli import Debug, Json, err, main_of, new_app, out
from edge.errors import EdgeError

app = new_app(
    "Make the bundle that devices run.\n\nExample: edge-calibrate int8 runs/mine --data photographs -o model.efiqa"
)


@app.callback()
def _group() -> None:
    """Keeps ``int8`` a word of its own while it is the only one."""


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
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Quantise the student to INT8, compare it with the float one, and write a bundle.

    Example: edge-calibrate int8 runs/mine --data photographs -o model.efiqa
    """
    try:
        from calibration.bundles import make_bundle
    except ImportError as error:
        raise EdgeError(f'calibration needs {error.name}: pip install "efiqa-edge[train,cpu]".') from error
    report = make_bundle(run, data, target, lambda words: err.print(words, markup=False))
    if as_json:
        out.print_json(json.dumps(dataclasses.asdict(report) | {"path": str(report.path)}, default=str))
        return
    out.print(f"{report.path}: {report.path.stat().st_size / 2**20:.2f} MiB", markup=False)
    for line in report.parity.lines():
        out.print(line)
    for name, questions in report.aurocs.items():
        for question, (before, after) in questions.items():
            out.print(f"AUROC {name} {question}: float32 {before:.4f}, INT8 {after:.4f}", markup=False)
    fitted = report.manifest.thresholds
    out.print(
        f"thresholds: usable from {fitted.usable:.3f}, good from {fitted.good:.3f} ({report.manifest.thresholds_from})"
    )


main = main_of(app)
