from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from edge.images import read_image
from trainer.data.datasets import Photograph
from trainer.steps.vessels import measure

SIZE = 128


def black(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Finds what is black inside a grey field, and calls what lies outside a vessel too: it does not count."""
    return (cv2.GaussianBlur(picture[:, :, 1], (0, 0), 0.5) < 60).astype(np.float32)


@pytest.fixture
def drawn(tmp_path: Path) -> list[Photograph]:
    """Grey fields with broad black vessels, of two sets, at a resolution above that of the network."""
    found = []
    for name in ("one/images/1", "one/images/2", "two/test/images/1"):
        path = tmp_path / f"{name}.png"
        mask = path.parent.parent / "vessels" / path.name
        rows, columns = np.mgrid[:320, :400]
        inside = np.hypot(columns - 200, rows - 160) < 150
        vessels = inside & ((columns // 20) % 4 == 0)
        for folder in (path.parent, mask.parent):
            folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.repeat(np.where(vessels, 20, 130 * inside)[:, :, None], 3, 2).astype(np.uint8))
        cv2.imwrite(str(mask), (vessels * 255).astype(np.uint8))
        found.append(Photograph(path, mask))
    return found


def test_what_is_found_where_it_was_drawn_scores_near_one_for_each_set(drawn: list[Photograph]) -> None:
    found = measure(black, drawn, SIZE)
    assert {name: said["photographs"] for name, said in found.items()} == {"one": 2, "two/test": 1}
    for said in found.values():
        assert said["dice"] > 0.9
        assert said["sensitivity"] > 0.9
        assert said["specificity"] > 0.95


def test_nothing_and_everything_score_as_they_should(drawn: list[Photograph]) -> None:
    nothing = measure(lambda p: np.zeros(p.shape[:2], np.float32), drawn, SIZE)["one"]
    assert (nothing["dice"], nothing["sensitivity"], nothing["specificity"]) == (0, 0, 1)
    everything = measure(lambda p: np.ones(p.shape[:2], np.float32), drawn, SIZE)["one"]
    assert (everything["sensitivity"], everything["specificity"]) == (1, 0)
    assert 0.3 < everything["dice"] < 0.6  # a quarter of the field is vessel


def test_maps_drawn_in_the_colours_of_arteries_and_veins_count_alike(drawn: list[Photograph]) -> None:
    before = measure(black, drawn, SIZE)
    for photograph in drawn:
        assert photograph.vessels is not None
        mask = read_image(photograph.vessels)
        mask[:160, :, :2], mask[160:, :, 1:] = 0, 0
        cv2.imwrite(str(photograph.vessels), mask)
    assert measure(black, drawn, SIZE) == before


def test_a_photograph_that_cannot_be_read_is_left_out(
    drawn: list[Photograph], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    drawn[1].path.write_bytes(b"no picture")
    assert measure(black, drawn, SIZE)["one"]["photographs"] == 1
    assert f"left out: {drawn[1].path}" in caplog.text
