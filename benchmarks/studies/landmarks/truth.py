"""What is known of photographs and synthetic eyes: which eye it is, and where fovea and disc are."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.field.find import Crop
from edge.findings.eye import Eye
from edge.phantom.retina import make_look, make_retina, paint_fundus

FIRST_PHANTOM = 950_000  # lower seeds teach or choose
_SIDE = 512  # pixels of a synthetic eye
_APART = 0.5  # disc radii between two readers from which a mark is left out
_OTHER_EYE: dict[Eye, Eye] = {"right": "left", "left": "right"}

Point = tuple[float, float]


@dataclass(frozen=True)
class Marks:
    """Places in pixels of the file.

    Attributes:
        radius: of the disc.
        fovea, disc: centre; None where readers disagree or could not place it.
    """

    radius: float
    fovea: Point | None
    disc: Point | None

    @property
    def eye(self) -> Eye | None:
        if self.fovea is None or self.disc is None:
            return None
        return "right" if self.disc[0] > self.fovea[0] else "left"


@dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic eye: uint8 BGR (S, S, 3), and what is true of it; ``marks`` without what lies outside the field."""

    image: NDArray[np.uint8]
    eye: Eye
    marks: Marks | None


def read_marks(table: Path) -> dict[str, Marks]:
    """Marks by the path in the table, each the mean of two readers.

    Raises:
        EdgeError: the file cannot be read, or lacks a column.
    """
    try:
        with table.open(newline="", encoding="utf-8") as lines:
            return {row["path"]: _marks(row) for row in csv.DictReader(lines)}
    except (OSError, KeyError, ValueError) as error:
        raise EdgeError(
            f"{table} cannot be read as marks of two readers ({error}): give the file of tests/real."
        ) from None


def _marks(row: Mapping[str, str]) -> Marks:
    sizes = [float(row[name]) for name in ("disc1_diameter", "disc2_diameter") if row[name]]
    if not sizes:
        raise ValueError(f"{row['path']} has no disc")
    radius = sum(sizes) / len(sizes) / 2
    return Marks(radius, _agreed(row, "fovea", radius), _agreed(row, "disc", radius))


def _agreed(row: Mapping[str, str], name: str, radius: float) -> Point | None:
    cells = [row[f"{name}{reader}_{axis}"] for reader in (1, 2) for axis in "xy"]
    if not all(cells):
        return None
    x1, y1, x2, y2 = map(float, cells)
    return ((x1 + x2) / 2, (y1 + y2) / 2) if math.hypot(x1 - x2, y1 - y2) <= _APART * radius else None


def eye_by_name(path: Path) -> Eye | None:
    """The eye where the folder (tvhl) or the name (CHASE_DB1) says it."""
    if path.parent.name in ("right", "left"):
        return "right" if path.parent.name == "right" else "left"
    if path.parent.parent.name == "chasedb1":
        return "right" if path.stem.endswith("R") else "left"
    return None


def filed_as_both(paths: Iterable[Path]) -> set[Path]:
    """Files that are filed as a right and, byte by byte the same, as a left eye: their names tell nothing.

    Raises:
        OSError: one cannot be read.
    """
    same: defaultdict[bytes, list[Path]] = defaultdict(list)
    for path in paths:
        if eye_by_name(path) is not None:
            same[hashlib.sha256(path.read_bytes()).digest()].append(path)
    return {path for group in same.values() if len({eye_by_name(each) for each in group}) > 1 for path in group}


def eye_by_disc(disc: tuple[float, float, float], crop: Crop) -> Eye | None:
    """The eye of a photograph with the macula in the middle, from the disc (x, y, radius); None where it may not be."""
    away = disc[0] - (crop.x + crop.side / 2)
    return None if abs(away) < 2 * disc[2] else "right" if away > 0 else "left"


def phantom(seed: int) -> Phantom:
    """A synthetic eye as cameras frame it: some with the disc in the middle."""
    retina = make_retina(seed, _SIDE)

    def inside(place: Point) -> Point | None:
        x, y = (min(max(round(each), 0), _SIDE - 1) for each in place)
        return place if (x, y) == (round(place[0]), round(place[1])) and retina.field[y, x] else None

    return Phantom(
        retina.image, retina.laterality, Marks(retina.disc_radius, inside(retina.macula), inside(retina.disc))
    )


def nasal_phantom(seed: int) -> Phantom:
    """A synthetic eye seen from the nasal side: its disc is in the field, its macula is not."""
    rng = np.random.default_rng((seed, 20))
    centre = float(rng.uniform(1.0, 2.4)), float(rng.uniform(-0.4, 0.4))
    look = dataclasses.replace(make_look(rng), radius=3.2, centre=centre)
    radius = 0.48 * _SIDE
    colours, _ = paint_fundus(look, seed, _SIDE, radius)
    axis = (np.arange(_SIDE) - (_SIDE - 1) / 2) / radius
    far = np.hypot(axis[:, None], axis[None, :])[:, :, None]
    lit = colours * (1.1 - 0.25 * far**2) * (far < 1) + rng.normal(0, 1.5, colours.shape)
    return Phantom(np.asarray(lit.clip(0, 255), np.uint8), look.laterality, None)


def other(eye: Eye | None) -> Eye | None:
    """What a mirrored frame must tell."""
    return None if eye is None else _OTHER_EYE[eye]
