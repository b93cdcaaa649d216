"""INT8 or float: decided by a rule, on figures that are kept."""

from __future__ import annotations

import dataclasses
from typing import get_args

import numpy as np
import pytest

from calibration.commands import PrecisionName
from calibration.precision import LEVEL, PrecisionRule, Speedup, choose_precision, speedup

FASTER = Speedup(float_ms=3.0, int8_ms=1.5, ratio=2.0, low=1.9, high=2.1)
UNSURE = dataclasses.replace(FASTER, int8_ms=2.9, ratio=1.03, low=0.98, high=1.08)
SLOWER = dataclasses.replace(FASTER, int8_ms=4.0, ratio=0.75, low=0.7, high=0.8)


@pytest.mark.parametrize(("measured", "kept"), [(FASTER, "int8"), (UNSURE, "float32"), (SLOWER, "float32")])
def test_int8_is_taken_only_where_it_is_surely_faster(measured: Speedup, kept: str) -> None:
    choice = choose_precision("auto", measured, 0.0123)
    assert choice.precision == kept
    for figure in (f"{measured.int8_ms:.2f} ms", f"{measured.float_ms:.2f} ms", f"{measured.low:.2f}", "0.0123"):
        assert figure in choice.reason


@pytest.mark.parametrize("measured", [FASTER, SLOWER])
@pytest.mark.parametrize("rule", ["int8", "float32"])
def test_a_name_decides_and_the_figures_are_kept(rule: str, measured: Speedup) -> None:
    choice = choose_precision(rule, measured, 0.01)  # type: ignore[arg-type]
    assert choice.precision == rule
    assert choice.reason.startswith(f"{rule} by --precision")
    assert choice.speedup == measured


def test_one_stalled_turn_does_not_make_a_form_slower() -> None:
    generator = np.random.default_rng(0)
    float_ms = 2.0 + generator.uniform(0, 0.05, (20, 12))
    int8_ms = float_ms / 1.5
    int8_ms[3] *= 20
    found = speedup(float_ms, int8_ms)
    assert found.low > 1.45
    assert found.ratio == pytest.approx(1.5, rel=0.02)


def test_equal_forms_are_not_called_faster() -> None:
    generator = np.random.default_rng(1)
    mistaken = 0
    for _ in range(100):
        float_ms, int8_ms = generator.lognormal(0, 0.1, (2, 20, 12))
        mistaken += choose_precision("auto", speedup(float_ms, int8_ms), 0.0).precision == "int8"
    assert mistaken <= 2, f"the interval holds {LEVEL:.1%} of them"


def test_the_option_offers_every_rule() -> None:
    assert tuple(name.value for name in PrecisionName) == get_args(PrecisionRule)
