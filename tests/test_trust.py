"""Every command that uses a model, where it must be signed: none goes around it, by whatever way it takes the model."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer.main

from benchmarks.report.tables import BEGIN, END
from edge.bundle.bundle import default_model
from edge.bundle.demand import TRUST
from edge.capture.failover import FailoverModel
from edge.doctor import checkup
from edge.engines.cache import cache_folder
from edge.engines.protocol import Engine
from edge.errors import EdgeError, EngineError
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

Maker = Any
Call = Callable[..., tuple[int, str]]
MODULES = {
    "edge-grade": "edge.commands.grade",
    "edge-capture": "edge.commands.capture",
    "edge-compile": "edge.commands.compile",
    "edge-bench": "benchmarks.commands.group",
    "edge-calibrate": "calibration.commands",
    "edge-train": "trainer.commands",
}
LINES = [
    "edge-grade eye.png --model plain.efiqa",
    "edge-grade eye.png",
    "edge-capture demo --frames 2 --fast --model plain.efiqa",
    "edge-capture demo --frames 2 --fast --out kept",
    "edge-compile plain.efiqa",
    "edge-compile --plan",
    "edge-compile plain.efiqa --export out --for onnx",
    "edge-bench run plain.efiqa --runs 6 --no-reference",
    "edge-bench run signed.efiqa --against plain.efiqa --runs 6 --no-reference",
    "edge-bench compare signed.efiqa plain.efiqa --rounds 10",
    "edge-bench compare signed.efiqa@openvino network.onnx --rounds 10",
    "edge-bench capture --seeds 0 --frames 30 --jobs 1 --model plain.efiqa",
    "edge-bench acceptance made --runs 6 --minutes 0.05 --model plain.efiqa",
    "edge-calibrate thresholds plain.efiqa --labels labels.csv -o made.efiqa",
    "edge-calibrate cameras plain.efiqa --data . -o made.efiqa",
    "edge-calibrate criterion nhs-desp --labels labels.csv --model plain.efiqa -o made.yaml",
    "edge-calibrate golden plain.efiqa -o made.efiqa",
    "edge-calibrate parity run plain.efiqa",
    "edge-bench tables page.md --no-reference --runs 30 --pairs 0",
    "edge-bench tables page.md --model plain.efiqa --no-reference --runs 30 --pairs 0",
    "edge-train adapt pictures --out made",
    "edge-train adapt pictures --model plain.efiqa --out made",
    "edge-train fundus --data pictures",
    "edge-train causes --data pictures --model plain.efiqa",
    "edge-train evaluate --data pictures --out run --model plain.efiqa",
]


@pytest.fixture
def call(
    maker: Maker, signed_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Call:
    """A command as a user types it, in a folder with a signed and an unsigned model: its exit code and its words."""
    shutil.copy(default_model(), tmp_path / "plain.efiqa")
    shutil.copy(signed_model, tmp_path / "signed.efiqa")
    shutil.copy(maker.public, tmp_path / "maker.pub.pem")
    (tmp_path / "network.onnx").write_bytes(b"")
    cv2.imwrite(str(tmp_path / "eye.png"), phantom_frame(3))
    for folder in ("pictures", "run/calibration"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(tmp_path / "eye.png", tmp_path / "pictures" / "eye.png")
    shutil.copy(default_model(), tmp_path / "run" / "calibration" / "float32.efiqa")
    (tmp_path / "page.md").write_text(f"{BEGIN}\n{END}\n")
    (tmp_path / "labels.csv").write_text("path,quality\neye.png,good\n")
    monkeypatch.chdir(tmp_path)

    def typed(line: str) -> tuple[int, str]:
        words = line.split()
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            importlib.import_module(MODULES[words[0]]).main()
        said = capfd.readouterr()
        return int(left.value.code or 0), said.err

    return typed


@pytest.mark.parametrize("how", ["--trust", TRUST])
@pytest.mark.parametrize("line", LINES)
def test_no_command_uses_a_model_that_is_not_signed(
    call: Call, line: str, how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = set(tmp_path.iterdir())
    engines = set(cache_folder().glob("*"))
    if how == TRUST:
        monkeypatch.setenv(TRUST, "maker.pub.pem")
    code, error = call(line if how == TRUST else f"{line} --trust maker.pub.pem")
    assert code == 1
    assert "it is not signed, and only signed models" in error or "is no bundle and cannot be signed" in error
    assert error.count("error:") == 1
    assert os.environ.get(TRUST) == ("maker.pub.pem" if how == TRUST else None)
    assert set(tmp_path.iterdir()) == before
    assert set(cache_folder().glob("*")) >= engines


@pytest.mark.parametrize(
    "line",
    [
        "edge-grade eye.png --model signed.efiqa",
        "edge-capture demo --frames 2 --fast --model signed.efiqa",
        "edge-compile signed.efiqa --plan",
        "edge-bench capture --seeds 0 --frames 30 --jobs 2 --model signed.efiqa",
    ],
)
def test_a_signed_one_is_used(call: Call, line: str) -> None:
    code, error = call(f"{line} --trust maker.pub.pem")
    assert (code, "error" in error) == (0, False), error


def test_an_empty_option_is_a_wrong_argument(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", f"a{os.pathsep}b"):
        monkeypatch.setattr(sys, "argv", ["edge-compile", "--plan", "--trust", value])
        with pytest.raises(SystemExit) as left:
            importlib.import_module("edge.commands.compile").main()
        assert left.value.code == 2


def test_every_command_that_takes_a_model_takes_trust() -> None:
    """But for signing itself."""
    lacking = set()
    for name, module in MODULES.items():
        command = typer.main.get_command(importlib.import_module(module).app)
        for sub, leaf in (getattr(command, "commands", None) or {"": command}).items():
            names = {each.name for each in leaf.params}
            if names & {"model", "other"} and "trust" not in names:
                lacking.add(f"{name} {sub}".strip())
    assert lacking == {"edge-calibrate sign"}


def test_an_engine_that_is_built_already_lets_no_unsigned_model_in(maker: Maker) -> None:
    with QualityModel.load("default", "openvino", 1) as model:
        assert model.bundle.signature is None
    with pytest.raises(EdgeError, match="it is not signed"):
        QualityModel.load("default", "openvino", 1, trust=maker.public)


class Failing:
    """An engine that a driver takes away."""

    name, verified = "openvino", {}  # type: ignore[var-annotated]

    def infer(self, tensor: object) -> object:
        raise EngineError("the device is lost")

    def close(self) -> None:
        pass


def test_an_engine_that_is_started_again_is_of_the_model_that_was_checked(
    maker: Maker, signed_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever lies under that name by then."""
    monkeypatch.setenv(TRUST, str(maker.public))
    path = tmp_path / "model.efiqa"
    shutil.copy(default_model(), path)
    with pytest.raises(EdgeError, match="it is not signed"):
        FailoverModel.open(path, "openvino", 1, print)
    shutil.copy(signed_model, path)
    with FailoverModel.open(path, "openvino", 1, print) as model:
        frame = phantom_frame(3)
        score = model.assess(frame).score
        path.write_bytes(b"another model")
        broken: Engine = Failing()  # type: ignore[assignment]
        model.engine.close()
        model.engine = broken
        assert model.assess(frame).score == pytest.approx(score)
        assert model.restarts == 1
        assert np.isfinite(score)


def test_a_kept_frame_tells_who_signed_its_model(call: Call, maker: Maker, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    shutil.copy(tmp_path / "eye.png", tmp_path / "frames" / "eye.png")
    code, error = call("edge-capture frames --fast --no-video --out kept --model signed.efiqa --trust maker.pub.pem")
    assert code == 0, error
    (sidecar,) = (tmp_path / "kept").glob("frame-*.json")
    signed = json.loads(sidecar.read_text())["model"]["signature"]
    assert (signed["signer"], signed["key"], signed["until"]) == ("the maker", maker.key, "")


def test_the_check_up_names_the_keys_and_what_is_wrong_with_them(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(checkup.check_trust()) == []
    monkeypatch.setenv(TRUST, str(maker.public))
    (found,) = checkup.check_trust()
    assert (found.state, maker.key[:16] in found.found) == ("ok", True)
    model = checkup.check_model(False)
    assert (model.state, "it is not signed" in model.found) == ("missing", True)
    assert f"run it without {TRUST} to check the machine" in model.remedy
    monkeypatch.setenv(TRUST, str(tmp_path))
    (found,) = checkup.check_trust()
    assert (found.state, "holds no *.pem file" in found.found) == ("missing", True)
