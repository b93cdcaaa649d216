"""The FP16 form: valid ONNX in float16, whose maps are those of the float network."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from benchmarks.acceptance.half import half_bundle, half_network
from edge.bundle.bundle import ONNX, Bundle, default_model, read_bundle
from edge.bundle.network.shapes import check_network
from edge.engines.openvino import OpenVinoEngine


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return read_bundle(default_model())


def test_nothing_is_quantized_and_every_weight_is_half(shipped: Bundle) -> None:
    data = half_network(shipped.onnx)
    check_network(data)  # what a bundle may hold
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    kinds = [node.op_type for node in model.graph.node]
    before = [node.op_type for node in onnx.load_from_string(shipped.onnx).graph.node]
    assert not {"QuantizeLinear", "DequantizeLinear"} & set(kinds)
    assert kinds.count("Conv") == before.count("Conv") > 0
    made = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    weights = [made[node.input[1]] for node in model.graph.node if node.op_type == "Conv"]
    assert set(weights) == {onnx.TensorProto.FLOAT16}
    ends = [each.type.tensor_type.elem_type for each in (model.graph.input[0], model.graph.output[0])]
    assert ends == [onnx.TensorProto.FLOAT] * 2


def test_an_engine_of_it_is_verified_by_the_golden_maps_and_is_another_one(shipped: Bundle) -> None:
    half = half_bundle(shipped)
    assert half.manifest.members[ONNX] != shipped.manifest.members[ONNX]  # so the cache holds both
    engine = OpenVinoEngine(half, threads=1)
    assert engine.verified["against"] == "onnx"
    engine.close()


def test_scales_a_channel_and_zero_points_are_taken_in() -> None:
    weights = np.arange(-12, 12, dtype=np.int8).reshape(2, 3, 2, 2)
    scale, zero = np.array([0.5, 0.25], np.float32), np.array([1, -2], np.int8)
    node = onnx.helper.make_node
    graph = onnx.helper.make_graph(
        [
            node("DequantizeLinear", ["w", "s", "z"], ["wf"], axis=0),
            node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
            node("DequantizeLinear", ["xq", "xs", "xz"], ["xf"]),
            node("Conv", ["xf", "wf"], ["y"]),
        ],
        "tiny",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 3, 4, 4))],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (1, 2, 3, 3))],
        [
            onnx.numpy_helper.from_array(value, name)
            for name, value in {
                "w": weights, "s": scale, "z": zero, "xs": np.float32(0.1), "xz": np.int8(0),
            }.items()
        ],
    )  # fmt: skip
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    made = onnx.load_from_string(half_network(model.SerializeToString()))
    onnx.checker.check_model(made, full_check=True)
    (folded,) = (onnx.numpy_helper.to_array(each) for each in made.graph.initializer)
    wanted = (weights.astype(np.float32) - zero.reshape(2, 1, 1, 1)) * scale.reshape(2, 1, 1, 1)
    np.testing.assert_array_equal(folded, wanted.astype(np.float16))
