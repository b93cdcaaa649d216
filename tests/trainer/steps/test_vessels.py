from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn

from edge.phantom.retina import make_retina
from trainer.data.datasets import Photograph, Square, find_photographs, load_squares
from trainer.networks.students import Segmenter
from trainer.recipe import Recipe, load_recipe
from trainer.steps import vessels
from trainer.steps.vessels import load_segmenter, segment


def recipe(**settings: Any) -> Recipe:
    quick = load_recipe("quick")
    sizes = {"field": 128, "crop": 64, "empty_share": 0.0}
    return dataclasses.replace(quick, side=64, vessels=dataclasses.replace(quick.vessels, **{**sizes, **settings}))


def square(name: str, drawn: Any) -> Square:
    """A grey field with broad vessels, the darker the more."""
    vessels_drawn = np.broadcast_to(np.asarray(drawn, np.float32), (128, 128)).copy()
    picture = np.repeat((180 - 140 * vessels_drawn)[:, :, None], 3, axis=2).astype(np.uint8)
    return Square(Path(name), picture, np.ones((128, 128), np.bool_), vessels_drawn)


def samples(squares: list[Square], settings: Recipe, number: int) -> list[Any]:
    """Image and drawn vessels of as many samples."""
    rows = np.stack([vessels._row(n, each, settings.vessels.field) for n, each in enumerate(squares)])
    drawings = vessels.Drawings(rows, vessels._by_set([each.path for each in squares]))  # type: ignore[arg-type]
    return [vessels._sample(drawings, settings, np.random.default_rng(seed)) for seed in range(number)]


def test_sets_count_alike_however_many_photographs_they_have() -> None:
    few = [square("one/images/1.png", 1.0)]
    many = [square(f"many/images/{n}.png", 0.0) for n in range(15)]
    of_few = [drawn.max() > 0.5 for _, drawn in samples([*few, *many], recipe(), 80)]
    assert 0.3 < np.mean(of_few) < 0.7


def test_vessels_stay_where_the_picture_shows_them_at_every_size() -> None:
    """Crops are of one size; what they show is of all sizes from ``side`` to ``field``."""
    stripes = (np.arange(128) // 16) % 2
    widths = []
    for seed, (image, drawn) in enumerate(samples([square("a/images/1.png", stripes[None, :])], recipe(), 30)):
        assert image.shape == (3, 64, 64)
        assert drawn.shape == (1, 64, 64)
        assert drawn.max() <= 1
        middle = (slice(None), slice(16, 48), slice(16, 48))  # beyond the field both are black
        assert np.corrcoef(image[middle].mean(axis=0).ravel(), drawn[middle].ravel())[0, 1] < -0.7, seed
        edges = np.hypot(*np.gradient(cv2.GaussianBlur(drawn[0], (0, 0), 1)))[16:48, 16:48].mean()
        widths.append(edges)
    assert max(widths) > 1.5 * min(widths)  # the smaller the view, the more edges


def test_drawings_of_several_sizes_lie_on_the_disk_as_they_are(photographs: Path, tmp_path: Path) -> None:
    drawn = [p for p in find_photographs(photographs) if p.vessels]
    small = cv2.resize(cv2.imread(str(drawn[0].path)), (120, 120))
    cv2.imwrite(str(tmp_path / "a.png"), small)
    cv2.imwrite(str(tmp_path / "a-drawn.png"), cv2.resize(cv2.imread(str(drawn[0].vessels)), (120, 120)))
    some = [*drawn[:2], Photograph(tmp_path / "a.png", tmp_path / "a-drawn.png")]
    found = vessels._on_disk(some, 160, tmp_path / "photographs/drawn-k.npy")
    squares = load_squares(some, 160, enlarge=False)
    assert len({len(square.picture) for square in squares}) == 2
    for n, square in enumerate(squares):
        picture, lines = found.layers(n)
        np.testing.assert_array_equal(picture, square.picture)
        np.testing.assert_array_equal(lines, square.vessels)  # to the last bit
    assert found.sets == [[0, 1], [2]]


def test_samples_without_anatomy_show_no_vessel() -> None:
    eye = make_retina(2, 128)
    some = [Square(Path("a/images/1.png"), eye.image, eye.field > 0, np.asarray(eye.vessels, np.float32))]
    share = [not drawn.any() for _, drawn in samples(some, recipe(empty_share=0.5), 40)]
    assert 0.25 < np.mean(share) < 0.75
    assert not any(drawn.any() for _, drawn in samples(some, recipe(empty_share=1.0), 5))


def test_vessels_of_many_pictures_are_those_of_each_one(tiny_run: Any) -> None:
    settings = load_recipe(str(tiny_run.recipe))
    model, pictures = load_segmenter(tiny_run.run), [make_retina(seed, 96).image for seed in range(5)]
    found = segment(model, pictures, settings, batch=2)
    assert found.shape == (5, 96, 96)
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    for n, picture in enumerate(pictures):
        np.testing.assert_allclose(segment(model, [picture], settings)[0], found[n], atol=0.02)


def test_the_loss_falls_as_vessels_are_found() -> None:
    targets = torch.zeros(1, 1, 16, 16)
    targets[..., :4] = 1

    class Says(nn.Module):
        def __init__(self, logits: Tensor) -> None:
            super().__init__()
            self.logits = logits

        def forward(self, images: Tensor) -> Tensor:
            return self.logits

    images = torch.zeros(1, 3, 16, 16)
    right, blank, wrong = (
        float(vessels._loss(Says(logits), (images, targets)))
        for logits in ((targets * 2 - 1) * 8, torch.full_like(targets, -8.0), (1 - targets * 2) * 8)
    )
    assert right < 0.05 < blank < wrong


def test_the_segmenter_takes_every_size_that_a_recipe_that_ships_asks_for() -> None:
    """Its map is joined at strides 2 to 16: any other size would end a training after its last step."""
    for name in ("quick", "default", "paper"):
        settings = load_recipe(name)
        for size in (settings.side, settings.vessels.field, settings.vessels.crop):
            assert size % 16 == 0, (name, size)
    assert Segmenter().eval()(torch.zeros(1, 3, 48, 48)).shape == (1, 1, 48, 48)
