"""What one frame yields."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import LANDMARKS, Region
from edge.errors import InputError
from edge.field.find import Crop
from edge.findings.cause import CAUSES, Cause, clock_at
from edge.findings.evidence import Evidence, explain
from edge.findings.eye import Eye, eye_of
from edge.findings.field_definition import FieldDefinition, define_field
from edge.findings.landmarks import Landmark, find_landmarks
from edge.findings.photometry import Photometry
from edge.images.raw import RawImage, is_bgr

SCHEMA = 1  # of ``Assessment.to_dict``; raised where a field changes its meaning or goes
Verdict = Literal["good", "usable", "reject", "no_fundus", "no_anatomy"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)[:4]  # on photographs of the fundus
ABSENT: tuple[Verdict, ...] = get_args(Verdict)[3:]  # the frame shows no retina, or none of another modality's anatomy
TERMINAL_COLOURS: dict[Verdict, str] = {"good": "green", "usable": "yellow", "reject": "red"}
TERMINAL_COLOURS |= dict.fromkeys(ABSENT, "magenta")
_LIKELY = 0.04  # probability from which a cause is named beside the main one: one that is missed is worse
_LEAST_OF_GOOD = 0.05  # share of the field from which a cause is named though the frame is good
PICTURE_COLOURS: dict[Verdict, tuple[int, int, int]] = {  # BGR, after Okabe and Ito: apart for all kinds of eyes
    "good": (115, 158, 0),
    "usable": (66, 228, 240),
    "reject": (0, 94, 213),
    **dict.fromkeys(ABSENT, (225, 110, 165)),
}


def verdicts_with(found: Collection[str]) -> tuple[Verdict, ...]:
    """Those that photographs of the fundus have, and what else there is among these."""
    return VERDICTS + tuple(verdict for verdict in ABSENT[1:] if verdict in found)


def shown_score(score: float) -> str:
    """A score as people read it: cut, not rounded, so that none looks like 1 or a threshold that it does not reach."""
    return str(Decimal(str(float(score))).quantize(Decimal("0.001"), ROUND_DOWN))


@dataclass(frozen=True)
class Timings:
    """Milliseconds spent on one frame, by stage."""

    frame_ms: float  # find the field, crop, resample, normalise
    inference_ms: float
    post_ms: float  # pool the map, decide


@dataclass(frozen=True, eq=False)
class Assessment:
    """The quality of one frame, judged on itself. What explains it is worked out when it is first asked for.

    Attributes:
        score: quality score in [0, 1], 1 is best: 1 - sum(w * D) over the field, see ``edge.score``; 0 where verdict
            is ``no_fundus`` or ``no_anatomy``.
        verdict: ``good``, ``usable`` or ``reject`` by the thresholds of the bundle; ``no_fundus`` where the frame
            shows no retina; ``no_anatomy`` where it shows nothing of another modality's anatomy.
        map: degradation map D, float32 (grid, grid) in [0, 1], 1 = expected anatomy not visible, because the
            network sees none or too little or too much light took it. Outside ``field`` it says nothing: use
            ``map[field]``. 1 everywhere for a frame without a field.
        field: bool (grid, grid), True inside the field of view: the camera's, where a shadow hides it too.
        crop: the square of the frame that map and field cover, in frame pixels; None where no field was found.
        timings: where the time went.
        regions: where ``disc`` and ``macula`` are, also where they cannot be seen well: probability of a cell to
            belong there, float32 (grid, grid) in [0, 1]; empty where the model has no such maps, found no field, or
            the frame shows no retina.
        coverage: share of the field, in [0, 1], that is lit: neither in shadow nor burnt out; 0 without a field.
        photometry: light and colour of the crop on the same grid; None without a field, or where they explain nothing.
        explained: whether the modality has causes, landmarks and field definitions at all.
    """

    score: float
    verdict: Verdict
    map: NDArray[np.float32]
    field: NDArray[np.bool_]
    crop: Crop | None
    timings: Timings
    regions: dict[Region, NDArray[np.float32]] = dataclasses.field(default_factory=dict)
    coverage: float = 1.0
    photometry: Photometry | None = None
    explained: bool = True

    @functools.cached_property
    def evidence(self) -> Evidence | None:
        """What speaks for each cause; None without a field."""
        if self.photometry is None or not self.field.any():
            return None
        return explain(self.map, self.regions, self.field, self.photometry)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Why parts of the field are lost, the one that most likely took most of it first.

        A frame that is not good has one at least, unless it shows no retina; a good one seldom has any, and
        a frame of a modality without causes none.
        """
        found = self.evidence
        if found is None or self.verdict in ABSENT:
            return ()
        codes = sorted(CAUSES, key=lambda code: -found.main[code])
        if self.verdict == "good":
            named = [code for code in codes if found.present[code] >= _LIKELY and found.shares[code] >= _LEAST_OF_GOOD]
        else:
            named = [code for code in codes if found.present[code] >= _LIKELY or code == codes[0]]
        return tuple(Cause(code, found.shares[code], *clock_at(*found.places[code])) for code in named)

    @property
    def cause(self) -> Cause | None:
        """The one that matters most."""
        return self.causes[0] if self.causes else None

    @functools.cached_property
    def landmarks(self) -> dict[Region, Landmark]:
        """Disc and macula, also where they are hardly seen; empty where ``regions`` is."""
        return find_landmarks(self.regions, self.field)

    @functools.cached_property
    def _eye(self) -> tuple[Eye | None, float]:
        return eye_of(self.regions, self.field)

    @property
    def eye(self) -> Eye | None:
        """Which eye an upright photograph shows; None where disc and macula do not tell."""
        return self._eye[0]

    @property
    def eye_probability(self) -> float:
        """Probability of the likelier eye, in [0.5, 1]."""
        return self._eye[1]

    @functools.cached_property
    def field_definition(self) -> FieldDefinition:
        """What the photograph is centred on, in disc diameters."""
        return define_field(self.landmarks, self.field)

    @property
    def field_kind(self) -> str:
        """``field_definition.kind`` for tables; empty where the frame shows no retina, or the modality has none."""
        return self.field_definition.kind if self.explained and self.verdict not in ABSENT else ""

    @property
    def focus(self) -> float | None:
        """Contrast of fine structure over that of coarse, larger when sharper, on one camera; None without a field."""
        return None if self.evidence is None else self.evidence.focus

    def to_dict(self) -> dict[str, Any]:
        """All but the maps, as plain data for JSON; ``edge/assessment.schema.json`` describes every field."""
        return {
            "schema": SCHEMA,
            "score": round(float(self.score), 6),
            "verdict": self.verdict,
            "coverage": _rounded(self.coverage),
            "cause": self.cause.code if self.cause else None,
            "causes": [_record(cause) for cause in self.causes],
            "eye": self.eye,
            "eye_probability": _rounded(self.eye_probability),
            "field_definition": _record(self.field_definition) if self.explained else None,
            "landmarks": {name: _record(self.landmarks.get(name)) for name in LANDMARKS},
            "focus": _rounded(self.focus),
            "crop": _record(self.crop),
            "timings": _record(self.timings),
        }


def _record(found: Any) -> dict[str, Any] | None:
    """The fields of a dataclass; None of None."""
    return None if found is None else {name: _rounded(value) for name, value in dataclasses.asdict(found).items()}


def _rounded(value: Any) -> Any:
    """Figures to four places: the rest is noise. A list of a tuple, as JSON has no other."""
    if isinstance(value, tuple):
        return [_rounded(each) for each in value]
    return round(float(value), 4) if isinstance(value, float | np.floating) else value


def check_frame(frame: object) -> None:
    """Refuse what is no frame.

    Raises:
        InputError: it is not uint8 (H, W, 3), nor a frame as a camera gave it.
    """
    if isinstance(frame, RawImage):
        return
    if not isinstance(frame, np.ndarray):
        raise InputError(f"a frame is uint8 with shape (H, W, 3), not {type(frame).__name__}: could the file be read?")
    if not is_bgr(frame):
        raise InputError(
            f"a frame is uint8 with shape (H, W, 3), not {frame.dtype} with shape {frame.shape}: convert it first."
        )
