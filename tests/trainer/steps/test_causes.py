"""Frames that are degraded on purpose, and how the small network that tells causes is taught from them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.findings.cause import CAUSES
from edge.findings.cause_network import CHANNELS, CLASSES, INSIDE, cause_chances
from edge.phantom.retina import phantom_frame

pytest.importorskip("torch")
from trainer.steps import causes
from trainer.synthesis.causes import spoil_by


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_changes_the_picture_where_it_says(cause: str) -> None:
    picture = cv2.resize(phantom_frame(3), (128, 128)).astype(np.float32)
    spoiled, cover = spoil_by(picture, cause, 0.7, np.random.default_rng(1))  # type: ignore[arg-type]
    assert spoiled.shape == picture.shape
    assert cover.shape == (128, 128)
    assert 0 <= cover.min() <= cover.max() <= 1
    assert np.isfinite(spoiled).all()
    assert np.abs(spoiled - picture)[cover > 0.5].mean() > 3


def test_teaching_tells_causes_apart() -> None:
    rng = np.random.default_rng(0)
    facts = rng.normal(0.3, 0.05, (120, CHANNELS, 16, 16)).astype(np.float32)
    facts[:, INSIDE] = 1
    facts[60:, 1] += 0.5
    shares = np.zeros((120, CLASSES + 1, 8, 8), np.float32)
    shares[:60, 0] = shares[60:, 2] = 1
    shares[:, CLASSES] = 1
    weights = causes.teach(facts, shares, steps=60)
    for number, frame in enumerate(facts[::10]):
        assert cause_chances(frame, weights).mean(axis=(1, 2)).argmax() == (0 if number < 6 else 2)


def test_a_photograph_is_kept_for_evaluation_with_all_of_its_patient() -> None:
    kept = [causes.for_evaluation(Path(f"{number:04}_1.jpg")) for number in range(400)]
    assert 60 < sum(kept) < 140
    assert kept == [causes.for_evaluation(Path(f"elsewhere/{number:04}_2.png")) for number in range(400)]


def test_frames_of_a_folder_and_of_synthetic_eyes_are_gathered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "_PHANTOMS", 2)
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), phantom_frame(40 + number))
    facts, shares = causes.gather(tmp_path, times=2)
    side = facts.shape[2] // 2
    assert facts.shape[1] == CHANNELS
    assert shares.shape == (len(facts), CLASSES + 1, side, side)
    assert 4 <= len(facts) <= 14
    whole = shares[:, :CLASSES].astype(np.float32).sum(axis=1)
    counted = shares[:, CLASSES] > 0.01
    np.testing.assert_allclose(whole[counted], 1, atol=0.01)
