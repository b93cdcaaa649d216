"""From map, light and landmarks to what spoils a frame: how likely each cause took it, how much of it, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.abi.causes import causes
from edge.abi.library import LIBRARY  # None without a compiler at install time: slower, and but for roundings the same
from edge.bundle.bundle import Region
from edge.findings.cause import CAUSES, CauseCode
from edge.findings.cause_network import facts_of, flat_weights, tell_causes
from edge.findings.photometry import Cells, Photometry
from edge.frame.exposure import quantile

DIM = 20.0  # grey values of green: a vessel here is some 4 deep, and drowns in noise and the steps of 8 bits
GLOWING = 185.0  # grey values from which a frame without a field is all light
_BLACKEST = 24.0  # grey values outside the field up to which these are the black of the camera
_PLATEAU = 4.0  # the brightest channel of half the field is within this of its end, wherever this camera has it
_CORE = np.ones((5, 5), np.uint8)


@dataclass(frozen=True)
class Evidence:
    """What speaks for each cause in one frame.

    Attributes:
        lost: what the degradation map marks, as a share of the field.
        main: how likely each of ``too_dark``, ``edge_shadow``, ``too_bright``, ``reflex``, ``lid``, ``haze``, ``blur``
            took most of the frame; 1 in sum.
        present: how likely each took a part of it worth naming, in [0, 1].
        shares: of the field, taken by each.
        places: the middle of each of these parts, x to the right and y down, in field radii.
        flooded: most of the field is at the end of a channel.
        chroma: logarithms of red over green and blue over green, medians over the lit field.
        detail: fine contrast as a share of the brightness, median over the field.
        focus: fine contrast as a share of coarse, medians over the field away from its rim: larger when sharper, to be
            compared among pictures of one camera.
    """

    lost: float
    main: dict[CauseCode, float]
    present: dict[CauseCode, float]
    shares: dict[CauseCode, float]
    places: dict[CauseCode, tuple[float, float]]
    flooded: bool
    chroma: tuple[float, float]
    detail: float
    focus: float


def explain(
    degradation: Cells, regions: Mapping[Region, Cells], field: NDArray[np.bool_], light: Photometry
) -> Evidence:
    """Put what a frame has lost down to causes.

    Args:
        degradation: map of the frame, float32 (grid, grid) in [0, 1].
        regions: where disc and macula are, of the same grid; may be empty.
        field: bool (grid, grid), at least one cell of it.
        light: of the same crop, on the same grid.
    """
    if LIBRARY is None:
        return explain_numpy(degradation, regions, field, light)
    maps = degradation, regions.get("disc"), regions.get("macula")
    measured = light.blue, light.green, light.red, light.clipped, light.detail, light.grain
    found = causes(LIBRARY, maps, field, measured, flat_weights())
    return Evidence(
        found.lost,
        dict(zip(CAUSES, found.main, strict=True)),
        dict(zip(CAUSES, found.present, strict=True)),
        dict(zip(CAUSES, found.share, strict=True)),
        dict(zip(CAUSES, zip(found.x, found.y, strict=True), strict=True)),
        bool(found.flooded),
        (found.red, found.blue),
        found.detail,
        found.focus,
    )


def explain_numpy(
    degradation: Cells, regions: Mapping[Region, Cells], field: NDArray[np.bool_], light: Photometry
) -> Evidence:
    """``explain`` in NumPy and OpenCV: the fallback, and what the library is tested against."""
    black = _black_level(light, field)
    blue, green, red = (np.maximum(channel[field] - black, 0) for channel in (light.blue, light.green, light.red))
    top = np.maximum(np.maximum(blue, red), green)
    lit = green >= DIM if (green >= DIM).any() else green >= 0
    coarse, fine = _contrasts(light, field)
    chances = tell_causes(facts_of(degradation, regions, field, light))
    took = chances.cells[: len(CAUSES), field]
    return Evidence(
        float(degradation[field].mean()),
        dict(zip(CAUSES, map(float, chances.main), strict=True)),
        dict(zip(CAUSES, map(float, chances.present), strict=True)),
        dict(zip(CAUSES, map(float, took.mean(axis=1)), strict=True)),
        dict(zip(CAUSES, _places(took, field), strict=True)),
        quantile(top, 0.95) - quantile(top, 0.5) <= _PLATEAU and quantile(green, 0.5) >= GLOWING,
        (quantile(np.log((red + 1) / (green + 1))[lit], 0.5), quantile(np.log((blue + 1) / (green + 1))[lit], 0.5)),
        quantile(light.detail[field], 0.5),
        fine / max(coarse, 0.002),
    )


def _black_level(light: Photometry, field: NDArray[np.bool_]) -> float:
    """What this camera shows where no light comes from, grey values: 16 in some video; 0 where nothing tells."""
    if field.all():
        return 0.0
    outside = quantile(light.green[~field], 0.1)
    return outside if outside <= _BLACKEST else 0.0


def _contrasts(light: Photometry, field: NDArray[np.bool_]) -> tuple[float, float]:
    """Contrast of coarse structure (disc, macula, large vessels) and of fine, as shares of the brightness."""
    core = cv2.erode(field.astype(np.uint8), _CORE, borderValue=1) > 0
    core = core if core.any() else field
    inside = field.astype(np.float32)
    green = light.green * inside
    middle, wide = (
        cv2.GaussianBlur(green, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(inside, (0, 0), sigma), 0.05)
        for sigma in (0.7, 3.0)
    )
    wide = np.maximum(wide, 4)
    return quantile((np.abs(middle - wide) / wide)[core], 0.5), quantile(light.detail[core], 0.5)


def _places(took: NDArray[np.float32], field: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """The middle of what each cause took, in field radii from the middle of the crop; (0, 0) of nothing.

    Args:
        took: of each cell of the field, float32 (7, N).
        field: bool (grid, grid), N cells of it.
    """
    cells = np.stack(np.nonzero(field)[::-1], axis=1) + 0.5  # x, y
    middles = took @ cells / np.maximum(took.sum(axis=1), 1e-12)[:, None] / (len(field) / 2) - 1
    return [(float(x), float(y)) if part.any() else (0.0, 0.0) for part, (x, y) in zip(took, middles, strict=True)]
