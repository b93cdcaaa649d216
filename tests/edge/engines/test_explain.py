from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from edge.bundle.bundle import Bundle, default_model, read_bundle
from edge.bundle.network.rules import parse_network
from edge.engines.choose import compile_bundle
from edge.engines.explain import explain_layers, explain_onnx, from_inspector, from_onnx
from edge.engines.openvino import OpenVinoEngine
from edge.errors import EdgeError

MakeBundle = Callable[..., Bundle]
# As TensorRT's guide shows it, for an engine with detailed verbosity; names and numbers are ours.
INSPECTED = {
    "Layers": [
        {
            "Name": "Reformatting CopyNode for Input Tensor 0",
            "LayerType": "Reformat",
            "Inputs": [{"Name": "image", "Dimensions": [1, 3, 32, 32], "Format/Datatype": "Row major linear FP32"}],
            "ParameterType": "Reformat",
            "Metadata": "",
        },
        {
            "Name": "make_sums + make_relu",
            "LayerType": "CaskConvolution",
            "Inputs": [{"Name": "image_q", "Format/Datatype": "Thirty-two wide channel vectorized Int8 format"}],
            "ParameterType": "Convolution",
            "TacticName": "sm80_xmma_fprop_implicit_gemm",
            "Metadata": "[ONNX Layer: make_sums]\x1e[ONNX Layer: make_relu]",
        },
        {
            "Name": "make_last",
            "LayerType": "CaskConvolution",
            "Inputs": [{"Name": "sums", "Format/Datatype": "Row major linear FP32"}],
            "ParameterType": "Convolution",
            "Metadata": "[ONNX Layer: make_last]",
        },
    ],
    "Bindings": ["image", "maps"],
}


def test_openvino_runs_every_convolution_of_the_shipped_model_in_int8() -> None:
    bundle = read_bundle(default_model())
    engine = OpenVinoEngine(bundle)
    explanation = explain_layers("here", engine.layers(), bundle)
    heavy = [layer for layer in explanation.layers if layer.heavy]
    in_network = [node for node in parse_network(bundle.onnx).graph.node if node.op_type == "Conv"]
    assert len(heavy) == len(in_network) > 5
    assert {layer.precision for layer in heavy} <= {"int8", "uint8"}
    assert any(len(layer.fused) > 1 for layer in heavy)
    assert any(layer.kind == "reformat" for layer in explanation.layers)
    assert explanation.warnings == ()
    engine.close()
    with pytest.raises(ValueError, match="closed"):
        engine.layers()


def test_a_convolution_left_in_float_is_named(make_bundle: MakeBundle) -> None:
    bundle = make_bundle(float_weights=True)
    (lost,) = explain_onnx(bundle).warnings
    assert lost == "INT8 was lost: make_sums runs in float32"
    (seen,) = explain_layers("here", OpenVinoEngine(bundle).layers(), bundle).warnings
    assert seen.startswith("INT8 was lost: ")
    assert seen.endswith("runs in float32")


def test_the_tiny_network_by_its_file(make_bundle: MakeBundle) -> None:
    layers = from_onnx(parse_network(make_bundle().onnx).graph)
    assert [(layer.kind, layer.precision) for layer in layers] == [("conv", "int8"), ("sigmoid", "float32")]


def test_the_engine_inspector_s_answer(make_bundle: MakeBundle) -> None:
    layers = from_inspector(json.dumps(INSPECTED))
    assert [(layer.kind, layer.precision, layer.heavy, layer.fused) for layer in layers] == [
        ("reformat", "float32", False, ()),
        ("caskconvolution", "int8", True, ("make_sums", "make_relu")),
        ("caskconvolution", "float32", True, ("make_last",)),
    ]
    explanation = explain_layers("the engine inspector", layers, make_bundle())
    assert explanation.notes == ("3 layers, 1 of them reformats; 2 nodes in fused regions",)
    assert explanation.warnings == ("INT8 was lost: make_last runs in float32",)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Layers": 3}', '{"Layers": [3]}'])
def test_an_answer_that_cannot_be_read(text: str) -> None:
    with pytest.raises(EdgeError, match="engine inspector"):
        from_inspector(text)


def test_an_engine_without_details_gives_names() -> None:
    assert from_inspector('{"Layers": ["a", "b"]}')[1].name == "b"


def test_bytes_a_weight_are_counted_from_the_builder_s_log(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()  # 192 weights
    assert explain_onnx(bundle, ["Total Weights Memory: 200 bytes"]).warnings == ()
    (lost,) = explain_onnx(bundle, ["Total Weights Memory: 800 bytes"]).warnings
    assert lost.startswith("INT8 was lost: 4.17 bytes a weight")
    assert explain_onnx(bundle, ["warning: something", "a note"]).warnings == ("warning: something",)


@pytest.mark.parametrize("target", ["sm86", "sm89", "sm120"])
def test_an_engine_built_ahead_of_time_holds_one_byte_a_weight(target: str) -> None:
    pytest.importorskip("tensorrt_rtx")
    compiled = compile_bundle(read_bundle(default_model()), "auto", target, explain=True)
    assert compiled.verified is None
    assert compiled.explanation is not None
    assert compiled.explanation.warnings == ()
    (note,) = [each for each in compiled.explanation.notes if "bytes a weight" in each]
    assert 0.9 < float(note.split(": ")[1].split()[0]) < 1.2
