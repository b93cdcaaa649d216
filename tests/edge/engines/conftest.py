"""Tiny bundles for the engines' tests, written byte by byte: a camera's environment has no onnx package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bundle import MAPS, Bundle, Manifest, Region, Thresholds, write_bundle

MakeBundle = Callable[..., Bundle]
SIZE, GRID = 32, 4
_FLOAT, _INT8 = 1, 3  # TensorProto.DataType


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the cache of this machine or of another test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("EFIQA_CACHE", str(folder))
    return folder


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
        if onnx is None:
            onnx = tiny_onnx(biases or (0.1,) * maps, last, float_weights, side, reads)
        return write_bundle(tmp_path / name, manifest, onnx)

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
    maps = len(biases)
    weights = np.random.default_rng(0).integers(-127, 128, (maps, 3, 8, 8)).astype(np.int8)
    zero, scale = np.int8(0), np.float32(0.01)
    read = ["image_dq", "exact" if float_weights else "weights_dq", "bias"]
    nodes = [
        _node("QuantizeLinear", [reads, "scale", "zero"], "image_q"),
        _node("DequantizeLinear", ["image_q", "scale", "zero"], "image_dq"),
        _node("DequantizeLinear", ["weights", "weights_scale", "zero"], "weights_dq"),
        _node(
            "Conv",
            read,
            "sums",
            kernel_shape=[8, 8],
            strides=[8, 8],
        ),
        _node(last, ["sums"], "maps"),
    ]
    tensors = [
        _tensor("scale", np.asarray(scale)),
        _tensor("zero", np.asarray(zero)),
        _tensor("weights", weights),
        _tensor("weights_scale", np.asarray(np.float32(0.001))),
        _tensor("exact", weights.astype(np.float32) * np.float32(0.001)),
        _tensor("bias", np.asarray(biases, np.float32)),
    ]
    graph = b"".join(_bytes(1, each) for each in nodes) + _bytes(2, b"tiny") + b"".join(_bytes(5, t) for t in tensors)
    graph += _bytes(11, _value(reads, (1, 3, side, side))) + _bytes(12, _value("maps", (1, maps, GRID, GRID)))
    return _int(1, 8) + _bytes(8, _bytes(1, b"") + _int(2, 18)) + _bytes(7, graph)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _node(kind: str, inputs: list[str], output: str, **ints: list[int]) -> bytes:
    attributes = [
        _bytes(1, name.encode()) + b"".join(_int(8, each) for each in values) + _int(20, 7)
        for name, values in ints.items()
    ]
    return (
        b"".join(_bytes(1, each.encode()) for each in inputs)
        + _bytes(2, output.encode())
        + _bytes(3, f"make_{output}".encode())
        + _bytes(4, kind.encode())
        + b"".join(_bytes(5, each) for each in attributes)
    )


def _tensor(name: str, values: NDArray[np.float32] | NDArray[np.int8]) -> bytes:
    kind = _INT8 if values.dtype == np.int8 else _FLOAT
    dims = b"".join(_int(1, each) for each in values.shape)
    return dims + _int(2, kind) + _bytes(8, name.encode()) + _bytes(9, values.tobytes())


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_bytes(1, _int(1, each) if each > 0 else _bytes(2, b"any")) for each in shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _int(1, _FLOAT) + _bytes(2, dims)))
