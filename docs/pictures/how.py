"""Draws the pictures of docs/how-it-works.md, from synthetic eyes: python docs/pictures/how.py [FOLDER]."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge import QualityModel
from edge.frame.prepare import cut
from edge.overlay import draw_overlay, map_picture, reduced
from edge.phantom.degradation import Kind, degrade
from edge.phantom.retina import make_retina, phantom_frame

Picture = NDArray[np.uint8]
SEED, SIDE = 11, 400
CAUSES: tuple[tuple[Kind, float], ...] = (
    ("blur", 0.5), ("haze", 0.9), ("dark", 0.6), ("bright", 0.4), ("reflex", 0.8), ("shadow", 0.7), ("lid", 0.5),
)  # fmt: skip


def spoiled(kind: Kind, severity: float, side: int) -> Picture:
    """The eye of all these pictures, spoiled in one way."""
    return degrade(make_retina(SEED, side).image, kind, severity)[0] if severity else make_retina(SEED, side).image


def one_frame(model: QualityModel) -> Picture:
    """A frame, its field, what the network reads, and what it says."""
    frame = np.full((SIDE, SIDE * 4 // 3, 3), 4, np.uint8)
    left = (frame.shape[1] - SIDE) // 2
    frame[:, left : left + SIDE] = spoiled("shadow", 0.7, SIDE)
    assessment = model.assess(frame)
    crop = assessment.crop
    assert crop is not None
    found = frame.copy()
    cv2.rectangle(found, (crop.x, crop.y), (crop.x + crop.side, crop.y + crop.side), (255, 255, 255), 2)
    middle = (crop.x + crop.side // 2, crop.y + crop.side // 2)
    cv2.circle(found, middle, crop.side // 2, (255, 200, 80), 2, cv2.LINE_AA)
    reads = cv2.resize(cut(frame, crop, model.manifest.input_size), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    cells = cv2.resize(assessment.map, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    grid = cv2.applyColorMap(np.rint(cells * 255).astype(np.uint8), cv2.COLORMAP_CIVIDIS)
    return beside([frame, found, np.asarray(reads), np.asarray(grid)])


def causes(model: QualityModel) -> Picture:
    """What each cause looks like, under its map."""
    drawn = [_overlaid(model, spoiled(kind, severity, 320)) for kind, severity in (("blur", 0.0), *CAUSES)]
    return np.vstack([beside(drawn[:4]), beside(drawn[4:])])


def learning(_model: QualityModel) -> Picture:
    """What a frame lost is known where we took it away: vessels, spoiled frame, vessels that are left, the lesson."""
    eye = make_retina(SEED, SIDE)
    picture, transfer = degrade(eye.image, "shadow", 0.8)
    lesson = cv2.applyColorMap(np.rint((1 - transfer) * 255).astype(np.uint8), cv2.COLORMAP_CIVIDIS)
    lesson[eye.field == 0] = 90
    vessels = [np.repeat(np.rint(each * 255).astype(np.uint8)[:, :, None], 3, axis=2) for each in (
        eye.vessels, eye.vessels * transfer,
    )]  # fmt: skip
    return beside([eye.image, vessels[0], picture, vessels[1], np.asarray(lesson)])


def tutorial(model: QualityModel) -> Picture:
    """The overlay that the tutorial looks at: of the fifteenth of docs/examples/synthetic_photos.py."""
    photograph = as_jpeg(degrade(phantom_frame(14), "shadow", 0.7)[0])
    return draw_overlay(*reduced(photograph, model.assess(photograph), 480))


def as_jpeg(picture: Picture) -> Picture:
    """As the file that it becomes there: what JPEG changes can be seen in the regions that are drawn."""
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture)[1], cv2.IMREAD_COLOR), np.uint8)


def score(model: QualityModel) -> Picture:
    """From the map to one number: the map, and how much each cell counts."""
    assessment = model.assess(spoiled("blur", 0.45, SIDE))
    pooling = model.manifest.pooling
    weights = pooling["periphery"] * assessment.field.astype(np.float32)
    for name, weight in (("disc", pooling["disc"]), ("macula", pooling["macula"])):
        weights = weights + (weight - pooling["periphery"]) * assessment.regions[name] * assessment.field
    shown = np.rint(weights / weights.max() * 255).astype(np.uint8)
    counts = cv2.applyColorMap(cv2.resize(shown, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST), cv2.COLORMAP_CIVIDIS)
    return beside([spoiled("blur", 0.45, SIDE), map_picture(assessment, SIDE), np.asarray(counts)])


def beside(pictures: list[Picture]) -> Picture:
    """In one row, with a gap between them."""
    gap = np.full((pictures[0].shape[0], 8, 3), 255, np.uint8)
    return np.hstack([part for picture in pictures for part in (picture, gap)][:-1])


def _overlaid(model: QualityModel, picture: Picture) -> Picture:
    return draw_overlay(picture, model.assess(picture))


DRAWN: dict[str, Callable[[QualityModel], Picture]] = {
    "frame": one_frame, "causes": causes, "learning": learning, "score": score, "tutorial": tutorial,
}  # fmt: skip


def main() -> None:
    """All of them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("how")
    folder.mkdir(exist_ok=True)
    with QualityModel.load(threads=1) as model:
        for name, draw in DRAWN.items():
            cv2.imwrite(str(folder / f"{name}.webp"), draw(model), [cv2.IMWRITE_WEBP_QUALITY, 80])


if __name__ == "__main__":
    main()
