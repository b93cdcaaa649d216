"""Students compared: what was measured of each, which one is the knee, and the table. Needs no torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import typer

from benchmarks.roofline.predict import Prediction
from benchmarks.run.latency import Summary
from trainer.pages import markdown_table

NEAR = 1.10  # times the smallest map MAE of all
SLACK = 0.005  # below the largest AUROC on phantoms of all
RULE = (
    f"the fastest student whose map MAE is at most {NEAR:g} times the smallest of all and whose AUROC on phantoms is "
    f"at most {SLACK:g} below the largest, all as INT8"
)


@dataclass(frozen=True)
class StudentPlan:
    """A student to be: side of its input in pixels, pixels of it per cell of the map (8 or 16), width of its layers."""

    size: int
    stride: int
    width: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.size}x{self.stride}" + ("" if self.width == 1 else f"w{self.width:g}")

    @property
    def grid(self) -> int:
        """Side of its map in cells."""
        return self.size // self.stride


@dataclass(frozen=True)
class StudentFigures:
    """How good the maps of one student are.

    Attributes:
        unseen: frames that no student learned from: photographs of excluded folders, and held-out synthetic eyes.
        taught: photographs that the students learned from.
        map_mae: distance from the teacher's maps over the unseen frames, mean of the frames' means inside the field, on
            the teacher's grid: comparable between students of all grids.
        map_mae_coarser: the same on the coarser of both grids, as ``edge-train evaluate`` reports it.
        map_mae_taught: ``map_mae`` over the photographs that taught; None without any.
        score_spearman: rank correlation with the teacher's scores over the unseen frames; None where all are the same.
        phantom_auroc: over cells of spoiled synthetic eyes, lost against whole; the truth is exact.
    """

    unseen: int
    taught: int
    map_mae: float
    map_mae_coarser: float
    map_mae_taught: float | None
    score_spearman: float | None
    phantom_auroc: float


@dataclass(frozen=True)
class StudentRow:
    """One student.

    Attributes:
        plan: what it is.
        mib: of its INT8 bundle.
        runs: timed inferences.
        inference: of INT8 on OpenVINO, frame step not included.
        orin_nano: what the same network would take there; predicted, not measured.
        int8, float32: of its maps, quantized and before.
    """

    plan: StudentPlan
    mib: float
    runs: int
    inference: Summary
    orin_nano: Prediction
    int8: StudentFigures
    float32: StudentFigures

    @property
    def ms(self) -> float:
        """The median inference."""
        assert self.inference.p50_ms is not None  # every student is timed far more often than a median needs
        return self.inference.p50_ms

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {"student": self.plan.name, "grid": self.plan.grid, **asdict(self)}


def parse_sizes(text: str) -> list[StudentPlan]:
    """``224x16,256x8w1.5`` -> plans in that order, each once.

    Raises:
        typer.BadParameter: a part is not SIZExSTRIDE or SIZExSTRIDEwWIDTH, the stride not 8 or 16, the size no multiple
            of 16 from 64 to 1024, or the width not from 0.25 to 4.
    """
    plans = []
    for part in text.split(","):
        match = re.fullmatch(r"([0-9]{2,4})x(8|16)(?:w([0-9](?:\.[0-9]{1,3})?))?", part.strip().lower())
        width = float((match and match[3]) or 1)
        if not match or int(match[1]) % 16 or not 64 <= int(match[1]) <= 1024 or not 0.25 <= width <= 4:
            raise typer.BadParameter(
                f"{part.strip()!r} is no student: write SIZExSTRIDE, the size a multiple of 16 from 64 to 1024 and the "
                "stride 8 or 16, such as 256x8, and wWIDTH behind it, from 0.25 to 4, for wider or narrower layers."
            )
        plans.append(StudentPlan(int(match[1]), int(match[2]), width))
    return list(dict.fromkeys(plans))


def knee(rows: Sequence[StudentRow]) -> StudentRow | None:
    """The student to ship by ``RULE``; None where none is near the best in both."""
    nearest = min(row.int8.map_mae for row in rows)
    surest = max(row.int8.phantom_auroc for row in rows)
    fit = [r for r in rows if r.int8.map_mae <= NEAR * nearest and r.int8.phantom_auroc >= surest - SLACK]
    return min(fit, key=lambda row: row.ms) if fit else None


def to_markdown(rows: Sequence[StudentRow]) -> str:
    """The table and the choice, for people and pages."""
    chosen, first = knee(rows), rows[0].int8
    cells = [
        {
            "student": f"**{row.plan.name}**" if row is chosen else row.plan.name,
            "map grid": str(row.plan.grid),
            "bundle, MiB": f"{row.mib:.2f}",
            "inference p50/p90, ms": f"{row.ms:.2f}/{_shown(row.inference.p90_ms, 2)}",
            "on an Orin Nano, predicted, ms": f"{row.orin_nano.low_ms:.2f} to {row.orin_nano.high_ms:.2f}",
            "map MAE": _shown(row.int8.map_mae),
            "map MAE, float32": _shown(row.float32.map_mae),
            "map MAE, coarser grid": _shown(row.int8.map_mae_coarser),
            "map MAE, taught": _shown(row.int8.map_mae_taught),
            "score Spearman": _shown(row.int8.score_spearman),
            "AUROC on phantoms": _shown(row.int8.phantom_auroc),
            "AUROC, float32": _shown(row.float32.phantom_auroc),
        }
        for row in rows
    ]
    table = markdown_table(list(cells[0]), [list(row.values()) for row in cells])
    verdict = f"The knee is {chosen.plan.name}" if chosen else "No student is the knee"
    frames = f"{first.unseen} frames that none of them learned from, and {first.taught} photographs that taught them"
    return "\n".join([table, "", f"As INT8, on {frames}.", f"{verdict}: {RULE}."])


def _shown(figure: float | None, digits: int = 4) -> str:
    return "-" if figure is None else f"{figure:.{digits}f}"
