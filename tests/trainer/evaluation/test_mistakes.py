from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from edge.metrics.labels import Quality
from edge.phantom.retina import make_retina
from trainer.data.datasets import Photograph, load_square
from trainer.evaluation.mistakes import most_mistaken, save_mistakes
from trainer.evaluation.predictors import sharpness_maps


def test_the_worst_of_each_class_come_first() -> None:
    qualities: list[Quality] = ["good", "good", "reject", "usable", "reject", "good"]
    assert most_mistaken(qualities, [0.9, 0.2, 0.1, 0.0, 0.8, 0.5], 2) == [1, 5, 4, 2]
    assert most_mistaken(qualities, [0.9, 0.2, 0.1, 0.0, 0.8, 0.5], 1) == [1, 4]
    assert most_mistaken(["good"], [0.3], 4) == [0]


def test_one_row_for_each_and_none_for_what_shows_no_field(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.png" for n in range(4)]
    for n, path in enumerate(paths):
        cv2.imwrite(str(path), make_retina(n, 100).image)
    qualities: list[Quality] = ["good", "reject", "reject", "good"]
    scores = np.array([0.4, 0.9, 0.1, 0.0])
    save_mistakes(tmp_path / "m.png", dict(enumerate(paths[:3])), qualities, scores, sharpness_maps, 64, 2)
    sheet = cv2.imread(str(tmp_path / "m.png"))
    assert sheet is not None
    assert sheet.shape == (24 + 3 * 256, 3 * 256, 3)
    square = load_square(Photograph(paths[0], None), 64)
    assert square is not None
    first = cv2.resize(square.picture, (256, 256), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(sheet[24:280, :256], first)


def test_usable_photographs_alone_make_no_sheet(tmp_path: Path) -> None:
    seen, qualities = {0: tmp_path / "0.png"}, ["usable", "reject"]
    save_mistakes(tmp_path / "m.png", seen, qualities, np.array([0.4, 0.0]), sharpness_maps, 64)  # type: ignore[arg-type]
    assert not (tmp_path / "m.png").exists()
