from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from trainer import adapter
from trainer.datasets import Square
from trainer.recipe import load_recipe

RECIPE = load_recipe("quick")


def test_a_patch_is_degraded_where_nearly_all_of_it_is_anomalous() -> None:
    field = np.zeros((64, 64), np.bool_)
    field[:, :48] = True
    square = Square(Path("x"), np.zeros((64, 64, 3), np.uint8), field)
    missed = np.zeros((1, 64, 64), np.float32)
    missed[0, :16, :16] = 0.5  # one whole patch
    missed[0, 16:32, :8] = 0.5  # half of one
    labels, counted = adapter.pseudo_labels(RECIPE, [square], missed, 4)
    assert labels[0, 0, 0] == 1
    assert labels[0, 1, 0] == 0
    assert counted[0, :, :3].all()
    assert not counted[0, :, 3].any()


def test_the_fit_finds_the_channel_that_tells(tmp_path: Path) -> None:
    """Rare positives, features of very different scale: the 1x1 convolution gets the order right on raw features."""
    rng = np.random.default_rng(0)
    labels = (rng.random((20, 6, 6)) < 0.1).astype(np.float32)
    features = rng.standard_normal((20, 5, 6, 6)).astype(np.float32)
    features[:, 2] += 6 * labels
    features *= np.array([1, 10, 100, 0.1, 1], np.float32)[None, :, None, None]
    recipe = dataclasses.replace(RECIPE, adapter=dataclasses.replace(RECIPE.adapter, epochs=300, rate=0.01))
    model, _ = adapter._fit(features, labels, np.ones(labels.shape, np.bool_), recipe, tmp_path, "k")
    with torch.no_grad():
        found = torch.sigmoid(model(torch.from_numpy(features)))[:, 0].numpy()
    assert found[labels == 1].mean() > 0.6
    assert found[labels == 0].mean() < 0.2
