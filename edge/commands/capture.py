"""edge-capture: grade the frames of a camera while they come."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated

import cv2
import typer

from edge.camera.open import open_camera
from edge.capture.display import LiveLine, closing_words
from edge.capture.loop import Counts, Graded, Limits, grade_stream
from edge.capture.record import better, line_of
from edge.capture.session import Session
from edge.commands import cli
from edge.errors import EdgeError
from edge.model import QualityModel

app = cli.new_app("Grade the frames of a camera while they come.")
main = cli.main_of(app)

_HELP = """Grade the frames of a camera while they come: map, score and verdict of the newest frame.

A recording is played at its own pace, and a late frame is dropped for the newest one. Ctrl-C ends a session with
everything kept. --json prints one JSON object per frame on stdout.

\b
Examples:
  edge-capture demo --out demo
  edge-capture clip.mp4 --out captures --seconds 20
  edge-capture 0 --json
"""


@app.command(help=_HELP)
def capture(
    source: Annotated[str, typer.Argument(help="A video file, a folder of frames, a camera index, or demo.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Keep the best frame, a line per frame and the overlay video here; a folder that holds anything "
            "already gets a sub-folder session-2, session-3, ... Without it nothing is written."
        ),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="A .efiqa bundle; the model that ships without it.")] = None,
    engine: cli.Runtime = cli.EngineName.auto,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads for inference.")] = 1,
    frames: Annotated[int | None, typer.Option(min=1, help="End after this many frames.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.001, help="End after this long on the source's clock.")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Grade every frame of a recording as fast as possible.")] = False,
    no_video: Annotated[bool, typer.Option("--no-video", help="Make no overlay video.")] = False,
    json_lines: cli.Json = False,
    debug: cli.Debug = False,
) -> None:
    """Parse, stream, and say what was made."""
    # One OpenCV thread: the reader, the grader and the writer already share the cores.
    cv2.setNumThreads(1)
    troubles: list[str] = []

    def report(sentence: str) -> None:
        troubles.append(sentence)
        cli.err.print(f"error: {sentence}", markup=False)

    counts = Counts()
    best: Graded | None = None
    session: Session | None = None
    camera = open_camera(source)
    with contextlib.ExitStack() as closing:
        stop = closing.enter_context(_stop_on_signals())
        quality = closing.enter_context(QualityModel.load(model, engine.value, threads))
        if out is not None:
            session = closing.enter_context(
                Session(
                    out, quality, source, camera.fps, video=not no_video, wait=fast and not camera.live, report=report
                )
            )
        line = closing.enter_context(LiveLine(cli.err))
        stream = grade_stream(
            camera, quality, counts, limits=Limits(frames, seconds), fast=fast, stop=stop, report=report
        )
        for graded in closing.enter_context(contextlib.closing(stream)):
            if better(graded, best):
                best = graded
            if session is not None:
                session.keep(graded, best)
            if json_lines:
                print(line_of(graded), flush=True)
            line.show(graded, counts)
    if counts.graded == 0 and not stop.is_set():
        raise EdgeError(f"{source} gave no frame that could be graded.")
    for words in closing_words(counts, best, session):
        (cli.err if json_lines else cli.out).print(words, markup=False)
    if troubles:
        raise typer.Exit(1)
    if stop.is_set() and not camera.live:
        raise typer.Exit(130)


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that a session ends with its files whole; a second one ends at once."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    main()
