"""The option ``--criterion``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from edge.criteria.criterion import Criterion, criterion_path, read_criterion, shipped_criteria
from edge.errors import EdgeError


@dataclass(frozen=True)
class NamedCriterion(Criterion):
    """A criterion and the file that it was read from, which no output may overwrite."""

    file: Path


def named_criterion(name: str) -> NamedCriterion:
    """One that ships or a file, as an argument; a wrong one is a wrong argument."""
    try:
        return NamedCriterion(**vars(read_criterion(name)), file=criterion_path(name))
    except EdgeError as error:
        raise typer.BadParameter(str(error)) from error


CriterionSetting = Annotated[
    NamedCriterion | None,
    typer.Option(
        "--criterion",
        parser=named_criterion,
        metavar="NAME",
        help=f"Also judge by a screening programme's requirements: {', '.join(shipped_criteria())}, or a file.",
    ),
]
