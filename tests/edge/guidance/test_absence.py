"""When a retina has been gone for so long that the next one may be another eye's."""

from __future__ import annotations

import numpy as np
import pytest

from edge.assessment import Assessment, Timings, Verdict
from edge.field.find import Crop
from edge.guidance.absence import BLURRED_S, NEXT_EYE_S, Absence, gone_for_sure

FPS = 20
CELLS = np.zeros((8, 8), np.float32)
SURE = {"disc": CELLS + np.float32(0.9), "macula": CELLS}


def seen(verdict: Verdict, landmarks: bool = False, coverage: float = 1.0) -> Assessment:
    regions = SURE if landmarks else {}
    crop, timings = Crop(0, 0, 80), Timings(1, 1, 1)
    return Assessment(0.5, verdict, CELLS, CELLS == 0, crop, timings, regions, coverage)  # type: ignore[arg-type]


EYE, NONE, BLURRED, UNSURE = seen("good"), seen("no_fundus"), seen("reject", True), seen("reject")
DARK = seen("reject", coverage=0.05)


def left(*parts: tuple[Assessment, float], absence: Absence | None = None) -> int:
    """How often the eye is said to have left."""
    absence = Absence() if absence is None else absence
    frames = [each for each, seconds in parts for _ in range(round(seconds * FPS))]
    return sum(absence.update(each, n / FPS) for n, each in enumerate(frames))


@pytest.mark.parametrize("gap", [0.8, 1.6, 5.0])
@pytest.mark.parametrize("shown", [NONE, DARK], ids=["none", "dark"])
def test_a_gap_is_the_next_eye_once(gap: float, shown: Assessment) -> None:
    assert left((EYE, 2), (shown, gap), (EYE, 2)) == 1
    assert left((EYE, 2), (shown, gap), (EYE, 2), (shown, gap), (EYE, 2)) == 2


def test_a_blink_is_not_and_neither_is_an_eye_out_of_focus() -> None:
    assert left((EYE, 2), (NONE, NEXT_EYE_S - 0.2), (EYE, 2)) == 0
    assert left((EYE, 2), (BLURRED, 5), (EYE, 2)) == 0


@pytest.mark.parametrize("seconds", [1.0, 1.5, 2.5])
def test_an_eye_that_is_merely_blurred_is_the_same_one(seconds: float) -> None:
    assert left((EYE, 2), (UNSURE, seconds), (EYE, 2)) == 0
    assert left(*[(EYE, 2), (UNSURE, seconds)] * 3, (EYE, 2)) == 0  # nor do such moments add up


def test_nothing_sure_for_long_is_the_next_eye_and_both_kinds_add_up() -> None:
    assert left((EYE, 2), (UNSURE, BLURRED_S + 0.2), (EYE, 2)) == 1
    assert left((EYE, 2), (UNSURE, BLURRED_S / 2), (NONE, NEXT_EYE_S / 2 + 0.1), (UNSURE, 1), (EYE, 2)) == 1


def test_what_is_seen_of_a_retina_is_not_gone_for_sure() -> None:
    assert left((EYE, 2), (UNSURE, 20), (EYE, 2), absence=gone_for_sure()) == 0
    assert left((EYE, 2), (NONE, 0.8), (EYE, 2), absence=gone_for_sure()) == 1


def test_one_mistaken_frame_in_the_gap_does_not_hide_it() -> None:
    assert left((EYE, 2), (NONE, 0.4), (EYE, 1 / FPS), (NONE, 0.5), (EYE, 2)) == 1


def test_a_slow_camera_that_shows_one_frame_of_the_gap() -> None:
    absence = Absence()
    said = [absence.update(each, float(n)) for n, each in enumerate([EYE, EYE, NONE, EYE, EYE, EYE])]
    assert sum(said) == 1
