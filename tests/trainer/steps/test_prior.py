from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from torch import Tensor, nn

from edge.phantom.retina import make_retina
from trainer.evaluation.truth.eyes import HELD_OUT
from trainer.loop.training import Schedule, place, train
from trainer.recipe import load_recipe
from trainer.steps import prior
from trainer.steps.adapt import RUNS
from trainer.steps.binary_maps import binarise, map_of_square
from trainer.steps.vessel_maps import phantoms

RETINA = make_retina(3, 160)
FIELD = RETINA.field > 0
SETTINGS = dataclasses.replace(load_recipe("quick").prior, size=128)
MAP = binarise(RETINA.vessels.astype(np.float32), FIELD, SETTINGS.size)
THRESHOLD = 0.02  # the authors'


class Says(nn.Module):
    """Wants to add the same everywhere, or what it is given."""

    def __init__(self, said: float | Tensor) -> None:
        super().__init__()
        self.said = said

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x) + self.said


def sample(seed: int, progress: float) -> Any:
    return prior._sample([MAP], SETTINGS, np.random.default_rng(seed), progress)


def test_maps_become_binary_and_end_at_the_field() -> None:
    vessels, counted = MAP
    assert vessels.dtype == counted.dtype == np.float32
    assert vessels.shape == counted.shape == (128, 128)
    assert set(np.unique(vessels)) == set(np.unique(counted)) == {0.0, 1.0}
    field = cv2.resize(FIELD.astype(np.float32), (128, 128), interpolation=cv2.INTER_AREA) > 0.5
    assert vessels[~field].max() == 0
    assert 0.03 < vessels.sum() / field.sum() < 0.25


@pytest.mark.parametrize("field", [FIELD, np.ones((160, 160), np.bool_)], ids=["a disc", "the whole picture"])
def test_the_border_of_the_field_does_not_count(field: NDArray[np.bool_]) -> None:
    """Vessels end there, and so does the picture where the field fills it."""
    _, counted = binarise(RETINA.vessels.astype(np.float32), field, 128)
    inside = cv2.resize(field.astype(np.float32), (128, 128), interpolation=cv2.INTER_AREA) > 0.5
    away = cv2.distanceTransform(np.pad(inside.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    assert not counted[away <= 1.5].any()
    assert counted[away > 5].all()


def test_the_mask_opens_up_as_training_goes_on() -> None:
    kept = {}
    for progress in (0.0, 0.5, 1.0):
        shares = []
        for seed in range(40):
            masked, whole, counted = sample(seed, progress)
            assert masked.shape == whole.shape == counted.shape == (1, 128, 128)
            assert set(np.unique(masked)) <= {0.0, 1.0}
            assert (masked <= whole).all()
            shares.append(float(masked.sum() / whole.sum()))
        kept[progress] = np.mean(shares)
    assert kept[0.0] < 0.2  # cells are dropped with a probability from [0.8, 1]
    assert kept[0.0] + 0.1 < kept[0.5] < kept[1.0] - 0.1
    assert 0.35 < kept[1.0] < 0.65  # and from [0, 1] at the end


def test_circles_narrow_the_field_only_once_the_mask_has_opened() -> None:
    def counted(progress: float) -> list[float]:
        return [float(sample(seed, progress)[2].mean()) for seed in range(30)]

    assert np.std(counted(0.0)) < np.std(counted(1.0))
    assert min(counted(1.0)) < 0.5 * min(counted(0.0))


def test_only_what_counts_is_in_the_loss() -> None:
    vessels, counted = (torch.from_numpy(layer)[None, None] for layer in MAP)
    elsewhere, there = Says(1 - counted), Says(0.5 * counted)
    assert float(prior._loss(elsewhere, (vessels, vessels, counted))) == 0
    assert float(prior._loss(there, (vessels, vessels, counted))) == pytest.approx(0.25, rel=1e-4)
    assert float(prior._loss(Says(vessels), (torch.zeros_like(vessels), vessels, counted))) == 0


def test_properties_measure_what_they_say() -> None:
    """A prior that misses everything everywhere, one that misses nothing, and one that misses every second pixel."""
    everything, nothing = (prior.properties(Says(value), [MAP, MAP], THRESHOLD) for value in (1.0, 0.0))
    assert (everything["maps"], everything["empty_anomalous"], everything["intact_anomalous"]) == (2, 1, 1)
    assert 0.2 < everything["erased_iou"] < 0.55  # a sector of 90 to 180 degrees of 360
    assert (nothing["empty_anomalous"], nothing["intact_anomalous"], nothing["erased_iou"]) == (0, 0, 0)
    stripes = torch.arange(128).remainder(2).float()
    half = prior.properties(Says(-stripes), [MAP], THRESHOLD)
    assert half["empty_anomalous"] == pytest.approx(0.5, abs=0.02)


def test_the_prior_that_ships_expects_vessels_where_they_were_erased_and_nowhere_else() -> None:
    """The three properties that stage 2 builds on, on synthetic eyes that no training drew."""
    recipe = load_recipe("default")
    held_out = [map_of_square(eye, recipe.prior.size) for eye in phantoms(10, recipe.side, first=HELD_OUT)]
    found = prior.properties(prior.load_prior(RUNS / "default", recipe), held_out, THRESHOLD)
    assert found["empty_anomalous"] >= 0.95
    assert found["intact_anomalous"] <= 0.10
    assert found["erased_iou"] >= 0.6


@pytest.mark.slow
def test_a_prior_learns_that_from_synthetic_eyes_alone(tmp_path: Path) -> None:
    """A small one in a minute: that marks less of what was erased than 900 steps of the recipe ``default``."""
    settings = dataclasses.replace(SETTINGS, base=16, unshuffle=4)
    maps = [map_of_square(eye, settings.size) for eye in phantoms(80, 160)]
    torch.manual_seed(0)
    model = place(prior.new_prior(dataclasses.replace(load_recipe("quick"), prior=settings)))
    train(
        model,
        Schedule(1000, 16, 3e-3, 0, "k", every=500),
        tmp_path / "training.pt",
        lambda rng, progress, _: prior._sample(maps, settings, rng, progress),
        prior._loss,
        "prior",
    )
    held_out = [map_of_square(eye, settings.size) for eye in phantoms(10, 160, first=HELD_OUT)]
    found = prior.properties(model, held_out, THRESHOLD)
    assert found["empty_anomalous"] >= 0.95
    assert found["intact_anomalous"] <= 0.10
    assert found["erased_iou"] >= 0.35
