"""A recorded clip of the synthetic eye, to measure edge-capture on: ``python -m benchmarks.commands.clip clip.mp4``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cv2
import typer

from edge.camera.quiet import quiet_opencv
from edge.commands.console.cli import main_of, new_app
from edge.errors import EdgeError, first_line
from edge.phantom.sequence import Sequence
from edge.progress import followed

app = new_app("Record the synthetic eye in a shaky hand.")


@app.command()
def clip(
    target: Annotated[Path, typer.Argument(help="The .mp4 to write.")],
    seconds: Annotated[int, typer.Option(min=1, help="Length.")] = 60,
    width: Annotated[int, typer.Option(min=128, help="Pixels.")] = 1920,
    height: Annotated[int, typer.Option(min=128, help="Pixels.")] = 1080,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another eye and another hand.")] = 0,
) -> None:
    """Record the synthetic eye in a shaky hand at 30 frames a second.

    Example: python -m benchmarks.commands.clip clip.mp4 --seconds 60
    """
    part = target.with_name(f".{target.stem}.part{target.suffix}")
    try:
        _record(part, seconds, width, height, seed)
        part.replace(target)
    except (OSError, cv2.error) as error:
        raise EdgeError(f"{target} could not be written ({first_line(error)}); try another folder.") from error
    finally:
        part.unlink(missing_ok=True)


def _record(path: Path, seconds: int, width: int, height: int, seed: int) -> None:
    """Write the clip.

    Raises:
        OSError: the file cannot be created, or is not complete.
    """
    sequence = Sequence(seed, frames=seconds * 30, fps=30.0, width=width, height=height)
    with quiet_opencv():
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (width, height))
    if not writer.isOpened():
        raise OSError("OpenCV can write no video there: the folder must exist, and the name end in .mp4")
    for number in followed(range(seconds * 30), "recording", seconds * 30):
        writer.write(sequence.render(number).image)
    writer.release()
    if length(path) < seconds * 30:
        raise OSError("the video could not be finished")


def length(path: Path) -> int:
    """Frames that a finished video holds; 0 where it cannot be opened."""
    with quiet_opencv():
        capture = cv2.VideoCapture(str(path))
    try:
        return int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    finally:
        capture.release()


if __name__ == "__main__":
    main_of(app)()
