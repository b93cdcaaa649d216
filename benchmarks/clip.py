"""A recorded clip of the synthetic eye, to measure edge-capture on: ``python -m benchmarks.clip clip.mp4``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.progress import track

from edge.commands.cli import err, main_of, new_app
from edge.errors import EdgeError
from edge.phantom.sequence import Sequence

app = new_app("Record the synthetic eye in a shaky hand.")


@app.command()
def clip(
    target: Annotated[Path, typer.Argument(help="The .mp4 to write.")],
    seconds: Annotated[int, typer.Option(min=1, help="Length.")] = 60,
    width: Annotated[int, typer.Option(min=64, help="Pixels.")] = 1920,
    height: Annotated[int, typer.Option(min=64, help="Pixels.")] = 1080,
    seed: Annotated[int, typer.Option(help="Another seed is another eye and another hand.")] = 0,
) -> None:
    """Record the synthetic eye in a shaky hand at 30 frames a second.

    Example: python -m benchmarks.clip clip.mp4 --seconds 60
    """
    sequence = Sequence(seed, frames=seconds * 30, fps=30.0, width=width, height=height)
    writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (width, height))
    if not writer.isOpened():
        raise EdgeError(f"{target} cannot be written: choose a folder that exists and a name that ends in .mp4.")
    for number in track(range(seconds * 30), "recording", console=err, transient=True):
        writer.write(sequence.render(number).image)
    writer.release()


if __name__ == "__main__":
    main_of(app)()
