"""Exported models: the graph in onnxruntime against our own path, configurations against their schema."""

from __future__ import annotations

import configparser
import dataclasses
import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bundle.bundle import Bundle, Precision, default_model, read_bundle
from edge.errors import EdgeError
from edge.export.check import check_export
from edge.export.frame_graph import frame_graph, pixel_graph
from edge.export.pipelines import export
from edge.metrics.classification import spearman
from edge.model import QualityModel
from edge.phantom.golden import golden_frame

# The keys that DeepStream's guide lists for the group [property] of nvinfer, with the type of each.
NVINFER = {
    "gpu-id": int, "gie-unique-id": int, "process-mode": int, "onnx-file": str, "model-engine-file": str,
    "batch-size": int, "network-mode": int, "network-type": int, "output-tensor-meta": int, "infer-dims": str,
    "model-color-format": int, "net-scale-factor": float, "maintain-aspect-ratio": int, "output-blob-names": str,
}  # fmt: skip


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(default_model())


@pytest.fixture(scope="module")
def run(bundle: Bundle) -> Callable[[NDArray[np.uint8]], list[Any]]:
    """The exported graph in onnxruntime, on a BGR frame: score, map, field."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="THE EXPORTED GRAPH IS NOT TESTED: no onnxruntime")
    session = onnxruntime.InferenceSession(frame_graph(bundle), providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert told["thresholds"].startswith("fundus ")
    assert told["bundle_sha256"] == bundle.sha256
    return lambda frame: list(session.run(None, {"frame": np.ascontiguousarray(frame[:, :, ::-1])}))


def test_the_graphs_are_sound_by_the_onnx_package(bundle: Bundle) -> None:
    onnx = pytest.importorskip("onnx")
    for graph in (frame_graph(bundle), pixel_graph(bundle)):
        onnx.checker.check_model(onnx.load_from_string(graph), full_check=True)


def test_golden_frames_get_the_scores_and_maps_of_our_own_path(
    bundle: Bundle, run: Callable[[NDArray[np.uint8]], list[Any]]
) -> None:
    scores, apart, overlap = [], [], []
    with QualityModel.load(engine="openvino") as model:
        for seed in range(6):
            frame = golden_frame(seed)
            ours = model.assess(frame)
            score, degradation, field = run(frame)
            both = ours.field & (field > 0)
            scores.append((ours.score, float(score[0])))
            apart.append(float(np.abs(degradation - ours.map)[both].mean()))
            overlap.append(both.sum() / (ours.field | (field > 0)).sum())
    given, found = np.array(scores).T
    assert np.abs(given - found).max() < 0.06
    assert spearman(given, found) > 0.9
    assert np.mean(apart) < 0.02
    assert min(overlap) > 0.97


@pytest.mark.parametrize("scale", [0.35, 1.7])
def test_frames_of_any_size_between_black_bars(run: Callable[[NDArray[np.uint8]], list[Any]], scale: float) -> None:
    frame = np.asarray(cv2.resize(golden_frame(0), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    wide = np.zeros((frame.shape[0] + 60, frame.shape[1] * 2, 3), np.uint8)
    left = frame.shape[1] // 2
    wide[30 : 30 + frame.shape[0], left : left + frame.shape[1]] = frame
    with QualityModel.load(engine="openvino") as model:
        ours = model.assess(wide)
    score, _, field = run(wide)
    assert float(score[0]) == pytest.approx(ours.score, abs=0.03)
    assert (ours.field & (field > 0)).sum() / (ours.field | (field > 0)).sum() > 0.9


@pytest.mark.parametrize("grey", [0, 5, 120, 255])
def test_a_frame_that_shows_nothing_has_score_0(run: Callable[[NDArray[np.uint8]], list[Any]], grey: int) -> None:
    score, degradation, field = run(np.full((120, 160, 3), grey, np.uint8))
    assert float(score[0]) == 0
    assert (degradation == 1).all()
    assert not field.any()


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 500, 3), (64, 3, 3)])
def test_frames_of_odd_shapes_give_numbers(
    run: Callable[[NDArray[np.uint8]], list[Any]], shape: tuple[int, int, int]
) -> None:
    frame = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    for found in run(frame):
        assert np.isfinite(found).all()


def test_the_check_measures_what_was_written(bundle: Bundle) -> None:
    whole, pixels = check_export(frame_graph(bundle), bundle), check_export(pixel_graph(bundle), bundle)
    assert whole is not None
    assert pixels is not None
    # Behind the same tensor only roundings of the engine are left, and not even those everywhere.
    assert 0 <= pixels.map_mae < 0.002 < whole.map_mae < 0.02
    assert 0 <= pixels.score_max < whole.score_max < 0.05


def test_a_graph_of_another_model_is_seen(bundle: Bundle) -> None:
    manifest = dataclasses.replace(bundle.manifest, mean=(0.9, 0.9, 0.9))
    apart = check_export(pixel_graph(dataclasses.replace(bundle, manifest=manifest)), bundle)
    assert apart is not None
    assert apart.map_mae > 0.02


def _triton_schema() -> Any:
    """``ModelConfig`` of Triton's own client, loaded without the gRPC that its package imports."""
    found = importlib.util.find_spec("tritonclient")
    if found is None or not found.submodule_search_locations:
        pytest.skip("TRITON'S CONFIGURATION IS NOT TESTED: pip install tritonclient")
    pytest.importorskip("google.protobuf")
    path = Path(found.submodule_search_locations[0]) / "grpc" / "model_config_pb2.py"
    spec = importlib.util.spec_from_file_location("model_config_pb2", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_triton_repository_follows_triton_s_schema(bundle: Bundle, tmp_path: Path) -> None:
    schema = _triton_schema()
    from google.protobuf import text_format

    written = export(bundle, tmp_path / "served", "triton")
    assert (tmp_path / "served" / "efiqa" / "1" / "model.onnx").read_bytes() == written.onnx
    config = text_format.Parse((tmp_path / "served" / "efiqa" / "config.pbtxt").read_text(), schema.ModelConfig())
    assert config.name == "efiqa"
    (taken,) = config.input
    assert (taken.name, taken.data_type, list(taken.dims)) == ("frame", schema.TYPE_UINT8, [-1, -1, 3])
    grid = bundle.manifest.grid
    assert {each.name: list(each.dims) for each in config.output} == {
        "score": [1],
        "map": [grid, grid],
        "field": [grid, grid],
    }
    assert float(config.parameters["good"].string_value) == pytest.approx(bundle.manifest.thresholds.good, abs=1e-5)
    with pytest.raises(text_format.ParseError):  # the schema does refuse what it does not know
        text_format.Parse("nonsense: 3", schema.ModelConfig())


def test_the_deepstream_configuration_has_only_known_keys(bundle: Bundle, tmp_path: Path) -> None:
    export(bundle, tmp_path, "deepstream")
    config = configparser.ConfigParser()
    config.read(tmp_path / "config_infer_efiqa.txt")
    assert config.sections() == ["property"]
    settings = dict(config["property"])
    assert set(settings) == set(NVINFER)
    for key, kind in NVINFER.items():
        kind(settings[key])
    size = bundle.manifest.input_size
    assert settings["infer-dims"] == f"3;{size};{size}"
    assert settings["output-blob-names"] == "maps"
    assert (tmp_path / settings["onnx-file"]).is_file()
    assert math.isclose(float(settings["net-scale-factor"]), 1)


@pytest.mark.parametrize(("precision", "mode", "word"), [("int8", "1", "int8"), ("float32", "0", "fp32")])
def test_deepstream_finds_the_engine_that_it_built(
    bundle: Bundle, tmp_path: Path, precision: Precision, mode: str, word: str
) -> None:
    manifest = dataclasses.replace(bundle.manifest, precision=precision)
    export(dataclasses.replace(bundle, manifest=manifest), tmp_path, "deepstream")
    config = configparser.ConfigParser()
    config.read(tmp_path / "config_infer_efiqa.txt")
    assert config["property"]["network-mode"] == mode
    assert config["property"]["model-engine-file"] == f"efiqa_pixels.onnx_b1_gpu0_{word}.engine"


def test_a_network_of_an_older_opset(bundle: Bundle) -> None:
    older = bundle.onnx.replace(b"\x42\x04\x0a\x00\x10\x12", b"\x42\x04\x0a\x00\x10\x0d")
    assert older != bundle.onnx
    with pytest.raises(EdgeError, match="opset 13"):
        frame_graph(dataclasses.replace(bundle, onnx=older))


def test_a_folder_that_cannot_be_written(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EdgeError, match="file cannot be written"):
        export(bundle, tmp_path / "file", "onnx")
