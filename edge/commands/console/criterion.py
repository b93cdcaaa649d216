"""The option ``--criterion``."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.criteria.criterion import Criterion, read_criterion, shipped_criteria
from edge.errors import EdgeError


def named_criterion(name: str) -> Criterion:
    """One that ships or a file, as an argument; a wrong one is a wrong argument."""
    try:
        return read_criterion(name)
    except EdgeError as error:
        raise typer.BadParameter(str(error)) from error


CriterionSetting = Annotated[
    Criterion | None,
    typer.Option(
        "--criterion",
        parser=named_criterion,
        metavar="NAME",
        help=f"Also judge by a screening programme's requirements: {', '.join(shipped_criteria())}, or a file.",
    ),
]
