"""The option ``--criterion``."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.criteria.criterion import Criterion, read_criterion, shipped_criteria
from edge.errors import EdgeError


def _read(name: str) -> Criterion:
    try:
        return read_criterion(name)
    except EdgeError as error:
        raise typer.BadParameter(str(error)) from error


CriterionSetting = Annotated[
    Criterion | None,
    typer.Option(
        "--criterion",
        parser=_read,
        metavar="NAME",
        help=f"Also judge by a screening programme's requirements: {', '.join(shipped_criteria())}, or a file.",
    ),
]
