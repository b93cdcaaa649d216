"""One hint at a time: what a frame's evidence means for the operator, knowing what was seen before.

The cause with the largest part of the lost area is the hint, unless no retina is in view at all, or it is not in the
middle. Thresholds are physical (field radii, shares, seconds); they name no camera. ``edge.guidance.hysteresis`` keeps
what is shown from flickering.
"""

from __future__ import annotations

import math

import numpy as np

from edge.assessment import Assessment
from edge.bundle.bundle import Region, Thresholds
from edge.findings.evidence import DIM, GLOWING, Evidence
from edge.guidance.absence import Absence
from edge.guidance.hint import CODES, Code, Hint, languages
from edge.guidance.hysteresis import Hysteresis
from edge.images.raw import Image, sample_of

__all__ = ["CODES", "Code", "Guide", "Hint", "languages"]

# --- place, in field radii
ASTRAY = 0.36  # from the middle of the field to the line between disc and macula
DRIFTED = 0.22  # of disc and macula from where they were in the last good view
FAR: dict[Region, float] = {"disc": 0.85, "macula": 0.5}  # of the only one in sight; the other may just be hard to see
STAYED = 0.1  # of disc or macula from its place in the last good view: it has not left it, however hardly seen
WHOLE = 0.6  # farther out the rim cuts a landmark, and its middle seems to move less than it does
# --- what is a retina, and what is good
SURE = 0.45  # lost area up to which it is a retina, and worth remembering
GONE = 0.75  # lost area from which there may be no retina at all
ALIKE = 0.35  # difference in colour, as a logarithm, up to which it is still the retina of a moment ago
SMOOTH = 0.02  # fine contrast, share of the brightness: less is out of focus
REMEMBERED_S = 3.0  # how long a retina that was lost to the eye is still thought to be there
ENOUGH = 0.65  # from the bundle's threshold of usable (0) to that of good (1): good enough to hold still
AS_GOOD = 0.05  # lost area more than in the clearest view: as good as this eye and camera give
FADE = 0.01  # by how much a second the clearest view is forgotten
PATIENCE_S = 1.5  # how long a better view is waited for, where that one is usable and no more
GLARE = 0.8  # probability of a reflex from which there is one
LEAVING = 0.015  # how far below what made it good a score may fall before that is given up
# --- the place of a good view, in seconds
LEARNED_S = 1.0  # for so long a landmark must have been seen in a good view
HOME_S = 0.4, 6.0  # time constants with which the place of a good view is learned: in its first second, and then
REFRAMED_S = 2.5  # a new view, good and centred, that is held for so long is what the operator wants


def landmarks(assessment: Assessment) -> dict[Region, tuple[float, float]]:
    """Where disc and macula are, in field radii from the middle; without those that cannot be seen."""
    return {name: (found.x, found.y) for name, found in assessment.landmarks.items() if found.seen}


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
        self._calm = Hysteresis()
        self._last = 0.0
        self._seen: tuple[float, Evidence] | None = None  # when a retina was last in view, and how it looked when clear
        self._clearest_t = 0.0
        self._met = 0.0  # since when this eye is looked for
        # Landmarks of the last good view, and for how many seconds each was seen in it.
        self._home: dict[Region, tuple[tuple[float, float], float]] = {}
        self._away: tuple[float, float] | None = None  # where the fundus has gone to, and since when
        self._away_since: float | None = None
        self._absence = Absence()

    def update(self, assessment: Assessment, image: Image, t: float) -> Hint:
        """Look at a frame.

        Args:
            assessment: of the frame.
            image: the frame, uint8 BGR (H, W, 3), or as a camera gave it.
            t: its time in seconds; must not go back.

        Returns:
            The hint to show now, which changes at most twice a second.
        """
        code, place = self._look(assessment, image, t)
        self._last = t
        return self._calm.show(code, place, t)

    def _look(self, assessment: Assessment, image: Image, t: float) -> tuple[Code, tuple[float, float] | None]:
        """What this frame alone says, knowing what was seen before."""
        if self._absence.update(assessment, t, image):  # the next eye has its disc on the other side
            self._forget_place()
        remembered = self._seen is not None and t - self._seen[0] <= REMEMBERED_S
        if not remembered:
            self._forget_place()
            self._met = t
        evidence = assessment.evidence
        if evidence is None:
            light = float(sample_of(image, slice(None, None, 16), slice(None, None, 16)).max(axis=2).mean())
            if remembered and light < DIM:
                return "too_dark", None
            return ("too_bright" if remembered and light >= GLOWING else "no_fundus"), None
        known = self._seen[1] if self._seen is not None and remembered else None
        if not self._is_retina(evidence, known, assessment):
            return "no_fundus", None
        found = self._real(assessment)
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
        enough = (self._usable if as_good else self._enough) - slack
        if assessment.score >= enough and not _is_new_glare(evidence, known):
            if self._away_since is not None and t - self._away_since < REFRAMED_S:
                return "off_centre", self._away  # it was last seen there, and nothing has told since that it is back
            self._settle(found, t)
            return "hold", None
        cause = max(evidence.main, key=lambda name: evidence.main[name])
        return cause, evidence.places[cause]

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
        """Whether there is a retina in the picture, however degraded.

        The model says so of each frame by itself. Where it sees none, a retina of a moment ago may be out of focus, in
        the dark, in too much light, or behind glare.
        """
        dark = now.shares["too_dark"] + now.shares["edge_shadow"]
        if assessment.verdict != "no_fundus" or now.lost <= SURE:
            # All is lost, and nothing was seen before: in the dark or full of detail, it may be a pupil from outside.
            unclear = dark > 0.5 * now.lost or now.detail >= SMOOTH
            return known is not None or now.lost < GONE or not unclear
        if known is None:
            return False
        alike = _apart(now.chroma, known.chroma) <= ALIKE
        veiled = now.shares["reflex"] > 0.5 * now.lost and now.detail < SMOOTH
        return alike or dark > 0.5 * now.lost or now.flooded or veiled

    def _real(self, assessment: Assessment) -> dict[Region, tuple[float, float]]:
        """``landmarks`` without one that has moved while the other stayed: the dark in a ring of glare is no macula."""
        home = {name: place for name, (place, known_s) in self._home.items() if known_s >= LEARNED_S}
        moved = {
            name: math.dist((found.x, found.y), home[name])
            for name, found in assessment.landmarks.items()
            if name in home
        }
        stayed = any(far <= STAYED for far in moved.values())
        return {
            name: place
            for name, place in landmarks(assessment).items()
            if not (stayed and moved.get(name, 0.0) > DRIFTED)
        }

    def _off_centre(
        self, found: dict[Region, tuple[float, float]], evidence: Evidence, t: float
    ) -> tuple[float, float] | None:
        """Where to aim, if disc and macula have left the middle or the place that they had in the last view."""
        if evidence.lost > SURE:
            return None
        if (away := astray(found)) is not None:
            return self._gone_to(away, t)
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
        away = self._gone_to((float(drift[0]), float(drift[1])), t)
        if self._away_since is not None and t - self._away_since >= REFRAMED_S:
            self._forget_place()
            return None
        return away

    def _gone_to(self, away: tuple[float, float], t: float) -> tuple[float, float]:
        """Take note of where the fundus has gone to."""
        self._away, self._away_since = away, t if self._away_since is None else self._away_since
        return away


def _is_new_glare(now: Evidence, known: Evidence | None) -> bool:
    """Whether glare is there for sure that the clearest view had not: where vessels show through, little seems lost."""
    return known is not None and known.present["reflex"] < GLARE <= now.present["reflex"]


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
