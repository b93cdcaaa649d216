"""Whether the cause that is named is the one that spoiled a frame.

    python -m benchmarks.studies.causes DATA --each 6

Photographs of each camera that no training saw, and synthetic eyes, are spoiled by code that no training uses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.studies.causes import measure
from edge.commands.console.cli import main_of, new_app
from edge.model import QualityModel

app = new_app("Whether the cause that is named is the one that spoiled a frame.")
CAMERAS = ("chasedb1", "hrf", "drive/train", "aria", "orvs", "drhagis", "srahim", "idrid-diaretdb1")


@app.command()
def causes(
    data: Annotated[Path, typer.Argument(help="The folder of the data sets.")],
    each: Annotated[int, typer.Option(min=1, help="Clear photographs of each camera.")] = 6,
    phantoms: Annotated[int, typer.Option(min=1, help="Clear synthetic eyes.")] = 30,
    marks: Annotated[Path | None, typer.Option(help="Marks of haze and blur, tests/real/marks/haze.csv.")] = None,
) -> None:
    """Print tables in Markdown."""
    with QualityModel.load() as model:
        photographs = [frame for name in CAMERAS for frame in measure.clear_photographs(model, data / name, each)]
        for name, frames in (
            ("photographs", photographs),
            ("synthetic eyes", list(measure.clear_phantoms(model, phantoms))),
        ):
            singles = [measure.spoiled_once(model, frame) for frame in frames]
            print(f"\n{len(frames)} {name}\n", *measure.matrix(measure.summed(singles)), sep="\n")
            pairs = measure.Pairs()
            for frame, single in zip(frames, singles, strict=True):
                pairs += measure.spoiled_twice(model, frame, single)
            clear = sum(frame.assessment.cause is not None for frame in frames)
            print(f"\nTwo causes: the larger named in {pairs.larger} of {pairs.of_larger}", end="")
            print(f" = {pairs.larger / max(pairs.of_larger, 1):.1%}, ", end="")
            print(f"both listed in {pairs.both} of {pairs.of_both} = {pairs.both / max(pairs.of_both, 1):.1%}")
            print(f"Untouched: {clear} of {len(frames)} name a cause")
        if marks is not None:
            print("\nMarked by two readers\n")
            for mark, found in measure.marked(model, data, marks).items():
                print(f"{mark}: {dict(found)}")


if __name__ == "__main__":
    main_of(app)()
