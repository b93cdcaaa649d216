"""Memory of a training does not grow with the number of photographs: all steps, on few and on four times as many."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")
pytest.importorskip("resource", reason="peak memory is asked of Unix")

from edge.phantom.retina import make_retina
from trainer.recipe import CONFIGS

FEW, MANY = 50, 200
BOUND = 60  # MiB; what 150 photographs more take on the disk is several times as much

# The segmenter alone is replaced, by one that takes no time: its weights are of no use after a step.
SCRIPT = """
import dataclasses, json, resource, sys
from pathlib import Path
import numpy as np
from trainer.recipe import load_recipe
from trainer.steps import adapter, distill, frames, prior, vessel_maps, vessels
from trainer.steps.pseudo_labels import prior_maps, to_grid

def dark(model, pictures, *_, **__):
    return np.stack([picture[:, :, 1] < picture[:, :, 1].mean() for picture in pictures]).astype(np.float32)

frames.segment = vessel_maps.segment = dark
recipe, data, out = load_recipe(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
vessels.run(recipe, data, out)
prior.run(recipe, data, out)
photographs = vessel_maps.segmented(recipe, data, out)
strength, counted = next(prior_maps(recipe, out, [photographs[0]]))
# The prior has learned nothing: only a threshold within its noise parts patches.
anomaly = float(np.median(strength[counted]))
share, inside = to_grid([(counted & (strength > anomaly)).astype(np.float32), counted.astype(np.float32)], 4)
settings = {"anomaly": anomaly, "patch_share": float(np.median((share / np.maximum(inside, 1e-6))[inside >= 0.5]))}
recipe = dataclasses.replace(recipe, adapter=dataclasses.replace(recipe.adapter, **settings))
adapter.run(recipe, data, out)
kept = sum(path.stat().st_size for path in out.rglob("*.npy"))
distill.run(recipe, data, out)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([len(photographs), peak, kept / 2**20]))
"""


def recipe(path: Path) -> Path:
    """The quick one with next to no training."""
    settings = yaml.safe_load((CONFIGS / "quick.yaml").read_text(encoding="utf-8"))
    settings["vessels"] |= {"steps": 1, "batch": 2, "field": 320, "crop": 64, "holdout_every": 0}
    settings["prior"] |= {"steps": 5, "batch": 2, "base": 4, "phantoms": 1}
    settings["frames"] |= {"number": 8, "phantoms": 1}
    settings["adapter"] |= {"steps": 1, "size": 64}
    settings["distill"] |= {"steps": 1, "batch": 4}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def lay_out(data: Path, number: int) -> Path:
    """Copies of one annotated photograph: a training takes each for another."""
    eye = make_retina(1, 200)
    for folder, picture in (("images", eye.image), ("vessels", np.rint(eye.vessels * 255).astype(np.uint8))):
        (data / "set" / folder).mkdir(parents=True)
        coded = cv2.imencode(".png", picture)[1].tobytes()
        for n in range(number):
            (data / "set" / folder / f"{n}.png").write_bytes(coded)
    return data


def test_memory_of_a_training_does_not_grow_with_the_number_of_photographs(tmp_path: Path) -> None:
    settings = recipe(tmp_path / "recipe.yaml")
    found = {}
    for number in (FEW, MANY):
        data = lay_out(tmp_path / f"data-{number}", number)
        command = [sys.executable, "-c", SCRIPT, str(settings), str(data), str(tmp_path / f"run-{number}")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[2])
        assert done.returncode == 0, done.stderr
        trained_on, *found[number] = json.loads(done.stdout)
        assert trained_on == number
    print(found)
    (peak, kept), (later_peak, later_kept) = found[FEW], found[MANY]
    assert later_kept - kept > 1.5 * BOUND
    assert later_peak - peak < BOUND, f"{peak:.0f} MiB for {FEW} photographs, {later_peak:.0f} for {MANY}"
