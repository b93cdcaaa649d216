"""What the tests of written graphs share: a graph of a few steps that runs, and frames of any kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.export.check import session_of
from edge.export.onnx_file import onnx_file
from edge.export.tensor import Graph, Shape, Tensor

Steps = Callable[..., Mapping[str, Tensor]]
Run = Callable[..., dict[str, NDArray[Any]]]


@pytest.fixture(scope="session")
def written() -> Callable[[Mapping[str, tuple[str, Shape]], Steps], Run]:
    """(inputs as name -> kind and shape, steps: tensors -> named tensors) -> a function of arrays."""
    pytest.importorskip("onnxruntime", reason="WRITTEN GRAPHS ARE NOT TESTED: no onnxruntime")

    def write(inputs: Mapping[str, tuple[str, Shape]], steps: Steps) -> Run:
        graph = Graph()
        made = steps(*(graph.input(name, kind) for name, (kind, _) in inputs.items()))
        for name, tensor in made.items():
            tensor.called(name)
        outputs = {name: (tensor.kind, None) for name, tensor in made.items()}
        session = session_of(onnx_file(graph, inputs, outputs, {}), threads=1)

        def run(*arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
            return dict(zip(made, session.run(list(made), dict(zip(inputs, arrays, strict=True))), strict=True))

        return run

    return write


@pytest.fixture(scope="session")
def exact_remap() -> None:
    """Skips where the program's rim is 0.01 pixels off."""
    if not remaps_exactly():
        pytest.skip("THE EXPORTED FIELD IS NOT COMPARED TO THE LAST DIGIT: this OpenCV samples at 32nds of a pixel")


@pytest.fixture(scope="session")
def crop_tolerance() -> int:
    """Pixels that the exported crop may differ by: a rim that is 0.01 pixels off is now and then rounded otherwise."""
    return 0 if remaps_exactly() else 1


def remaps_exactly() -> bool:
    """False for OpenCV before 4.12, which samples at 32nds of a pixel."""
    ramp, at = np.arange(0, 8, dtype=np.float32)[None], np.full((1, 1), 2.01, np.float32)
    return cv2.remap(ramp, at, np.zeros_like(at), cv2.INTER_LINEAR).item() != 2.0


@pytest.fixture(scope="session")
def any_frame() -> Callable[[int], NDArray[np.uint8]]:
    """A frame by its number: uint8 BGR (H, W, 3), a disc, an ellipse or a rectangle, clear or spoiled in any way."""
    return _any_frame


def _any_frame(number: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(number)
    longest = int(rng.choice([64, 130, 200, 256, 400, 700]))
    height, width = (int(longest * each) for each in rng.permutation([1.0, rng.uniform(0.6, 1.0)]))
    rows, columns = np.mgrid[:height, :width]
    side = min(height, width)
    x, y = (width / 2 + rng.normal(0, 0.06) * side, height / 2 + rng.normal(0, 0.06) * side)
    radius, squeeze = rng.uniform(0.25, 0.65) * side, rng.choice([1.0, 1.0, 1.0, rng.uniform(0.6, 1.6)])
    field = np.hypot((columns - x) / radius, (rows - y) / radius / squeeze) <= 1
    if rng.random() < 0.15:
        field[:] = True
    if rng.random() < 0.3:  # cut at top and bottom, or on one side
        cut = int(rng.uniform(0.05, 0.3) * height)
        field[:cut] = False
        field[height - (cut if rng.random() < 0.5 else 1) :] = False
    light = 1 + 0.3 * np.sin(5 * columns / longest + number) * np.cos(4 * rows / longest)
    if rng.random() < 0.4:  # a shadow over one side
        angle, soft = rng.uniform(0, 2 * np.pi), rng.choice([0.01, 0.05, 0.2])
        along = ((columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)) / radius
        light = light * (1 - rng.choice([0.9, 1.0]) * np.clip((along - rng.uniform(-0.5, 0.8)) / soft, 0, 1))
    colour = np.array([35.0, 80.0, 150.0]) * rng.choice([0.1, 0.5, 1.0, 1.6]) * light[:, :, None]
    frame = np.where(field[:, :, None], colour, rng.choice([0.0, 2.0, 14.0, 40.0]))
    frame = frame + rng.normal(0, rng.choice([0.0, 2.0, 6.0]), frame.shape)
    blur = float(rng.choice([0.0, 0.0, 1.5, 6.0]))
    seen = np.clip(frame, 0, 255).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(seen, (0, 0), blur) if blur else seen, np.uint8)
