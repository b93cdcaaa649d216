"""What spoils, spoils what it says; verdicts of two versions are compared row by row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.studies.wrong_good import SHAPES, burnt, in_frame, kept_verdicts, shadowed
from edge.field.find import find_field
from edge.phantom.retina import phantom_frame

EYE = phantom_frame(3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.35, 0.5])
def test_a_shadow_takes_its_share_of_the_field(shape: str, share: float) -> None:
    field = find_field(EYE)
    assert field is not None
    inside = in_frame(field, EYE.shape)
    dark = shadowed(EYE, shape, 1.0, share, 0.0, 0.0).max(axis=2) == 0
    assert dark[inside].mean() == pytest.approx(share, abs=0.02)
    assert (burnt(EYE, 3.0) >= EYE).all()


def test_verdicts_of_two_versions(tmp_path: Path) -> None:
    rows = {"before": ("good", "reject", "no_fundus"), "after": ("good", "reject", "reject")}
    for name, verdicts in rows.items():
        lines = [f"a/{n}.png,0.5,{verdict}," for n, verdict in enumerate(verdicts)]
        (tmp_path / name).write_text("\n".join(["path,score,verdict,error", *lines, ""]))
    found = list(kept_verdicts(tmp_path / "before", tmp_path / "after"))
    assert found == [("a", 3, 2, {"no_fundus to reject": 1})]


def test_it_prints_a_table(tmp_path: Path) -> None:
    for name in ("eyes", "walls"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "eyes" / "a.png"), EYE)
    cv2.imwrite(str(tmp_path / "walls" / "b.png"), np.full((200, 300, 3), (120, 130, 140), np.uint8))
    command = [
        sys.executable,
        "-m",
        "benchmarks.studies.wrong_good",
        str(tmp_path / "eyes"),
        "--others",
        str(tmp_path / "walls"),
    ]
    done = subprocess.run([*command, "--each", "1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "| nothing | 1 | 0 | 0 | 0 |" in done.stdout
    assert "| no retina: walls | 0 | 0 | 0 | 1 |" in done.stdout
    assert done.stdout.count("| shadow, ") == 5 * len(SHAPES)
