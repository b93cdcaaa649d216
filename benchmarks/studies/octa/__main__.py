"""The model of OCT angiograms on scans that no training saw: ``python -m benchmarks.studies.octa DATA --run RUN``.

DATA holds images/ beside vessels/; of it, the subjects that the recipe leaves out are measured. Prints Markdown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.studies.octa.measure import (
    Maps,
    Picture,
    against_truth,
    bad_inputs,
    int8_beside_float,
    left_out,
    of_prior,
    on_clean,
    verdicts_of_spoiled,
    vessels_of,
)
from edge.commands.console import cli
from edge.errors import EdgeError
from edge.images import read_image
from edge.model import QualityModel
from trainer.recipe import load_recipe
from trainer.steps.distill import load_student, predict

app = cli.new_app(
    "Measure the model of OCT angiograms.\n\nExample: python -m benchmarks.studies.octa scans --run runs/octa"
)
main = cli.main_of(app)


@app.command()
def octa(
    data: Annotated[Path, typer.Argument(help="Scans: images/ beside vessels/.")],
    run: Annotated[Path, typer.Option(help="The run.")],
    model: Annotated[Path | None, typer.Option(help="The bundle made of it; without one, the float student.")] = None,
    fundus: Annotated[Path | None, typer.Option(help="Photographs of the fundus, for bad inputs both ways.")] = None,
) -> None:
    """Everything that is measured, one block after the other."""
    recipe = load_recipe(str(run / "student" / "config.yaml"))
    paths = left_out(data, recipe)
    if not paths:
        raise EdgeError(f"the recipe leaves no scan of {data} out: nothing can be measured.")
    scans = [read_image(path) for path in paths]
    student = load_student(run)

    def in_float(frames: Sequence[Picture]) -> Maps:
        return [found[0] for found in predict(student, frames, recipe)]

    print(f"{len(scans)} scans left out: {', '.join(path.stem for path in paths[:3])} ...\n")
    print(*of_prior(run, recipe, data), sep="\n")
    if model is None:
        print(*on_clean(in_float, scans), *against_truth(in_float, scans), sep="\n")
        return
    with QualityModel.load(model, threads=1) as bundle:

        def in_int8(frames: Sequence[Picture]) -> Maps:
            return [bundle.assess(frame).map for frame in frames]

        print(*on_clean(in_int8, scans, bundle), *against_truth(in_int8, scans), sep="\n")
        for strength in (0.5, 1.0):
            print(*verdicts_of_spoiled(bundle, scans, strength), "", sep="\n")
        print(*int8_beside_float(in_int8, in_float, scans), sep="\n")
        if fundus is not None:
            with QualityModel.load(threads=1) as other:
                print(*bad_inputs(bundle, other, fundus, scans, [vessels_of(path) for path in paths]), sep="\n")


if __name__ == "__main__":
    main()
