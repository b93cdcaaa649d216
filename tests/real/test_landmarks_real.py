"""Fovea, disc and eye on photographs of four cameras that two readers marked, and on mirrored ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies.landmarks.__main__ import MARKS
from benchmarks.studies.landmarks.measure import errors_of
from benchmarks.studies.landmarks.truth import read_marks
from edge.images import read_image
from edge.model import QualityModel

DATA = Path(os.environ.get("EFIQA_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"REAL PHOTOGRAPHS ARE NOT TESTED: {DATA} is missing; name a folder with EFIQA_DATA"
)


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


@pytest.mark.parametrize("camera", ["aria", "hrf", "idrid-diaretdb1", "srahim"])
def test_landmarks_lie_where_readers_saw_them(model: QualityModel, camera: str) -> None:
    marked = [(path, marks) for path, marks in read_marks(MARKS).items() if path.startswith(camera) and marks.fovea]
    for path, marks in marked[::8]:
        image = read_image(DATA / path)
        found, mirrored = model.assess(image), model.assess(np.ascontiguousarray(image[:, ::-1]))
        errors = errors_of(found, marks)
        assert errors.fovea is not None, path
        assert errors.fovea <= 1, path
        assert errors.disc is not None, path
        assert errors.disc <= 0.7, path
        if found.verdict in ("good", "usable"):
            assert found.eye == marks.eye, path
            assert mirrored.eye not in (None, marks.eye), path
