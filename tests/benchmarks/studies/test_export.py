"""The exported graph and the program are compared photograph by photograph, a row for each folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.studies.export import Compared, row_of
from edge.phantom.retina import phantom_frame

pytest.importorskip("onnxruntime")


def test_every_folder_is_compared(tmp_path: Path) -> None:
    eye = phantom_frame(3)
    for folder, frame in (("eyes", eye), ("eyes/vessels", eye), ("walls", np.full((200, 300, 3), (120, 130, 140)))):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "a.png"), frame)
    command = [sys.executable, "-m", "benchmarks.studies.export", "--data", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert list(told) == ["eyes", "walls", "all"]
    assert [each["photographs"] for each in told.values()] == [1, 1, 2]  # nothing of the vessels
    for each in told.values():
        assert each["verdicts"] == each["scores"] == each["crops"] == each["photographs"]
        assert each["score_max"] < 0.01


def test_a_row_says_what_changed_and_sums_add_up() -> None:
    one = Compared(2, 1, 2, 2, 0.001, 8.0, 20.0)
    one.changed["good to usable (the same field)"] += 1
    two = Compared(2, 1, 1, 1, 0.2, 4.0, 20.0)
    two.changed["good to usable (the same field)"] += 1
    wanted = "| all | 4 | 2 = 50.00% | 3 = 75.00% | 0.2000 | 3 | 3 | 10 | 2 good to usable (the same field) |"
    assert row_of("all", one.plus(two)) == wanted


def test_a_folder_without_folders(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.studies.export", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "holds no folder" in done.stderr
