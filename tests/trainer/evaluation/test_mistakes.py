from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from edge.metrics.labels import Quality
from trainer.data.datasets import Square
from trainer.evaluation.mistakes import most_mistaken, save_mistakes
from trainer.evaluation.predictors import sharpness_maps


def test_the_worst_of_each_class_come_first() -> None:
    qualities: list[Quality] = ["good", "good", "reject", "usable", "reject", "good"]
    assert most_mistaken(qualities, [0.9, 0.2, 0.1, 0.0, 0.8, 0.5], 2) == [1, 5, 4, 2]
    assert most_mistaken(qualities, [0.9, 0.2, 0.1, 0.0, 0.8, 0.5], 1) == [1, 4]
    assert most_mistaken(["good"], [0.3], 4) == [0]


def test_one_row_for_each_and_none_for_what_shows_no_field(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    squares = [
        Square(Path(f"{n}.jpg"), rng.integers(0, 255, (64, 64, 3), np.uint8), np.ones((64, 64), np.bool_))
        for n in range(3)
    ]
    qualities: list[Quality] = ["good", "reject", "reject", "good"]
    scores = np.array([0.4, 0.9, 0.1, 0.0])
    save_mistakes(tmp_path / "m.png", [*squares, None], qualities, scores, sharpness_maps, 2)
    sheet = cv2.imread(str(tmp_path / "m.png"))
    assert sheet is not None
    assert sheet.shape == (24 + 3 * 256, 3 * 256, 3)
    first = cv2.resize(squares[0].picture, (256, 256), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(sheet[24:280, :256], first)


def test_usable_photographs_alone_make_no_sheet(tmp_path: Path) -> None:
    square = Square(Path("0.jpg"), np.zeros((64, 64, 3), np.uint8), np.ones((64, 64), np.bool_))
    save_mistakes(tmp_path / "m.png", [square, None], ["usable", "reject"], np.array([0.4, 0.0]), sharpness_maps)
    assert not (tmp_path / "m.png").exists()
