"""From map and photometry to what spoils a frame: the rules and thresholds of each cause.

A frame's *lost area* is what its degradation map marks, as a share of the field. Each lost cell is put down to what can
be seen there: no light, too much light, glare, a lid, or, where light and colour are in order, haze or focus.
Thresholds are physical (grey values of 8 bits, field radii, shares); they name no camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.findings.cause import CAUSES, CauseCode
from edge.findings.photometry import Cells, Photometry
from edge.frame.exposure import burnt_cells, quantile

# --- light, in grey values
LIT = 36.0  # of green: from here on there is light enough
DIM = 20.0  # a vessel here is some 4 grey values deep: it drowns in noise and the steps of 8 bits
SHADED = 0.45  # of the bright end of the field: in shadow, not in a dark picture
BLACKEST = 24.0  # grey values outside the field up to which these are the black of the camera
PLATEAU = 4.0  # the brightest channel of half the field is within this of its end, wherever this camera has it ...
GLOWING = 185.0  # ... and green is at least this bright: the exposure, not a reflex
BURNT = 0.9, 0.97  # share of the bright end of green: not at its end, at its end
# --- glare: light that never saw the retina is white, and adds to the brightness
WHITER = 0.12, 0.35  # share of the way from the colour of the retina to white: no glare, all glare
VEIL = 0.4, 0.7  # the same where it is no brighter than elsewhere, as a veil over the whole field is not
WHITE = 0.6, 0.75  # darkest over brightest channel, where no retina was seen before to compare with
PURE = 0.97  # darkest over brightest channel of white light
COLOURLESS = 0.85  # the same of a retina in a camera without colour
BRIGHTER = 1.1, 1.4  # how much brighter than the darker half of the field
LOPSIDED = 0.25  # from the middle of the field to the middle of the dark: a shadow from one side
# --- haze: contrast of coarse structure, share of the brightness; contrast of fine structure as a share of that
PALE = 0.023, 0.017  # as usual, behind a veil
OVER_ALL = 0.7  # share of the field from which what looks like glare is a veil
IN_FOCUS = 0.16, 0.26  # of a picture out of focus, and of a sharp one
# --- lids
LEAST_SOUND = 0.1  # share of the field that must be sound, to know the retina's hue
OTHER_HUE = 0.15  # difference of a logarithm of two channels' ratio
ACROSS = 0.6  # share of a row of cells that a lid covers, from the end of the field on
LEAST_ROWS = 2
_CORE = np.ones((5, 5), np.uint8)


@dataclass(frozen=True)
class Evidence:
    """What speaks for each cause in one frame.

    Attributes:
        lost: lost area, share of the field.
        shares: the part of it put down to each of ``too_dark``, ``edge_shadow``, ``too_bright``, ``reflex``, ``lid``,
            ``haze``, ``blur``.
        places: the middle of each of these parts, x to the right and y down, in field radii.
        flooded: most of the field is at the end of a channel.
        light: the bright end of green, grey values.
        chroma: logarithms of red over green and blue over green, medians over the lit field.
        white: darkest over brightest channel, median over the lit field.
        detail: fine contrast as a share of the brightness, median over the field.
        focus: fine contrast as a share of coarse, medians over the field away from its rim: about 0.16 of a picture
            out of focus, and 0.26 of a sharp one.
    """

    lost: float
    shares: dict[CauseCode, float]
    places: dict[CauseCode, tuple[float, float]]
    flooded: bool
    light: float
    chroma: tuple[float, float]
    white: float
    detail: float
    focus: float


def explain(
    degradation: Cells, field: NDArray[np.bool_], light: Photometry, white_before: float | None = None
) -> Evidence:
    """Put the lost area of a frame down to causes.

    Args:
        degradation: map of the frame, float32 (grid, grid) in [0, 1].
        field: bool (grid, grid), at least one cell of it.
        light: of the same crop, on the same grid.
        white_before: ``Evidence.white`` of the last good view, None where there was none.
    """
    seen = field
    black = _black_level(light, seen)
    blue, green, red = (np.maximum(channel[seen] - black, 0) for channel in (light.blue, light.green, light.red))
    lost = degradation[seen]
    top, low = np.maximum(np.maximum(blue, red), green), np.minimum(np.minimum(blue, red), green)
    bright_end, middle = quantile(green, 0.95), quantile(green, 0.5)
    white = low / np.maximum(top, 1)
    flooded = quantile(top, 0.95) - quantile(top, 0.5) <= PLATEAU and middle >= GLOWING
    dark = _ramp(green, LIT, DIM)
    bright = np.maximum(light.clipped[seen], _glare(green, white, white_before))
    if flooded:
        bright = np.maximum(bright, _ramp(green, BURNT[0] * bright_end, BURNT[1] * bright_end))
    dark = dark * (1 - bright)
    burnt = (1 - dark) * (burnt_cells(light.red, light.green, seen)[seen] & (white < WHITE[0]))
    coarse, fine = _contrasts(light, seen)
    focus = fine / max(coarse, 0.002)
    veil = 0.0 if flooded else _veil(coarse, focus)
    if float(bright.mean()) > OVER_ALL and veil > 0.5 and not flooded:
        bright = np.zeros_like(bright)
    lid = _lid(degradation, seen, light, lost * np.maximum(1 - dark - bright - burnt, 0))
    rest = np.maximum(1 - dark - bright - burnt, 0) * (1 - lid)
    bright, burnt = (part * (1 - lid) for part in (np.maximum(bright - burnt, 0), burnt))
    parts = {"dark": dark, "bright": bright, "burnt": burnt, "lid": (1 - dark) * lid, "rest": rest}
    parts = {name: lost * part for name, part in parts.items()}
    places = {name: _place(part, seen) for name, part in parts.items()}
    # A shadow is dark beside the rest of the field, and lies on one side, or all along the rim.
    in_dark = float(green @ parts["dark"] / max(float(parts["dark"].sum()), 1e-6))
    beside = bright_end > DIM and in_dark < SHADED * bright_end
    shadow = beside and (math.hypot(*places["dark"]) >= LOPSIDED or middle > LIT)
    shares: dict[CauseCode, float] = dict.fromkeys(CAUSES, 0.0)
    shares["edge_shadow" if shadow else "too_dark"] = float(parts["dark"].mean())
    shares["too_bright"] = float(parts["burnt"].mean())
    shares["too_bright" if flooded else "reflex"] += float(parts["bright"].mean())
    shares["lid"] = float(parts["lid"].mean())
    shares["haze"], shares["blur"] = (part * float(parts["rest"].mean()) for part in (veil, 1 - veil))
    lit = green >= DIM if (green >= DIM).any() else green >= 0
    chroma = tuple(quantile(np.log((c[lit] + 1) / (green[lit] + 1)), 0.5) for c in (red, blue))
    return Evidence(
        float(lost.mean()),
        shares,
        {
            "too_dark": places["dark"],
            "edge_shadow": places["dark"],
            "too_bright": places["bright" if flooded else "burnt"],
            "reflex": places["bright"],
            "lid": places["lid"],
            "haze": places["rest"],
            "blur": places["rest"],
        },
        flooded,
        bright_end,
        (chroma[0], chroma[1]),
        quantile(white[lit], 0.5),
        quantile(light.detail[seen], 0.5),
        focus,
    )


def _black_level(light: Photometry, seen: NDArray[np.bool_]) -> float:
    """What this camera shows where no light comes from, grey values: 16 in some video; 0 where nothing tells."""
    if seen.all():
        return 0.0
    outside = quantile(light.green[~seen], 0.1)
    return outside if outside <= BLACKEST else 0.0


def _contrasts(light: Photometry, seen: NDArray[np.bool_]) -> tuple[float, float]:
    """Contrast of coarse structure (disc, macula, large vessels) and of fine, as shares of the brightness."""
    core = cv2.erode(seen.astype(np.uint8), _CORE, borderValue=1) > 0
    core = core if core.any() else seen
    inside = seen.astype(np.float32)
    green = light.green * inside
    middle, wide = (
        cv2.GaussianBlur(green, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(inside, (0, 0), sigma), 0.05)
        for sigma in (0.7, 3.0)
    )
    wide = np.maximum(wide, 4)
    return float(np.median((np.abs(middle - wide) / wide)[core])), float(np.median(light.detail[core]))


def _veil(coarse: float, focus: float) -> float:
    """How surely what is lost is lost to haze, in [0, 1], and not to focus.

    Haze adds light everywhere, so that coarse structure pales as much as fine. Out of focus, the fine goes first and
    the coarse stays.
    """
    pale, sharp = _ramp(np.array([coarse]), *PALE), _ramp(np.array([focus]), *IN_FOCUS)
    return float(pale[0] * sharp[0])


def _lid(degradation: Cells, seen: NDArray[np.bool_], light: Photometry, lit: Cells) -> Cells:
    """How surely each cell of a field shows a lid or lashes.

    They are lost though lit, of another hue than the retina that is seen, and go all along the upper or the lower end.

    Args:
        degradation: map of the frame.
        seen: its field.
        light: of the same crop.
        lit: the lost share of each cell of the field, without what lack of light has taken.
    """
    sound = seen & (degradation < 0.4)
    nothing = np.zeros(int(seen.sum()), np.float32)
    if sound.sum() < LEAST_SOUND * seen.sum():
        return nothing
    hues = [np.log((a + 6) / (b + 6)) for a, b in ((light.red, light.green), (light.green, light.blue))]
    usual = [quantile(hue[sound], 0.5) for hue in hues]
    other = np.maximum(*(np.abs(hue - middle) for hue, middle in zip(hues, usual, strict=True))) >= OTHER_HUE
    lost = np.zeros(seen.shape, np.float32)
    lost[seen] = lit
    covered = (lost >= 0.5) & other
    share = covered.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    rows = np.flatnonzero(seen.any(axis=1))
    lid = np.zeros(seen.shape, np.bool_)
    for order in (rows, rows[::-1]):
        depth = int(np.argmin(np.append(share[order] >= ACROSS, False)))
        if depth >= LEAST_ROWS:
            below = order[: depth + 2]  # lashes hang farther in
            lid[below] |= lost[below] >= 0.5
    return np.asarray(lid[seen], np.float32)


def _glare(green: Cells, white: NDArray[np.floating], white_before: float | None) -> Cells:
    """How surely each cell of a field shows light that was thrown back before the retina."""
    darker_half = quantile(green, 0.25)
    brighter = _ramp(green, BRIGHTER[0] * darker_half, BRIGHTER[1] * darker_half)
    usual = quantile(white, 0.1) if white_before is None else white_before
    if usual >= COLOURLESS:  # brightness alone tells
        return brighter
    if white_before is None:
        return np.asarray(_ramp(white, *WHITE) * brighter, np.float32)
    whiter = (white - usual) / (PURE - usual)
    return np.asarray(np.maximum(_ramp(whiter, *WHITER) * brighter, _ramp(whiter, *VEIL)), np.float32)


def _place(part: Cells, seen: NDArray[np.bool_]) -> tuple[float, float]:
    """The middle of what a cause took, in field radii from the middle of the crop."""
    total = float(part.sum())
    if total <= 0:
        return 0.0, 0.0
    down, across = np.nonzero(seen)
    half = seen.shape[0] / 2
    return float(part @ (across + 0.5)) / total / half - 1, float(part @ (down + 0.5)) / total / half - 1


def _ramp(values: NDArray[np.floating], none: float, full: float) -> Cells:
    """0 at ``none``, 1 at ``full`` (which may be the lower one), straight between."""
    span = full - none if full != none else 1e-6
    return np.asarray(np.clip((values - none) / span, 0, 1), np.float32)
