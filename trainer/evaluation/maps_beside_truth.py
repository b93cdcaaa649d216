"""Maps side by side, so that a person can judge them: the truth, the paper's adapter, the teacher, the student."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trainer.evaluation.predictors import MapMaker, on_grid, resized
from trainer.evaluation.truth.frames import TrueFrame
from trainer.pictures import save_sheet, tint

_SIDE = 256


def save_maps(path: Path, ways: dict[str, MapMaker], frames: Sequence[TrueFrame], rows: int = 8) -> None:
    """One row for each of some frames, evenly chosen: the frame, its truth, and the map of every maker.

    Args:
        path: of the PNG.
        ways: makers by name.
        frames: whose truth is known.
        rows: at most so many.
    """
    chosen = [frames[n] for n in np.unique(np.linspace(0, len(frames) - 1, rows).astype(int))]
    maps = [on_grid(maps_of([frame.square for frame in chosen])) for maps_of in ways.values()]
    sheet = []
    for n, frame in enumerate(chosen):
        picture = resized(frame.square, _SIDE).picture
        layers = (frame.truth, *(of_way[n] for of_way in maps))
        sheet.append((picture, *(tint(picture, layer * frame.counted) for layer in layers)))
    save_sheet(path, sheet, ("frame", "truth", *ways))
