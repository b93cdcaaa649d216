"""edge-train on folders that cannot teach anything: one sentence, exit code 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")


def annotated(data: Path, side: int, light: int) -> Path:
    """Three photographs of one grey value with drawn maps, and beside ``data`` the same as ``maps``."""
    for folder, value in (("set/images", light), ("set/vessels", 255), ("../maps/set/images", 255)):
        (data / folder).mkdir(parents=True)
        for n in range(3):
            cv2.imwrite(str(data / folder / f"{n}.png"), np.full((side, side, 3), value, np.uint8))
    return data


@pytest.fixture(params=["vessels", "prior", "all"])
def step(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def train(edge_train: Any, step: str, data: Path, out: Path) -> str:
    more = ("--vessel-maps", data.parent / "maps") if step == "prior" else ()
    return str(edge_train(step, "--recipe", "quick", "--data", data, "--out", out, *more).in_one_sentence())


def test_an_empty_folder_is_said(step: str, tmp_path: Path, edge_train: Any) -> None:
    (tmp_path / "data").mkdir()
    said = train(edge_train, step, tmp_path / "data", tmp_path / "run")
    assert said.startswith(f"error: {tmp_path / 'data'} holds no images")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("side", "light"), [(8, 128), (200, 0)], ids=["8x8", "black"])
def test_photographs_that_show_nothing_are_said(
    side: int, light: int, step: str, tmp_path: Path, edge_train: Any
) -> None:
    data = annotated(tmp_path / "data", side, light)
    said = train(edge_train, step, data, tmp_path / "run")
    assert "none of the photographs shows a field of view that could be read" in said
    assert not list(tmp_path.glob("run/**/*.safetensors"))


def test_each_photograph_that_is_too_small_is_named(tmp_path: Path, edge_train: Any) -> None:
    data = annotated(tmp_path / "data", 8, 128)
    said = edge_train("vessels", "--data", data, "--out", tmp_path / "run")
    left_out = [line for line in said.err.splitlines() if line.startswith("left out: ")]
    assert len(left_out) == 3
    assert all(f"{n}.png" in line for n, line in enumerate(sorted(left_out)))


def test_an_evaluation_without_labels_or_a_run_is_said(photographs: Path, tmp_path: Path, edge_train: Any) -> None:
    bare = edge_train("evaluate", "--data", photographs / "loose", "--out", tmp_path).in_one_sentence()
    assert "holds no quality label" in bare
    untrained = edge_train("evaluate", "--data", photographs, "--out", tmp_path).in_one_sentence()
    assert "run `edge-train" in untrained


def test_weights_leave_no_adapter_to_teach(tmp_path: Path, edge_train: Any) -> None:
    said = edge_train("adapter", "--data", tmp_path, "--weights", tmp_path / "a.npy", "--vessel-maps", tmp_path)
    assert said.code == 2
    assert "give one" in " ".join(said.err.split())


def test_help_shows_an_example_for_every_command(edge_train: Any) -> None:
    for name in ("vessels", "prior", "adapter", "distill", "all", "evaluate"):
        said = edge_train(name, "--help")
        assert said.code == 0
        assert f"Example: edge-train {name} " in " ".join(said.out.split())


def test_a_run_folder_among_the_photographs_is_refused(step: str, photographs: Path, edge_train: Any) -> None:
    said = train(edge_train, step, photographs, photographs / "runs" / "mine")
    assert said.startswith(f"error: {photographs / 'runs' / 'mine'} lies in {photographs}")
    assert not (photographs / "runs").exists()
    adapted = edge_train("adapt", photographs, "--out", photographs / "mine").in_one_sentence()
    assert "choose an --out elsewhere" in adapted
    assert not (photographs / "mine").exists()
