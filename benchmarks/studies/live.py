"""A capture session measured from outside, with its page open: ``python -m benchmarks.studies.live clip.mp4``."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.run.session import measure
from edge.camera.recording.video import VideoCamera
from edge.commands.console.cli import Json, main_of, new_app, out

_DECODED = 150  # frames

app = new_app("Measure a whole capture session.")


@app.command()
def live(
    source: Annotated[str, typer.Argument(help="As for edge-capture: a recording, a camera, demo.")],
    seconds: Annotated[float, typer.Option(min=2, help="Length of the session.")] = 600.0,
    as_json: Json = False,
) -> None:
    """Run edge-capture with its page, its film and automatic capture, read the page as a browser does, and measure.

    Example: python -m benchmarks.studies.live clip.mp4 --seconds 600
    """
    found = measure(source, seconds)
    decoding = decoding_ms(Path(source)) if Path(source).is_file() else None
    if as_json:
        out.print_json(json.dumps(asdict(found) | {"decoding_ms": decoding}))
        return
    out.print(f"{found.graded} frames graded, {found.dropped} dropped, {found.fps:.2f} a second")
    for name, ms in (("frame to hint", found.hint_ms), ("frame to page", found.picture_ms)):
        out.print(f"{name}    {ms[0]:.1f} ms p50, {ms[1]:.1f} ms p99, {ms[2]:.1f} ms at most")
    out.print(f"{found.pictures} pictures on the page")
    if found.cpu_ms is not None:
        part = "" if decoding is None else f", {decoding:.1f} of it to decode the recording"
        out.print(f"processor time   {found.cpu_ms:.1f} ms a frame, film and page included{part}")
    if found.slope_mib is not None:
        out.print(f"memory           {found.memory_mib:.0f} MiB, growing by {found.slope_mib:.2f} MiB a minute")


def decoding_ms(path: Path) -> float:
    """Processor time that a frame of a recording takes to be decoded, before anything is made of it."""
    camera = VideoCamera(path)
    began, frames = time.process_time(), 0
    while frames < _DECODED and camera.skip():
        frames += 1
    spent = time.process_time() - began
    camera.close()
    return spent * 1000 / max(frames, 1)


main = main_of(app)

if __name__ == "__main__":
    main()
