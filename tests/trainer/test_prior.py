from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

from edge.phantom.retina import make_retina
from trainer import prior
from trainer.coverage import completeness, coverage
from trainer.recipe import load_recipe

RETINA = make_retina(3, 160)
FIELD = RETINA.field > 0
SETTINGS = load_recipe("quick").prior


def test_maps_become_binary_and_end_at_the_field() -> None:
    vessels, field = prior.binarise(RETINA.vessels.astype(np.float32), FIELD, 128)
    assert set(np.unique(vessels)) == {0.0, 1.0}
    assert vessels[field == 0].max() == 0
    assert 0.03 < vessels.sum() / field.sum() < 0.25


def test_the_mask_opens_up_as_training_goes_on() -> None:
    maps = [prior.binarise(RETINA.vessels.astype(np.float32), FIELD, 128)]
    kept = {}
    for progress in (0.0, 1.0):
        shares = []
        for seed in range(6):
            masked, whole, field = prior._batch(maps, SETTINGS, np.random.default_rng(seed), progress)
            assert masked.shape == whole.shape == field.shape == (SETTINGS.batch, 1, SETTINGS.size, SETTINGS.size)
            assert (masked <= whole).all()
            assert (whole <= field).all()
            shares.append(float(masked.sum() / whole.sum()))
        kept[progress] = np.mean(shares)
    assert kept[0.0] < 0.2  # g is drawn from [0.8, 1]
    assert 0.35 < kept[1.0] < 0.65  # and from [0, 1] at the end


def test_only_the_field_counts_in_the_loss() -> None:
    class AddsOne(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ones_like(x)

    field = torch.zeros(1, 1, 8, 8)
    field[..., :4] = 1
    whole = torch.ones(1, 1, 8, 8) * field
    assert float(prior._loss(AddsOne(), (torch.zeros_like(whole), whole, field))) == 0


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
