"""The vessel maps that teach the prior: binary, kept on the disk while it is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.data.datasets import Photograph, Square, read_squares
from trainer.loop.rows import Rows, rows_in
from trainer.recipe import Recipe
from trainer.steps.vessel_maps import Photographs, phantoms

Map = NDArray[np.float32]
_BORDER = 0.012  # share of the side next to the rim that does not count


@dataclass(frozen=True, eq=False)
class BinaryMaps:
    """Vessel maps as the prior reads them, from the disk: see ``binarise``."""

    rows: Rows
    numbers: Sequence[int]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, n: int) -> tuple[Map, Map]:
        row = self.rows[self.numbers[n]]
        return row["vessels"].astype(np.float32), row["counted"].astype(np.float32)


def binary_maps(
    recipe: Recipe,
    photographs: Photographs,
    whole: Sequence[int],
    drawn: Sequence[Photograph],
    kept: set[Path],
    path: Path,
) -> tuple[BinaryMaps, BinaryMaps]:
    """Maps that teach the prior, and drawn ones that are held out.

    Args:
        recipe: its ``side`` and ``prior``.
        photographs: all of them.
        whole: numbers of those whose maps, as found by a segmenter, teach.
        drawn: photographs with maps drawn by hand.
        kept: paths of those of them that are held out.
        path: of the file; see ``rows_in``.
    """

    def make() -> Iterator[NDArray[Any]]:
        return _rows(photographs, whole, drawn, kept, recipe)

    most = len(whole) + len(drawn) + recipe.prior.phantoms
    rows = rows_in(path, _layers(recipe.prior.size), (), most, make)
    held = [bool(each) for each in rows["held_out"]]
    taught, held_out = (BinaryMaps(rows, [n for n, there in enumerate(held) if there is way]) for way in (False, True))
    return taught, held_out


def _layers(size: int) -> np.dtype[Any]:
    return np.dtype([("vessels", np.bool_, (size, size)), ("counted", np.bool_, (size, size)), ("held_out", np.bool_)])


def _rows(
    photographs: Photographs, whole: Sequence[int], drawn: Sequence[Photograph], kept: set[Path], recipe: Recipe
) -> Iterator[NDArray[Any]]:
    """The most complete maps, then those drawn by hand, some of them held out, then those of synthetic eyes."""
    size = recipe.prior.size

    def row(maps: tuple[Map, Map], held_out: bool = False) -> NDArray[Any]:
        return np.array((*(layer > 0 for layer in maps), held_out), _layers(size))

    for n in whole:
        yield row(binary_map(photographs, n, size))
    if drawn:
        for _, square in read_squares(drawn, recipe.side, "prior: reading drawn maps"):
            yield row(map_of_square(square, size), square.path in kept)
    for square in phantoms(recipe.prior.phantoms, recipe.side):
        yield row(map_of_square(square, size))


def map_of_square(square: Square, size: int) -> tuple[Map, Map]:
    """``binarise`` of what was drawn by hand, or is exact."""
    assert square.vessels is not None
    return binarise(square.vessels, square.field, size)


def binary_map(photographs: Photographs, n: int, size: int) -> tuple[Map, Map]:
    """``binarise`` of what a segmenter found."""
    photograph = photographs[n]
    return binarise(photograph.vessels.astype(np.float32) / np.float32(255), photograph.field, size)


def binarise(vessels: Map, field: NDArray[np.bool_], size: int) -> tuple[Map, Map]:
    """A vessel map as the prior reads it, and where it counts.

    On soft maps a masked cell is an exact zero and the rest is not, so the network would learn nothing.

    Returns:
        The map, 0 or 1, and the field without its border, where vessels end for no fault of the photograph: float32
        (size, size) both; nothing is outside the field.
    """
    small = cv2.resize(vessels.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    inside = cv2.resize(field.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) > 0.5
    border = 2 * round(_BORDER * size) + 1
    framed = cv2.copyMakeBorder(inside.astype(np.uint8), border, border, border, border, cv2.BORDER_CONSTANT, value=0)
    counted = cv2.erode(framed, np.ones((border, border), np.uint8))[border:-border, border:-border]
    return ((small > 0.5) & inside).astype(np.float32), counted.astype(np.float32)
