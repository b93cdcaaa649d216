from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from calibration.frames import made, phantoms
from edge.errors import EdgeError
from trainer.recipe import load_recipe


def test_frames_that_nobody_took(tmp_path: Path) -> None:
    fundus, octa = load_recipe("quick"), replace(load_recipe("octa"), side=64)
    (_, drawn), (_, wanted) = next(made([3], fundus, None)), next(phantoms([3]))
    assert np.array_equal(drawn, wanted)
    with pytest.raises(EdgeError, match="no synthetic frames of octa: name a folder"):
        next(made([3], octa, None))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 1), np.uint8).repeat(3, axis=2)
    for stem in "abcd":
        cv2.imwrite(str(tmp_path / f"{stem}.png"), noise)
    spoiled = [frame for _, frame in made(range(6), octa, tmp_path)]
    assert all(frame.shape == noise.shape for frame in spoiled)
    assert sum(np.abs(frame.astype(int) - noise).max() > 2 for frame in spoiled) >= 3


def test_scans_that_are_no_squares_and_damaged_ones_stop_nothing(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 40, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), noise)
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    spoiled = dict(made(range(12), replace(load_recipe("octa"), side=64), tmp_path))
    assert list(spoiled) == [f"spoiled-{seed}" for seed in range(0, 12, 2)]
    assert {frame.shape for frame in spoiled.values()} == {(64, 64, 3)}
