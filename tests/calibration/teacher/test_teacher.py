"""The foundation model as one graph, on the real architecture with random weights: float16, INT8, outliers, memory."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("modelopt")
pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

from calibration.export import raw_onnx
from calibration.frames import phantoms, tensors
from calibration.int8.quantize import maps, quantized_layers
from calibration.teacher import form as teacher_form
from calibration.teacher import teacher as teachers
from calibration.teacher.network import Whole, quantize_whole
from calibration.teacher.teacher import make_teacher
from edge.bundle.bundle import read_bundle
from edge.errors import EdgeError
from edge.model import QualityModel
from edge.phantom.golden import golden_frame
from trainer.loop import runs
from trainer.networks.students import Adapter
from trainer.recipe import load_recipe
from trainer.steps.teacher import load_teacher


def make_run(folder: Path, size: int, outlier: float = 1.0, **sizes: Any) -> Path:
    """A run whose teacher is a DINOv3 with random weights under an adapter that uses the whole range.

    ``outlier`` multiplies one channel of the residual path, as training does in large transformers.
    """
    torch.manual_seed(0)
    config = transformers.DINOv3ViTConfig(patch_size=16, num_register_tokens=4, **sizes)
    net = transformers.DINOv3ViTModel(config).eval()
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if weight.ndim == 2 and not name.endswith("token"):
                weight.copy_(torch.randn_like(weight) / weight.shape[1] ** 0.5)
        weight = net.embeddings.patch_embeddings.weight
        weight.copy_(torch.randn_like(weight) / (weight[0].numel() ** 0.5))
        weight[3] *= outlier
    net.save_pretrained(folder / "dino")
    quick = dataclasses.asdict(load_recipe("quick"))
    settings = json.loads(json.dumps(quick)) | {"name": "tiny"}
    settings["adapter"] |= {"backbone": str(folder / "dino"), "size": size, "kinds": ["cnn"], "teacher": "cnn"}
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(settings))
    recipe = load_recipe(str(path))
    adapter = Adapter(config.hidden_size, convolutional=True).eval()
    with torch.no_grad():
        adapter.last.weight *= 12
    runs.finish(folder / "run" / "adapter" / "cnn", adapter, recipe, "0", {"losses": []}, channels="0")
    return folder / "run"


SMALL = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 128}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("small"), 64, **SMALL)


@pytest.fixture(scope="module")
def report(run: Path, tmp_path_factory: pytest.TempPathFactory) -> teachers.TeacherReport:
    """Made once, with its weights in files of their own, as of a large network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(teachers, "FRAMES", 4)
        patch.setattr(teacher_form, "_INLINE", 0)
        return make_teacher(run, None, tmp_path_factory.mktemp("teacher"), None, 0.03)


def test_one_graph_in_float16_and_int8(report: teachers.TeacherReport) -> None:
    assert [form.name for form in report.forms] == ["float16", "int8"]
    assert not report.why_float
    for form in report.forms:
        assert form.map_mae <= 0.03
        assert (form.path.with_name(form.path.name + ".data")).stat().st_size > 4000
    assert report.forms[0].map_mae < 0.005
    bundle = read_bundle(report.bundle)
    assert (bundle.manifest.precision, bundle.manifest.input_size, bundle.manifest.grid) == ("int8", 64, 4)
    assert json.loads((report.bundle.parent / "teacher.json").read_text())["method"] == report.method


def test_only_products_are_quantized(report: teachers.TeacherReport) -> None:
    """No rounded value reaches an addition, a normalisation or a softmax: the residual path stays in float."""
    graph = onnx.load(str(report.forms[1].path)).graph
    rounded = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    assert len(rounded) >= 2 * 6 * SMALL["num_hidden_layers"]
    passed = {"Transpose"}
    while more := {n.output[0] for n in graph.node if n.op_type in passed and n.input[0] in rounded} - rounded:
        rounded |= more
    takers = {n.op_type for n in graph.node if rounded & set(n.input) and n.op_type not in passed}
    assert takers <= {"MatMul", "Gemm", "Conv"}
    assert any(i.data_type == onnx.TensorProto.INT8 for i in graph.initializer)


def test_tensorrt_rtx_takes_both(report: teachers.TeacherReport) -> None:
    pytest.importorskip("tensorrt_rtx")
    assert all(form.engine.endswith("MiB") for form in report.forms), [form.engine for form in report.forms]


def test_the_bundle_grades_a_frame(report: teachers.TeacherReport) -> None:
    pytest.importorskip("openvino")
    with QualityModel.load(report.bundle, "openvino") as model:
        assessment = model.assess(golden_frame(0))
    assert assessment.map.shape == (4, 4)
    assert 0 < assessment.score < 1


@pytest.fixture(scope="module")
def eyes(run: Path) -> list[NDArray[np.float32]]:
    quick = load_recipe("quick")
    recipe = dataclasses.replace(quick, distill=dataclasses.replace(quick.distill, size=64))
    return tensors(phantoms(range(8)), recipe)


def test_outliers_of_the_residual_path_are_brought_within_tolerance(
    tmp_path: Path, eyes: list[NDArray[np.float32]]
) -> None:
    """One channel a hundred times the others: ranges by the maximum alone lose the rest; what is found does not."""
    run = make_run(tmp_path, 64, outlier=100, **SMALL)
    recipe = load_recipe(str(run / "adapter" / "cnn" / "config.yaml"))

    def make() -> Any:
        return Whole(load_teacher(recipe, run))

    loose = quantize_whole(make, eyes[:4], eyes[4:], 1.0)
    assert loose.left_out == {}
    tight = min(loose.trials.values()) / 2
    found = quantize_whole(make, eyes[:4], eyes[4:], tight)
    assert found.map_mae <= tight
    assert 0 < len(found.left_out) < found.layers
    shares = list(found.left_out.values())
    assert shares == sorted(shares, reverse=True)
    assert float(np.abs(maps(found.network, eyes[4:]) - maps(make(), eyes[4:])).mean()) == pytest.approx(found.map_mae)
    assert len(quantized_layers(found.network)) == found.layers


def test_where_nothing_helps_the_float_form_is_kept_and_says_why(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(teachers, "FRAMES", 3)
    monkeypatch.setattr(teacher_form, "_engine", lambda bundle: "not built here")
    monkeypatch.setattr(teachers, "check_form", lambda form, most: None)
    (tmp_path / "int8.onnx").write_bytes(b"of an earlier run, which passed")
    caplog.set_level("INFO")
    report = make_teacher(run, None, tmp_path, None, 1e-9)
    assert report.why_float.startswith("no layer can be INT8 with the map moving by 1e-09")
    assert any("take float16.onnx" in words for words in caplog.messages)
    assert [form.name for form in report.forms] == ["float16"]
    assert not (tmp_path / "int8.onnx").exists()
    manifest = read_bundle(report.bundle).manifest
    assert (manifest.precision, manifest.why_float) == ("float32", report.why_float)


def test_each_fault_has_its_sentence(run: Path, tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="multiple of 16, not 70"):
        make_teacher(run, None, tmp_path, 70, 0.05)
    with pytest.raises(EdgeError, match="holds no trained adapter"):
        make_teacher(tmp_path, None, tmp_path, None, 0.05)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(EdgeError, match="cannot be made"):
        make_teacher(run, None, tmp_path / "file", None, 0.05)
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(EdgeError, match="none of the calibration frames shows a fundus"):
        make_teacher(run, tmp_path, tmp_path / "out", None, 0.05)
    with pytest.raises(EdgeError, match=r"has 3\.0 GiB of weights, and a graph holds less than 2"):
        raw_onnx(torch.nn.Linear(40_000, 20_000, device="meta"), 64)


class Padded(torch.nn.Conv2d):  # type: ignore[name-defined,misc]
    """A convolution with its own forward, as in EfficientNet-Lite."""

    def forward(self, x: Any) -> Any:
        return torch.nn.functional.conv2d(torch.nn.functional.pad(x, [0] * 4), self.weight, self.bias)


def test_layers_that_the_quantizer_skips_are_reported(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves convolutions with their own forward in float without a message: no INT8 form may come of that."""

    class WithPadded(Whole):
        def __init__(self, teacher: Any) -> None:
            super().__init__(teacher)
            old = self.adapter.hidden[0]
            new = Padded(old.in_channels, old.out_channels, 1, bias=False).requires_grad_(False)
            new.load_state_dict(old.state_dict())
            self.adapter.hidden[0] = new

    monkeypatch.setattr(teachers, "FRAMES", 3)
    monkeypatch.setattr(teachers, "Whole", WithPadded)
    monkeypatch.setattr(teacher_form, "_engine", lambda bundle: "not built here")
    report = make_teacher(run, None, tmp_path, None, 0.05)
    assert "left 1 in float, first adapter.hidden.0" in report.why_float
    assert [form.name for form in report.forms] == ["float16"]


@pytest.mark.slow
def test_a_vit_l_fits_into_sixteen_gibibytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, so that the peak is that of this alone."""
    import subprocess
    import sys

    run = make_run(
        tmp_path, 224, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096
    )
    code = "from calibration.commands import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "teacher", run, "-o", tmp_path / "out", "--json", "--max-map-mae", "0.05"],
        capture_output=True, text=True, timeout=3600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["peak_gib"] < 16
    assert (tmp_path / "out" / "float16.onnx.data").stat().st_size > 500 * 2**20
