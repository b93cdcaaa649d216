"""Causes and lost light of the library against the same in NumPy and OpenCV, over any grid, field, map and light."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import subprocess
import sys
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge import score
from edge.abi import causes as native
from edge.abi.library import LIBRARY
from edge.abi.structures import CAUSE_WEIGHTS
from edge.assessment import Assessment
from edge.bundle.bundle import LANDMARKS, Region
from edge.findings import evidence
from edge.findings.cause_network import flat_weights
from edge.findings.evidence import Evidence, explain, explain_numpy
from edge.findings.photometry import Photometry
from edge.frame import exposure, prepare
from edge.frame.exposure import lost_to_light, lost_to_light_numpy
from edge.model import QualityModel
from edge.phantom.degradation import KINDS, degrade
from edge.phantom.retina import phantom_frame

if LIBRARY is None:
    pytest.skip("the library is not built: no compiler", allow_module_level=True)
library: ctypes.CDLL = LIBRARY

Cells = NDArray[np.float32]
FAST = settings(max_examples=60, deadline=None)
CHANCE = 1e-5  # what probabilities and shares may be apart
OF_NOISE = 1e-4  # the same of a frame without any contrast, where the logarithm of a rounding is a fact
grids = st.integers(1, 40)
fields = st.sampled_from(["disc", "all", "scattered", "one", "half"])
seeds = st.integers(0, 10**6)


def field_of(kind: str, grid: int, seed: int) -> NDArray[np.bool_]:
    down, across = np.mgrid[:grid, :grid] + 0.5 - grid / 2
    shapes = {
        "disc": np.hypot(down, across) <= grid / 2,
        "all": down < grid,
        "scattered": np.random.default_rng(seed).random((grid, grid)) < 0.6,
        "one": down > grid,
        "half": across < 0,
    }
    shape = np.asarray(shapes[kind])
    shape[grid // 2, grid // 2] = True
    return shape


def cells_of(rng: np.random.Generator, grid: int, low: float, high: float) -> Cells:
    return np.asarray(rng.uniform(low, high, (grid, grid)), np.float32)


def light_of(grid: int, seed: int) -> Photometry:
    """From black frames to burnt ones, flat or rough."""
    rng = np.random.default_rng(seed)
    brightness, spread = rng.choice([0, 8, 60, 200, 255]), rng.choice([0, 5, 60])
    colours = [np.clip(cells_of(rng, grid, -1, 1) * spread + brightness * each, 0, 255) for each in (0.4, 0.7, 1.2)]
    contrast = rng.choice([0, 0.01, 0.1, 2])
    rest = [cells_of(rng, grid, 0, high) for high in (1, contrast, contrast)]
    return Photometry(*(np.asarray(each, np.float32) for each in (*colours, *rest)))


def maps_of(grid: int, seed: int, landmarks: int) -> tuple[Cells, dict[Region, Cells]]:
    rng = np.random.default_rng(seed + 1)
    return cells_of(rng, grid, 0, 1), {name: cells_of(rng, grid, 0, 1) for name in LANDMARKS[:landmarks]}


def hold_alike(found: Evidence, expected: Evidence, chance: float = CHANCE) -> None:
    for name in ("main", "present", "shares"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert ours == pytest.approx(theirs, abs=chance), name
    most = max(expected.main, key=lambda code: expected.main[code])
    assert found.main[most] >= max(found.main.values()) - chance
    for code, share in expected.shares.items():
        if share > chance:  # the middle of next to nothing is anywhere
            assert found.places[code] == pytest.approx(expected.places[code], abs=chance), code
    assert (found.flooded, found.detail) == (expected.flooded, expected.detail)
    assert found.lost == pytest.approx(expected.lost, abs=chance)
    assert found.chroma == pytest.approx(expected.chroma, abs=chance)
    # Coarse contrast is a difference of near values, and may be 0.002: 1e-7 of grey values are 1e-4 of that.
    assert found.focus == pytest.approx(expected.focus, rel=1e-3, abs=chance)


@FAST
@given(grids, fields, seeds, st.integers(0, 2))
def test_evidence_is_that_of_python(grid: int, kind: str, seed: int, landmarks: int) -> None:
    field, light = field_of(kind, grid, seed), light_of(grid, seed)
    degradation, regions = maps_of(grid, seed, landmarks)
    expected = explain_numpy(degradation, regions, field, light)
    hold_alike(explain(degradation, regions, field, light), expected, OF_NOISE)


@FAST
@given(grids, fields, seeds)
def test_lost_light_is_that_of_python(grid: int, kind: str, seed: int) -> None:
    rng, field, light = np.random.default_rng(seed), field_of(kind, grid, seed), light_of(grid, seed)
    cells = np.stack([light.red, light.green, light.blue])
    cells[:, : rng.integers(0, grid + 1)] *= np.float32(rng.choice([0, 0.1, 1, 255]))
    cells = np.rint(np.clip(cells, 0, 255))
    np.testing.assert_array_equal(lost_to_light(cells, field), lost_to_light_numpy(cells, field))
    assert not lost_to_light(cells, np.zeros_like(field)).any()


def test_the_same_causes_are_named_of_every_degradation() -> None:
    named = 0
    with QualityModel.load(threads=1) as model:
        for seed, kind in enumerate(KINDS):
            seen = model.assess(degrade(phantom_frame(seed), kind, 0.7, rng=np.random.default_rng(seed))[0])
            if seen.photometry is None or not seen.field.any():
                continue
            expected = explain_numpy(seen.map, seen.regions, seen.field, seen.photometry)
            assert seen.evidence is not None
            hold_alike(seen.evidence, expected)
            codes = [cause.code for cause in seen.causes]
            assert codes == [cause.code for cause in explained_by(seen, expected).causes]
            named += len(codes)
    assert named > len(KINDS) // 2


def explained_by(seen: Assessment, found: Evidence) -> Assessment:
    other = dataclasses.replace(seen)
    other.__dict__["evidence"] = found
    return other


def test_without_the_library_the_same_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [degrade(phantom_frame(seed), kind, 0.7)[0] for seed, kind in enumerate(("haze", "shadow", "bright"))]
    with QualityModel.load(threads=1) as model:
        with_it = [model.assess(frame).to_dict() for frame in frames]
        for module in (prepare, exposure, evidence, score):
            monkeypatch.setattr(module, "LIBRARY", None)
        without = [model.assess(frame).to_dict() for frame in frames]
    for ours, theirs in zip(with_it, without, strict=True):
        assert (ours["verdict"], ours["cause"]) == (theirs["verdict"], theirs["cause"])
        assert ours["score"] == pytest.approx(theirs["score"], abs=2e-3)  # the tensor is a rounding apart


GRID = 8
LIGHT, FIELD = light_of(GRID, 4), field_of("disc", GRID, 0)
MAP, REGIONS = maps_of(GRID, 0, 2)
NAN = np.full((GRID, GRID), np.nan, np.float32)


@pytest.mark.parametrize(
    ("degradation", "regions", "field", "light", "words"),
    [
        (MAP + 1, REGIONS, FIELD, {}, "range"),
        (NAN, REGIONS, FIELD, {}, "range"),
        (MAP, {"disc": NAN}, FIELD, {}, "range"),
        (MAP, {"macula": MAP - 1}, FIELD, {}, "range"),
        (MAP, REGIONS, FIELD & ~FIELD, {}, "cells"),
        (MAP, REGIONS, FIELD, {"green": NAN}, "range"),
        (MAP, REGIONS, FIELD, {"detail": MAP - 1}, "range"),
        (MAP, REGIONS, FIELD, {"grain": np.full_like(MAP, np.inf)}, "range"),
        (MAP[:7], REGIONS, FIELD, {}, "square grid"),
        (MAP, REGIONS, FIELD[:7], {}, "square grid"),
        (MAP[:0, :0], {}, FIELD[:0, :0], {}, "square grid"),
    ],
)
def test_what_is_no_evidence_is_refused(
    degradation: Cells, regions: Mapping[Region, Cells], field: NDArray[np.bool_], light: dict[str, Cells], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        explain(degradation, regions, field, dataclasses.replace(LIGHT, **light))


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (flat_weights()[:-1], "shorter"),
        (np.where(np.arange(CAUSE_WEIGHTS) == 9000, np.float32(np.nan), flat_weights()), "range"),
        (flat_weights() * np.float32(1e9), "range"),
    ],
)
def test_weights_are_checked(weights: Cells, words: str) -> None:
    light = LIGHT.blue, LIGHT.green, LIGHT.red, LIGHT.clipped, LIGHT.detail, LIGHT.grain
    with pytest.raises(ValueError, match=words):
        native.causes(library, (MAP, None, None), FIELD, light, weights)


@pytest.mark.parametrize(
    ("cells", "field", "words"),
    [
        (np.stack([MAP, MAP, NAN]), FIELD, "range"),
        (np.stack([MAP, MAP]), FIELD, "square grid"),
        (np.stack([MAP, MAP, MAP]), FIELD[:7], "square grid"),
        (np.zeros((3, 0, 0), np.float32), FIELD[:0, :0], "limits"),
    ],
)
def test_bad_cells_are_not_lost(cells: Cells, field: NDArray[np.bool_], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        native.lost_to_light(library, cells, field)


def test_null_is_refused() -> None:
    assert library.efiqa_causes(None, None, None, 0, None, 0, None, None, 0, None) == 1
    assert library.efiqa_lost_to_light(None, None, 0, None, 0) == 1


PRINT_SUMS = """
import hashlib, tests.edge.abi.test_causes as here
bits = b""
for grid in (7, 32):
    light, (degradation, regions) = here.light_of(grid, 6), here.maps_of(grid, 6, 2)
    found = (light.blue, light.green, light.red, light.clipped, light.detail, light.grain)
    maps = degradation, regions["disc"], regions["macula"]
    bits += bytes(here.native.causes(here.library, maps, here.field_of("disc", grid, 0), found, here.flat_weights()))
print(hashlib.sha256(bits).hexdigest())
"""


def test_vectors_of_every_width_give_the_same_bits() -> None:
    found = set()
    for bits in ("128", "256", "512"):
        env = {**os.environ, "EFIQA_VECTORS": bits}
        command = [sys.executable, "-c", PRINT_SUMS]
        found.add(subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=300).stdout)
    assert len(found) == 1
