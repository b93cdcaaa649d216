from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("modelopt")

from collections import Counter

from onnx import TensorProto, numpy_helper

from calibration.export import OPSET, Deployed, maps_of, to_onnx
from calibration.int8.quantize import quantize
from edge.errors import EdgeError
from trainer.networks.students import Student

SIZE = 64


@pytest.fixture(scope="module", params=[1, 3], ids=["degradation alone", "with landmarks"])
def network(request: pytest.FixtureRequest) -> Deployed:
    torch.manual_seed(0)
    student = Student()
    student.map = torch.nn.Conv2d(student.map.in_channels, request.param, 1)
    for module in student.modules():  # batch norms that do something, so that folding them is tested
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    image = torch.rand(1, 3, SIZE, SIZE)
    with torch.no_grad():
        before = torch.sigmoid(student.eval()(image))
        deployed = Deployed(student)
        assert torch.allclose(deployed(image), before, atol=1e-5)
        assert before.shape == (1, request.param, SIZE // 8, SIZE // 8)
    return deployed


def frames(number: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, (1, 3, SIZE, SIZE)).astype(np.float32) for _ in range(number)]


def run(model: bytes, image: np.ndarray) -> np.ndarray:
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model, b""), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled([image])[0])


def test_the_float_graph_computes_what_the_network_does(network: Deployed) -> None:
    image = frames(1)[0]
    with torch.no_grad():
        expected = network(torch.from_numpy(image)).numpy()
    model = to_onnx(network, SIZE)
    found = run(model, image)
    assert found.shape == expected.shape == (1, len(maps_of(network, SIZE)[0]), SIZE // 8, SIZE // 8)
    assert np.abs(found - expected).max() < 1e-4
    graph = onnx.load_from_string(model)
    assert [o.version for o in graph.opset_import if o.domain == ""] == [OPSET]
    assert "BatchNormalization" not in {n.op_type for n in graph.graph.node}


def test_every_convolution_reads_int8_and_weights_are_stored_in_one_byte(network: Deployed) -> None:
    model = onnx.load_from_string(to_onnx(quantize(network, frames(4)), SIZE))
    made = {name: node for node in model.graph.node for name in node.output}
    convolutions = [n for n in model.graph.node if n.op_type == "Conv"]
    assert len(convolutions) == 12
    stored = {c.name: c for c in model.graph.initializer}
    for node in convolutions:
        reads, weights = made[node.input[0]], made[node.input[1]]
        assert reads.op_type == weights.op_type == "DequantizeLinear"
        assert stored[weights.input[0]].data_type == TensorProto.INT8
    floats = sum(numpy_helper.to_array(c).size for c in stored.values() if c.data_type == TensorProto.FLOAT)
    assert floats < 0.01 * sum(numpy_helper.to_array(c).size for c in stored.values())
    assert Counter(n.op_type for n in model.graph.node)["QuantizeLinear"] == 12


def test_the_engine_computes_what_the_fake_quantized_network_does(network: Deployed) -> None:
    """A concatenation of branches of different scale once came out of the engine 0.06 off, without a message."""
    quantized = quantize(network, frames(4))
    model = to_onnx(quantized, SIZE)
    for image in frames(3):
        with torch.no_grad():
            expected = quantized(torch.from_numpy(image)).numpy()
        assert np.abs(run(model, image) - expected).mean() < 0.01


def test_maps_are_named_by_their_number() -> None:
    assert maps_of(torch.nn.Conv2d(3, 1, 8, 8), SIZE) == (("degradation",), SIZE // 8)
    assert maps_of(torch.nn.Conv2d(3, 3, 16, 16), SIZE) == (("degradation", "disc", "macula"), SIZE // 16)
    with pytest.raises(
        EdgeError, match=r"the student gives 2 maps, but a bundle holds 1 or 3 \(degradation, disc, macula\)"
    ):
        maps_of(torch.nn.Conv2d(3, 2, 8, 8), SIZE)


def test_quantizing_needs_frames(network: Deployed) -> None:
    with pytest.raises(EdgeError, match="needs frames"):
        quantize(network, [])
