"""Vessels on a square of pixels: finer than a pixel where they are, arteries over veins, with the central reflex."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.field.resample import resize
from edge.phantom.vessels import Points, Vessel


def draw_vessels(
    vessels: list[Vessel], size: int, unit: float, origin: tuple[float, float], mirror: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Draw vessels on a square.

    Args:
        vessels: see ``grow``.
        size: side of the square in pixels.
        unit: pixels of one disc diameter.
        origin: pixel (x, y) of the disc.
        mirror: a left eye.

    Returns:
        Share of each pixel that is vessel, share of light absorbed (1 = by the thickest vein), and strength of the
        central reflex; each float32 (size, size) in [0, 1].
    """
    fine = 4 if size <= 600 else 3 if size <= 1100 else 2  # drawn larger and averaged down: calibres finer than pixels
    canvases = {name: np.zeros((size * fine, size * fine), np.uint8) for name in ("vein", "artery", "reflex")}
    flip = np.array([-1.0 if mirror else 1.0, 1.0]) * unit * fine
    for vessel in reversed(vessels):  # parents over the roots of their children
        pixels = vessel.points * flip + (np.array(origin) + 0.5) * fine
        wide = vessel.calibres * unit * fine
        depth = (1 - np.exp(-vessel.calibres / 0.032)) * (0.72 if vessel.artery else 1.0)
        _stroke(canvases["artery" if vessel.artery else "vein"], pixels, wide, depth)
        shine = np.clip((vessel.calibres - 0.035) / 0.06, 0, 1) * (1.0 if vessel.artery else 0.45)
        _stroke(canvases["reflex"], pixels, wide * 0.3, np.where(wide > 4, shine, 0))
    covered = np.where(np.maximum(canvases["vein"], canvases["artery"]) > 0, np.uint8(255), np.uint8(0))
    soft = max(0.45, 0.008 * unit)
    layers = (resize(canvas, (size, size)).astype(np.float32) for canvas in (covered, *canvases.values()))
    share, *sharp = (layer / np.float32(255) for layer in layers)
    vein, artery, reflex = (cv2.GaussianBlur(layer, (0, 0), soft) for layer in sharp)
    return share, np.asarray(1 - (1 - vein) * (1 - artery), np.float32), np.asarray(reflex, np.float32)


def _stroke(canvas: NDArray[np.uint8], pixels: Points, wide: NDArray[np.float64], depth: NDArray[np.float64]) -> None:
    """A line of changing thickness and depth; a thickness below one pixel takes from the depth."""
    thick = np.maximum(np.rint(wide), 1).astype(int)
    tones = np.rint(255 * np.clip(depth * np.minimum(wide, 1), 0, 1)).astype(int)
    fixed = np.rint(pixels * 16).astype(np.int32)
    changes = np.flatnonzero((np.diff(thick) != 0) | (np.abs(np.diff(tones // 8)) > 0)) + 1
    for first, last in zip([0, *changes], [*changes, len(fixed) - 1], strict=True):
        if last > first and tones[first] > 0:
            run = fixed[first : last + 1].reshape(-1, 1, 2)
            cv2.polylines(canvas, [run], False, int(tones[first]), int(thick[first]), cv2.LINE_8, 4)
