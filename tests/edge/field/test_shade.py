"""A shadow takes nothing from the field: what it hides is lost, and the picture no good one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.field.find import MASK_SIZE, Field, find_field
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

EYES = {seed: phantom_frame(seed) for seed in (3, 4, 7)}  # a round field, and two that the frame cuts
Picture = NDArray[np.uint8]
Place = NDArray[np.float32]


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


def in_frame(field: Field, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask of a field at every pixel of the frame."""
    places = []
    for length, origin in ((shape[0], field.crop.y), (shape[1], field.crop.x)):
        places.append(np.floor((np.arange(length) + 0.5 - origin) * MASK_SIZE / field.crop.side).astype(int))
    inside = np.outer(*((each >= 0) & (each < MASK_SIZE) for each in places))
    return np.asarray(inside & (field.mask[np.ix_(*(each.clip(0, MASK_SIZE - 1) for each in places))] > 0))


def overlap(one: Field | None, other: Field | None, shape: tuple[int, int]) -> float:
    assert one is not None
    assert other is not None
    a, b = in_frame(one, shape), in_frame(other, shape)
    return float((a & b).sum() / (a | b).sum())


def straight(angle: float, y: Place, x: Place) -> Place:
    return np.asarray(x * np.cos(angle) + y * np.sin(angle), np.float32)


def crescent(angle: float, y: Place, x: Place) -> Place:
    return np.asarray(np.hypot(x - 1.6 * np.cos(angle), y - 1.6 * np.sin(angle)), np.float32)


def disc(angle: float, y: Place, x: Place) -> Place:
    return np.asarray(-np.hypot(x - 0.5 * np.cos(angle), y - 0.5 * np.sin(angle)), np.float32)


def square(angle: float, y: Place, x: Place) -> Place:
    """All around a square that stands on no side: level and upright edges on all sides alike may be a camera's."""
    along, across = straight(angle + 0.4, y, x), straight(angle + 0.4 + np.pi / 2, y, x)
    return np.asarray(np.maximum(np.abs(along - 0.2), np.abs(across)), np.float32)


def corner(angle: float, y: Place, x: Place) -> Place:
    return np.maximum(straight(angle, y, x), straight(angle + np.pi / 2, y, x))


def moon(angle: float, y: Place, x: Place) -> Place:
    """All beyond a circle as large as the field, off its middle: what is left is a lens of two arcs."""
    return np.asarray(np.hypot(x - 0.7 * np.cos(angle), y - 0.7 * np.sin(angle)), np.float32)


SHADOWS = (straight, crescent, disc, square, corner, moon)


def shadowed(eye: Picture, shape, angle: float, share: float, soft: float, light: float) -> Picture:  # type: ignore[no-untyped-def]
    """So large a share of the field behind a shadow; its edge is soft over a share of the field's diameter."""
    field = find_field(eye)
    assert field is not None
    y, x = np.mgrid[: eye.shape[0], : eye.shape[1]].astype(np.float32)
    half = field.crop.side / 2
    depth = shape(angle, (y - field.crop.y - half) / half, (x - field.crop.x - half) / half)
    edge = np.quantile(depth[in_frame(field, eye.shape[:2])], 1 - share)
    dark = np.clip((depth - edge) / max(2 * soft, 1e-3) + 0.5, 0, 1)[:, :, None]
    return np.asarray(eye * (1 - (1 - light) * dark), np.uint8)


@pytest.mark.parametrize("seed", EYES)
@pytest.mark.parametrize("shape", SHADOWS)
@pytest.mark.parametrize("light", [0.0, 0.12])
def test_a_shadow_over_a_third_or_half_is_never_good(model: QualityModel, seed: int, shape, light: float) -> None:  # type: ignore[no-untyped-def]
    whole = find_field(EYES[seed])
    for number, (angle, share, soft) in enumerate(
        (a, s, w) for a in (0.0, 0.7, 1.57, 3.9) for s in (0.35, 0.5) for w in (0.05, 0.12)
    ):
        picture = shadowed(EYES[seed], shape, angle, share, soft, light)
        found = model.assess(picture)
        said = f"{shape.__name__} {number}: {angle}, {share}, {soft}, {light}"
        assert found.verdict not in ("usable", "good"), said
        assert found.coverage < 0.85, said
        if shape is straight and seed == 3:  # of a frame without a rim nothing tells where its field ends
            assert overlap(find_field(picture), whole, picture.shape[:2]) >= 0.9, said


@pytest.mark.parametrize("angle", [0.0, 0.6, 1.57])
def test_half_a_field_behind_a_sharp_straight_edge_is_lost(model: QualityModel, angle: float) -> None:
    picture = shadowed(EYES[3], straight, angle, 0.5, 0.0, 0.0)
    found = model.assess(picture)
    assert found.verdict == "reject"
    assert found.coverage == pytest.approx(0.5, abs=0.1)


def bars(eye: Picture, top: float, bottom: float) -> Picture:
    """The field cut level and sharply, by shares of its height."""
    field = find_field(eye)
    assert field is not None
    rows = np.flatnonzero(in_frame(field, eye.shape[:2]).any(axis=1))
    cut = eye.copy()
    cut[: rows[0] + round(top * len(rows))] = 0
    cut[rows[-1] + 1 - round(bottom * len(rows)) :] = 0
    return cut


@pytest.mark.parametrize(("top", "bottom"), [(0.0, 0.15), (0.1, 0.0), (0.15, 0.15), (0.25, 0.25)])
def test_what_a_camera_cuts_off_is_no_field(top: float, bottom: float) -> None:
    picture = bars(EYES[3], top, bottom)
    field = find_field(picture)
    assert field is not None
    seen = in_frame(field, picture.shape[:2])
    assert (seen & (picture.max(axis=2) == 0)).sum() < 0.03 * seen.sum()


@pytest.mark.parametrize(("top", "bottom"), [(0.0, 0.4), (0.45, 0.0), (0.05, 0.45)])
def test_a_cut_on_one_side_of_more_than_a_fifth_is_a_shadow(model: QualityModel, top: float, bottom: float) -> None:
    picture = bars(EYES[3], top, bottom)
    field = find_field(picture)
    assert field is not None
    seen = in_frame(field, picture.shape[:2])
    assert (seen & (picture.max(axis=2) == 0)).sum() > 0.25 * seen.sum()
    assert model.assess(picture).verdict not in ("usable", "good")


def test_light_that_fades_all_round_is_no_smaller_field(model: QualityModel) -> None:
    """The middle of the retina in a soft spot of light."""
    y, x = np.mgrid[: EYES[3].shape[0], : EYES[3].shape[1]]
    field = find_field(EYES[3])
    assert field is not None
    half = field.crop.side / 2
    away = np.hypot(x - field.crop.x - half, y - field.crop.y - half) / half
    spot = np.clip((0.75 - away) / 0.25 + 0.5, 0, 1)[:, :, None]
    assert model.assess(np.asarray(EYES[3] * spot, np.uint8)).verdict not in ("usable", "good")


def test_the_clean_eyes_are_good_and_covered(model: QualityModel) -> None:
    for eye in EYES.values():
        found = model.assess(eye)
        assert found.verdict == "good"
        assert found.coverage == 1.0


@pytest.mark.parametrize("angle", [0.0, 0.8, 2.5, 4.0])
def test_a_sharp_crescent_over_a_frame_without_a_rim_is_no_field_off_the_middle(
    model: QualityModel, angle: float
) -> None:
    assert model.assess(shadowed(EYES[4], crescent, angle, 0.4, 0.0, 0.0)).verdict not in ("usable", "good")


def test_a_rim_that_still_shows_dimly_is_the_rim() -> None:
    y, x = np.mgrid[: EYES[3].shape[0], : EYES[3].shape[1]]
    whole = find_field(EYES[3])
    assert whole is not None
    half = whole.crop.side / 2
    lit = np.hypot(x - whole.crop.x - half, y - whole.crop.y - half) < 0.75 * half
    dim = np.asarray(EYES[3] * np.where(lit, 1.0, 0.12)[:, :, None], np.uint8)
    assert overlap(find_field(dim), whole, dim.shape[:2]) >= 0.9


@pytest.mark.parametrize(("wide", "high"), [(0.5, 0.8), (0.8, 0.5), (0.7, 0.9)])
@pytest.mark.parametrize("dim", [0.06, 0.12])
def test_an_ellipse_of_light_on_a_round_field_is_no_squeezed_field(wide: float, high: float, dim: float) -> None:
    y, x = np.mgrid[: EYES[3].shape[0], : EYES[3].shape[1]]
    whole = find_field(EYES[3])
    assert whole is not None
    half = whole.crop.side / 2
    lit = np.hypot((x - whole.crop.x - half) / wide, (y - whole.crop.y - half) / high) < half
    spot = np.asarray(EYES[3] * np.where(lit, 1.0, dim)[:, :, None], np.uint8)
    assert overlap(find_field(spot), whole, spot.shape[:2]) >= 0.95


def lune(share: float) -> Any:
    """All around a circle that touches the rim from inside: what is left is round, and not in the middle."""
    aside = 1 - (1 - share) ** 0.5
    return lambda angle, y, x: np.hypot(x - aside * np.cos(angle), y - aside * np.sin(angle))


@pytest.mark.parametrize("seed", EYES)
@pytest.mark.parametrize("share", [0.35, 0.5])
@pytest.mark.parametrize("soft", [0.0, 0.03])
def test_a_round_spot_of_light_far_from_the_middle_is_not_good(
    model: QualityModel, seed: int, share: float, soft: float
) -> None:
    for angle in (0.3, 1.9, 3.1, 5.0):
        found = model.assess(shadowed(EYES[seed], lune(share), angle, share, soft, 0.0))
        assert found.verdict not in ("usable", "good"), angle


def test_a_camera_whose_field_is_there_is_told_how_to_say_so() -> None:
    spot = shadowed(EYES[3], lune(0.4), 0.0, 0.4, 0.0, 0.0)
    told: list[str] = []
    with QualityModel.load(threads=1) as model:
        model.warn = told.append
        for _ in range(5):
            found = model.assess(spot)
            assert found.verdict == "reject"
            assert 0.6 < found.score < model.manifest.thresholds.usable  # half of what may be lost counts
    [line] = told
    given = re.search(r"circle:[\d,]+", line)
    assert given is not None
    with QualityModel.load(threads=1, field=given.group()) as model:
        assert model.assess(spot).verdict in ("usable", "good")
