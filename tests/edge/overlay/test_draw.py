from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.assessment import Assessment, Timings, Verdict
from edge.bundle.bundle import Region
from edge.field.find import Crop
from edge.findings.cause import CAUSES, CauseCode
from edge.findings.evidence import Evidence
from edge.overlay import draw_overlay, map_picture

GRID = 32
TIMINGS = Timings(1.0, 1.0, 1.0)


def disc(grid: int = GRID) -> NDArray[np.bool_]:
    offsets = (np.arange(grid) + 0.5) / (grid / 2) - 1
    return np.asarray(np.hypot(offsets[None, :], offsets[:, None]) < 1, dtype=np.bool_)


def assessment(
    degradation: NDArray[np.float32], crop: Crop | None, verdict: Verdict = "usable", score: float = 0.61
) -> Assessment:
    field = disc(len(degradation)) if crop is not None else np.zeros(degradation.shape, bool)
    return Assessment(score, verdict, degradation, field, crop, TIMINGS)


def explained(degradation: NDArray[np.float32], crop: Crop, hour: int | None) -> Assessment:
    """An assessment whose main cause is haze, at an hour or in the middle."""
    x, y = (0.0, 0.0) if hour is None else (np.sin(np.radians(30 * hour)) / 2, -np.cos(np.radians(30 * hour)) / 2)
    seen = assessment(degradation, crop, "reject")
    shares: dict[CauseCode, float] = {**dict.fromkeys(CAUSES, 0.0), "haze": 0.34}
    main = {code: float(share == max(shares.values())) for code, share in shares.items()}
    places = dict.fromkeys(CAUSES, (float(x), float(y)))
    evidence = Evidence(0.34, main, main, shares, places, False, (0, 0), 0, 0)
    seen.__dict__["evidence"] = evidence  # what is worked out otherwise when it is first asked for
    return seen


@pytest.fixture
def frame() -> NDArray[np.uint8]:
    """An orange disc on black, 300 x 400, centre (200, 150), radius 140."""
    picture = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(picture, (200, 150), 140, (30, 90, 190), -1)
    return picture


CROP = Crop(60, 10, 280)


def test_a_clean_map_leaves_the_inside_untouched(frame: NDArray[np.uint8]) -> None:
    before = frame.copy()
    drawn = draw_overlay(frame, assessment(np.full((GRID, GRID), 0.2, np.float32), CROP), caption=False)
    np.testing.assert_array_equal(frame, before)
    assert drawn.shape == frame.shape
    assert drawn.dtype == np.uint8
    np.testing.assert_array_equal(drawn[60:240, 120:280], frame[60:240, 120:280])


def test_colour_lies_where_the_map_is_high_and_only_there(frame: NDArray[np.uint8]) -> None:
    degradation = np.zeros((GRID, GRID), np.float32)
    degradation[:16, :] = 1  # the upper half of the crop: rows 10 to 150
    drawn = draw_overlay(frame, assessment(degradation, CROP)).astype(int)
    upper, lower = drawn[80, 200], drawn[220, 200]
    assert lower.tolist() == [30, 90, 190]
    assert upper[0] > 140
    assert upper[2] < 100
    edge = np.flatnonzero(np.abs(drawn[40:260, 200] - (30, 90, 190)).sum(axis=1) > 150).max() + 40
    assert abs(edge - 150) < 12


def test_the_brighter_colour_is_the_worse_place(frame: NDArray[np.uint8]) -> None:
    grey = [
        cv2.cvtColor(
            draw_overlay(frame * 0, assessment(np.full((GRID, GRID), d, np.float32), CROP)), cv2.COLOR_BGR2GRAY
        )
        for d in (0.3, 0.5, 0.7, 1.0)
    ]
    levels = [int(picture[150, 200]) for picture in grey]
    assert levels == sorted(set(levels))


def test_outline_follows_the_rim(frame: NDArray[np.uint8]) -> None:
    drawn = draw_overlay(frame, assessment(np.zeros((GRID, GRID), np.float32), CROP), caption=False)
    light = np.argwhere((drawn > 200).all(axis=2)[:300])
    radii = np.hypot(light[:, 1] - 200, light[:, 0] - 150)
    assert len(light) > 300
    assert radii.min() > 128
    assert radii.max() < 150


def test_disc_and_macula_are_outlined_where_they_are(frame: NDArray[np.uint8]) -> None:
    """Each a disc of radius 0.15 of the crop's side; the crop has 280 pixels, from (60, 10)."""
    plain = assessment(np.zeros((GRID, GRID), np.float32), CROP)
    before = draw_overlay(frame, plain, caption=False)
    places: dict[Region, tuple[float, float]] = {"disc": (0.3, 0.5), "macula": (0.7, 0.5)}
    at = (np.arange(GRID) + 0.5) / GRID
    inside = {
        region: np.asarray(np.hypot(at[None, :] - x, at[:, None] - y) < 0.15, dtype=np.float32)
        for region, (x, y) in places.items()
    }
    drawn = draw_overlay(frame, dataclasses.replace(plain, regions=inside), caption=False)
    rows, columns, _ = np.nonzero(drawn != before)
    away = np.min([np.hypot(columns - 60 - 280 * x, rows - 10 - 280 * y) for x, y in places.values()], axis=0)
    assert away.min() > 0.1 * 280
    assert away.max() < 0.2 * 280
    assert (columns < 200).sum() > 200
    assert (columns > 200).sum() > 200
    nowhere = dict.fromkeys(inside, np.full((GRID, GRID), 0.3, np.float32))  # a network that is not sure draws nothing
    drawn = draw_overlay(frame, dataclasses.replace(plain, regions=nowhere), caption=False)
    np.testing.assert_array_equal(drawn, before)


def test_the_caption_lies_below_the_frame_and_hides_none_of_it(frame: NDArray[np.uint8]) -> None:
    bright = np.full_like(frame, 200)
    seen = assessment(np.zeros((GRID, GRID), np.float32), None, "no_fundus", 0.0)
    drawn = draw_overlay(bright, seen)
    np.testing.assert_array_equal(drawn[:300, :400], bright)
    assert drawn.shape[0] > 300
    assert drawn.shape[1] == 400


@pytest.mark.parametrize(
    ("shape", "crop"),
    [
        ((32, 32), Crop(0, 0, 32)),
        ((32, 2000), Crop(0, -984, 2000)),
        ((2000, 32), Crop(-984, 0, 2000)),
        ((300, 400), Crop(-500, -500, 200)),
        ((300, 400), Crop(-5000, -5000, 20_000)),
        ((33, 47), Crop(40, 20, 8)),
        ((1500, 2000), Crop(250, 0, 1500)),
    ],
)
@pytest.mark.parametrize("hour", [None, 1, 5, 9, 12])
def test_any_size_and_any_crop(shape: tuple[int, int], crop: Crop, hour: int | None) -> None:
    frame = np.full((*shape, 3), 90, np.uint8)
    seen = explained(np.ones((GRID, GRID), np.float32), crop, hour)
    drawn = draw_overlay(frame, seen, "a note")
    assert drawn.shape[0] > shape[0]
    assert drawn.shape[1] >= shape[1]
    assert draw_overlay(frame, seen, caption=False).shape == frame.shape


def test_a_cut_crop_keeps_its_place() -> None:
    """The same map over the same scene, once whole and once cut by the sensor, is drawn at the same pixels."""
    degradation = cv2.resize(np.random.default_rng(0).random((4, 4)).astype(np.float32), (GRID, GRID))
    whole = np.full((400, 400, 3), 100, np.uint8)
    a = draw_overlay(whole, assessment(degradation, Crop(0, 0, 400))).astype(int)
    b = draw_overlay(whole[:, 100:].copy(), assessment(degradation, Crop(-100, 0, 400))).astype(int)
    assert np.abs(a[40:340, 150:350] - b[40:340, 50:250]).max() <= 6


@pytest.mark.parametrize("grid", [14, 32])
def test_map_picture_runs_from_dark_blue_to_yellow_with_grey_around(grid: int) -> None:
    degradation = np.zeros((grid, grid), np.float32)
    degradation[:, grid // 2 :] = 1
    picture = map_picture(assessment(degradation, CROP), 200)
    assert picture.shape == (200, 200, 3)
    assert picture.dtype == np.uint8
    left, right = picture[100, 40].astype(int), picture[100, 160].astype(int)
    assert left[0] > left[2]
    assert left.sum() < 200
    assert right[2] > 200
    assert right[1] > 200
    assert right[0] < 120
    assert picture[2, 2].tolist() == [96, 96, 96]


def test_map_picture_of_no_field_is_grey() -> None:
    picture = map_picture(assessment(np.ones((GRID, GRID), np.float32), None, "no_fundus", 0.0))
    assert picture.shape == (512, 512, 3)
    assert (picture == 96).all()


@pytest.mark.parametrize("hour", [1, 3, 4, 6, 8, 9, 11, 12])
def test_the_main_cause_is_marked_outside_the_field_at_its_hour(hour: int) -> None:
    """On a field with room around it: centre (300, 250), radius 150."""
    frame, crop = np.zeros((500, 600, 3), np.uint8), Crop(150, 100, 300)
    clear = np.zeros((GRID, GRID), np.float32)
    plain = draw_overlay(frame, explained(clear, crop, hour), caption=False)
    rows, columns = np.nonzero((draw_overlay(frame, explained(clear, crop, hour))[:500] != plain).any(axis=2))
    x, y = columns - 300, rows - 250
    assert np.hypot(x, y).min() > 150
    assert np.hypot(x, y).min() < 160
    nearest = np.hypot(x, y).argmin()
    apart = (np.degrees(np.arctan2(x[nearest], -y[nearest])) - 30 * hour + 180) % 360 - 180
    assert abs(apart) < 4
    assert np.ptp(columns) > 20  # the tick alone is smaller: the name stands beside it


def test_where_the_frame_ends_with_the_field_the_mark_is_small_and_inside() -> None:
    frame, crop = np.zeros((300, 300, 3), np.uint8), Crop(0, 0, 300)
    for hour in (3, 6, 9, 12):
        seen = explained(np.zeros((GRID, GRID), np.float32), crop, hour)
        changed = (draw_overlay(frame, seen)[:300] != draw_overlay(frame, seen, caption=False)).any(axis=2)
        assert 40 < changed.sum() < 500
        assert not changed[40:260, 40:260].any()


def test_a_cause_in_the_middle_is_marked_there(frame: NDArray[np.uint8]) -> None:
    seen = explained(np.zeros((GRID, GRID), np.float32), CROP, None)
    rows, columns = np.nonzero((draw_overlay(frame, seen)[:300] != draw_overlay(frame, seen, caption=False)).any(2))
    assert np.hypot(columns - 200, rows - 150).max() < 20
    assert 40 < len(rows) < 400


@pytest.mark.parametrize("shape", [(200, 150), (300, 400), (1080, 1920)])
def test_every_frame_of_a_video_gets_a_picture_of_one_size(shape: tuple[int, int]) -> None:
    frame = np.zeros((*shape, 3), np.uint8)
    clear, crop = np.zeros((GRID, GRID), np.float32), Crop(10, 10, 100)
    kinds = [explained(clear, crop, 11), assessment(clear, None, "no_fundus", 0.0), assessment(clear, crop, "good", 1)]
    notes = ["", "Shadow at 12 o'clock: shift until it is gone", "word " * 200]
    assert len({draw_overlay(frame, seen, note).shape for seen in kinds for note in notes}) == 1
