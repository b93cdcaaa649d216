"""The study of OCT angiograms: what it measures of maps that are known."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from benchmarks.studies.octa.measure import (
    against_truth,
    avascular_zone,
    int8_beside_float,
    on_clean,
    spoiled,
    verdicts_of_spoiled,
)
from edge import QualityModel
from trainer.synthesis.scan import SPOIL

SIDE, GRID = 96, 12


@pytest.fixture(scope="module")
def scan() -> NDArray[np.uint8]:
    grey = np.random.default_rng(0).integers(60, 200, (SIDE, SIDE), np.uint8)
    cv2.circle(grey, (SIDE // 2, SIDE // 2), 14, 5.0, -1)
    return np.repeat(grey[:, :, None], 3, axis=2)


def maps_of_one(value: float, frames: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
    return [np.full((GRID, GRID), value, np.float32) for _ in frames]


def test_the_zone_is_the_dark_in_the_middle_and_light_in_it_is_false(scan: NDArray[np.uint8]) -> None:
    zone, flat = avascular_zone(scan), np.full_like(scan, 90)
    assert zone[SIDE // 2, SIDE // 2]
    assert 0.03 < zone.mean() < 0.09
    assert not zone[:20].any()
    assert "zone: 0.0000 of it" in list(on_clean(lambda frames: maps_of_one(0.0, frames), [scan]))[1]
    assert "zone: 1.0000 of it" in list(on_clean(lambda frames: maps_of_one(1.0, frames), [scan]))[1]
    assert list(on_clean(lambda frames: maps_of_one(0.0, frames), [flat]))[1] == "1 scans show no avascular zone"


def test_maps_that_show_what_was_taken_score_well_and_others_do_not(scan: NDArray[np.uint8]) -> None:
    def changed(frames: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        apart = (np.abs(frame[:, :, 0].astype(np.float32) - scan[:, :, 0]) > 2 for frame in frames)
        return [cv2.blur(each.astype(np.float32), (5, 5)) for each in apart]

    def overall(maps: object) -> float:
        return float(list(against_truth(maps, [scan] * 4))[-1].split("|")[2])  # type: ignore[arg-type]

    assert overall(changed) > 0.95
    assert overall(lambda frames: maps_of_one(0.5, frames)) == 0.5
    assert np.array_equal(spoiled(scan, "motion", 0.5, 3)[0], spoiled(scan, "motion", 0.5, 3)[0])


def test_forms_that_agree_are_no_distance_apart(scan: NDArray[np.uint8]) -> None:
    def dark(frames: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        return [cv2.resize(1 - frame[:, :, 0] / np.float32(255), (GRID, GRID)) for frame in frames]

    assert "7 frames: map mean abs difference 0.0000, score at most 0.0000, rank correlation 1.0000" in next(
        int8_beside_float(dark, dark, [scan])
    )


def test_verdicts_are_counted_by_kind(scan: NDArray[np.uint8]) -> None:
    with QualityModel.load("octa", threads=1) as model:
        lines = list(verdicts_of_spoiled(model, [scan] * 2, 1.0))
    assert len(lines) == 2 + len(SPOIL)
    assert all(sum(int(cell) for cell in line.split("|")[2:-1]) == 2 for line in lines[2:])
