"""Exported models: the graph in onnxruntime against our own path, configurations against their schema."""

from __future__ import annotations

import configparser
import dataclasses
import hashlib
import importlib.util
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge import assessment, fundus
from edge.assessment import Verdict
from edge.bundle.bundle import Bundle, Precision, Thresholds, default_model, read_bundle
from edge.engines.openvino import OpenVinoEngine
from edge.errors import EdgeError
from edge.export.check import check_export, run_export, session_of
from edge.export.frame_graph import VERDICTS, frame_graph, outputs_of, pixel_graph
from edge.export.pipelines import export
from edge.findings.cause import CAUSES
from edge.model import QualityModel
from edge.phantom.degradation import Kind, degrade
from edge.phantom.golden import golden_frame
from edge.phantom.retina import phantom_frame

# The keys that DeepStream's guide lists for the group [property] of nvinfer, with the type of each.
NVINFER = {
    "gpu-id": int, "gie-unique-id": int, "process-mode": int, "onnx-file": str, "model-engine-file": str,
    "batch-size": int, "network-mode": int, "network-type": int, "output-tensor-meta": int, "infer-dims": str,
    "model-color-format": int, "net-scale-factor": float, "maintain-aspect-ratio": int, "output-blob-names": str,
}  # fmt: skip
CAUSE_OUTPUTS = ("cause", "causes_present", "cause_shares")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(default_model())


@pytest.fixture(scope="module")
def session(bundle: Bundle) -> Any:
    pytest.importorskip("onnxruntime", reason="THE EXPORTED GRAPH IS NOT TESTED: no onnxruntime")
    return session_of(frame_graph(bundle), threads=1)


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(engine="openvino", threads=1) as model:
        yield model


def test_no_constant_is_left_that_nothing_reads(bundle: Bundle) -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.load_from_string(frame_graph(bundle)).graph
    read = set(read_by(graph.node))
    assert not [each.name for each in graph.initializer if each.name not in read]


def read_by(nodes: Any) -> Iterator[str]:
    """Names that nodes read, and those in their loops and branches."""
    for node in nodes:
        yield from node.input
        for attribute in node.attribute:
            yield from read_by(attribute.g.node)
            yield from (each.name for each in attribute.g.output)


def outputs_for(session: Any, frame: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """All outputs of the exported graph on a BGR frame."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"frame": np.ascontiguousarray(frame[:, :, ::-1])}), strict=True))


def assert_same(session: Any, model: QualityModel, frame: NDArray[np.uint8], pixels: int = 0) -> Verdict:
    """The graph says of a frame what the program says, its crop to so many pixels; gives the verdict."""
    ours, theirs = model.assess(frame), run_export(session, frame)
    assert theirs.score == pytest.approx(ours.score, abs=0.01)
    assert theirs.verdict == ours.verdict
    assert (theirs.crop is None) == (ours.crop is None)
    if theirs.crop is not None and ours.crop is not None:
        assert dataclasses.astuple(theirs.crop) == pytest.approx(dataclasses.astuple(ours.crop), abs=pixels)
    assert np.count_nonzero(theirs.field != ours.field) <= 2
    assert np.abs(theirs.map - ours.map)[ours.field & theirs.field].mean() < 0.01 if ours.field.any() else True
    return ours.verdict


@pytest.mark.parametrize("kind", ["blur", "haze", "dark", "bright", "reflex", "shadow", "lid"])
def test_causes_are_those_of_the_program(session: Any, model: QualityModel, kind: Kind) -> None:
    for seed in range(3):
        frame = degrade(phantom_frame(seed), kind, 0.6, rng=np.random.default_rng(seed))[0]
        ours, theirs = model.assess(frame), outputs_for(session, frame)
        evidence = ours.evidence
        assert evidence is not None
        if ours.verdict == "no_fundus":
            assert theirs["cause"] == -1
            continue
        np.testing.assert_allclose(theirs["causes_present"], [evidence.present[code] for code in CAUSES], atol=0.1)
        np.testing.assert_allclose(theirs["cause_shares"], [evidence.shares[code] for code in CAUSES], atol=0.02)
        likeliest = sorted(evidence.main.values())
        if likeliest[-1] - likeliest[-2] > 0.1:  # not a draw
            assert CAUSES[int(theirs["cause"][0])] == max(evidence.main, key=lambda code: evidence.main[code])


def test_the_graphs_are_sound_by_the_onnx_package(bundle: Bundle) -> None:
    onnx = pytest.importorskip("onnx")
    for graph in (frame_graph(bundle), pixel_graph(bundle)):
        onnx.checker.check_model(onnx.load_from_string(graph), full_check=True)


def test_the_file_says_what_its_numbers_mean(session: Any, bundle: Bundle) -> None:
    told = session.get_modelmeta().custom_metadata_map
    assert told["verdicts"] == "0 no_fundus, 1 reject, 2 usable, 3 good"
    assert told["thresholds"].startswith("fundus ")
    assert told["bundle_sha256"] == bundle.sha256
    assert set(VERDICTS) == set(assessment.VERDICTS)


def test_the_outputs_are_what_is_documented(session: Any, bundle: Bundle) -> None:
    found = outputs_for(session, golden_frame(0))
    assert list(found) == ["score", "verdict", "map", "field", "disc", "macula", "coverage", "crop", *CAUSE_OUTPUTS]
    for name, (kind, shape) in outputs_of(bundle).items():
        assert (found[name].dtype, found[name].shape) == (np.dtype(kind), tuple(shape))
    ours = QualityModel.load(engine="openvino").assess(golden_frame(0))
    for name in ("disc", "macula"):
        np.testing.assert_allclose(found[name], ours.regions[name], atol=0.05)
    assert float(found["coverage"][0]) == pytest.approx(ours.coverage, abs=0.01)


def test_golden_frames_are_judged_as_the_program_judges(session: Any, model: QualityModel) -> None:
    verdicts = {assert_same(session, model, golden_frame(seed)) for seed in range(6)}
    assert {"good", "reject"} <= verdicts


@settings(max_examples=12)
@given(number=st.integers(0, 100_000))
def test_frames_of_any_kind_are_judged_as_the_program_judges(
    session: Any, model: QualityModel, any_frame: Callable[[int], NDArray[np.uint8]], crop_tolerance: int, number: int
) -> None:
    frame = any_frame(number)
    assume(not retina_is_a_close_call(model, frame))  # one step of INT8 in one cell decides it
    assert_same(session, model, frame, crop_tolerance)


@pytest.mark.parametrize("share", [0.1, 0.14, 0.2, 0.3])
def test_a_part_in_the_dark_is_judged_as_the_program_judges(session: Any, model: QualityModel, share: float) -> None:
    """A twelfth of the light over the outer rows: more than 15 % of the field and no frame is usable."""
    frame = golden_frame(0)
    lit = np.flatnonzero(frame.max(axis=(1, 2)) > 20)
    frame = frame.copy()
    frame[int(np.quantile(lit, 1 - share)) :] //= 12
    assert_same(session, model, frame)


def test_less_than_85_percent_of_light_is_below_usable_in_the_graph_by_its_own_rule(bundle: Bundle) -> None:
    """With thresholds that anything reaches, only that rule refuses."""
    easy = dataclasses.replace(bundle.manifest, thresholds=Thresholds(fundus=0.0, usable=0.2, good=0.3))
    given = dataclasses.replace(bundle, manifest=easy)
    frame = golden_frame(0)
    lit = np.flatnonzero(frame.max(axis=(1, 2)) > 20)
    frame = frame.copy()
    frame[int(np.quantile(lit, 0.7)) :] //= 12
    found = outputs_for(session_of(frame_graph(given), threads=1), frame)
    assert float(found["coverage"][0]) < 0.85
    assert float(found["score"][0]) == pytest.approx(0.2, abs=1e-6)
    assert int(found["verdict"][0]) == 1  # reject


def test_what_passes_for_vessels_and_is_no_retina_is_none_to_the_graph_either(
    session: Any, model: QualityModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lashes over folds of skin: their score would be usable, were it not asked whether they are a retina."""
    pytest.importorskip("torch")
    from trainer.synthesis.outside import outside

    lashes = list(outside(np.random.default_rng(123), 45))[44]
    assert assert_same(session, model, lashes) == "no_fundus"
    monkeypatch.setattr(fundus, "retina_chance", lambda *_: 1.0)
    assert model.assess(lashes).verdict == "usable"


def retina_is_a_close_call(model: QualityModel, frame: NDArray[np.uint8]) -> bool:
    chances: list[float] = []
    chance_of = fundus.retina_chance

    def recorded(facts: NDArray[np.float32], network: dict[str, NDArray[np.float32]]) -> float:
        chances.append(chance_of(facts, network) - float(network["least"]))
        return chances[-1] + float(network["least"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fundus, "retina_chance", recorded)
        model.assess(frame)
    return bool(chances) and abs(chances[-1]) < 0.02


@pytest.mark.parametrize("scale", [0.35, 1.7])
def test_frames_of_any_size_between_black_bars(
    session: Any, model: QualityModel, crop_tolerance: int, scale: float
) -> None:
    frame = np.asarray(cv2.resize(golden_frame(0), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    wide = np.zeros((frame.shape[0] + 60, frame.shape[1] * 2, 3), np.uint8)
    left = frame.shape[1] // 2
    wide[30 : 30 + frame.shape[0], left : left + frame.shape[1]] = frame
    assert_same(session, model, wide, crop_tolerance)


@pytest.mark.parametrize("grey", [0, 5, 120, 255])
def test_a_frame_that_shows_nothing_has_score_0(session: Any, grey: int) -> None:
    found = outputs_for(session, np.full((120, 160, 3), grey, np.uint8))
    assert (float(found["score"][0]), int(found["verdict"][0])) == (0, 0)
    assert (found["map"] == 1).all()
    assert not any(found[name].any() for name in ("field", "disc", "macula", "coverage", "crop"))


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 500, 3), (64, 3, 3), (15, 15, 3), (3000, 20, 3), (40, 40, 3)])
def test_frames_of_odd_shapes(session: Any, model: QualityModel, shape: tuple[int, int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert_same(session, model, frame)
    for found in outputs_for(session, frame).values():
        assert np.isfinite(found).all()


def test_a_bundle_that_gives_its_field(bundle: Bundle) -> None:
    pytest.importorskip("onnxruntime")
    given = dataclasses.replace(bundle, manifest=dataclasses.replace(bundle.manifest, field="circle:330,250,200"))
    with QualityModel(given, OpenVinoEngine(given)) as model:
        assert_same(session_of(frame_graph(given), threads=1), model, golden_frame(0))


def test_a_network_without_landmarks(bundle: Bundle) -> None:
    """It gives the first map alone: then every cell counts alike, and every field shows a retina."""
    onnx = pytest.importorskip("onnx")
    network = onnx.load_from_string(bundle.onnx)
    (gives,) = network.graph.output
    last = next(node for node in network.graph.node if gives.name in node.output)
    last.output[0] = "all_maps"
    ends = [onnx.numpy_helper.from_array(np.array([value], np.int64), f"end{value}") for value in (0, 1)]
    network.graph.initializer.extend(ends)
    network.graph.node.append(onnx.helper.make_node("Slice", ["all_maps", "end0", "end1", "end1"], [gives.name]))
    gives.type.tensor_type.shape.dim[1].dim_value = 1
    cut = network.SerializeToString()
    members = {"model.onnx": hashlib.sha256(cut).hexdigest()}
    manifest = dataclasses.replace(bundle.manifest, maps=("degradation",), golden=(), members=members)
    alone = dataclasses.replace(bundle, manifest=manifest, onnx=cut, golden=b"")
    session = session_of(frame_graph(alone), threads=1)
    assert list(outputs_of(alone)) == ["score", "verdict", "map", "field", "coverage", "crop", *CAUSE_OUTPUTS]
    with QualityModel(alone, OpenVinoEngine(alone)) as model:
        for seed in range(2):
            assert_same(session, model, golden_frame(seed))


def test_the_check_measures_what_was_written(bundle: Bundle) -> None:
    whole, pixels = check_export(frame_graph(bundle), bundle), check_export(pixel_graph(bundle), bundle)
    assert whole is not None
    assert pixels is not None
    # Behind the same tensor only roundings of the engine are left.
    assert 0 <= pixels.map_mae < 0.005
    assert 0 <= whole.map_mae < 0.005
    assert whole.score_max < 0.01
    assert whole.verdict_flips == 0


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
    kinds = {"float32": schema.TYPE_FP32, "int64": schema.TYPE_INT64}
    assert {each.name: (each.data_type, tuple(each.dims)) for each in config.output} == {
        name: (kinds[kind], tuple(shape)) for name, (kind, shape) in outputs_of(bundle).items()
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
