"""What is told of photographs and synthetic eyes, beside what is true."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.studies.landmarks.truth import (
    FIRST_PHANTOM,
    Marks,
    Phantom,
    eye_by_disc,
    eye_by_name,
    filed_as_both,
    nasal_phantom,
    phantom,
)
from edge.assessment import Assessment
from edge.errors import EdgeError
from edge.findings.eye import Eye
from edge.grading import find_inputs, grade_files
from edge.model import QualityModel
from trainer.data.landmarks import read_discs

SETS = ("tvhl", "chasedb1", "idrid-diaretdb1", "srahim", "hrf", "aria", "drive", "orvs", "drhagis")


@dataclass(frozen=True)
class Errors:
    """Of one frame, in disc radii; None where there is nothing to compare with, infinite where nothing was found.

    Attributes:
        fovea, disc: distance between found and marked centre.
        diameter: of the disc, found over marked.
    """

    fovea: float | None
    disc: float | None
    diameter: float | None


@dataclass(frozen=True)
class Seen:
    """One frame.

    Attributes:
        name: its path in the folder of photographs, or its seed.
        usable: its verdict is good or usable.
        truth, told, mirrored: the eye that it is, that is told, and that is told of its mirror image.
        errors: None where it has no marks.
        filed_as_both: as a right and as a left eye, so that its truth is not known.
    """

    name: str
    usable: bool
    truth: Eye | None
    told: Eye | None
    mirrored: Eye | None
    errors: Errors | None
    filed_as_both: bool = False


def see_photographs(model: QualityModel, data: Path, name: str, marks: Mapping[str, Marks]) -> Iterator[Seen]:
    """The photographs of one of ``SETS``.

    Raises:
        EdgeError: a photograph cannot be read.
    """
    boxes = data / name / "discs.csv"
    discs = {path: mark.disc for path, mark in (read_discs(boxes) if boxes.exists() else {}).items()}
    folders = [each for each in sorted((data / name).rglob("images")) if each.is_dir()] or [data / name]
    inputs = find_inputs(folders)
    doubtful = filed_as_both(each.path for each in inputs)
    for graded in grade_files(model, inputs):
        path, found = graded.path, graded.assessment
        if found is None or graded.frame is None:
            raise EdgeError(graded.error)
        marked = marks.get(path.relative_to(data).as_posix())
        truth = (None if path in doubtful else eye_by_name(path)) or (marked.eye if marked else None)
        if truth is None and (disc := discs.get(path)) is not None and found.crop is not None:
            truth = eye_by_disc(disc, found.crop)
        seen = _seen(model, path.relative_to(data).as_posix(), graded.frame, found, truth, marked)
        yield dataclasses.replace(seen, filed_as_both=path in doubtful)


def see_phantoms(model: QualityModel, number: int, nasal: bool = False) -> Iterator[Seen]:
    """So many synthetic eyes whose seeds teach nothing."""
    for seed in range(FIRST_PHANTOM, FIRST_PHANTOM + number):
        eye: Phantom = nasal_phantom(seed) if nasal else phantom(seed)
        yield _seen(model, str(seed), eye.image, model.assess(eye.image), eye.eye, eye.marks)


def _seen(
    model: QualityModel,
    name: str,
    image: NDArray[np.uint8],
    found: Assessment,
    truth: Eye | None,
    marks: Marks | None,
) -> Seen:
    mirrored = model.assess(np.ascontiguousarray(image[:, ::-1]))
    errors = None if marks is None else errors_of(found, marks)
    return Seen(name, found.verdict in ("good", "usable"), truth, found.eye, mirrored.eye, errors)


def errors_of(found: Assessment, marks: Marks) -> Errors:
    """How far landmarks are from where they were marked."""
    disc = found.landmarks.get("disc")
    diameter = None
    if marks.disc is not None:
        half = 0.0 if found.crop is None else found.crop.side / 2
        diameter = math.inf if disc is None else disc.diameter * half / (2 * marks.radius)
    return Errors(
        _away(found, "macula", marks.fovea, marks.radius), _away(found, "disc", marks.disc, marks.radius), diameter
    )


def _away(found: Assessment, name: str, place: tuple[float, float] | None, radius: float) -> float | None:
    if place is None:
        return None
    landmark = next((mark for region, mark in found.landmarks.items() if region == name), None)
    if landmark is None or found.crop is None:
        return math.inf
    half = found.crop.side / 2
    x, y = found.crop.x + half * (1 + landmark.x), found.crop.y + half * (1 + landmark.y)
    return math.hypot(x - place[0], y - place[1]) / radius
