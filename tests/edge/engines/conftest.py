"""Tiny bundles for the engines' tests."""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration import golden
from edge.bundle.bundle import MAPS, Bundle, Manifest, Region, Thresholds, write_bundle

MakeBundle = Callable[..., Bundle]
SIZE, GRID = 32, 4
NATIVE = Path(__file__).parents[3] / "edge" / "native"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the cache of this machine or of another test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("EFIQA_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True, scope="session")
def eyes_drawn_once() -> Iterator[None]:
    """The real golden frames, kept: drawing them takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(golden, "_eyes", functools.lru_cache(golden._eyes))
        yield


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    """Bundles of a tiny INT8 Q/DQ network, convolution of 8x8 blocks and a sigmoid; 32x32 in, 1 or 3 maps 4x4 out."""

    def make(
        onnx: bytes | None = None,
        name: str = "tiny.efiqa",
        input_size: int = SIZE,
        grid: int = GRID,
        maps: int = 1,
        pooling: dict[Region, float] | None = None,
        biases: Sequence[float] = (),
        last: str = "Sigmoid",
        float_weights: bool = False,
        side: int = SIZE,
        reads: str = "image",
    ) -> Bundle:
        manifest = Manifest(
            name="tiny",
            precision="int8",
            input_size=input_size,
            grid=grid,
            maps=MAPS[:maps],
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            pooling=pooling or {"disc": 1.0, "macula": 1.0, "periphery": 1.0},
            thresholds=Thresholds(0.02, 0.5, 0.8),
            thresholds_from="a test",
            metrics={},
            trained_on=(),
            golden=(),
            made_with={},
        )
        if onnx is not None or (input_size, grid) != (SIZE, GRID):  # a manifest that may not fit its network
            return write_bundle(tmp_path / name, manifest, onnx or tiny_onnx((0.1,) * maps))
        onnx = tiny_onnx(biases or (0.1,) * maps, last, float_weights, side, reads)
        write_bundle(tmp_path / name, manifest, onnx)  # refuses what onnxruntime need not see
        return write_bundle(tmp_path / name, manifest, onnx, golden.make_golden(manifest, onnx))

    return make


@pytest.fixture(scope="session")
def tiny_network() -> bytes:
    """The network of ``make_bundle``."""
    return tiny_onnx()


def tiny_onnx(
    biases: Sequence[float] = (0.1,),
    last: str = "Sigmoid",
    float_weights: bool = False,
    side: int = SIZE,
    reads: str = "image",
) -> bytes:
    """One map for each bias; ``side`` -1 leaves height and width of the input open."""
    from onnx import TensorProto, helper, numpy_helper

    maps, anything = len(biases), [side if side > 0 else "any"] * 2
    weights = np.random.default_rng(0).integers(-127, 128, (maps, 3, 8, 8)).astype(np.int8)
    read = ["image_dq", "exact" if float_weights else "weights_dq", "bias"]
    nodes = [
        _node("QuantizeLinear", [reads, "scale", "zero"], "image_q"),
        _node("DequantizeLinear", ["image_q", "scale", "zero"], "image_dq"),
        _node("DequantizeLinear", ["weights", "weights_scale", "zero"], "weights_dq"),
        _node("Conv", read, "sums", kernel_shape=[8, 8], strides=[8, 8]),
        _node(last, ["sums"], "maps"),
    ]
    tensors = {
        "scale": np.float32(0.01),
        "zero": np.int8(0),
        "weights": weights,
        "weights_scale": np.float32(0.001),
        "exact": weights.astype(np.float32) * np.float32(0.001),
        "bias": np.asarray(biases, np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(reads, TensorProto.FLOAT, [1, 3, *anything])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, [1, maps, GRID, GRID])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    return bytes(model.SerializeToString())


def _node(kind: str, inputs: list[str], output: str, **settings: list[int]) -> Any:
    from onnx import helper

    return helper.make_node(kind, inputs, [output], f"make_{output}", **settings)


@pytest.fixture(scope="session")
def on_cpu(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """``on_cpu_tabulate`` and ``on_cpu_frame_pixels``: what a GPU runs, thread by thread."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler: THE KERNELS OF THE FRAME STEP ARE NOT RUN")
    made = tmp_path_factory.mktemp("on_cpu") / "on_cpu.so"
    flags = ["-std=c++17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    folders = [f"-I{NATIVE / each}" for each in ("kernels", "cuda")]
    source = NATIVE / "test" / "on_cpu.cpp"
    subprocess.run([compiler, *flags, "-shared", "-fPIC", *folders, str(source), "-o", str(made)], check=True)
    return ctypes.CDLL(str(made))
