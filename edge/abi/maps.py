"""What the library makes of a network's maps: a score, and a picture."""

from __future__ import annotations

import ctypes

import numpy as np
from numpy.typing import NDArray

from edge.abi import structures as c
from edge.abi.library import check


def score(
    library: ctypes.CDLL, maps: NDArray[np.float32], field: NDArray[np.bool_], pooling: tuple[float, float, float]
) -> float:
    """The quality score.

    Args:
        library: the loaded one.
        maps: float32 (1 or 3, grid, grid) in [0, 1]: degradation, disc, macula.
        field: bool (grid, grid).
        pooling: what disc, macula and periphery count.

    Raises:
        ValueError: a shape or a number was refused.
    """
    maps, inside = np.ascontiguousarray(maps, np.float32), _inside(field, maps.shape[1:])
    found = ctypes.c_double()
    status = library.efiqa_score(
        maps.ctypes.data,
        maps.size,
        len(maps),
        maps.shape[1],
        inside.ctypes.data,
        inside.size,
        c.Pooling(*pooling),
        found,
    )
    check(library, status)
    return float(found.value)


def blend(
    library: ctypes.CDLL,
    picture: NDArray[np.uint8],
    degradation: NDArray[np.float32],
    field: NDArray[np.bool_],
    crop: tuple[int, int, int],
) -> None:
    """Lay a map over a picture.

    Args:
        library: the loaded one.
        picture: uint8 BGR (H, W, 3), written into; each of its rows in one piece.
        degradation: float32 (grid, grid) in [0, 1].
        field: bool (grid, grid).
        crop: x, y and side of the square that both cover, in pixels; some of it on the picture.

    Raises:
        ValueError: a shape or a number was refused.
    """
    height, width = picture.shape[:2]
    if picture.dtype != np.uint8 or picture.strides[1:] != (3, 1) or not picture.flags.writeable:
        raise ValueError("a picture is uint8 BGR (H, W, 3) that can be written, each row in one piece")
    degradation, inside = np.ascontiguousarray(degradation, np.float32), _inside(field, degradation.shape)
    stride = picture.strides[0] if height > 1 else 3 * width  # that of a single row may be anything
    status = library.efiqa_blend(
        degradation.ctypes.data,
        degradation.size,
        inside.ctypes.data,
        inside.size,
        len(degradation),
        c.Crop(*crop),
        picture.ctypes.data,
        (height - 1) * stride + 3 * width if height else 0,
        width,
        height,
        stride,
    )
    check(library, status)


def _inside(field: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    if field.shape != shape or len(set(shape)) != 1:
        raise ValueError(f"map and field are of one square grid, not {shape} and {field.shape}")
    return np.ascontiguousarray(field, np.bool_).view(np.uint8)
