"""What took a frame, by the library: light alone, or a cause that the network tells from map, light and landmarks."""

from __future__ import annotations

import ctypes

import numpy as np
from numpy.typing import NDArray

from edge.abi import structures as c
from edge.abi.library import check

Cells = NDArray[np.float32]


def causes(
    library: ctypes.CDLL,
    maps: tuple[Cells, Cells | None, Cells | None],
    field: NDArray[np.bool_],
    light: tuple[Cells, Cells, Cells, Cells, Cells, Cells],
    weights: NDArray[np.float32],
) -> c.Evidence:
    """What speaks for each cause in one frame.

    Args:
        library: the loaded one.
        maps: degradation, disc and macula, float32 (grid, grid) in [0, 1]; None for a landmark without a map.
        field: bool (grid, grid), at least one cell of it.
        light: blue, green and red, grey values, then clipped, detail and grain, float32 (grid, grid).
        weights: float32 (36,934,), as ``efiqa_edge.h`` has them.

    Raises:
        ValueError: a shape or a number was refused.
    """
    given = [None if each is None else np.ascontiguousarray(each, np.float32) for each in (*maps, *light)]
    shape, inside = field.shape, np.ascontiguousarray(field, np.bool_)
    if len(set(shape)) != 1 or any(each is not None and each.shape != shape for each in given):
        raise ValueError(f"maps, light and field are of one square grid, such as {shape} of the field")
    weights = np.ascontiguousarray(weights, np.float32)
    places = [None if each is None else each.ctypes.data for each in given]
    measured, found = c.Light(shape[0], field.size, *places[3:]), c.Evidence()
    status = library.efiqa_causes(
        *places[:3],
        field.size,
        inside.ctypes.data,
        inside.size,
        measured,
        weights.ctypes.data,
        weights.size,
        found,
    )
    check(library, status)
    return found


def lost_to_light(library: ctypes.CDLL, cells: Cells, field: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The cells of a field that are burnt out or drowned.

    Args:
        library: the loaded one.
        cells: float32 RGB (3, grid, grid), grey values.
        field: bool (grid, grid).

    Returns:
        bool (grid, grid).

    Raises:
        ValueError: a shape or a number was refused.
    """
    cells, inside = np.ascontiguousarray(cells, np.float32), np.ascontiguousarray(field, np.bool_)
    if cells.shape != (3, len(field), len(field)) or field.ndim != 2 or field.size != len(field) ** 2:
        raise ValueError(f"cells and field are of one square grid, not {cells.shape} and {field.shape}")
    lost = np.empty(field.shape, np.bool_)
    red, step = cells.ctypes.data, cells.strides[0]
    light = c.Light(len(field), field.size, red + 2 * step, red + step, red)
    check(library, library.efiqa_lost_to_light(light, inside.ctypes.data, inside.size, lost.ctypes.data, lost.size))
    return lost
