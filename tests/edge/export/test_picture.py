"""The network's tensor, the light in it and what tells a retina, in a graph against the program's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.bundle.bundle import Manifest, default_model, read_bundle
from edge.export.arrays import filled
from edge.export.field.find import Field
from edge.export.fundus import shows_retina
from edge.export.picture import cells_of, green_of, lost_to_light, prepare
from edge.field.find import Crop
from edge.frame import exposure
from edge.frame import prepare as program
from edge.fundus import shows_retina as program_shows_retina

FRAME = ("uint8", ("height", "width", 3))


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read_bundle(default_model()).manifest


@pytest.fixture(scope="module")
def run_prepare(written: Callable[..., Any], manifest: Manifest) -> Any:
    def steps(frame: Any, crop: Any) -> dict[str, Any]:
        return {"tensor": prepare(frame, Field(crop[0], crop[1], crop[2], filled(frame, 0)), manifest)}

    return written({"frame": FRAME, "crop": ("int64", (3,))}, steps)


@settings(max_examples=20)
@given(
    shape=st.tuples(st.integers(20, 900), st.integers(20, 900)),
    x=st.floats(-0.3, 0.9),
    y=st.floats(-0.3, 0.9),
    side=st.sampled_from([8, 100, 255, 256, 257, 512, 600, 1024]),
)
def test_the_tensor_of_any_crop(
    run_prepare: Any, manifest: Manifest, shape: tuple[int, int], x: float, y: float, side: int
) -> None:
    frame = np.random.default_rng(side).integers(0, 256, (*shape, 3)).astype(np.uint8)
    crop = Crop(int(x * shape[1]), int(y * shape[0]), side)
    found = run_prepare(np.ascontiguousarray(frame[:, :, ::-1]), np.array([crop.x, crop.y, crop.side]))["tensor"]
    expected = program.prepare(frame, crop, manifest.input_size, manifest.mean, manifest.std)
    grey = 1 / (255 * manifest.std[0])
    assert np.abs(found - expected).max() <= 1.01 * grey
    assert (np.abs(found - expected) > 0.01 * grey).mean() < 0.002  # halves that a rounding turns


@pytest.fixture(scope="module")
def run_light(written: Callable[..., Any], manifest: Manifest) -> Any:
    sizes = manifest.input_size, manifest.grid

    def steps(tensor: Any, maps: Any, field: Any) -> dict[str, Any]:
        cells, green = cells_of(tensor, manifest), green_of(tensor, manifest)
        lost = lost_to_light(cells, field)
        return {"cells": cells, "lost": lost, "retina": shows_retina(maps, cells, green, field, sizes)}

    kinds = {"tensor": ("float32", (1, 3, "s", "s")), "maps": ("float32", (3, "g", "g")), "field": ("bool", ("g", "g"))}
    return written(kinds, steps)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    gain=st.sampled_from([0.02, 0.2, 1.0, 2.5, 9.0]),
    share=st.floats(0, 1),
    wide=st.booleans(),
)
def test_the_light_and_what_tells_a_retina(
    run_light: Any, manifest: Manifest, seed: int, gain: float, share: float, wide: bool
) -> None:
    rng, size, grid = np.random.default_rng(seed), manifest.input_size, manifest.grid
    slow = np.kron(rng.uniform(0, 255, (3, 8, 8)), np.ones((size // 8, size // 8)))
    picture = np.clip(gain * slow + rng.normal(0, 4, slow.shape), 0, 255).round()
    mean, std = (np.array(each, np.float32)[:, None, None] for each in (manifest.mean, manifest.std))
    tensor = np.asarray((picture / 255 - mean) / std, np.float32)[None]
    rows, columns = np.mgrid[:grid, :grid] - (grid - 1) / 2
    field: NDArray[np.bool_] = np.hypot(rows, columns) < (grid if wide else share * grid / 2)
    maps = rng.uniform(0, 1, (3, grid, grid)).astype(np.float32)
    found = run_light(tensor, maps, field)
    cells = exposure.cells_of(tensor, grid, manifest.mean, manifest.std)
    green = exposure.green_of(tensor, manifest.mean, manifest.std)
    np.testing.assert_allclose(found["cells"], cells, atol=1e-3)
    assert np.count_nonzero(found["lost"] != exposure.lost_to_light(cells, field)) <= 1
    assert found["retina"] == program_shows_retina(cells, green, maps, field)
