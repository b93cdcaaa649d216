"""From a tiny run to a bundle that the device package opens."""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("modelopt")
pytest.importorskip("openvino")

from calibration import bundle as bundles
from calibration import comparison
from calibration.int8.finetune import STEPS
from calibration.manifest import POOLING
from calibration.site.thresholds import fit_thresholds
from edge.bundle.bundle import read_bundle
from edge.bundle.manifest import MAPS, REGIONS
from edge.engines.verify import golden_score
from edge.errors import EdgeError
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame
from trainer.data.datasets import find_photographs
from trainer.recipe import load_recipe
from trainer.steps.distill import load_student


def with_maps(student: Any, number: int) -> Any:
    """The student with its own degradation map, alone or with landmarks that nobody trained."""
    torch.manual_seed(0)
    head = torch.nn.Conv2d(student.map.in_channels, number, 1)
    with torch.no_grad():
        head.weight[0], head.bias[0] = student.map.weight[0], student.map.bias[0]
    student.map = head
    return student


@pytest.fixture(scope="module", params=[1, 3], ids=["degradation alone", "with landmarks"])
def report(
    request: pytest.FixtureRequest, tiny_run: Any, tmp_path_factory: pytest.TempPathFactory
) -> bundles.BundleReport:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundles, "load_student", lambda run: with_maps(load_student(run), request.param))
        patch.setattr(comparison, "PARITY_FRAMES", 6)
        patch.setattr(comparison, "_PHANTOMS", range(100, 112))
        patch.setattr(bundles, "CALIBRATION_FRAMES", 6)
        patch.setattr(bundles, "HELD_FRAMES", 6)
        patch.setattr(bundles, "HELD_PHANTOMS", range(240, 242))
        target = tmp_path_factory.mktemp("bundle") / "model.efiqa"
        # A student of a few steps has maps that no rounding leaves alone.
        # Entropy takes longer than all the rest; test_search tests it.
        methods = ("max", "percentile", "mse")
        return bundles.make_bundle(
            tiny_run.run,
            tiny_run.data,
            target,
            methods=methods,
            max_map_mae=0.1,
            finetune=2,
            precision="int8",  # which of them is faster for so small a network is chance
        )


def test_the_bundle_opens_and_describes_itself(report: bundles.BundleReport) -> None:
    with QualityModel.load(report.path, "openvino") as model:
        assert model.manifest == report.manifest
        assert model.engine.verified["against"] == "onnx"
        assert (model.manifest.precision, model.manifest.input_size, model.manifest.grid) == ("int8", 128, 16)
        not_known = "8 photographs; terms not known here: see who owns them"
        assert model.manifest.trained_on == (f"loose: {not_known}", f"set: {not_known}")
        assert "graded (8 clear, 8 useless)" in model.manifest.thresholds_from
        assert not any("left out" in name for name in model.manifest.metrics)  # of one set, none can be
        alone = len(model.manifest.maps) == 1
        assert model.manifest.maps == (MAPS[:1] if alone else MAPS)
        assert model.manifest.pooling == (dict.fromkeys(REGIONS, 1.0) if alone else POOLING)
        assert list(model.assess(phantom_frame(0)).regions) == ([] if alone else ["disc", "macula"])
        for golden in model.manifest.golden:
            score = golden_score(model.engine, model.manifest, golden.seed)
            assert score == pytest.approx(golden.score, abs=0.05)


def test_float_and_int8_are_compared(report: bundles.BundleReport, tiny_run: Any) -> None:
    assert report.parity.frames >= 16
    assert 0 < report.parity.map_mae < 0.05
    before, after = report.aurocs["graded"]["good/reject"]
    assert report.manifest.metrics["AUROC graded good/reject"] == pytest.approx(after)
    assert abs(before - after) < 0.2
    change = report.auroc_differences["graded"]["good/reject"]
    assert change.value == pytest.approx(after - before)
    assert change.low <= change.value <= change.high
    written = json.loads((tiny_run.run / "calibration" / "parity.json").read_text())["AUROC, INT8 less float"]
    assert written["graded"]["good/reject"].keys() == {"value", "low", "high"}
    assert "AUROC graded good/reject: INT8 less float32" in (tiny_run.run / "calibration" / "parity.md").read_text()


def test_the_trials_are_reported_and_written_to_files(report: bundles.BundleReport, tiny_run: Any) -> None:
    assert set(report.trials) == {"max", "percentile", "mse", "fine-tuned"}
    assert report.trials[report.method] == min(report.trials.values())
    folder = tiny_run.run / "calibration"
    layers = (folder / "sensitivity.csv").read_text().splitlines()
    assert layers[0] == "layer,map_mae_alone,precision"
    assert len(layers) >= 10
    frames = (folder / "frames.csv").read_text().splitlines()
    assert len(frames) == 1 + 6
    for name in ("frames.png", "sensitivity.png"):
        assert cv2.imread(str(folder / name)) is not None


def test_the_gate_fails_where_the_map_moved(tiny_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "CALIBRATION_FRAMES", 2)
    monkeypatch.setattr(bundles, "HELD_FRAMES", 2)
    monkeypatch.setattr(bundles, "HELD_PHANTOMS", range(240, 242))
    target = tmp_path / "model.efiqa"
    with pytest.raises(EdgeError, match=r"no layer can be INT8 .* the worst is |costs most"):
        bundles.make_bundle(tiny_run.run, None, target, methods=("max",), max_map_mae=1e-7, finetune=0)
    assert not target.exists()


def test_a_float_form_travels_with_its_own_figures(
    tiny_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((bundles, "CALIBRATION_FRAMES"), (bundles, "HELD_FRAMES"), (comparison, "PARITY_FRAMES")):
        monkeypatch.setattr(module, name, 4)
    monkeypatch.setattr(bundles, "HELD_PHANTOMS", range(240, 242))
    monkeypatch.setattr(comparison, "_PHANTOMS", range(100, 104))
    monkeypatch.setattr(comparison, "_GOLDEN", range(4))
    path = tmp_path / "model.efiqa"
    seen: list[Any] = []

    def compare(*arguments: Any) -> Any:
        """With INT8 further off than it is, so that the figures of the two forms differ."""
        found = comparison.compare_forms(*arguments)
        half = [(full, dataclasses.replace(eight, scores=1 - full.scores)) for full, eight in found.labelled]
        seen.append(dataclasses.replace(found, labelled=tuple(half)))
        return seen[0]

    monkeypatch.setattr(bundles, "compare_forms", compare)
    report = bundles.make_bundle(
        tiny_run.run, tiny_run.data, path, methods=("max",), max_map_mae=0.1, finetune=0, precision="float32"
    )
    written = read_bundle(path)
    assert written.manifest.precision == "float32"
    assert written.manifest.why_float == report.choice.reason
    kept = json.loads((tiny_run.run / "calibration" / "precision.json").read_text())
    assert (kept["precision"], kept["speedup"]["low"]) == ("float32", report.choice.speedup.low)
    assert written.manifest == report.manifest
    full, eight = report.aurocs["graded"]["good/reject"]
    assert full == pytest.approx(1 - eight)
    assert written.manifest.metrics["AUROC graded good/reject"] == pytest.approx(full, abs=1e-6)
    assert written.manifest.thresholds == fit_thresholds([full for full, _ in seen[0].labelled])
    assert written.onnx == read_bundle(tiny_run.run / "calibration" / "float32.efiqa").onnx


def test_what_judges_the_ranges_is_not_what_they_were_chosen_on(tiny_run: Any) -> None:
    from calibration.frames import choose_frames
    from trainer.recipe import load_recipe

    recipe = load_recipe(str(tiny_run.recipe))
    everything = [str(p.path) for p in find_photographs(tiny_run.data, recipe.exclude)]
    assert len(list(choose_frames(tiny_run.data, recipe, 100, everything[3:]))) == 3
    assert list(choose_frames(tiny_run.data, recipe, 100, everything)) == []


def test_the_command_offers_every_method() -> None:
    from calibration import commands
    from calibration.int8 import quantize

    assert ",".join(quantize.METHODS) == commands.METHODS
    assert inspect.signature(commands.int8).parameters["finetune"].default == STEPS


def test_a_photograph_that_cannot_be_read_is_left_out(
    tiny_run: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from calibration.frames import choose_frames
    from trainer.recipe import load_recipe

    caplog.set_level("INFO")
    (tmp_path / "bad.jpg").write_bytes(b"not a picture")
    (tmp_path / "good.png").write_bytes((tiny_run.data / "loose" / "0.png").read_bytes())
    assert len(list(choose_frames(tmp_path, load_recipe(str(tiny_run.recipe)), 5))) == 1
    assert "bad.jpg" in caplog.text


def test_without_openvino_a_sentence_names_the_extra_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EdgeError, match=r'on OpenVINO: pip install "efiqa-edge\[train,cpu\]"\.$'):
        bundles.make_bundle(tmp_path / "no-run", None, tmp_path / "x.efiqa")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["int8", "nowhere", "-o", "x.efiqa"], 1, "edge-train distill"),
        (["int8", "nowhere"], 2, "output"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    arguments: list[str],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from calibration.commands import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["edge-calibrate", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == code
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


@pytest.mark.parametrize("figures", [{}, {"photographs": 3}, {"photographs": {"set": "many"}}])
def test_a_student_that_learned_from_nobody_knows_what_makes_no_bundle(
    figures: dict[str, Any], tiny_run: Any, tmp_path: Path
) -> None:
    (tmp_path / "student").mkdir()
    (tmp_path / "student" / "metrics.json").write_text(json.dumps(figures))
    with pytest.raises(EdgeError, match=r"metrics\.json does not say which photographs the student learned from"):
        bundles._manifest(None, load_recipe(str(tiny_run.recipe)), tmp_path)  # type: ignore[arg-type]
