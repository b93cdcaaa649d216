"""Every form of every network, really parsed and built by TensorRT-RTX for three GPU families, with no GPU.

INT8 of the shipped model is in ``tests/edge/engines/test_explain.py``.
"""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
tensorrt_rtx = pytest.importorskip("tensorrt_rtx", reason="THE BUILDER IS NOT TESTED: tensorrt_rtx is missing")

from onnx import numpy_helper

from calibration.export import half_of, raw_onnx
from calibration.teacher.network import Whole
from edge.bundle.bundle import MAPS, Bundle, default_model, read_bundle
from edge.engines.explain import explain_onnx
from edge.engines.tensorrt.builder import Ways, build_engine
from trainer.networks.students import Adapter

TARGETS = ("sm86", "sm89", "sm120")


def without_quantization(data: bytes) -> Any:
    """The network behind an INT8 one: its Q and DQ taken out, its weights multiplied out."""
    model = onnx.load_from_string(data)
    graph = model.graph
    values = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    values |= {n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in graph.node if n.op_type == "Constant"}
    renamed: dict[str, str] = {}
    for node in list(graph.node):
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        graph.node.remove(node)
        if node.input[0] in values:
            scale = values[node.input[1]]
            scale = scale.reshape([-1] + [1] * 3) if scale.ndim else scale
            graph.initializer.append(
                numpy_helper.from_array((values[node.input[0]] * scale).astype("float32"), node.output[0])
            )
        else:
            renamed[node.output[0]] = renamed.get(node.input[0], node.input[0])
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    return model


def build(onnx_bytes: bytes, target: str, **said_of: Any) -> tuple[int, list[str]]:
    """Size of the engine, and what the builder said of weights and warnings."""
    shipped = read_bundle(default_model())
    manifest = dataclasses.replace(shipped.manifest, precision="float32", why_float="a test", **said_of)
    bundle = Bundle(shipped.path, manifest, onnx_bytes, "0" * 64)
    said: list[str] = []
    engine = build_engine(tensorrt_rtx, bundle, Ways(target), said)
    explanation = explain_onnx(bundle, said)
    assert explanation.warnings == ()
    return len(engine), list(explanation.notes)


@pytest.fixture(scope="module")
def shipped_in_float() -> tuple[bytes, bytes]:
    """float32 and float16 of the shipped network."""
    data = read_bundle(default_model()).onnx
    return (
        without_quantization(data).SerializeToString(),
        half_of(without_quantization(data)).SerializeToString(),
    )


@pytest.mark.parametrize("target", TARGETS)
def test_the_shipped_model_in_float16_holds_two_bytes_a_weight(
    shipped_in_float: tuple[bytes, bytes], target: str
) -> None:
    full, half = shipped_in_float
    (each,) = [note for note in build(half, target)[1] if "bytes a weight" in note]
    assert 1.9 < float(each.split(": ")[1].split()[0]) < 2.2
    (each,) = [note for note in build(full, target)[1] if "bytes a weight" in note]
    assert 3.9 < float(each.split(": ")[1].split()[0]) < 4.2


@pytest.fixture(scope="module")
def small_teacher() -> bytes:
    """A ViT-S of DINOv3's architecture with random weights under a linear adapter, in float16."""
    torch.manual_seed(0)
    config = transformers.DINOv3ViTConfig(
        patch_size=16, num_register_tokens=4, hidden_size=384, intermediate_size=1536, num_hidden_layers=12,
        num_attention_heads=6,
    )  # fmt: skip
    net = transformers.DINOv3ViTModel(config).eval()

    def features(image: Any) -> Any:
        return net(image).last_hidden_state[:, 5:].transpose(1, 2).reshape(1, 384, 14, 14)

    backbone = SimpleNamespace(net=net, features=features)
    teacher: Any = SimpleNamespace(backbone=backbone, adapter=Adapter(384, convolutional=False).eval(), size=224)
    return bytes(half_of(raw_onnx(Whole(teacher), 224)).SerializeToString())


@pytest.mark.parametrize("target", [TARGETS[0], *(pytest.param(each, marks=pytest.mark.slow) for each in TARGETS[1:])])
def test_a_vit_s_teacher_is_taken_whole(small_teacher: bytes, target: str) -> None:
    size, _ = build(small_teacher, target, input_size=224, grid=14, maps=MAPS[:1])
    assert size > 21e6 * 2  # its 21 million weights, in float16
