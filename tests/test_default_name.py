"""The model that ships has a name wherever a bundle is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from benchmarks.commands.group import app as bench
from benchmarks.compare.subjects import open_rival
from calibration.commands import app as calibrate
from edge import QualityModel
from edge.bundle.named import default_model, named_bundle
from edge.commands.capture import app as capture
from edge.commands.compile import app as compile_
from edge.commands.grade import app as grade
from trainer.commands import app as train

# Every command that takes a bundle: the command, its arguments where NAME is the bundle's, and the parameter.
COMMANDS: list[tuple[Any, str, str]] = [
    (grade, "photo.jpg --model NAME", "model"),
    (capture, "demo --model NAME", "model"),
    (compile_, "NAME", "model"),
    (bench, "run NAME", "model"),
    (bench, "run --against NAME", "other"),
    (bench, "capture --model NAME", "model"),
    (bench, "tables page.md --model NAME", "model"),
    (calibrate, "thresholds NAME --labels labels.csv -o ours.efiqa", "model"),
    (calibrate, "parity run NAME", "model"),
    (train, "evaluate --data photographs --model NAME", "model"),
]


def understood(app: Any, arguments: str, parameter: str) -> Path:
    command: Any = typer.main.get_command(app)
    words = arguments.split()
    if hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    found: Path = command.make_context("test", words).params[parameter]
    return found


@pytest.mark.parametrize(("app", "arguments", "parameter"), COMMANDS, ids=[each[1] for each in COMMANDS])
def test_default_is_the_model_that_ships_and_a_path_is_a_file(app: Any, arguments: str, parameter: str) -> None:
    assert understood(app, arguments.replace("NAME", "default"), parameter) == default_model()
    assert understood(app, arguments.replace("NAME", "./default"), parameter) == Path("default")


def test_only_the_word_is_the_name() -> None:
    assert named_bundle(None) == named_bundle("default") == default_model()
    assert named_bundle(Path("default")) == named_bundle("./default") == Path("default")


def test_the_library_knows_the_name() -> None:
    with QualityModel.load("default", "openvino", 1) as model:
        assert model.bundle.path == default_model()


@pytest.mark.parametrize("name", ["default", "shipped", "default@openvino"])
def test_compare_knows_it_by_its_old_name_too(name: str) -> None:
    with open_rival(name, [], 1) as rival:
        assert rival.name == "default.efiqa on openvino"
