"""The prior of the recipe on hand-drawn maps of eyes that it has not seen: a training of minutes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import cv2
import pytest

pytest.importorskip("torch")

from edge.images import read_image
from trainer.data.datasets import as_mask, find_photographs
from trainer.recipe import load_recipe
from trainer.steps import prior

DATA = Path(os.environ.get("EFIQA_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"REAL PHOTOGRAPHS ARE NOT TESTED: {DATA} is missing; name a folder with EFIQA_DATA"
)


@pytest.mark.slow
def test_an_empty_map_is_anomalous_an_intact_one_is_not_and_an_erased_sector_is_marked(tmp_path: Path) -> None:
    """The recipe ``quick`` on maps drawn by hand, every fourth subject held out, and on phantoms.

    What ships learned for four times as many steps, and marks a tenth of intact maps at most.
    """
    data, maps = tmp_path / "data", tmp_path / "maps"
    for name in ("drive/train", "chasedb1", "hrf", "stare"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(DATA / name, data / name)
    for photograph in find_photographs(data):
        if photograph.vessels is not None:
            target = (maps / photograph.path.relative_to(data)).with_suffix(".png")
            target.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(target), as_mask(read_image(photograph.vessels)))
    prior.run(load_recipe("quick"), data, tmp_path / "run", maps)
    found = json.loads((tmp_path / "run/prior/metrics.json").read_text())["held_out"]
    assert found["maps"] >= 15
    assert found["empty_anomalous"] >= 0.95
    assert found["intact_anomalous"] <= 0.15
    assert found["erased_iou"] >= 0.6
