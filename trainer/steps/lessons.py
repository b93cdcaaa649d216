"""What the student learns from: photographs as they are and frames made of them, with a map of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.field.resample import resize
from trainer.data.datasets import find_photographs, read_squares
from trainer.loop import runs
from trainer.loop.checkpoints import remove
from trainer.loop.rows import Rows, rows_in
from trainer.recipe import Recipe
from trainer.steps.frames import Frame, Frames, make_frames
from trainer.steps.pseudo_labels import to_grid
from trainer.steps.teacher import features_of_frames, features_of_photographs, load_teacher
from trainer.steps.vessel_maps import Photographs, Segmented, segmented


@dataclass(frozen=True, eq=False)
class DistillationSet:
    """What the student learns from: photographs as they are first, then frames made from them; g is the grid of these.

    Attributes:
        photographs: P of them.
        cuts: uint8 BGR (S', S', 3) each, the same once more, cut as the device cuts them for the student.
        frames: on the disk.
        maps: float32 (N, g, g), what the teacher says of each, or the truth where it is known.
    """

    photographs: Photographs
    cuts: Rows | NDArray[np.uint8]
    frames: Frames
    maps: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.maps)

    def frame(self, n: int) -> Frame:
        """One of the N."""
        first = len(self.photographs)
        return _as_it_is(self.photographs[n]) if n < first else self.frames[n - first]


def prepare_lessons(recipe: Recipe, data: Path, out: Path) -> DistillationSet:
    """Photographs and frames with the teacher's maps; the teacher's features of both are kept on disk.

    Raises:
        EdgeError: photographs came or went meanwhile, or see ``segmented`` and ``make_frames``.
    """
    photographs, teacher = segmented(recipe, data, out), load_teacher(recipe, out)
    frames, cuts = make_frames(recipe, data, out), as_the_device_cuts(recipe, data, out)
    if [int(n) for n in cuts["number"]] != [int(n) for n in photographs.rows["number"]]:
        for rows in (cuts, photographs.rows):
            remove(rows.path)  # they would be taken as they are again
        raise EdgeError(f"{data}: photographs came or went while they were read: start again.")
    maps = [
        teacher.of_features(features)
        for features in (
            features_of_photographs(recipe, data, out, teacher.backbone, photographs),
            features_of_frames(recipe, data, out, teacher.backbone, frames),
        )
    ]
    found = to_grid(np.concatenate(maps), recipe.side // 8)
    known = np.asarray(frames.rows["has_truth"], np.bool_)
    found[len(photographs) :][known] = [frames.rows["truth"][int(n)] for n in np.flatnonzero(known)]
    return DistillationSet(photographs, cuts["picture"], frames, found)


def as_the_device_cuts(recipe: Recipe, data: Path, out: Path) -> Rows:
    """The photographs at the size of the student's input, kept in ``out``/photographs.

    Of each its number among those that were to be read, and its picture, uint8 BGR (S', S', 3).

    Resampled once more, a small photograph would look smoother in training than on the device.
    """
    photographs, size = find_photographs(data, recipe.exclude, recipe.only, recipe.modality), recipe.distill.size
    path = out / "photographs" / f"cut-{runs.key_of(size, *runs.names_and_sizes(data, photographs))}.npy"
    layers = np.dtype([("number", np.int32), ("picture", np.uint8, (size, size, 3))])

    def make() -> Iterator[NDArray[Any]]:
        read = read_squares(photographs, size, "distill: reading")
        return (np.array((number, square.picture), layers) for number, square in read)

    return rows_in(path, layers, (), len(photographs), make)


def _as_it_is(photograph: Segmented) -> Frame:
    """A photograph as a frame without a known truth."""
    side = len(photograph.picture)
    grid, half = (side // 8, side // 8), (side // 2, side // 2)
    return Frame(
        np.zeros(grid, np.float32),
        False,
        photograph.picture,
        resize(photograph.field.astype(np.float32), grid) >= 0.5,
        np.zeros(half, np.uint8),
        resize(photograph.regions, grid),
        photograph.has_regions,
    )
