from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from trainer.recipe import load_recipe
from trainer.steps.pseudo_labels import prior_maps, pseudo_labels, to_grid
from trainer.steps.vessel_maps import segmented

RECIPE = load_recipe("quick")


def test_a_patch_is_degraded_where_nearly_all_of_it_is_anomalous() -> None:
    counted = np.zeros((1, 64, 64), np.bool_)
    counted[:, :, :40] = True
    missed = np.zeros((1, 64, 64), np.float32)
    missed[0, :16, :16] = 0.5  # one whole patch
    missed[0, 16:32, :8] = 0.5  # half of one
    missed[0, 32:48, 32:40] = 0.5  # all that counts of one
    missed[0, 32:48, :16] = 0.9 * RECIPE.adapter.anomaly
    labels, known = pseudo_labels(RECIPE, zip(missed, counted, strict=True), 4)
    assert np.argwhere(labels[0] * known[0]).tolist() == [[0, 0], [2, 2]]
    assert known[0, :, :3].all()
    assert not known[0, :, 3].any()


def test_layers_come_to_a_grid_on_the_way_down_and_up() -> None:
    half = np.zeros((2, 16, 16), np.float32)
    half[1, :, 8:] = 1
    down, up = to_grid(half, 4), to_grid(half, 64)
    assert down.dtype == up.dtype == np.float32
    np.testing.assert_array_equal(down[1], np.broadcast_to([0, 0, 1, 1], (4, 4)))
    assert not down[0].any()
    np.testing.assert_allclose(to_grid(up, 16), half, atol=0.2)
    np.testing.assert_array_equal(to_grid(half, 16), half)


def test_what_the_prior_misses_counts_inside_the_field_alone(tiny_run: Any) -> None:
    recipe = load_recipe(str(tiny_run.recipe))
    known = segmented(recipe, tiny_run.data, tiny_run.run)
    size = recipe.prior.size
    found = prior_maps(recipe, tiny_run.run, known)
    for field_of, (missed, inside) in zip(known.rows["field"], found, strict=True):
        assert missed.shape == inside.shape == (size, size)
        assert (missed >= 0).all()
        field = to_grid([field_of.astype(np.float32)], size)[0] > 0.5
        assert not inside[~field].any()
        assert 0.8 < inside.sum() / field.sum() < 1
