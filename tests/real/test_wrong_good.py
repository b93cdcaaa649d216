"""A wrong "good" on real photographs: shadows, light, what is no retina, squeezed fields."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.studies.wrong_good import LIGHT, SHAPES, SHARES, SOFT, burnt, in_frame, shadowed
from edge.field.find import find_field
from edge.images import read_image
from edge.model import QualityModel

DATA = Path(os.environ.get("EFIQA_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"REAL PHOTOGRAPHS ARE NOT TESTED: {DATA} is missing; name a folder with EFIQA_DATA"
)
CAMERAS = (
    "drimdb/good",
    "hrf/images",
    "tvhl/right",
    "chasedb1/images",
    "srahim",
    "idrid-diaretdb1/images",
    "drive/test/images",
)
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


def test_a_third_or_half_in_shadow_is_never_usable(model: QualityModel, clear: list[NDArray[np.uint8]]) -> None:
    rng = np.random.default_rng(1)
    verdicts: Counter[str] = Counter()
    for (number, picture), turn in itertools.product(enumerate(clear), range(4)):
        shape = SHAPES[(3 * number + turn) % len(SHAPES)]
        soft, share, light = (float(rng.choice(each)) for each in (SOFT, SHARES, LIGHT))
        angle = float(rng.uniform(0, 2 * np.pi))
        verdicts[model.assess(shadowed(picture, shape, angle, share, soft, light)).verdict] += 1
    assert verdicts["good"] + verdicts["usable"] == 0, verdicts
    assert verdicts["no_fundus"] <= 0.05 * verdicts.total(), verdicts


def test_far_too_much_light_is_not_good(model: QualityModel, clear: list[NDArray[np.uint8]]) -> None:
    assert sum(model.assess(burnt(each, 2.6)).verdict == "good" for each in clear) <= 0.06 * len(clear)


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
