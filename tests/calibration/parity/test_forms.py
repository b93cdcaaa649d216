"""Every form of a student compared with the one it was made from; faults made on purpose are caught and named."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
pytest.importorskip("modelopt")
pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

from calibration.export import Deployed, to_onnx
from calibration.frames import phantoms, tensors
from calibration.golden import make_golden
from calibration.int8.finetune import finetune as tune
from calibration.int8.finetune import frames_to_learn
from calibration.int8.quantize import maps, quantize, quantized_layers
from calibration.int8.search import TUNED, search
from calibration.parity.checkpoint import read_quantized, write_quantized
from calibration.parity.forms import StudentCheckpoint, first_wrong_layer
from calibration.parity.gate import check_forms
from calibration.parity.measure import compare_all
from calibration.parity.report import as_dict, lines, write_parity
from calibration.parity.rerun import compare_again
from calibration.site.thresholds import UNFITTED
from edge.bundle.bundle import Bundle, Manifest, read_bundle, write_bundle
from edge.errors import EdgeError
from trainer.networks import students as networks
from trainer.recipe import Recipe, load_recipe

SIZE = 64


@pytest.fixture(scope="module")
def network() -> Any:
    """A student whose maps use the whole range, though it was never trained; narrow, as most time goes by weights."""
    torch.manual_seed(0)
    student = networks.Student(width=0.5).eval()
    with torch.no_grad():
        student.map.weight *= 300
    return Deployed(student)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    quick = load_recipe("quick")
    return dataclasses.replace(quick, distill=dataclasses.replace(quick.distill, size=SIZE))


@pytest.fixture(scope="module")
def eyes(recipe: Recipe) -> list[NDArray[np.float32]]:
    return tensors(phantoms(range(6)), recipe)


@pytest.fixture(scope="module")
def student(network: Any, eyes: Any, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> StudentCheckpoint:
    folder = tmp_path_factory.mktemp("forms")
    quantized = quantize(network, eyes)
    manifest = dataclasses.replace(
        read_bundle(Path(__file__).parents[3] / "edge/models/default.efiqa").manifest,
        input_size=SIZE, grid=SIZE // 8, mean=recipe.mean, std=recipe.std, thresholds=UNFITTED,
    )  # fmt: skip
    float_manifest = dataclasses.replace(manifest, precision="float32", why_float="to compare with")
    return StudentCheckpoint(
        network,
        quantized,
        written(folder / "float32.efiqa", float_manifest, to_onnx(network, SIZE)),
        written(folder / "int8.efiqa", manifest, to_onnx(quantized, SIZE)),
    )


def written(path: Path, manifest: Manifest, onnx_bytes: bytes) -> Bundle:
    return write_bundle(path, manifest, onnx_bytes, make_golden(manifest, onnx_bytes))


def rewritten(student: StudentCheckpoint, onnx_bytes: bytes) -> StudentCheckpoint:
    path = student.int8_bundle.path.with_name("rewritten.efiqa")
    return dataclasses.replace(student, int8_bundle=written(path, student.int8_bundle.manifest, onnx_bytes))


def with_wrong_scale(student: StudentCheckpoint, name: str, factor: float) -> StudentCheckpoint:
    """The bundle with the scale of the activations of one layer multiplied."""
    model = onnx.load_from_string(student.int8_bundle.onnx)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    conv = convolutions[list(quantized_layers(student.quantized)).index(name)]
    made_by = {node.output[0]: node for node in model.graph.node}
    dequantize = made_by[conv.input[0]]
    for node in (dequantize, made_by[dequantize.input[0]]):
        old = made_by.get(node.input[1])
        value = (
            onnx.numpy_helper.to_array(old.attribute[0].t)
            if old
            else onnx.numpy_helper.to_array(next(c for c in model.graph.initializer if c.name == node.input[1]))
        )
        wrong = f"wrong.{node.name or node.output[0]}"
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value * factor, np.float32), wrong))
        node.input[1] = wrong
    return rewritten(student, model.SerializeToString())


def test_every_form_agrees_with_the_one_before_it(
    student: StudentCheckpoint, eyes: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    parity = compare_all(student, phantoms(range(4)), UNFITTED, 0.05)
    assert [row.form for row in parity.rows] == [
        "float, onnxruntime", "float, openvino", "INT8, torch", "INT8, onnxruntime", "INT8, openvino",
    ]  # fmt: skip
    assert sum("not compared: tensorrt" in words for words in caplog.messages) == 2
    check_forms(parity, student, eyes, "?")
    apart_of = {row.form: row.beside_float.map_mae for row in parity.rows}
    assert apart_of["float, openvino"] < 1e-4
    assert 1e-5 < apart_of["INT8, openvino"] < 0.05
    assert parity.raw_apart.mean() < 0.005
    assert len(parity.worst) == 4
    apart = [w.map_mae for w in parity.worst]
    assert apart == sorted(apart, reverse=True)
    assert any("INT8, openvino" in line for line in lines(parity))
    write_parity(tmp_path, {"folder": parity})
    assert cv2.imread(str(tmp_path / "parity.png")).shape == (24 + 4 * 256, 4 * 256, 3)
    assert json.loads((tmp_path / "parity.json").read_text())["folder"] == as_dict(parity)
    assert "phantom-" in (tmp_path / "parity.md").read_text()


def test_a_wrong_scale_in_the_bundle_is_caught_and_its_layer_named(student: StudentCheckpoint, eyes: Any) -> None:
    name = list(quantized_layers(student.quantized))[5]
    assert first_wrong_layer(student.quantized, student.int8_bundle.onnx, eyes) == ""
    broken = with_wrong_scale(student, name, 0.05)
    parity = compare_all(broken, phantoms(range(3)), UNFITTED, 0.05)
    with pytest.raises(EdgeError, match=rf"the export is to blame, from the layer {name} on"):
        check_forms(parity, broken, eyes, "?")


def test_a_wrong_range_in_the_quantized_network_is_of_the_quantization(student: StudentCheckpoint, eyes: Any) -> None:
    quantized = quantize(student.network, eyes)
    layer = list(quantized_layers(quantized).values())[4]
    layer.input_quantizer.amax = layer.input_quantizer.amax * 0.02
    broken = dataclasses.replace(rewritten(student, to_onnx(quantized, SIZE)), quantized=quantized)
    moved = float(np.abs(maps(quantized, eyes) - maps(student.network, eyes)).mean())
    assert moved > 2 * float(np.abs(maps(student.quantized, eyes) - maps(student.network, eyes)).mean())
    parity = compare_all(broken, phantoms(range(3)), UNFITTED, moved / 3)
    with pytest.raises(EdgeError, match="the quantization is to blame, and the layer some costs most"):
        check_forms(parity, broken, eyes, "some")


def test_an_engine_and_a_frame_step_that_differ_are_named(student: StudentCheckpoint, eyes: Any) -> None:
    parity = compare_all(student, phantoms(range(3)), UNFITTED, 0.05)
    last = parity.rows[-1]
    off = dataclasses.replace(last, beside_before=dataclasses.replace(last.beside_before, map_mae=0.2))
    with pytest.raises(EdgeError, match=r"INT8, openvino is 0\.2000 off .* the engine openvino is to blame"):
        check_forms(dataclasses.replace(parity, rows=(*parity.rows[:-1], off)), student, eyes, "?")
    moved = dataclasses.replace(parity, raw_scores=parity.raw_scores + np.array([0, 0.02]))
    assert as_dict(moved)["raw frame"]["frames beyond"] == 3
    with pytest.raises(EdgeError, match="from the raw frame on, the device scores"):
        check_forms(moved, student, eyes, "?")
    assert 0 <= parity.grey_max <= 1
    with pytest.raises(EdgeError, match=r"the device's frame step is 3\.0 grey levels off"):
        check_forms(dataclasses.replace(parity, grey_max=3.0), student, eyes, "?")


def test_frames_without_an_eye_cannot_be_compared(student: StudentCheckpoint) -> None:
    black = np.zeros((100, 100, 3), np.uint8)
    with pytest.raises(EdgeError, match="none of the frames to compare on shows a fundus"):
        compare_all(student, [("black", black)], UNFITTED, 0.05)


def test_fine_tuning_brings_the_maps_nearer(network: Any, eyes: Any) -> None:
    """Ranges that clip too much: the weights learn to make up for it, and the search takes what they learned."""
    quantized = quantize(network, eyes)
    for layer in quantized_layers(quantized).values():
        layer.input_quantizer.amax = layer.input_quantizer.amax * 0.7
    float_maps, before = maps(network, eyes), maps(quantized, eyes)
    tuned = tune(quantized, network, eyes, 30)
    assert np.abs(maps(tuned, eyes) - float_maps).mean() < 0.8 * np.abs(before - float_maps).mean()
    np.testing.assert_array_equal(maps(quantized, eyes), before)


def test_the_search_reports_fine_tuning_and_keeps_the_best(network: Any, eyes: Any) -> None:
    found = search(network, eyes[:3], eyes[3:], ("max",), 0.1, eyes[:3], 4)
    assert set(found.trials) == {"max", TUNED}
    assert found.trials[found.method] == min(found.trials.values())
    assert set(search(network, eyes[:3], eyes[3:], ("max",), 0.1).trials) == {"max"}


def test_the_quantized_network_is_the_same_from_disk(student: StudentCheckpoint, eyes: Any, tmp_path: Path) -> None:
    left = next(iter(quantized_layers(student.quantized)))
    write_quantized(tmp_path, student.quantized, (), left)
    again, worst = read_quantized(tmp_path, student.network, SIZE)
    assert worst == left
    np.testing.assert_array_equal(maps(again, eyes), maps(student.quantized, eyes))
    (tmp_path / "int8.safetensors").write_bytes(b"not weights")
    with pytest.raises(EdgeError, match="is damaged or of another student"):
        read_quantized(tmp_path, student.network, SIZE)
    with pytest.raises(EdgeError, match="run edge-calibrate int8 on this run first"):
        read_quantized(tmp_path / "nowhere", student.network, SIZE)


def test_a_run_is_compared_again(tiny_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from calibration import bundle as bundles
    from calibration import comparison
    from calibration.bundle import make_bundle
    from calibration.int8 import finetune

    for module, name in ((bundles, "CALIBRATION_FRAMES"), (bundles, "HELD_FRAMES"), (comparison, "PARITY_FRAMES")):
        monkeypatch.setattr(module, name, 4)
    monkeypatch.setattr(finetune, "_PHANTOMS", range(2000, 2004))
    monkeypatch.setattr(bundles, "HELD_PHANTOMS", range(240, 242))
    monkeypatch.setattr(comparison, "_PHANTOMS", range(100, 104))
    monkeypatch.setattr(comparison, "_GOLDEN", range(4))
    run, path = tmp_path / "run", tmp_path / "model.efiqa"
    shutil.copytree(tiny_run.run / "student", run / "student")
    # No frames of the run are left here: synthetic eyes take their place.
    made = make_bundle(run, None, path, methods=("max",), max_map_mae=0.1, finetune=1)
    assert (run / "calibration" / "parity.png").is_file()
    parity, fault = compare_again(run, path, [tiny_run.data / "loose"], tmp_path / "report", 0.1)
    if made.manifest.precision == "int8":
        assert fault == ""
    with pytest.raises(EdgeError, match=r"float32\.efiqa is missing: run edge-calibrate int8 on this run first"):
        compare_again(tmp_path, path, [], None, 0.1)
    assert len(parity.names) == 8
    assert (tmp_path / "report" / "parity.md").is_file()


def test_frames_of_the_run_are_learned_from(tiny_run: Any) -> None:
    recipe = load_recipe(str(tiny_run.recipe))
    found = frames_to_learn(tiny_run.run, recipe, [])
    assert len(found) == 20
    assert all(f.shape == (1, 3, 128, 128) and f.dtype == np.float32 for f in found)
