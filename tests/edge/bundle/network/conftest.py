"""Networks of every kind that a bundle may hold, and a bundle around any bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.bundle.bundle import MANIFEST, ONNX, Manifest, Thresholds, default_model, read_bundle
from edge.bundle.manifest import write_manifest

Pack = Callable[..., bytes]


@pytest.fixture(scope="session")
def manifest() -> Manifest:
    return Manifest(
        name="tiny",
        precision="int8",
        input_size=32,
        grid=4,
        maps=("degradation",),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        pooling={"disc": 1.0, "macula": 1.0, "periphery": 1.0},
        thresholds=Thresholds(0.02, 0.5, 0.8),
        thresholds_from="a test",
        metrics={"auroc": 0.9},
        trained_on=("phantoms",),
        golden=(),
        made_with={"efiqa-edge": "0.1.0"},
    )


@pytest.fixture(scope="session")
def pack(manifest: Manifest) -> Pack:
    """A bundle of any bytes as the network, whose hash is right, and of a manifest that may be changed first."""

    def packed(network: bytes, change: Callable[[bytes], bytes] = bytes) -> bytes:
        members = {ONNX: hashlib.sha256(network).hexdigest()}
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr(MANIFEST, change(write_manifest(dataclasses.replace(manifest, members=members))))
            archive.writestr(ONNX, network)
        return data.getvalue()

    return packed


def a_model(*nodes: onnx.NodeProto, **constants: object) -> onnx.ModelProto:
    """image (1, 3, 32, 32) -> maps (1, 1, 4, 4) by the given nodes, the last of which makes ``sums``."""
    graph = helper.make_graph(
        [*nodes, helper.make_node("Sigmoid", ["sums"], ["maps"], "last")],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, [1, 1, 4, 4])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])


def a_conv(reads: str = "image", makes: str = "sums") -> onnx.NodeProto:
    return helper.make_node("Conv", [reads, "weights"], [makes], "conv", kernel_shape=[8, 8], strides=[8, 8])


WEIGHTS = np.full((1, 3, 8, 8), 0.01, np.float32)


@pytest.fixture(scope="session")
def plain() -> onnx.ModelProto:
    """One convolution."""
    return a_model(a_conv(), weights=WEIGHTS)


@pytest.fixture(scope="session")
def many() -> onnx.ModelProto:
    """As many operators as fit, with the constants that shapes depend on."""
    node = helper.make_node
    return a_model(
        node("Pad", ["image", "pads"], ["padded"], "pad"),
        node("Slice", ["padded", "starts", "ends", "axes", "steps"], ["cut"], "slice"),
        node("Resize", ["cut", "", "scales"], ["larger"], "resize", mode="nearest"),
        node("MaxPool", ["larger"], ["pooled"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Transpose", ["pooled"], ["turned"], "turn", perm=[0, 2, 3, 1]),
        node("Reshape", ["turned", "flat"], ["rows"], "reshape"),
        node("MatMul", ["rows", "mixed"], ["mixed_rows"], "matmul"),
        node("LayerNormalization", ["mixed_rows", "three", "three"], ["normal"], "norm", axis=-1),
        node("Softmax", ["normal"], ["soft"], "softmax", axis=-1),
        node("Reshape", ["soft", "back"], ["square"], "back"),
        node("Split", ["square", "halves"], ["top", "bottom"], "split", axis=1),
        node("Concat", ["top", "bottom"], ["joined"], "concat", axis=1),
        node("Shape", ["joined"], ["sides"], "shape"),
        node("ConstantOfShape", ["sides"], ["zeros"], "zeros"),
        node("Expand", ["one", "sides"], ["ones"], "expand"),
        node("Where", ["condition", "joined", "zeros"], ["chosen"], "where"),
        node("Mul", ["chosen", "ones"], ["product"], "mul"),
        node("Transpose", ["product"], ["planes"], "planes", perm=[0, 3, 1, 2]),
        node("QuantizeLinear", ["planes", "scale", "zero"], ["q"], "q"),
        node("DequantizeLinear", ["q", "scale", "zero"], ["dq"], "dq"),
        a_conv("dq"),
        pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]), starts=np.array([1, 1]), ends=np.array([33, 33]),
        axes=np.array([2, 3]), steps=np.array([1, 1]), scales=np.array([1, 1, 2, 2], np.float32),
        flat=np.array([1, -1, 3]), mixed=np.eye(3, dtype=np.float32), three=np.ones(3, np.float32),
        back=np.array([1, 32, 32, 3]), halves=np.array([16, 16]), one=np.ones((), np.float32),
        condition=np.array(True), scale=np.float32(0.01), zero=np.int8(0), weights=WEIGHTS,
    )  # fmt: skip


@pytest.fixture(scope="session")
def networks(plain: onnx.ModelProto, many: onnx.ModelProto) -> dict[str, bytes]:
    """Seeds to change: all are taken as they are."""
    shipped = read_bundle(Path(default_model())).onnx
    return {"plain": plain.SerializeToString(), "many": many.SerializeToString(), "shipped": shipped}
