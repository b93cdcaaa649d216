from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from edge.bundle.bundle import default_model
from trainer.data.datasets import Square
from trainer.evaluation import predictors
from trainer.evaluation.predictors import makers, pooled
from trainer.recipe import load_recipe
from trainer.steps.vessel_maps import phantoms


def test_everything_in_a_run_makes_maps_of_squares_of_any_size(tiny_run: Any) -> None:
    ways = makers(load_recipe(str(tiny_run.recipe)), tiny_run.run, default_model())
    adapters = [f"adapter {kind}" for kind in ("linear", "cnn", "pu", "paired", "together")]
    assert list(ways) == ["sharpness", "vessel coverage", "prior", *adapters, "float student", "INT8 student"]
    one, other = list(phantoms(2, 160)), list(phantoms(2, 224, first=7))
    for name, maps_of in ways.items():
        found = {}
        for squares in (one, other):
            maps = maps_of(squares)
            assert maps.ndim == 3, name
            assert len(maps) == 2
            assert 0 <= maps.min() <= maps.max() <= 1, name
            found[len(squares[0].field)] = maps
        assert not np.array_equal(found[160], found[224]), name
    assert list(makers(load_recipe(str(tiny_run.recipe)), tiny_run.run)) == list(ways)[:-1]


def test_the_backbone_sees_each_square_once_for_all_adapters_and_few_at_a_time(
    tiny_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else memory grows with the number of photographs."""
    squares: list[Square] = list(phantoms(3, 160))
    seen: list[int] = []

    def extract(backbone: Any, pictures: Any, size: int) -> Any:
        seen.append(len(pictures))
        return backbone_extract(backbone, pictures, size)

    backbone_extract = predictors.extract
    monkeypatch.setattr(predictors, "extract", extract)
    recipe = load_recipe(str(tiny_run.recipe))
    adapters = [f"adapter {kind}" for kind in ("linear", "cnn", "pu", "paired", "together")]
    at_once: list[Any] = []
    by_twos: list[Any] = []
    for maps, number, expected in ((at_once, 64, [3]), (by_twos, 2, [2, 1])):
        monkeypatch.setattr(predictors, "AT_ONCE", number)
        ways = makers(recipe, tiny_run.run)
        maps += [ways[name](squares) for name in adapters]
        assert seen == expected
        seen.clear()
    np.testing.assert_allclose(at_once, by_twos, atol=1e-5)


def test_a_score_is_what_the_map_leaves_of_the_field() -> None:
    field = np.zeros((64, 64), np.bool_)
    field[:, :32] = True
    seen = Square(Path("x"), np.zeros((64, 64, 3), np.uint8), field)
    unseen = Square(Path("y"), np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.bool_))
    maps = np.zeros((3, 8, 8), np.float32)
    maps[0, :, 4:] = 1  # all loss lies outside the field
    maps[1, :4, :4] = 0.5
    np.testing.assert_allclose(pooled(maps, [seen, seen, unseen]), [1, 0.75, 0], atol=1e-6)
