"""Photographs as eyes before a camera, of which it is known which eye they are and where disc and macula lie."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.field.find import Crop, find_field
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind
from edge.frame.prepare import cut
from edge.images import find_images, read_image
from edge.model import QualityModel
from edge.phantom.photograph import Photograph

_PICTURE = 1024  # side at most of the square that a photograph becomes
_FARTHEST = 0.85  # field radii from the middle: a landmark farther out cannot be brought there
_AROUND = 2.1  # disc diameters around the disc that a field must have: with fewer no criterion of two fields is met
Place = tuple[float, float]


@dataclass(frozen=True, eq=False)
class PlayedEye:
    """One eye of a patient.

    Attributes:
        name: of its photograph.
        eye: right or left, as its data set says, or as its marked disc does.
        photograph: what the camera sees.
        places: of disc and macula, in field radii from the middle.
    """

    name: str
    eye: Eye
    photograph: Photograph
    places: dict[FieldKind, Place]


def sorted_eyes(model: QualityModel, data: Path, seed: int) -> Iterator[PlayedEye]:
    """Eyes of the folder ``tvhl``, whose name is the eye, in an order of chance: those that are good to begin with.

    A photograph that is not graded good has defects of its own, which are not in the truth of what is done to it.
    """
    paths = [(path, eye) for eye in ("right", "left") for path in find_images([data / "tvhl" / eye])]
    for number in np.random.default_rng(seed).permutation(len(paths)):
        path, eye = paths[number]
        if (played := _played(model, path, "right" if eye == "right" else "left", None)) is not None:
            yield played


def marked_eyes(model: QualityModel, data: Path, seed: int) -> Iterator[PlayedEye]:
    """Eyes of the folder ``idrid-diaretdb1`` whose disc was marked by hand: it lies on the side of the nose."""
    folder = data / "idrid-diaretdb1"
    with (folder / "discs.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["disc_cx"]]
    for number in np.random.default_rng(seed).permutation(len(rows)):
        row = rows[number]
        disc = float(row["disc_cx"]), float(row["disc_cy"])
        played = _played(model, folder / row["path"], None, disc)
        if played is not None:
            yield played


def _played(model: QualityModel, path: Path, eye: Eye | None, disc: Place | None) -> PlayedEye | None:
    image = read_image(path)
    field, found = find_field(image), model.assess(image)
    macula, told_disc = found.landmarks.get("macula"), found.landmarks.get("disc")
    if field is None or found.verdict != "good" or macula is None or not macula.seen:
        return None
    if disc is not None:
        at = _in_radii(disc, field.crop)
    elif told_disc is not None and told_disc.seen:
        at = told_disc.x, told_disc.y
    else:
        return None
    places: dict[FieldKind, Place] = {"macula": (macula.x, macula.y), "disc": at}
    if max(np.hypot(*place) for place in places.values()) > _FARTHEST or told_disc is None:
        return None
    distances = cv2.distanceTransform(np.pad(found.field.astype(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    to_edge = float(distances[len(distances) // 2, len(distances) // 2]) * 2 / len(found.field)
    if to_edge / told_disc.diameter - 0.5 < _AROUND:
        return None
    side = "right" if at[0] > macula.x else "left"
    height, width = image.shape[:2]
    square = cut(image, field.crop, min(field.crop.side, _PICTURE))
    photograph = Photograph(square, field.mask, field.crop, (width, height))
    return PlayedEye(path.name, eye or ("right" if side == "right" else "left"), photograph, places)


def _in_radii(place: Place, crop: Crop) -> Place:
    return (place[0] - crop.x) / crop.side * 2 - 1, (place[1] - crop.y) / crop.side * 2 - 1
