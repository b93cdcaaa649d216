"""What knows the fundus alone refuses a model of another modality in one sentence, before it does any work."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from benchmarks.accuracy import compare_with
from benchmarks.capture.run import without_poor_photographs
from benchmarks.commands import group
from calibration.bundle import unfitted_of
from edge import GuidedSession, QualityModel
from edge.bundle.bundle import default_model, read_bundle, write_bundle
from edge.bundle.named import named_bundle
from edge.commands import compile as compile_command
from edge.commands import grade
from edge.errors import EdgeError
from edge.export.frame_graph import frame_graph
from edge.phantom.retina import phantom_frame
from trainer import commands as trainer

REFUSED = "for photographs of the fundus, and efiqa-edge default is a model of OCT angiograms: "
REMEDY = "name a model of those, such as default; edge-grade takes this one."


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network that ships, in a bundle that says it is of angiograms."""
    bundle, path = read_bundle(default_model()), tmp_path_factory.mktemp("bundle") / "octa.efiqa"
    manifest = dataclasses.replace(bundle.manifest, name="efiqa-edge default", modality="octa", field="whole")
    write_bundle(path, manifest, bundle.onnx, bundle.golden)
    return path


@pytest.mark.parametrize(
    ("main", "asked"),
    [
        (grade.main, "edge-grade eye.png --csv new.csv --criterion nhs-desp"),
        (grade.main, "edge-grade eye.png --table new.csv --criterion nhs-desp"),
        (compile_command.main, "edge-compile MODEL --export new --for onnx"),
        (compile_command.main, "edge-compile MODEL --export new --for deepstream"),
        (group.main, "edge-bench acceptance new"),
        (group.main, "edge-bench capture --seeds 1-1 --out new"),
        (trainer.main, "edge-train evaluate --data . --out new"),
    ],
)
def test_a_command_refuses(
    main: Callable[[], object], asked: str, scans: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("eye.png", phantom_frame(1))
    words = asked.replace("MODEL", str(scans)).split() + ([] if "MODEL" in asked else ["--model", str(scans)])
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    assert left.value.code == 1
    assert said.err.count("error: ") == 1
    sentence = " ".join(said.err.split())
    assert REFUSED + ("leave --criterion out." if "--criterion" in asked else REMEDY) in sentence
    assert said.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["eye.png"]  # nothing was begun


@pytest.mark.parametrize("more", ["", " --table new.csv"])
def test_the_closing_words_are_those_of_the_modality(
    more: str, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("eye.png", phantom_frame(1))  # in colour: no angiogram
    monkeypatch.setattr(sys, "argv", f"edge-grade eye.png --model {scans}{more}".split())
    with contextlib.suppress(SystemExit):
        grade.main()
    said = capsys.readouterr().out
    assert "1 graded (0 good, 0 usable, 0 reject, 1 no anatomy), 0 failed" in said
    assert "cause of" not in said  # there are none


def test_guidance_and_graphs_refuse(scans: Path) -> None:
    with pytest.raises(EdgeError, match="an exported graph is for photographs of the fundus"):
        frame_graph(read_bundle(scans))
    refused = pytest.raises(EdgeError, match="a guided session is for photographs of the fundus")
    with QualityModel.load(scans, threads=1) as model, refused:
        GuidedSession(model)
    with pytest.raises(EdgeError, match="edge-bench capture is for photographs of the fundus"):
        without_poor_photographs([], scans, "openvino")


def test_models_of_two_modalities_are_not_compared(scans: Path) -> None:
    frames: Any = None  # none is graded
    words = "a model of OCT angiograms and the timed one of photographs of the fundus"
    with QualityModel.load(threads=1) as model, pytest.raises(EdgeError, match=words):
        compare_with(model, scans, frames, "openvino", 1)


def test_the_model_of_scans_that_ships_has_its_name_and_its_thresholds() -> None:
    manifest = read_bundle(named_bundle("octa")).manifest
    assert (manifest.name, manifest.modality) == ("efiqa-edge octa", "octa")
    assert manifest.thresholds == unfitted_of("octa")
    ships = read_bundle(default_model()).manifest.thresholds
    assert unfitted_of("fundus").good == pytest.approx(ships.good, abs=0.005)
    assert unfitted_of("fundus").usable == pytest.approx(ships.usable, abs=0.005)
