"""Whether a photograph is adequate by a criterion, and which requirement failed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.assessment import Assessment
from edge.bundle.bundle import Region
from edge.criteria.criterion import Criterion, Requirements, shown_name
from edge.errors import EdgeError
from edge.findings.field_definition import FieldKind

_LOST = 0.5  # of the degradation map, from which the anatomy of a cell counts as not visible
_NEAR: dict[Region, float] = {"macula": 1.0, "disc": 0.5}  # disc diameters around a landmark that must be clear
_LINE = np.linspace(-1, 1, 41)
_DISC = np.array([(x, y) for x in _LINE for y in _LINE if x * x + y * y <= 1])  # points of a disc of radius 1
AT_MOST = ("fovea_from_centre",)
_WORDS = {
    "retina": "showing a retina",
    "field": "one of the fields that it asks for",
    "fovea_from_centre": "fovea from the centre, disc diameters",
    "disc_to_edge": "disc from the edge, disc diameters",
    "clear_near_fovea": "clear near the fovea",
    "clear_at_disc": "clear at the disc",
    "clear": "clear part of the field",
    "coverage": "lit part of the field",
    "score": "score",
}


@dataclass(frozen=True)
class Failure:
    """One requirement that a photograph does not meet.

    Attributes:
        requirement: a field of ``Requirements``, or ``field`` where the programme takes no photograph of this kind,
            or ``retina`` where the verdict is ``no_fundus``.
        found: the figure of the photograph; None where it cannot be measured, as without a disc.
        wanted: the limit; None for ``field`` and ``retina``.
    """

    requirement: str
    found: float | None
    wanted: float | None

    @property
    def name(self) -> str:
        """The requirement in words, without figures."""
        return f"not {_WORDS[self.requirement]}" if self.wanted is None else _WORDS[self.requirement]

    def __str__(self) -> str:
        if self.wanted is None:
            return self.name
        limit = "at most" if self.requirement in AT_MOST else "at least"
        return f"{self.name}: {self._figure}, {limit} {self.wanted:g} wanted"

    @property
    def _figure(self) -> str:
        """What was found, rounded away from the limit, so that it does not look like one that is met."""
        if self.found is None:
            return "cannot be measured"
        rounding = ROUND_CEILING if self.requirement in AT_MOST else ROUND_FLOOR
        return str(Decimal(str(self.found)).quantize(Decimal("0.01"), rounding))


@dataclass(frozen=True)
class Adequacy:
    """What a criterion says of one photograph.

    Attributes:
        criterion: its name.
        adequate: whether all requirements are met.
        kind: of field whose requirements were asked.
        failed: the others.
        verified: see ``Criterion``; where it is False, so is nothing that is said here.
    """

    criterion: str
    adequate: bool
    kind: FieldKind
    failed: tuple[Failure, ...]
    verified: bool

    @property
    def words(self) -> str:
        """One line, such as ``nhs-desp (unverified): not adequate: score: 0.41, at least 0.6 wanted``."""
        return f"{self.shown}: {self.verdict}"

    @property
    def shown(self) -> str:
        """The criterion as people read it, such as ``nhs-desp (unverified)``."""
        return shown_name(self.criterion, self.verified)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**asdict(self), "words": self.words}

    @property
    def verdict(self) -> str:
        """``adequate``, or ``not adequate: ...`` with the requirements that failed."""
        return "adequate" if self.adequate else f"not adequate: {'; '.join(map(str, self.failed))}"


def judge(assessment: Assessment, criterion: Criterion) -> Adequacy:
    """Hold a photograph to a criterion; what cannot be measured is not met, and no fundus is never adequate.

    Args:
        assessment: of the photograph.
        criterion: of ``read_criterion``.

    Raises:
        EdgeError: the model is of a modality that has no fields, which criteria ask for.
    """
    if not assessment.explained:
        raise EdgeError(f"the criterion {criterion.name} is for photographs of the fundus: leave --criterion out.")
    kind = assessment.field_definition.kind
    wanted: Requirements | None = getattr(criterion, kind)
    if assessment.verdict == "no_fundus" or wanted is None:
        missing = "retina" if assessment.verdict == "no_fundus" else "field"
        return Adequacy(criterion.name, False, kind, (Failure(missing, None, None),), criterion.verified)
    found = measure(assessment)
    failed = []
    for field in fields(Requirements):
        limit: float | None = getattr(wanted, field.name)
        value = found[field.name]
        if limit is not None and (value is None or not meets(field.name, value, limit)):
            failed.append(Failure(field.name, value, limit))
    return Adequacy(criterion.name, not failed, kind, tuple(failed), criterion.verified)


def meets(requirement: str, found: ArrayLike, limit: float) -> NDArray[np.bool_]:
    """Which of the figures, of any shape, meet a limit; NaN never does."""
    return np.asarray(np.asarray(found) <= limit if requirement in AT_MOST else np.asarray(found) >= limit)


def measure(assessment: Assessment) -> dict[str, float | None]:
    """The figures that a criterion asks for, by the names of ``Requirements``; None where one cannot be measured."""
    definition = assessment.field_definition
    seen = assessment.field
    clear = (assessment.map < _LOST) & seen
    return {
        "fovea_from_centre": None if definition.fovea is None else float(np.hypot(*definition.fovea)),
        "disc_to_edge": definition.disc_to_edge,
        "clear_near_fovea": _clear_near(assessment, "macula", clear),
        "clear_at_disc": _clear_near(assessment, "disc", clear),
        "clear": float(clear.sum() / seen.sum()) if seen.any() else None,
        "coverage": assessment.coverage,
        "score": assessment.score,
    }


def _clear_near(assessment: Assessment, name: Region, clear: NDArray[np.bool_]) -> float | None:
    """Clear share of what lies around a landmark; what lies beyond the field is not clear."""
    definition = assessment.field_definition
    place = definition.fovea if name == "macula" else definition.disc
    if place is None or definition.width is None:
        return None
    grid = len(clear)
    cells_a_diameter = grid / definition.width
    # Points, not whole cells: half a disc diameter is two cells, and a cell more or less would be a tenth of the share.
    x, y = np.floor((np.array(place) + _DISC * _NEAR[name]) * cells_a_diameter + grid / 2).astype(int).T
    inside = (x >= 0) & (x < grid) & (y >= 0) & (y < grid)
    return float((clear[y.clip(0, grid - 1), x.clip(0, grid - 1)] & inside).mean())
