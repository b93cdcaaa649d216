"""Frames that are degraded on purpose, and how the small network that tells causes is taught from them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from edge.findings.cause import CAUSES
from edge.findings.cause_network import CHANNELS, INSIDE, tell_causes, weighed
from edge.phantom.retina import phantom_frame

torch = pytest.importorskip("torch")
from trainer.networks.causes import CauseLayers
from trainer.steps import causes
from trainer.synthesis.causes import spoil_by
from trainer.synthesis.spoiled import _continued, clear_frames, spoiled_frame


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
    shares, sizes = np.zeros((120, len(CAUSES) + 1, 8, 8), np.float32), np.zeros((120, len(CAUSES)), np.float32)
    shares[:60, 0] = 1
    shares[60:, 2] = 1
    sizes[:60, 0] = sizes[60:, 2] = 1
    shares[:, -1] = 1
    weights = causes.teach(facts, shares, sizes, steps=150)
    for number, frame in enumerate(facts[::10]):
        found = tell_causes(frame, weights)
        cause = 0 if number < 6 else 2
        assert found.cells.mean(axis=(1, 2)).argmax() == cause
        assert found.main.argmax() == cause
        assert [code for code in range(len(CAUSES)) if found.present[code] >= 0.5] == [cause]


def test_teaching_goes_on_from_weights() -> None:
    start = CauseLayers().weights()
    facts = np.zeros((4, CHANNELS, 8, 8), np.float32)
    shares, sizes = np.zeros((4, len(CAUSES) + 1, 4, 4), np.float32), np.zeros((4, len(CAUSES)), np.float32)
    shares[:, -1] = 1
    further = causes.teach(facts, shares, sizes, steps=1, start=start)
    assert all(np.abs(further[name] - start[name]).max() < 0.01 for name in start)


def test_the_device_computes_what_was_taught() -> None:
    layers = CauseLayers()
    facts = np.random.default_rng(1).random((CHANNELS, 32, 32), np.float32)
    facts[INSIDE] = facts[INSIDE] > 0.3
    cells, main, present = layers(torch.from_numpy(facts)[None])
    found = tell_causes(facts, layers.weights())
    of_cells = torch.softmax(cells, 3)[0].permute(2, 0, 1).detach().numpy()
    np.testing.assert_allclose(found.cells[:, ::2, ::2], of_cells, atol=1e-5)
    inside = cv2.resize(facts[INSIDE], (16, 16), interpolation=cv2.INTER_AREA).reshape(-1)
    of_frame = torch.softmax(main, 1)[0].detach().numpy()
    np.testing.assert_allclose(found.main, weighed(of_frame, of_cells.reshape(8, -1), inside), atol=1e-5)
    np.testing.assert_allclose(found.present, torch.sigmoid(present)[0].detach().numpy(), atol=1e-5)


def test_a_photograph_is_kept_for_evaluation_with_all_of_its_patient() -> None:
    kept = [causes.for_evaluation(Path(f"{number:04}_1.jpg")) for number in range(400)]
    assert 60 < sum(kept) < 140
    assert kept == [causes.for_evaluation(Path(f"elsewhere/{number:04}_2.png")) for number in range(400)]


def test_frames_of_a_folder_and_of_synthetic_eyes_are_gathered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "_PHANTOMS", 2)
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), phantom_frame(40 + number))
    facts, shares, sizes = causes.gather(tmp_path, times=1)
    side = facts.shape[2] // 2
    assert facts.shape[1] == CHANNELS
    assert shares.shape == (len(facts), len(CAUSES) + 1, side, side)
    assert sizes.shape == (len(facts), len(CAUSES))
    assert 4 <= len(facts) <= 8
    assert ((sizes > 0).sum(axis=1) <= 2).all()
    taken = shares[:, :-1].astype(np.float32).sum(axis=1)
    assert (taken <= shares[:, -1] + 0.01).all()


def test_a_photograph_that_is_not_clear_teaches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "_PHANTOMS", 0)
    cv2.imwrite(str(tmp_path / "soft.png"), cv2.GaussianBlur(phantom_frame(40), (0, 0), 25))
    assert len(causes.gather(tmp_path, times=1)[0]) == 0


def test_a_patient_who_is_left_out_teaches_nothing(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for number in range(12):
        for eye in (1, 2):
            (tmp_path / "set" / f"{number}_{eye}.png").touch()
    everyone = {path.name for path in causes._drawn(tmp_path, np.random.default_rng(0))}
    patient = min(everyone).split("_")[0]
    table = tmp_path / "list.csv"
    table.write_text(f"path,main1\nset/{patient}_2.png,haze\n")
    left_out = causes._paths_in(table)
    drawn = {path.name for path in causes._drawn(tmp_path, np.random.default_rng(0), left_out)}
    assert len(drawn) > 5
    assert not any(name.startswith(f"{patient}_") for name in drawn)


def test_in_a_flat_folder_a_patient_is_left_out_whole(tmp_path: Path) -> None:
    for number in range(100):
        for eye in (1, 2):
            (tmp_path / f"{number}_{eye}.png").touch()
    everyone = [path.name for path in causes._drawn(tmp_path, np.random.default_rng(0))]
    assert len(everyone) == 25
    left_out = [Path(f"{name.split('_')[0]}_1.png") for name in everyone[:5]]
    drawn = {path.name.split("_")[0] for path in causes._drawn(tmp_path, np.random.default_rng(0), left_out)}
    assert not drawn & {path.name.split("_")[0] for path in left_out}


@pytest.mark.parametrize(
    "table_of", ["name\na.jpg\n", "path\n/elsewhere/a.jpg\n", "path,main1\n,haze\n", "path\n../a.jpg\n"]
)
def test_a_list_without_paths_is_refused(table_of: str, tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text(table_of)
    with pytest.raises(EdgeError, match=r"list\.csv lists no photographs"):
        causes._paths_in(table)


def test_each_data_set_counts_alike(tmp_path: Path) -> None:
    for name, number in (("large", 200), ("small", 30), ("tiny", 3)):
        (tmp_path / name).mkdir()
        for each in range(number):
            (tmp_path / name / f"{each}.png").touch()
    drawn = Counter(path.parent.name for path in causes._drawn(tmp_path, np.random.default_rng(0)))
    assert drawn["large"] == drawn["small"] == 25
    assert 0 < drawn["tiny"] <= 6


def test_what_is_beyond_the_field_stays_and_lends_no_black_to_the_picture() -> None:
    clear = next(clear_frames([], [40], np.random.default_rng(0)))
    frame = spoiled_frame(clear, np.random.default_rng(4)).frame
    outside = clear.inside[:, :, 0] == 0
    assert np.array_equal(frame[outside], clear.picture[outside])
    beyond = _continued(clear)
    within = clear.inside[:, :, 0] == 1
    assert np.allclose(beyond[within], clear.picture[within])
    near = outside & (cv2.dilate(clear.inside, np.ones((9, 9), np.uint8)) > 0)
    assert beyond[near, 2].mean() > 3 * max(float(clear.picture[near, 2].mean()), 5)
