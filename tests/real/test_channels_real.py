"""Red and blue exchanged on photographs of eight cameras: noticed on every one, and on none that is right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge import GuidedSession, QualityModel
from edge.images import read_image

DATA = Path(os.environ.get("EFIQA_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"REAL PHOTOGRAPHS ARE NOT TESTED: {DATA} is missing; name a folder with EFIQA_DATA"
)
CAMERAS = ("drive/test", "chasedb1", "hrf", "stare", "les-av", "idrid-diaretdb1", "aria", "drimdb/good")
_OF_EACH = 5


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


@pytest.mark.parametrize("camera", CAMERAS)
def test_exchanged_channels_are_noticed_and_right_ones_are_not(model: QualityModel, camera: str) -> None:
    photographs = DATA / camera / "images" if (DATA / camera / "images").is_dir() else DATA / camera
    paths = sorted(photographs.glob("*.jpg"))
    for path in paths[:: len(paths) // _OF_EACH][:_OF_EACH]:
        image = read_image(path)
        for shown, noticed in ((image, False), (np.ascontiguousarray(image[:, :, ::-1]), True)):
            session = GuidedSession(model, None)
            for n in range(4):
                session.update(shown, 0.4 * n)
            assert bool(session.warnings) is noticed, path
