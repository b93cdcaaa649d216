"""The gate before an engine is used: the numpy reference, engines that lie, and what is kept of it."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edge.bundle.bundle import Bundle, Golden, default_model, read_bundle, write_bundle
from edge.engines.onnx_file import Node
from edge.engines.openvino import OpenVinoEngine
from edge.engines.reference import Reference, UnknownOperationError, _resize, run_onnx
from edge.engines.verify import verify
from edge.errors import EdgeError

MakeBundle = Callable[..., Bundle]


class Lying(OpenVinoEngine):
    """An engine whose maps are moved by a fixed amount."""

    off = 0.0

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(super().infer(tensor) + self.off, np.float32)


def test_the_reference_computes_the_tiny_network(make_bundle: MakeBundle) -> None:
    bundle = make_bundle(maps=3)
    engine = OpenVinoEngine(bundle)
    for seed in range(5):
        tensor = np.random.default_rng(seed).normal(0, 1, (1, 3, 32, 32)).astype(np.float32)
        np.testing.assert_allclose(run_onnx(bundle.onnx, tensor)[0], engine.infer(tensor), atol=0.005)


def test_the_reference_computes_the_shipped_network_as_onnxruntime_does() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    bundle = read_bundle(default_model())
    session = onnxruntime.InferenceSession(bundle.onnx, providers=["CPUExecutionProvider"])
    tensor = np.random.default_rng(0).normal(0, 1, (1, 3, bundle.manifest.input_size, bundle.manifest.input_size))
    (theirs,) = session.run(None, {"image": tensor.astype(np.float32)})
    np.testing.assert_allclose(run_onnx(bundle.onnx, tensor.astype(np.float32)), theirs, atol=0.03)


def test_the_shipped_model_is_verified_once_and_that_is_kept(own_cache: Path) -> None:
    first = OpenVinoEngine(read_bundle(default_model()))
    assert first.verified["against"] == "onnx"
    assert 0 < first.verified["map_mae"] < 0.003
    (note,) = own_cache.glob("*.verified.json")
    told = json.loads(note.read_text())
    assert told["facts"] == first.verified
    told["facts"]["frames"] = 99  # to see that the second load reads it
    note.write_text(json.dumps(told))
    assert OpenVinoEngine(read_bundle(default_model())).verified["frames"] == 99


@pytest.mark.parametrize("off", [0.05, -0.05, float("nan")])
def test_an_engine_that_computes_something_else_is_refused(
    make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch, off: float, own_cache: Path
) -> None:
    monkeypatch.setattr(Lying, "off", off)
    with pytest.raises(EdgeError, match=r"openvino does not compute the network of .*tiny\.efiqa: maps differ"):
        Lying(make_bundle())
    assert not list(own_cache.glob("*.verified.json"))


def test_another_engine_under_our_key_is_found_out(make_bundle: MakeBundle, caplog: pytest.LogCaptureFixture) -> None:
    """Whole by its sidecar and taken by the runtime, but of another network."""
    from edge.engines.cache import sidecar

    ours = OpenVinoEngine(make_bundle(biases=(0.1,))).built
    theirs = OpenVinoEngine(make_bundle(biases=(2.0,), name="other.efiqa")).built
    assert ours.path is not None
    ours.path.write_bytes(theirs.data)
    ours.path.with_suffix(".json").write_bytes(sidecar(ours.key, theirs.data))
    with caplog.at_level(logging.WARNING):
        engine = OpenVinoEngine(make_bundle(biases=(0.1,)))
    assert "does not compute the network" in caplog.text
    assert engine.built.data != theirs.data


def test_an_operation_that_numpy_does_not_know_leaves_the_golden_scores(
    make_bundle: MakeBundle, caplog: pytest.LogCaptureFixture
) -> None:
    odd = make_bundle(last="HardSigmoid")
    with pytest.raises(UnknownOperationError, match="HardSigmoid"):
        Reference(odd.onnx)
    with caplog.at_level(logging.WARNING):
        engine = OpenVinoEngine(odd)
    assert engine.verified == {"against": "nothing", "frames": 0}
    assert "cannot be verified" in caplog.text
    scores = _golden_scores(engine, odd)
    right = dataclasses.replace(odd.manifest, golden=tuple(Golden(seed, score) for seed, score in scores))
    wrong = dataclasses.replace(odd.manifest, golden=tuple(Golden(seed, 1 - score) for seed, score in scores))
    built = dataclasses.replace(engine.built, path=None)
    assert verify(engine, write_bundle(odd.path, right, odd.onnx), built)["against"] == "golden scores"
    with pytest.raises(EdgeError, match="golden scores differ"):
        verify(engine, write_bundle(odd.path, wrong, odd.onnx), built)


@pytest.mark.parametrize("where", ["half_pixel", "asymmetric"])
@pytest.mark.parametrize("nearest", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_resize_is_computed_as_onnx_defines_it_or_not_at_all(where: str, nearest: str, factor: int) -> None:
    x = np.arange(5, dtype=np.float32).reshape(1, 1, 1, 5)
    places = np.arange(5 * factor)
    seen = (places + 0.5) / factor - 0.5 if where == "half_pixel" else places / factor
    ways = {
        "round_prefer_floor": np.ceil(seen - 0.5),
        "round_prefer_ceil": np.floor(seen + 0.5),
        "floor": np.floor(seen),
        "ceil": np.ceil(seen),
    }
    wanted = x[..., np.clip(ways[nearest], 0, 4).astype(int)]
    settings = {"coordinate_transformation_mode": where, "nearest_mode": nearest}
    node = Node("Resize", "r", ("x", "", "scales"), ("y",), settings)
    try:
        found = _resize(node, [x, np.array([1, 1, 1, factor], np.float32)])
    except UnknownOperationError:
        assert (where, nearest) != ("asymmetric", "floor")  # those that our networks may hold are computed
        assert (where, nearest) != ("half_pixel", "round_prefer_floor")
    else:
        np.testing.assert_array_equal(found, wanted)


def test_a_form_of_an_operation_that_is_not_known_is_said_so(make_bundle: MakeBundle) -> None:
    """A convolution that pads by itself is sound ONNX."""
    model = onnx.load_from_string(make_bundle().onnx)
    model.graph.node[3].attribute.append(onnx.helper.make_attribute("auto_pad", "VALID"))
    with pytest.raises(UnknownOperationError, match="padding"):
        run_onnx(model.SerializeToString(), np.zeros((1, 3, 32, 32), np.float32))


def _golden_scores(engine: OpenVinoEngine, bundle: Bundle) -> list[tuple[int, float]]:
    from edge.model import QualityModel
    from edge.phantom.golden import golden_frame

    model = QualityModel(bundle, engine)
    return [(seed, min(1.0, model.assess(golden_frame(seed)).score)) for seed in (0, 1)]


def test_a_network_that_divides_by_nothing_is_computed_without_a_word(recwarn: pytest.WarningsRecorder) -> None:
    """Its numbers are the runtime's too, and are refused where they are used; numpy would warn of them."""
    nodes = [
        helper.make_node("Div", ["image", "nothing"], ["most"]),
        helper.make_node("Mul", ["most", "nothing"], ["none"]),
        helper.make_node("QuantizeLinear", ["none", "one"], ["rounded"]),
        helper.make_node("DequantizeLinear", ["rounded", "one"], ["maps"]),
    ]
    info = helper.make_tensor_value_info
    constants = [
        numpy_helper.from_array(np.array(value, np.float32), name) for name, value in (("nothing", 0), ("one", 1))
    ]
    graph = helper.make_graph(
        nodes, "odd", [info("image", 1, [1, 3, 8, 8])], [info("maps", 1, [1, 3, 8, 8])], constants
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    run_onnx(model.SerializeToString(), np.ones((1, 3, 8, 8), np.float32))
    assert list(recwarn) == []
