"""The finder of the field in the library against the one in Python: ``python -m benchmarks.studies.field FOLDER``.

Both look at every photograph that is found, in turns, and are timed by the processor time of their thread.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from edge.abi.library import LIBRARY
from edge.commands.console.cli import Debug, Json, main_of, new_app
from edge.errors import EdgeError
from edge.field.find import Field, find_field, find_field_python
from edge.images import find_images, read_image

app = new_app("The finder of the field in the library against the one in Python.")
ENOUGH = 0.999  # intersection over union from which two fields are the same


@dataclass(frozen=True)
class Compared:
    """What the two finders said of the photographs of a folder.

    Attributes:
        photographs: that could be read.
        without: of them, those in which neither found a field.
        equal: of them, those with the same crop, mask and doubt, or without a field by both.
        differ: of them, those with an IoU below ``ENOUGH``, a field by one alone, or another doubt.
        worst_iou: intersection over union of the two fields, at the worst; 0 where only one found any.
        python_ms, library_ms: processor time, median over the photographs.
    """

    photographs: int
    without: int
    equal: int
    differ: tuple[str, ...]
    worst_iou: float
    python_ms: float
    library_ms: float


@app.command()
def field(
    folder: Annotated[Path, typer.Argument(help="A folder of photographs, with all its sub-folders.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Compare the two finders on every photograph of a folder.

    Example: python -m benchmarks.studies.field photographs
    """
    found = compare(folder)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=1))
        return
    typer.echo(
        f"{found.photographs} photographs, {found.without} without a field: {found.equal} equal to the bit, "
        f"{len(found.differ)} differ, worst IoU {found.worst_iou:.4f}; "
        f"{found.python_ms:.2f} ms in Python, {found.library_ms:.2f} in the library."
    )
    for name in found.differ:
        typer.echo(name)


def compare(folder: Path) -> Compared:
    """Both finders on the photographs of a folder.

    Raises:
        EdgeError: there is no library here, or no photograph that can be read.
    """
    if LIBRARY is None:
        raise EdgeError("the library is not built here: install a C++ compiler, then efiqa-edge again.")
    ious: dict[str, float] = {}
    spent: tuple[list[float], list[float]] = [], []
    without = equal = 0
    for path in find_images([folder]):
        try:
            frame = read_image(path)
        except EdgeError:
            continue
        one, other = (_timed(finder, frame, times) for finder, times in zip(_FINDERS, spent, strict=True))
        without += one is None and other is None
        equal += _are_equal(one, other)
        ious[path.relative_to(folder).as_posix()] = iou(one, other)
    if not ious:
        raise EdgeError(f"{folder} holds no photograph that can be read: name a folder of photographs.")
    differ = tuple(name for name, each in ious.items() if each < ENOUGH)
    medians = (float(np.median(times)) for times in spent)
    return Compared(len(ious), without, equal, differ, min(ious.values()), *medians)


_FINDERS = (find_field_python, find_field)


def _timed(
    finder: Callable[[NDArray[np.uint8]], Field | None], frame: NDArray[np.uint8], times: list[float]
) -> Field | None:
    start = time.thread_time_ns()
    found = finder(frame)
    times.append((time.thread_time_ns() - start) / 1e6)
    return found


def _are_equal(one: Field | None, other: Field | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.crop == other.crop and one.aside == other.aside and bool((one.mask == other.mask).all())


def iou(one: Field | None, other: Field | None) -> float:
    """Intersection over union of two fields of a frame; 0 where only one is a field, or only one may be a spot."""
    if one is None or other is None or one.aside != other.aside:
        return float(one is other)
    left, top = min(one.crop.x, other.crop.x), min(one.crop.y, other.crop.y)
    right = max(one.crop.x + one.crop.side, other.crop.x + other.crop.side)
    bottom = max(one.crop.y + one.crop.side, other.crop.y + other.crop.side)
    first, second = (_raster(each, left, top, right - left, bottom - top) for each in (one, other))
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0


def _raster(seen: Field, left: int, top: int, width: int, height: int) -> NDArray[np.bool_]:
    """The mask of a field, pixel by pixel."""
    picture = np.zeros((height, width), np.bool_)
    size = seen.crop.side
    mask = cv2.resize(seen.mask, (size, size), interpolation=cv2.INTER_NEAREST) > 0
    x, y = seen.crop.x - left, seen.crop.y - top
    picture[y : y + size, x : x + size] = mask
    return picture


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main_of(app)()
