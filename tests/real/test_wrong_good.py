"""A wrong "good" on real photographs: shadows, light, what is no retina, squeezed fields."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.field import MASK_SIZE, Field, find_field
from edge.images import read_image
from edge.model import QualityModel

DATA = Path(os.environ.get("EFIQA_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"REAL PHOTOGRAPHS ARE NOT TESTED: {DATA} is missing; name a folder with EFIQA_DATA"
)
CAMERAS = ("hrf/images", "tvhl/right", "chasedb1/images", "srahim", "idrid-diaretdb1/images", "drive/test/images")
EACH = 12  # clear photographs of each


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load() as loaded:
        yield loaded


@pytest.fixture(scope="module")
def clear(model: QualityModel) -> list[NDArray[np.uint8]]:
    """Photographs of six cameras that are good untouched."""
    found = []
    for camera in CAMERAS:
        good = 0
        for path in sorted((DATA / camera).glob("*.jpg"))[::3]:
            picture = read_image(path)
            if good < EACH and model.assess(picture).verdict == "good":
                found.append(picture)
                good += 1
    assert len(found) >= 60
    return found


def in_frame(field: Field, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    scale = field.crop.side / MASK_SIZE
    onto = np.array([[scale, 0, field.crop.x], [0, scale, field.crop.y]])
    return np.asarray(cv2.warpAffine(field.mask, onto, (shape[1], shape[0]), flags=cv2.INTER_NEAREST) > 0)


def shadowed(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A third or half of the field behind a straight edge, a crescent or a disc, sharp or soft, black or nearly so."""
    field = find_field(picture)
    assert field is not None
    half = field.crop.side / 2
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    y, x = (y - field.crop.y - half) / half, (x - field.crop.x - half) / half
    angle, kind = rng.uniform(0, 2 * np.pi), int(rng.integers(3))
    soft = rng.choice([0.0, 0.02, 0.05, 0.1, 0.15]) if kind != 1 else rng.choice([0.05, 0.1, 0.15])
    across = x * np.cos(angle) + y * np.sin(angle)
    away = np.hypot(x - 1.2 * np.cos(angle), y - 1.2 * np.sin(angle))
    depth = (across, away, -np.hypot(x - 0.5 * np.cos(angle), y - 0.5 * np.sin(angle)))[kind]
    edge = np.quantile(depth[in_frame(field, picture.shape)], 1 - rng.choice([0.35, 0.5]))
    dark = np.clip((depth - edge) / max(2 * soft, 1e-3) + 0.5, 0, 1)[:, :, None]
    return np.asarray(picture * (1 - (1 - rng.choice([0, 0.03, 0.06, 0.12])) * dark), np.uint8)


def test_a_third_or_half_in_shadow_is_never_usable(model: QualityModel, clear: list[NDArray[np.uint8]]) -> None:
    rng = np.random.default_rng(1)
    verdicts = Counter(model.assess(shadowed(picture, rng)).verdict for picture in clear for _ in range(3))
    assert verdicts["good"] + verdicts["usable"] == 0, verdicts
    assert verdicts["no_fundus"] <= 0.05 * verdicts.total(), verdicts


def test_far_too_much_light_is_not_good(model: QualityModel, clear: list[NDArray[np.uint8]]) -> None:
    burnt = [np.asarray(np.clip(each * 2.6, 0, 255), np.uint8) for each in clear]
    assert sum(model.assess(each).verdict == "good" for each in burnt) <= 0.05 * len(burnt)


def test_squeezed_fields_have_no_black_in_them(clear: list[NDArray[np.uint8]]) -> None:
    overlaps = []
    for picture in clear[::3]:
        size = round(0.75 * picture.shape[1]), picture.shape[0]
        whole = find_field(picture)
        assert whole is not None
        truth = cv2.resize(in_frame(whole, picture.shape).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        squeezed = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        field = find_field(squeezed)
        assert field is not None
        found = in_frame(field, squeezed.shape)
        overlaps.append(float((found & truth).sum() / (found | truth).sum()))
    assert np.mean(np.array(overlaps) >= 0.95) >= 0.9, np.round(overlaps, 2).tolist()


def test_what_is_no_retina_is_said_to_be_none(model: QualityModel) -> None:
    outliers = [read_image(path) for path in sorted((DATA / "drimdb" / "outlier").glob("*.jpg"))]
    assert sum(model.assess(each).verdict == "no_fundus" for each in outliers) >= 9


def test_a_dim_retina_behind_haze_is_one(model: QualityModel) -> None:
    """The photographs of the mixed set that were called no fundus for their score alone."""
    found = Counter(model.assess(read_image(path)).verdict for path in sorted((DATA / "tvhl").glob("*/*.jpg")))
    assert found["no_fundus"] <= 0.015 * found.total(), found
