from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from calibration.frames import made, phantoms
from edge.errors import EdgeError
from trainer.recipe import load_recipe


def test_frames_that_nobody_took(tmp_path: Path) -> None:
    fundus, octa = load_recipe("quick"), load_recipe("octa")
    (_, drawn), (_, wanted) = next(made([3], fundus, None)), next(phantoms([3]))
    assert np.array_equal(drawn, wanted)
    with pytest.raises(EdgeError, match="no synthetic frames of octa: give --data"):
        next(made([3], octa, None))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 1), np.uint8).repeat(3, axis=2)
    for stem in "abcd":
        cv2.imwrite(str(tmp_path / f"{stem}.png"), noise)
    spoiled = [frame for _, frame in made(range(6), octa, tmp_path)]
    assert all(frame.shape == noise.shape for frame in spoiled)
    assert sum(np.abs(frame.astype(int) - noise).max() > 2 for frame in spoiled) >= 3
