from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from benchmarks.roofline.ceilings import measure_roofline
from benchmarks.roofline.known_networks import NETWORKS
from benchmarks.roofline.layers import Layer, count_layers
from benchmarks.roofline.predict import (
    DEVICES,
    Device,
    Shares,
    check,
    estimate_ms,
    find_device,
    off_by_unseen,
    parse_device,
    predict,
)
from edge import EdgeError
from edge.bundle.bundle import default_model, read_bundle


def test_the_layers_of_the_shipped_model_are_counted() -> None:
    layers = count_layers(read_bundle(default_model()).onnx)
    assert all(layer.int8 for layer in layers)
    # By hand: its first convolution, 3x3 from 12 to 32 channels on 160x160, and its last, 1x1 from 96 to 3 on 40x40.
    first, last = layers[0], layers[-1]
    assert (first.macs, first.weights) == (160 * 160 * 32 * 12 * 9, 32 * 12 * 9)
    assert (first.inputs, first.outputs) == (12 * 160 * 160, 32 * 160 * 160)
    assert (last.macs, last.weights) == (40 * 40 * 3 * 96, 3 * 96)
    assert last.least_bytes() == 3 * 96 + 96 * 40 * 40 + 3 * 40 * 40


def test_every_kind_of_layer_is_counted() -> None:
    node, info = helper.make_node, helper.make_tensor_value_info
    weights = {"one": (4, 8, 3, 3), "two": (4, 1, 3, 3), "three": (4, 6, 2, 2), "four": (16, 5), "five": (7, 480)}
    nodes = [
        node("Conv", ["image", "one"], ["a"], strides=[2, 2], pads=[1] * 4),
        node("Conv", ["a", "two"], ["b"], "by channel", group=4, pads=[1] * 4),
        node("ConvTranspose", ["b", "three"], ["c"], strides=[2, 2]),
        node("MatMul", ["c", "four"], ["d"]),
        node("Flatten", ["d"], ["e"]),
        node("Gemm", ["e", "five"], ["f"], transB=1),
    ]
    ends = [info("image", TensorProto.FLOAT, [1, 8, 16, 16])], [info("f", TensorProto.FLOAT, [1, 7])]
    constants = [numpy_helper.from_array(np.ones(sides, np.float32), name) for name, sides in weights.items()]
    layers = count_layers(helper.make_model(helper.make_graph(nodes, "kinds", *ends, constants)).SerializeToString())
    assert [each.macs for each in layers] == [4 * 64 * 8 * 9, 4 * 64 * 9, 4 * 64 * 6 * 4, 6 * 16 * 5 * 16, 7 * 480]
    assert [each.name for each in layers] == ["a", "by channel", "c", "d", "f"]
    assert [each.weights for each in layers] == [4 * 8 * 9, 4 * 9, 4 * 6 * 4, 16 * 5, 7 * 480]


def test_a_model_with_open_shapes_is_one_sentence() -> None:
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, "height", 8])] for name in ("image", "sharp")
    ]
    weights = numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), "weights")
    graph = helper.make_graph([helper.make_node("Conv", ["image", "weights"], ["sharp"])], "open", *ends, [weights])
    with pytest.raises(EdgeError, match="shapes that are open"):
        count_layers(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize(
    ("name", "macs", "weights"),
    [("ResNet-18", 1.814, 11.68), ("ResNet-50", 4.089, 25.50), ("MobileNetV2", 0.3008, 3.47)],
)
def test_known_networks_have_the_size_that_is_published(name: str, macs: float, weights: float) -> None:
    layers = NETWORKS[name](True)
    assert sum(layer.macs for layer in layers) / 1e9 == pytest.approx(macs, rel=0.003)
    assert sum(layer.weights for layer in layers) / 1e6 == pytest.approx(weights, rel=0.003)  # without batch norm


def test_predictions_of_published_latencies_are_near_and_in_range() -> None:
    rows = check()
    assert len(rows) == 6
    for row in rows:
        assert row.low_ms <= row.published_ms <= row.high_ms
        assert row.off_by < 1.15


def test_each_network_is_predicted_from_the_other_two() -> None:
    """The shares are fitted: so they must also hold for a network that they were not fitted to."""
    rows = check()
    for name in NETWORKS:
        for row in rows:
            if row.network == name:
                assert off_by_unseen(row, rows) < 1.15


def test_a_prediction_is_marked_and_a_range() -> None:
    layers = count_layers(read_bundle(default_model()).onnx)
    nano, agx = predict(layers, "orin-nano"), predict(layers, "agx-orin")
    assert nano.predicted is agx.predicted is True
    assert nano.low_ms < nano.middle_ms < nano.high_ms
    assert agx.middle_ms < nano.middle_ms
    assert "NVIDIA" in nano.source
    assert nano.off_by == max(row.off_by for row in check())


def test_a_device_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "devices:\n  mine: {title: Mine, int8_tops: 10, fp16_tflops: 5, bandwidth_gb_s: 50, source: its data sheet}\n"
    )
    assert find_device(str(file)) == Device("Mine", 10, 5, 50, "its data sheet")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "devices: [",
        pytest.param("[" * 2_000, id="too deep"),
        "devices: {}",
        "devices: {a: 1}",
        "devices: {a: {title: A, int8_tops: 0, fp16_tflops: 5, bandwidth_gb_s: 5, source: s}}",
        "devices: {a: {title: A, int8_tops: .nan, fp16_tflops: 5, bandwidth_gb_s: 5, source: s}}",
        "devices: {a: {title: A, int8_tops: 1, fp16_tflops: 5, bandwidth_gb_s: 5}}",
    ],
)
def test_a_file_that_describes_no_device_is_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(EdgeError, match=r"mine\.yaml") as caught:
        find_device(str(file))
    assert len(str(caught.value).splitlines()) == 1


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.dictionaries(st.text(), inner))
)
def test_no_value_of_another_kind_is_a_device(value: object) -> None:
    with pytest.raises(EdgeError):
        parse_device(value, "somewhere")


def test_every_device_has_a_source() -> None:
    for name in ("orin-nano", "orin-nano-15w", "orin-nx", "agx-orin"):
        assert len(find_device(name).source) > 20
    assert DEVICES.is_file()


@given(st.integers(1, 10**9), st.integers(1, 10**7), st.integers(1, 10**7), st.booleans())
def test_more_work_never_takes_less_time(macs: int, weights: int, outputs: int, int8: bool) -> None:
    device, shares = find_device("orin-nano"), Shares(0.5, 0.9, 10.0)
    small = Layer("a", int8, macs, weights, 1000, outputs)
    large = Layer("b", int8, 2 * macs, weights, 1000, 2 * outputs)
    slower = Layer("c", False, macs, weights, 1000, outputs)
    assert estimate_ms([large], device, shares) >= estimate_ms([small], device, shares) > 0.01
    assert estimate_ms([slower], device, shares) >= estimate_ms([small], device, shares)


def test_the_roofline_of_the_shipped_model() -> None:
    roofline = measure_roofline(read_bundle(default_model()).onnx, threads=1, tries=6)
    assert roofline.mops == pytest.approx(1877.5 * (320 / 256) ** 2, rel=0.01)
    assert roofline.ceilings.int8_gops > roofline.ceilings.float_gops > 1
    assert roofline.ceilings.copy_gb_s > 0.5
    assert roofline.least_ms == pytest.approx(sum(layer.least_ms for layer in roofline.layers))
    assert roofline.times_over == pytest.approx(roofline.measured_ms / roofline.least_ms)
    timed = [layer for layer in roofline.layers if layer.ms > 0]
    assert len(timed) == len(roofline.layers), "the engine's profile names layers otherwise"
    assert math.isfinite(roofline.other_ms)


def test_a_model_that_is_no_onnx_is_one_sentence() -> None:
    with pytest.raises(EdgeError, match="cannot be read"):
        count_layers(b"no network")
