"""The frame path in the library against the same steps in Python: ``python -m benchmarks.studies.frame_path``.

Both work on one synthetic eye, step by step in turns, on one thread whose processor time counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from edge.abi.library import LIBRARY
from edge.assessment import Assessment, Timings
from edge.bundle.bundle import Manifest, read_bundle
from edge.bundle.named import named_bundle
from edge.commands.console.cli import Debug, Json, main_of, new_app
from edge.errors import EdgeError
from edge.field.find import find_field, find_field_python
from edge.findings.evidence import explain, explain_numpy
from edge.findings.photometry import light_of
from edge.frame.exposure import lost_to_light, lost_to_light_numpy
from edge.frame.prepare import prepare_lit, prepare_opencv
from edge.images.pixels import PixelLayout, to_bgr
from edge.images.raw import Image, RawImage
from edge.overlay.degradation import lay_map, lay_map_opencv
from edge.phantom import phantom_frame
from edge.score import regions_of, score_of, score_of_numpy

Pixels = Literal["BGR", "NV12", "YUY2"]
PIXELS: tuple[Pixels, ...] = ("BGR", "NV12", "YUY2")
Picture = NDArray[np.uint8]

app = new_app("The frame path in the library against the same steps in Python.")


@dataclass(frozen=True)
class Step:
    """Milliseconds of processor time that a step takes, the least of all rounds: what nothing else disturbed.

    Attributes:
        pixels: of the frame.
        name: of the step.
        python_ms: in NumPy and OpenCV, for YUV after a conversion to BGR.
        library_ms: in the library.
        copies: how often the bytes of the frame could be copied in the time of the library.
    """

    pixels: Pixels
    name: str
    python_ms: float
    library_ms: float
    copies: float


@app.command()
def frame_path(
    width: Annotated[int, typer.Option(min=64, max=16384, help="Of the frame, in pixels; even.")] = 1920,
    height: Annotated[int, typer.Option(min=64, max=16384, help="Of the frame, in pixels; even.")] = 1080,
    rounds: Annotated[int, typer.Option(min=1, help="How often each step is timed.")] = 60,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Time each step between a frame and its causes, and the drawing of its map, in both ways.

    Example: python -m benchmarks.studies.frame_path --width 3840 --height 2160
    """
    steps = compare(width // 2 * 2, height // 2 * 2, rounds)
    if as_json:
        typer.echo(json.dumps([asdict(step) for step in steps], indent=1))
        return
    typer.echo("| pixels | step | Python, ms | library, ms | times faster | copies of the frame |")
    typer.echo("| --- | --- | --- | --- | --- | --- |")
    for each in steps:
        ratio = each.python_ms / each.library_ms
        typer.echo(
            f"| {each.pixels} | {each.name} | {each.python_ms:.2f} | {each.library_ms:.2f} | {ratio:.1f} | "
            f"{each.copies:.1f} |"
        )


def compare(width: int, height: int, rounds: int) -> list[Step]:
    """Both ways on a frame of this size, in each format; the sum of its steps beside them, without the drawing.

    Raises:
        EdgeError: there is no library here.
    """
    if LIBRARY is None:
        raise EdgeError("the library is not built here: install a C++ compiler, then efiqa-edge again.")
    manifest, threads = read_bundle(named_bundle(None)).manifest, cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return [step for pixels in PIXELS for step in _steps_of(pixels, _eye(width, height), manifest, rounds)]
    finally:
        cv2.setNumThreads(threads)


def _eye(width: int, height: int) -> Picture:
    """A synthetic eye as high as the frame, in the middle of it, with the noise of a sensor."""
    eye = phantom_frame(5)
    scale = height / eye.shape[0]
    eye = np.asarray(cv2.resize(eye, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
    frame = np.zeros((height, width, 3), np.float64)
    across = min(width, eye.shape[1])
    left, cut = (width - across) // 2, (eye.shape[1] - across) // 2
    frame[:, left : left + across] = eye[:height, cut : cut + across]
    return np.clip(frame + np.random.default_rng(1).normal(0, 2, frame.shape), 0, 255).astype(np.uint8)


def _steps_of(pixels: Pixels, frame: Picture, manifest: Manifest, rounds: int) -> list[Step]:
    height, width = frame.shape[:2]
    data, layout = _bytes_of(frame, pixels)
    image: Image = frame if layout is None else RawImage(data, layout)

    def bgr() -> Picture:
        return frame if layout is None else to_bgr(data.data, layout)

    field, grid, mean, std = find_field(image), manifest.grid, manifest.mean, manifest.std
    if field is None:
        raise EdgeError(f"no field in a frame of {width}x{height}: try a larger one.")
    across, down = np.meshgrid(*[np.linspace(0, 1, grid, dtype=np.float32)] * 2)
    maps = np.stack([np.clip(2 * across - 0.6, 0, 1), 1 - across, 1 - down])  # one side of the field is lost
    cells, regions, crop, side = field.on_grid(grid), regions_of(maps), field.crop, manifest.input_size

    def light_by_python() -> None:
        light_of(prepare_opencv(bgr(), crop, side, mean, std), None, grid, mean, std)

    def light_by_library() -> None:
        light_of(*prepare_lit(image, crop, side, mean, std, grid), grid, mean, std)

    colours, light = light_of(*prepare_lit(image, crop, side, mean, std, grid), grid, mean, std)
    both: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "field": (lambda: find_field_python(bgr()), lambda: find_field(image)),
        "frame step and light": (light_by_python, light_by_library),
        "lost to light": (lambda: lost_to_light_numpy(colours, cells), lambda: lost_to_light(colours, cells)),
        "score": (
            lambda: score_of_numpy(maps, cells, manifest.pooling),
            lambda: score_of(maps, cells, manifest.pooling),
        ),
        "causes": (
            lambda: explain_numpy(maps[0], regions, cells, light),
            lambda: explain(maps[0], regions, cells, light),
        ),
    }
    shown, seen = frame.copy(), Assessment(0.5, "usable", maps[0], cells, crop, Timings(0, 0, 0))
    drawing = (
        lambda: lay_map_opencv(shown, seen, crop),
        lambda: lay_map(shown, seen, crop),
    )
    pairs = [*both.values(), *([drawing] if layout is None else [])]
    spent = _least([data.copy, *(way for pair in pairs for way in pair)], rounds)
    copy, python, library = spent[0], spent[1::2], spent[2::2]
    names = [*both, *(["map over the frame"] if layout is None else [])]
    steps = [Step(pixels, *each, each[2] / copy) for each in zip(names, python, library, strict=True)]
    python_all, library_all = sum(python[: len(both)]), sum(library[: len(both)])
    steps.insert(len(both), Step(pixels, "all of these", python_all, library_all, library_all / copy))
    return steps


def _bytes_of(frame: Picture, pixels: Pixels) -> tuple[Picture, PixelLayout | None]:
    """The frame in this format, in a row, and where its planes lie; BGR as it is."""
    height, width = frame.shape[:2]
    if pixels == "BGR":
        return frame, None
    if pixels == "YUY2":
        packed = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_YUY2), np.uint8).reshape(-1)
        return packed, PixelLayout("YUY2", width, height, (0,), (2 * width,))
    planes = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420), np.uint8).reshape(-1)
    luma, blue, red = np.split(planes, [width * height, width * height * 5 // 4])
    nv12 = np.concatenate([luma, np.stack([blue, red], axis=1).reshape(-1)])
    return nv12, PixelLayout("NV12", width, height, (0, width * height), (width, width))


def _least(ways: list[Callable[[], object]], rounds: int) -> list[float]:
    """The shortest time of each, in milliseconds of this thread; they take turns."""
    least = [float("inf")] * len(ways)
    for _ in range(rounds):
        for number, way in enumerate(ways):
            start = time.thread_time_ns()
            way()
            least[number] = min(least[number], (time.thread_time_ns() - start) / 1e6)
    return least


main = main_of(app)

if __name__ == "__main__":
    main()
