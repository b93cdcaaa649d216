"""What a new bundle starts from: a folder to write to, and a manifest with nothing measured or fitted yet."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

from calibration.site.thresholds import UNFITTED
from edge.bundle.bundle import MAPS, Manifest, MapName, Region
from edge.errors import EdgeError
from edge.field.whole import FIELDS
from trainer.recipe import Recipe

# Chosen beforehand and never tuned: graders ask first whether fovea and disc can be judged, and forgive the periphery.
POOLING: dict[Region, float] = {"disc": 2.0, "macula": 3.0, "periphery": 1.0}


def make_folder(folder: Path) -> None:
    """Make a folder and its parents.

    Raises:
        EdgeError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeError(f"{folder} cannot be made ({error.strerror}): choose another place.") from error


def new_manifest(
    name: str,
    recipe: Recipe,
    maps: tuple[MapName, ...],
    grid: int,
    thresholds_from: str,
    trained_on: Sequence[str] = (),
    software: Sequence[str] = (),
) -> Manifest:
    """The manifest of an INT8 network with default thresholds.

    Args:
        name: of the model, for people.
        recipe: its ``distill.size`` is the side of the input in pixels.
        maps: what the network gives; regions are weighted only where it gives all of them.
        grid: side of a map in cells.
        thresholds_from: why the thresholds are defaults.
        trained_on: sets of the training data, how many photographs each gave, and on which terms.
        software: distributions whose versions are recorded.
    """
    return Manifest(
        name=name,
        precision="int8",
        input_size=recipe.distill.size,
        grid=grid,
        maps=maps,
        mean=recipe.mean,
        std=recipe.std,
        pooling=POOLING if maps == MAPS else dict.fromkeys(POOLING, 1.0),
        thresholds=UNFITTED,
        thresholds_from=thresholds_from,
        metrics={},
        trained_on=tuple(trained_on),
        golden=(),
        made_with={package: importlib.metadata.version(package) for package in software},
        field=FIELDS[recipe.modality],
        modality=recipe.modality,
    )
