"""What is no retina, and how the small network that tells it is taught."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from edge.fundus import CHANNELS, facts_of, retina_chance
from edge.model import QualityModel
from edge.phantom.degradation import degrade
from edge.phantom.retina import phantom_frame

pytest.importorskip("torch")
from trainer.steps import fundus
from trainer.synthesis.outside import H, W, outside

drawn = functools.cache(phantom_frame)  # drawing one takes longer than grading it ten times


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


def test_eyes_from_outside_lids_walls_and_text_show_no_retina(model: QualityModel) -> None:
    """Of other seeds than those that taught."""
    pictures = list(outside(np.random.default_rng(123), 64))
    found = [model.assess(each) for each in pictures]
    assert all(each.verdict in ("reject", "no_fundus") for each in found)
    assert sum(each.verdict == "no_fundus" for each in found) >= 0.9 * len(found)
    for each in found:
        if each.verdict == "no_fundus":
            assert each.score == 0
            assert each.regions == {}  # no outlines, and nothing to aim at


@pytest.mark.parametrize("kind", ["blur", "haze", "shadow", "reflex", "motion"])
def test_a_spoiled_retina_is_one(model: QualityModel, kind: str) -> None:
    eyes = [degrade(drawn(seed), kind, 0.7)[0] for seed in range(40, 52)]  # type: ignore[arg-type]
    assert sum(model.assess(each).verdict == "no_fundus" for each in eyes) <= 1


def test_teaching_tells_two_kinds_apart() -> None:
    rng = np.random.default_rng(0)
    ones = rng.normal(0.6, 0.1, (60, CHANNELS, 32, 32)).astype(np.float32)
    others = rng.normal(0.3, 0.1, (60, CHANNELS, 32, 32)).astype(np.float32)
    network = fundus.teach(ones[:40], others[:40], steps=60)
    assert min(retina_chance(each, network) for each in ones[40:]) > max(
        retina_chance(each, network) for each in others[40:]
    )


def test_too_small_a_field_or_a_model_without_landmarks_tells_nothing() -> None:
    cells, maps, field = np.ones((3, 32, 32), np.float32), np.ones((3, 32, 32), np.float32), np.zeros((32, 32), bool)
    green = np.ones((256, 256), np.float32)
    assert facts_of(cells, green, maps, field) is None
    assert facts_of(cells, green, maps[:1], ~field) is None
    assert facts_of(cells, green, maps, ~field).shape == (CHANNELS, 32, 32)  # type: ignore[union-attr]


def test_photographs_that_evaluate_never_teach(tmp_path: Path) -> None:
    for seed, name in enumerate((*fundus.EVALUATION, "DRIMDB2", "vessels", "test", "fov", "mine")):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "eye.png"), phantom_frame(seed))
    (tmp_path / "DRIMDB2").rename(tmp_path / "LES-AV")
    (tmp_path / "mine/link.png").symlink_to(tmp_path / "drimdb/eye.png")
    shutil.copy(tmp_path / "eyeq/eye.png", tmp_path / "mine/copy.png")
    assert fundus.taught(tmp_path) == [tmp_path / "mine/eye.png"]
    with pytest.raises(EdgeError, match=r"drimdb holds no photograph that may teach"):
        fundus.taught(tmp_path / "drimdb")


def test_too_few_photographs_and_one_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written over, and the sentence says what to add."""
    monkeypatch.setattr(fundus, "_PHANTOMS", 1)
    monkeypatch.setattr(fundus, "_DRAWN", 1)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(EdgeError, match=r"holds too few photographs of retinas: one in four patients is set aside"):
        fundus.renew(tmp_path)


def test_the_pictures_are_what_they_say() -> None:
    for picture in outside(np.random.default_rng(0), 16):
        assert picture.shape == (H, W, 3)
        assert picture.dtype == np.uint8


def test_a_folder_without_photographs_is_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from trainer.commands import main; main()", "fundus", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "holds no images" in done.stderr
