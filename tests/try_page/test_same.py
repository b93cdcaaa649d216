"""The page says of photographs what the program says."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.assessment import Assessment
from edge.bundle.bundle import Bundle, Manifest, default_model, read_bundle
from edge.engines.openvino import OpenVinoEngine
from edge.images import read_image
from edge.model import QualityModel

from .conftest import Site, TryPage, builder, saved
from .photographs import DATA, NUMBER, twenty

INT8, FLOAT, FROM_FILE = 5e-3, 1e-3, 0.01


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    found = twenty(tmp_path_factory.mktemp("photographs"))
    assert len(found) == NUMBER
    return found


@pytest.fixture(scope="module")
def program() -> Iterator[QualityModel]:
    with QualityModel.load(engine="openvino", threads=1) as model:
        yield model


@pytest.fixture(scope="module")
def browser(open_chromium: Callable[..., Any]) -> Any:
    return open_chromium(1280, 800)


def assert_agree(said: dict[str, Any], ours: Assessment, manifest: Manifest, most: float, name: str) -> None:
    assert said["score"] == pytest.approx(ours.score, abs=most), name
    thresholds = (manifest.thresholds.usable, manifest.thresholds.good)
    if min(abs(ours.score - each) for each in thresholds) > most:
        assert said["verdict"] == ours.verdict, name
    assert said["coverage"] == pytest.approx(ours.coverage, abs=0.01), name
    inside = ours.field.ravel()
    if inside.any():
        assert np.abs(np.array(said["map"]) - ours.map.ravel())[inside].mean() < 0.01, name


def assert_explains_alike(said: dict[str, Any], ours: Assessment, name: str) -> None:
    told = ours.to_dict()
    likeliest = sorted(ours.evidence.main.values()) if ours.evidence else [0, 1]
    if likeliest[-1] - likeliest[-2] > 0.1:  # not a draw
        assert said["cause"] == told["cause"], name
    assert said["eye_probability"] == pytest.approx(told["eye_probability"], abs=0.03), name
    if abs(told["eye_probability"] - 0.9) > 0.03:
        assert said["eye"] == told["eye"], name
    assert said["field_definition"]["kind"] == told["field_definition"]["kind"], name
    for key in ("width", "disc_to_edge", "fovea", "disc"):
        if told["field_definition"][key] is not None:
            assert said["field_definition"][key] == pytest.approx(told["field_definition"][key], abs=0.25), (name, key)


def test_twenty_photographs_from_the_same_pixels_and_from_the_file(
    site: Site, browser: Any, program: QualityModel, photographs: list[Path], tmp_path: Path
) -> None:
    page, times, apart, file_apart = TryPage(browser), [], [], []
    page.open(site.address)
    for number, path in enumerate(photographs):
        picture = read_image(path)
        ours = program.assess(picture)
        said = page.grade(saved(picture, tmp_path / f"{number}.png"))
        assert_agree(said, ours, program.manifest, INT8, path.name)
        assert_explains_alike(said, ours, path.name)
        from_file = page.grade(path)
        assert from_file["score"] == pytest.approx(ours.score, abs=FROM_FILE), path.name
        times.append(from_file["milliseconds"])
        apart.append(abs(said["score"] - ours.score))
        file_apart.append(abs(from_file["score"] - ours.score))
    print(f"{NUMBER} photographs, {'real ones among them' if DATA.is_dir() else 'phantoms alone'}: ", end="")
    print(
        f"{np.median(times):.0f} ms (median), {max(times)} ms (most); scores apart at most {max(apart):.5f} from ",
        end="",
    )
    print(f"the same pixels, {max(file_apart):.5f} from the file")
    assert page.severe() == []
    assert {each.partition("?")[0] for each in site.asked} == {
        "GET /", "GET /try.js", "GET /try.css", "GET /ort.wasm", "GET /model.onnx"
    }  # fmt: skip


def test_a_float_model_from_the_same_pixels(
    serve: Callable[[Path], Site], built: Path, browser: Any, photographs: list[Path], tmp_path: Path
) -> None:
    bundle = in_float(read_bundle(default_model()))
    builder().build(bundle, tmp_path / "page")
    page, apart, verdicts = TryPage(browser), [], set()
    page.open(serve(tmp_path / "page").address)
    with QualityModel(bundle, OpenVinoEngine(bundle)) as program:
        for number, path in enumerate(photographs):
            picture = read_image(path)
            ours, said = program.assess(picture), page.grade(saved(picture, tmp_path / f"{number}.png"))
            assert_agree(said, ours, program.manifest, FLOAT, path.name)
            apart.append(abs(said["score"] - ours.score))
            verdicts.add(said["verdict"])
    assert {"good", "reject"} <= verdicts
    print(f"in float: scores apart at most {max(apart):.6f}")


def in_float(bundle: Bundle) -> Bundle:
    """The same network without the rounding of what flows through it."""
    onnx = pytest.importorskip("onnx")
    network = onnx.load_from_string(bundle.onnx)
    makers = {node.output[0]: node for node in network.graph.node}
    renamed = {}
    for node in network.graph.node:
        maker = makers.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if maker is not None and maker.op_type == "QuantizeLinear":
            renamed[node.output[0]] = maker.input[0]
    assert renamed
    kept = [node for node in network.graph.node if node.op_type != "QuantizeLinear" and node.output[0] not in renamed]
    for node in kept:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    assert network.graph.output[0].name not in renamed
    del network.graph.node[:]
    network.graph.node.extend(kept)
    whole = network.SerializeToString()
    members = {"model.onnx": hashlib.sha256(whole).hexdigest()}
    manifest = dataclasses.replace(bundle.manifest, precision="float32", golden=(), members=members)
    return dataclasses.replace(bundle, manifest=manifest, onnx=whole, golden=b"")
