"""Our reader of ONNX files against the onnx package, and on damaged files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bundle.bundle import Bundle, default_model, read_bundle
from edge.engines.onnx_file import read_graph
from edge.errors import EdgeError

MakeBundle = Callable[..., Bundle]


def test_the_tiny_network(make_bundle: MakeBundle) -> None:
    graph = read_graph(make_bundle().onnx)
    assert [node.kind for node in graph.nodes][-2:] == ["Conv", "Sigmoid"]
    assert graph.nodes[3].attributes == {"kernel_shape": (8, 8), "strides": (8, 8)}
    assert graph.inputs == (("image", (1, 3, 32, 32)),)
    assert graph.outputs == (("maps", (1, 1, 4, 4)),)
    assert graph.constants["weights"].dtype == np.int8
    assert graph.opset == 18


def test_the_shipped_network_is_read_as_the_onnx_package_reads_it() -> None:
    onnx = pytest.importorskip("onnx")
    data = read_bundle(default_model()).onnx
    ours, theirs = read_graph(data), onnx.load_from_string(data).graph
    working = [node for node in theirs.node if node.op_type != "Constant"]
    assert [(n.kind, n.name, n.inputs, n.outputs) for n in ours.nodes] == [
        (n.op_type, n.name, tuple(n.input), tuple(n.output)) for n in working
    ]
    for mine, node in zip(ours.nodes, working, strict=True):
        for attribute in node.attribute:
            wanted = onnx.helper.get_attribute_value(attribute)
            wanted = wanted.decode() if isinstance(wanted, bytes) else wanted
            wanted = tuple(wanted) if isinstance(wanted, list) else wanted
            assert mine.attributes[attribute.name] == wanted
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in theirs.initializer}
    constants |= {
        node.output[0]: onnx.numpy_helper.to_array(node.attribute[0].t)
        for node in theirs.node
        if node.op_type == "Constant"
    }
    assert set(ours.constants) == set(constants)
    for name, wanted in constants.items():
        np.testing.assert_array_equal(ours.constants[name], wanted)
        assert ours.constants[name].dtype == wanted.dtype


@pytest.mark.parametrize("data", [b"", b"garbage" * 50, b"\xff" * 40, b"\x3a\x05abc"])
def test_what_is_no_onnx(data: bytes) -> None:
    with pytest.raises(EdgeError):
        read_graph(data)


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10_000), value=st.integers(0, 255), cut=st.integers(0, 400))
def test_a_damaged_network_is_an_error_or_a_graph(tiny_network: bytes, place: int, value: int, cut: int) -> None:
    data = bytearray(tiny_network)
    data[place % len(data)] = value
    with contextlib.suppress(EdgeError):
        assert read_graph(bytes(data[: len(data) - cut])).opset >= 0
