"""From map and photometry to the cause that spoils a frame: every rule and threshold of that is in this file.

A frame's *lost area* is what its degradation map marks, as a share of the field. Each lost cell is put down to what can
be seen there: no light, too much light, glare, or, where light and colour are in order, blur. The cause with the
largest part is the hint, unless the retina is not in view at all, or not in the middle. Thresholds are physical (grey
values of 8 bits, field radii, shares, seconds); they name no camera. ``edge.calm`` keeps what is shown from flickering.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.assessment import Assessment
from edge.bundle import LANDMARKS, Region, Thresholds
from edge.calm import Calm
from edge.hint import CODES, Code, Hint, languages
from edge.photometry import Cells, Photometry, measure

__all__ = ["CODES", "Code", "Guide", "Hint", "explain", "languages"]

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
# --- place, in field radii
LOPSIDED = 0.25  # from the middle of the field to the middle of the dark: a shadow from one side
ASTRAY = 0.36  # from the middle of the field to the line between disc and macula
DRIFTED = 0.22  # of disc and macula from where they were in the last good view
FAR: dict[Region, float] = {"disc": 0.85, "macula": 0.5}  # of the only one in sight; the other may just be hard to see
WHOLE = 0.6  # farther out the rim cuts a landmark, and its middle seems to move less than it does
# --- what is a retina, and what is good
SURE = 0.45  # lost area up to which it is a retina, and worth remembering
GONE = 0.75  # lost area from which there may be no retina at all
ALIKE = 0.35  # difference in colour, as a logarithm, up to which it is still the retina of a moment ago
SMOOTH = 0.02  # fine contrast, share of the brightness: less is out of focus
REDDISH = 1.5  # red over green of a retina in white light
REMEMBERED_S = 3.0  # how long a retina that was lost to the eye is still thought to be there
ENOUGH = 0.65  # from the bundle's threshold of usable (0) to that of good (1): good enough to hold still
AS_GOOD = 0.05  # lost area more than in the clearest view: as good as this eye and camera give
FADE = 0.01  # by how much a second the clearest view is forgotten
PATIENCE_S = 1.5  # how long a better view is waited for, where that one is usable and no more
LEAVING = 0.015  # how far below what made it good a score may fall before that is given up
# --- the place of a good view, in seconds
LEARNED_S = 1.0  # for so long a landmark must have been seen in a good view
HOME_S = 0.4, 6.0  # time constants with which the place of a good view is learned: in its first second, and then
REFRAMED_S = 2.5  # a new view, good and centred, that is held for so long is what the operator wants


@dataclass(frozen=True)
class Evidence:
    """What speaks for each cause in one frame.

    Attributes:
        lost: lost area, share of the field.
        shares: the part of it put down to each of ``too_dark``, ``edge_shadow``, ``too_bright``, ``reflex``, ``blur``.
        places: where a cause is, x to the right and y down, in field radii.
        flooded: most of the field is at the end of a channel.
        light: the bright end of green, grey values.
        chroma: logarithms of red over green and blue over green, medians over the lit field.
        white: darkest over brightest channel, median over the lit field.
        detail: fine contrast as a share of the brightness, median over the field.
    """

    lost: float
    shares: dict[Code, float]
    places: dict[Code, tuple[float, float]]
    flooded: bool
    light: float
    chroma: tuple[float, float]
    white: float
    detail: float


def explain(assessment: Assessment, light: Photometry, white_before: float | None = None) -> Evidence:
    """Put the lost area of a frame down to causes.

    Args:
        assessment: of the frame; with a field.
        light: of the same crop, on the grid of the map.
        white_before: ``Evidence.white`` of the last good view, None where there was none.
    """
    seen = assessment.field
    black = _black_level(light, seen)
    blue, green, red = (np.maximum(channel[seen] - black, 0) for channel in (light.blue, light.green, light.red))
    lost = assessment.map[seen]
    top, low = np.maximum(np.maximum(blue, red), green), np.minimum(np.minimum(blue, red), green)
    bright_end, middle = (float(v) for v in np.percentile(green, (95, 50)))
    white = low / np.maximum(top, 1)
    flooded = bool(np.subtract(*np.percentile(top, (95, 50))) <= PLATEAU and middle >= GLOWING)
    dark = _ramp(green, LIT, DIM)
    bright = np.maximum(light.clipped[seen], _glare(green, white, white_before))
    if flooded:
        bright = np.maximum(bright, _ramp(green, BURNT[0] * bright_end, BURNT[1] * bright_end))
    dark = dark * (1 - bright)
    parts = {"dark": lost * dark, "bright": lost * bright, "blur": lost * (1 - dark - bright)}
    of_dark, of_bright = _place(parts["dark"], seen), _place(parts["bright"], seen)
    # A shadow is dark beside the rest of the field, and lies on one side, or all along the rim.
    in_dark = float(green @ parts["dark"] / max(float(parts["dark"].sum()), 1e-6))
    beside = bright_end > DIM and in_dark < SHADED * bright_end
    shadow = beside and (math.hypot(*of_dark) >= LOPSIDED or middle > LIT)
    shares: dict[Code, float] = dict.fromkeys(("too_dark", "edge_shadow", "too_bright", "reflex", "blur"), 0.0)
    shares["edge_shadow" if shadow else "too_dark"] = float(parts["dark"].mean())
    shares["too_bright" if flooded else "reflex"] = float(parts["bright"].mean())
    shares["blur"] = float(parts["blur"].mean())
    lit = green >= DIM if (green >= DIM).any() else green >= 0
    chroma = tuple(float(np.median(np.log((c[lit] + 1) / (green[lit] + 1)))) for c in (red, blue))
    return Evidence(
        float(lost.mean()),
        shares,
        {"edge_shadow": of_dark, "reflex": of_bright},
        flooded,
        bright_end,
        (chroma[0], chroma[1]),
        float(np.median(white[lit])),
        float(np.median(light.detail[seen])),
    )


def _black_level(light: Photometry, seen: NDArray[np.bool_]) -> float:
    """What this camera shows where no light comes from, grey values: 16 in some video; 0 where nothing tells."""
    if seen.all():
        return 0.0
    outside = float(np.percentile(light.green[~seen], 10))
    return outside if outside <= BLACKEST else 0.0


def _glare(green: Cells, white: NDArray[np.floating], white_before: float | None) -> Cells:
    """How surely each cell of a field shows light that was thrown back before the retina."""
    darker_half = float(np.percentile(green, 25))
    brighter = _ramp(green, BRIGHTER[0] * darker_half, BRIGHTER[1] * darker_half)
    usual = float(np.percentile(white, 10)) if white_before is None else white_before
    if usual >= COLOURLESS:  # brightness alone tells
        return brighter
    if white_before is None:
        return np.asarray(_ramp(white, *WHITE) * brighter, np.float32)
    whiter = (white - usual) / (PURE - usual)
    return np.asarray(np.maximum(_ramp(whiter, *WHITER) * brighter, _ramp(whiter, *VEIL)), np.float32)


def landmarks(assessment: Assessment) -> dict[Region, tuple[float, float]]:
    """Where disc and macula are, in field radii from the middle; without those that cannot be seen."""
    found: dict[Region, tuple[float, float]] = {}
    grid = assessment.map.shape[0]
    axis = (np.arange(grid) + 0.5) * (2 / grid) - 1
    for region in LANDMARKS:
        chance = assessment.regions.get(region)
        if chance is None:
            continue
        weight = np.where((chance >= 0.5) & assessment.field, chance, 0)
        total = float(weight.sum())
        if float(weight.max()) >= 0.8 and total >= 4:
            found[region] = float(weight.sum(axis=0) @ axis) / total, float(weight.sum(axis=1) @ axis) / total
    return found


def astray(found: dict[Region, tuple[float, float]]) -> tuple[float, float] | None:
    """Where the fundus has gone to, in field radii, where it is not in the middle; None where it is, or none can tell.

    A good view has the macula, the disc or the line between them in the middle.
    """
    if not found:
        return None
    places = np.array(list(found.values()))
    if len(places) == 1:
        nearest, limit = places[0], FAR[next(iter(found))]
    else:
        along = places[1] - places[0]
        share = float(np.clip(-(places[0] @ along) / max(float(along @ along), 1e-6), 0, 1))
        nearest, limit = places[0] + share * along, ASTRAY
    return (float(nearest[0]), float(nearest[1])) if math.hypot(*nearest) > limit else None


class Guide:
    """One hint at a time, from frames in the order of their time.

    Args:
        thresholds: of the bundle.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self._usable = thresholds.usable
        self._enough = thresholds.usable + ENOUGH * (thresholds.good - thresholds.usable)
        self._calm = Calm()
        self._last = 0.0
        self._seen: tuple[float, Evidence] | None = None  # when a retina was last in view, and how it looked when clear
        self._clearest_t = 0.0
        self._met = 0.0  # since when this eye is looked for
        # Landmarks of the last good view, and for how many seconds each was seen in it.
        self._home: dict[Region, tuple[tuple[float, float], float]] = {}
        self._away_since: float | None = None

    def update(self, assessment: Assessment, image: NDArray[np.uint8], t: float) -> Hint:
        """Look at a frame.

        Args:
            assessment: of the frame.
            image: the frame, uint8 BGR (H, W, 3).
            t: its time in seconds; must not go back.

        Returns:
            The hint to show now, which changes at most twice a second.
        """
        code, place = self._look(assessment, image, t)
        self._last = t
        return self._calm.show(code, place, t)

    def _look(
        self, assessment: Assessment, image: NDArray[np.uint8], t: float
    ) -> tuple[Code, tuple[float, float] | None]:
        """What this frame alone says, knowing what was seen before."""
        remembered = self._seen is not None and t - self._seen[0] <= REMEMBERED_S
        if not remembered:
            self._forget_place()
            self._met = t
        if assessment.crop is None or not assessment.field.any():
            light = float(image[::16, ::16].max(axis=2).mean())
            if remembered and light < DIM:
                return "too_dark", None
            return ("too_bright" if remembered and light >= GLOWING else "no_fundus"), None
        known = self._seen[1] if self._seen is not None and remembered else None
        evidence = explain(
            assessment, measure(image, assessment.crop, assessment.map.shape[0]), known.white if known else None
        )
        if not self._is_retina(evidence, known, assessment):
            return "no_fundus", None
        found = landmarks(assessment)
        # Colours are those of the clearest view, or a reflex that comes slowly would become the colour of the eye.
        faded = FADE * (t - self._clearest_t)
        if evidence.lost <= (SURE if known is None else known.lost + faded):
            self._seen, self._clearest_t = (t, evidence), t
        elif known is not None and (evidence.lost < GONE or evidence.shares["reflex"] <= 0.5 * evidence.lost):
            self._seen = t, known  # all white for long may be no retina after all
        if (away := self._off_centre(found, evidence, t)) is not None:
            return "off_centre", away
        slack = LEAVING if self._calm.hint is not None and self._calm.hint.code == "hold" else 0.0
        as_good = known is not None and evidence.lost <= known.lost + faded + AS_GOOD and t - self._met >= PATIENCE_S
        if assessment.score >= (self._usable if as_good else self._enough) - slack:
            self._settle(found, t)
            return "hold", None
        cause = max(evidence.shares, key=lambda name: evidence.shares[name])
        return cause, evidence.places.get(cause)

    def _forget_place(self) -> None:
        self._home, self._away_since = {}, None

    def _settle(self, found: dict[Region, tuple[float, float]], t: float) -> None:
        """Learn where disc and macula are while the view is good: quickly at first, then slowly, to notice a drift."""
        if self._away_since is not None:
            return
        spent = min(max(t - self._last, 0.0), 0.2)
        for name, place in found.items():
            (x, y), known_s = self._home.get(name, (place, 0.0))
            share = 1 - math.exp(-spent / HOME_S[known_s >= LEARNED_S])
            self._home[name] = (x + share * (place[0] - x), y + share * (place[1] - y)), known_s + spent

    def _is_retina(self, now: Evidence, known: Evidence | None, assessment: Assessment) -> bool:
        """Whether there is a retina in the picture, be it ever so spoiled."""
        if now.lost <= SURE:
            return True
        dark = now.shares["too_dark"] + now.shares["edge_shadow"]
        alike = known is not None and _apart(now.chroma, known.chroma) <= ALIKE
        if now.lost < GONE:
            spoiled = known is not None and now.shares["blur"] < 0.5 * now.lost
            return alike or spoiled or bool(landmarks(assessment))
        if known is not None:
            veiled = now.shares["reflex"] > 0.5 * now.lost and now.detail < SMOOTH
            return alike or dark > 0.5 * now.lost or now.flooded or veiled
        # Nothing was seen before: a retina out of focus is lit, red and smooth; a pupil from outside is dark.
        out_of_focus = now.light >= LIT and now.chroma[0] >= math.log(REDDISH) and now.detail < SMOOTH
        return out_of_focus and bool(landmarks(assessment))

    def _off_centre(
        self, found: dict[Region, tuple[float, float]], evidence: Evidence, t: float
    ) -> tuple[float, float] | None:
        """Whereto to aim, where disc and macula have left the middle or the place that they had in the last view."""
        if evidence.lost > SURE:
            return None
        if (away := astray(found)) is not None:
            self._away_since = t if self._away_since is None else self._away_since
            return away
        home = {name: place for name, (place, known_s) in self._home.items() if known_s >= LEARNED_S}
        if home and not any(name in home for name in found):
            return None  # for now nothing tells
        both = [name for name in found if name in home]
        whole = [name for name in both if max(math.hypot(*found[name]), math.hypot(*home[name])) <= WHOLE]
        moved = [np.subtract(found[name], home[name]) for name in whole or both]
        drift = np.mean(moved, axis=0) if moved else np.zeros(2)
        if math.hypot(*drift) <= DRIFTED:
            self._away_since = None
            return None
        self._away_since = t if self._away_since is None else self._away_since
        if t - self._away_since >= REFRAMED_S:
            self._forget_place()
            return None
        return float(drift[0]), float(drift[1])


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


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
