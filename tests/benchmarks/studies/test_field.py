"""The two finders on a folder of synthetic eyes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.studies.field import app, iou
from edge.abi.library import LIBRARY
from edge.field.find import field_of_circle
from edge.phantom import phantom_frame


@pytest.mark.skipif(LIBRARY is None, reason="the library is not built: no compiler")
def test_it_compares_every_photograph(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "eye.png"), cv2.resize(phantom_frame(1), (640, 480)))
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((480, 640, 3), np.uint8))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    done = CliRunner().invoke(app, [str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["photographs"], found["without"], found["differ"]) == (2, 1, [])
    assert found["worst_iou"] >= 0.999
    assert found["python_ms"] > 0
    assert found["library_ms"] > 0


def test_two_fields_overlap() -> None:
    one, other = (field_of_circle(x, 100.0, 50.0, (200, 300)) for x in (100.0, 200.0))
    assert iou(one, one) == 1.0 == iou(None, None)
    assert iou(one, None) == 0.0
    assert iou(one, other) < 0.01
    assert iou(one, field_of_circle(110.0, 100.0, 50.0, (200, 300))) == pytest.approx(0.775, abs=0.02)
