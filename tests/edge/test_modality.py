import dataclasses

import cv2
import numpy as np
import pytest

from edge.bundle.bundle import Thresholds, default_model, read_bundle
from edge.bundle.manifest import read_manifest, write_manifest
from edge.bundle.named import shipped_models
from edge.criteria.adequacy import judge
from edge.criteria.criterion import read_criterion
from edge.errors import EdgeError
from edge.modality import check_fundus, model_for, shows_scan
from edge.model import QualityModel

GRID = 12
LIMITS = Thresholds(0.05, 0.6, 0.8)


class Sees:
    """An engine whose maps are given."""

    name = "given"

    def __init__(self, level):
        self.level = level

    def infer(self, tensor):
        shape = (1, self.grid, self.grid)
        return np.full(shape, self.level, np.float32)

    def close(self):
        pass


def model_of_scans(level):
    bundle = read_bundle(default_model())
    manifest = dataclasses.replace(
        bundle.manifest, modality="octa", field="whole", maps=("degradation",), thresholds=LIMITS
    )
    engine = Sees(level)
    engine.grid = manifest.grid
    return QualityModel(dataclasses.replace(bundle, manifest=manifest), engine)


def scan(side=96):
    grey = np.random.default_rng(0).integers(0, 200, (side, side, 1), np.uint8)
    grey[side // 3 : side // 2, side // 3 : side // 2] = 0  # the avascular zone
    return np.repeat(grey, 3, axis=2)


def test_a_bundle_without_the_word_is_of_the_fundus():
    text = write_manifest(read_bundle(default_model()).manifest)
    assert b"modality" not in text
    assert read_manifest(text).modality == "fundus"
    other = dataclasses.replace(read_manifest(text), modality="octa", field="whole")
    assert read_manifest(write_manifest(other)) == other
    with pytest.raises(EdgeError, match="modality"):
        read_manifest(write_manifest(other).replace(b"modality: octa", b"modality: x-ray"))


def test_dark_is_not_lost_and_nothing_is_explained_that_has_no_explanation():
    with model_of_scans(0.05) as model:
        found = model.assess(scan())
    assert found.verdict == "good"
    assert found.coverage == 1
    assert (found.map == np.float32(0.05)).all()
    assert (found.causes, found.landmarks, found.eye, found.focus, found.field_kind) == ((), {}, None, None, "")
    assert found.to_dict()["field_definition"] is None


@pytest.mark.parametrize(
    ("level", "change", "verdict"),
    [
        (0.45, lambda frame: frame, "reject"),
        (0.99, lambda frame: frame, "no_anatomy"),
        (0.1, lambda frame: frame * np.array([1, 0, 1], np.uint8), "no_anatomy"),  # in colour
        (0.1, lambda frame: np.full_like(frame, 80), "no_anatomy"),
    ],
)
def test_what_is_no_scan_never_passes(level, change, verdict):
    with model_of_scans(level) as model:
        found = model.assess(change(scan()))
    assert found.verdict == verdict
    assert (found.score == 0) == (verdict == "no_anatomy")


def test_a_scan_is_grey_and_shows_vessels_somewhere():
    grey, field = np.full((3, GRID, GRID), 90, np.float32), np.ones((GRID, GRID), bool)
    nothing = np.ones((1, GRID, GRID), np.float32)
    some = nothing.copy()
    some[0, :2] = 0.1
    grain = np.random.default_rng(0).uniform(60, 120, (8 * GRID, 8 * GRID)).astype(np.float32)
    assert shows_scan(grey, grain, some, field)
    assert not shows_scan(grey, grain, nothing, field)
    assert not shows_scan(grey * np.array([1, 0.8, 0.6], np.float32)[:, None, None], grain, some, field)
    assert not shows_scan(grey, grain, some, ~field)


def test_a_drawing_of_vessels_is_no_scan():
    grey, field = np.full((3, GRID, GRID), 90, np.float32), np.ones((GRID, GRID), bool)
    some, drawn = np.full((1, GRID, GRID), 0.1, np.float32), np.zeros((8 * GRID, 8 * GRID), np.float32)
    for start in range(0, 8 * GRID, 16):
        cv2.line(drawn, (start, 0), (0, start), 255.0, 2)
    assert not shows_scan(grey, drawn, some, field)
    grain = np.random.default_rng(0).normal(0, 12, drawn.shape).astype(np.float32)
    assert shows_scan(grey, np.clip(drawn * np.float32(0.6) + 60 + grain, 0, 255), some, field)
    half = field.copy()
    half[:, GRID // 2 :] = False  # beside the field all may be black
    assert shows_scan(grey, np.where(np.arange(8 * GRID) < 4 * GRID, 90 + grain, 0).astype(np.float32), some, half)


def test_what_is_for_the_fundus_refuses_in_one_sentence():
    with model_of_scans(0.1) as model:
        with pytest.raises(EdgeError, match=r"edge-capture is for photographs of the fundus, and .* OCT angiograms"):
            check_fundus(model.manifest, "edge-capture")
        with pytest.raises(EdgeError, match="leave --criterion out"):
            judge(model.assess(scan()), read_criterion("nhs-desp"))
    check_fundus(read_bundle(default_model()).manifest, "edge-capture")


def test_a_model_is_found_by_modality_or_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "octa").write_bytes(default_model().read_bytes())  # is named by no one
    found = model_for("octa", None)
    assert found in shipped_models()
    assert read_bundle(found).manifest.modality == "octa"
    assert model_for(None, None) is None
    assert model_for("fundus", None) is None
    assert model_for("fundus", default_model()) == default_model()
    with pytest.raises(EdgeError, match="photographs of the fundus, and --modality is octa: name a model of OCT"):
        model_for("octa", default_model())
