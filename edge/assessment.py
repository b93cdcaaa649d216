"""What one frame yields."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Region
from edge.errors import InputError
from edge.field.find import Crop

Verdict = Literal["good", "usable", "reject", "no_fundus"]
TERMINAL_COLOURS: dict[Verdict, str] = {"good": "green", "usable": "yellow", "reject": "red", "no_fundus": "magenta"}
PICTURE_COLOURS: dict[Verdict, tuple[int, int, int]] = {  # BGR, after Okabe and Ito; the word stands beside the colour
    "good": (115, 158, 0),
    "usable": (0, 159, 230),
    "reject": (0, 94, 213),
    "no_fundus": (150, 150, 150),
}


def shown_score(score: float) -> str:
    """A score as people read it: cut, not rounded, so that none looks like 1 or a threshold that it does not reach."""
    return str(Decimal(str(float(score))).quantize(Decimal("0.001"), ROUND_DOWN))


@dataclass(frozen=True)
class Timings:
    """Milliseconds spent on one frame, by stage."""

    frame_ms: float  # find the field, crop, resample, normalise
    inference_ms: float
    post_ms: float  # pool the map, decide


@dataclass(frozen=True, eq=False)
class Assessment:
    """The quality of one frame.

    Attributes:
        score: quality score in [0, 1], 1 is best: 1 - sum(w * D) over the field, see ``edge.score``; 0 where verdict
            is ``no_fundus``.
        verdict: ``good``, ``usable`` or ``reject`` by the thresholds of the bundle; ``no_fundus`` where the frame
            shows no retina.
        map: degradation map D, float32 (grid, grid) in [0, 1], 1 = expected anatomy not visible, because the
            network sees none or too little or too much light took it. Outside ``field`` it says nothing: use
            ``map[field]``. 1 everywhere for a frame without a field.
        field: bool (grid, grid), True inside the field of view: the camera's, where a shadow hides it too.
        crop: the square of the frame that map and field cover, in frame pixels; None where no field was found.
        timings: where the time went.
        regions: where ``disc`` and ``macula`` are, also where they cannot be seen well: probability of a cell to
            belong there, float32 (grid, grid) in [0, 1]; empty where the model has no such maps, found no field, or
            the frame shows no retina.
        coverage: share of the field, in [0, 1], that is lit: neither in shadow nor burnt out; 0 without a field.
    """

    score: float
    verdict: Verdict
    map: NDArray[np.float32]
    field: NDArray[np.bool_]
    crop: Crop | None
    timings: Timings
    regions: dict[Region, NDArray[np.float32]] = dataclasses.field(default_factory=dict)
    coverage: float = 1.0


def check_frame(frame: object) -> None:
    """Refuse what is no frame.

    Raises:
        InputError: it is not uint8 (H, W, 3).
    """
    if not isinstance(frame, np.ndarray):
        raise InputError(f"a frame is uint8 with shape (H, W, 3), not {type(frame).__name__}: could the file be read?")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
        raise InputError(
            f"a frame is uint8 with shape (H, W, 3), not {frame.dtype} with shape {frame.shape}: convert it first."
        )
