from __future__ import annotations

import numpy as np

from edge.phantom.retina import make_retina
from trainer.data.coverage import completeness, coverage

RETINA = make_retina(3, 160)
FIELD = RETINA.field > 0


def test_coverage_falls_where_vessels_are_erased() -> None:
    vessels = RETINA.vessels.astype(np.float32)
    erased = vessels.copy()
    erased[:, :80] = 0
    left = np.zeros_like(FIELD)
    left[:, :55] = True
    assert completeness(vessels, FIELD) > 0.75
    assert coverage(erased, FIELD)[left & FIELD].mean() < 0.1
    assert completeness(np.zeros_like(vessels), FIELD) == 0
    assert completeness(erased, FIELD) < 0.7 * completeness(vessels, FIELD)


def test_nothing_outside_the_field_counts() -> None:
    vessels = RETINA.vessels.astype(np.float32)
    around = np.where(FIELD, vessels, 1.0).astype(np.float32)
    np.testing.assert_array_equal(coverage(around, FIELD), coverage(vessels, FIELD))
    assert completeness(vessels, np.zeros_like(FIELD)) == 0
