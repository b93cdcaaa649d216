"""What a program gets of ``import edge``."""

from __future__ import annotations

import ast
import collections.abc
import dataclasses
import importlib
import importlib.util
import inspect
import pkgutil
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import edge
from edge.phantom.retina import phantom_frame

ROOT = Path(__file__).parents[1]
PACKAGES = ("edge", "trainer", "calibration", "benchmarks")


def test_every_name_is_there_and_type_checkers_know_the_same() -> None:
    stub = ast.parse((ROOT / "edge" / "__init__.pyi").read_text(encoding="utf-8"))
    typed = {
        alias.asname: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    for name in set(edge.__all__) - {"__version__"}:
        assert getattr(edge, name) is getattr(importlib.import_module(str(typed.pop(name))), name)
    assert not typed
    assert set(edge.__all__) <= set(dir(edge))


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'edge' has no attribute 'nothing'"):
        edge.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_importing_edge_loads_no_runtime_and_reading_its_names_neither() -> None:
    heavy = {"openvino", "onnx", "av", "tensorrt", "torch", "typer", "rich"}
    for line, loaded in (("import edge", ""), ("from edge import *", "cv2")):
        code = f"import sys\n{line}\nprint(*({heavy | {'cv2'}} & set(sys.modules)))"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == loaded


def test_what_a_program_gets_wrong_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "eye.png"
    cv2.imwrite(str(path), phantom_frame(3))
    with edge.QualityModel.load("default", "openvino", 1) as model:
        for alone in (path, str(path)):
            with pytest.raises(edge.InputError, match=r"list of files and folders, not one .*: give \['.*eye.png'\]"):
                list(edge.grade_files(model, alone))  # type: ignore[arg-type]
        seen = model.assess(edge.read_image(path))
    with pytest.raises(edge.EdgeError, match="this model was closed: load it again"):
        model.warm_up()
    grey = phantom_frame(3)[:, :, 1]
    for frame, assessment in ((grey, seen), (None, seen), (seen, phantom_frame(3)), (phantom_frame(3), None)):
        with pytest.raises(edge.InputError):
            edge.draw_overlay(frame, assessment)  # type: ignore[arg-type]


def test_photographs_are_graded_through_the_names_of_the_package(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "eye.png"), phantom_frame(3))
    with edge.QualityModel.load("default", "openvino", 1) as model:
        graded = list(edge.grade_files(model, [tmp_path, str(tmp_path / "none.png")]))
        seen = model.assess(edge.read_image(tmp_path / "eye.png"))
    assert [each.path.name for each in graded] == ["eye.png", "none.png"]
    assert graded[0].assessment is not None
    assert graded[0].assessment.score == seen.score
    assert graded[1].error
    assert edge.draw_overlay(phantom_frame(3), seen).shape[1] == phantom_frame(3).shape[1]
    camera = edge.open_camera("demo")
    assert camera.read() is not None
    camera.close()


def test_the_page_of_the_api_is_that_of_the_docstrings() -> None:
    spec = importlib.util.spec_from_file_location("api", ROOT / "docs" / "api.py")
    assert spec is not None
    assert spec.loader is not None
    api: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(api)
    assert api.PAGE.read_text(encoding="utf-8") == api.page(), "run: python docs/api.py"


def dataclasses_of(package: str) -> Iterator[type]:
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if found.name.rpartition(".")[2].startswith("lib"):  # a library of C functions, which is no module
            continue
        try:
            module = importlib.import_module(found.name)
        except ImportError as error:  # of an extra that is not here
            if str(error.name).split(".")[0] in PACKAGES:
                raise
            continue
        for each in vars(module).values():
            if inspect.isclass(each) and each.__module__ == module.__name__ and dataclasses.is_dataclass(each):
                yield each


def holds_arrays(hint: Any) -> bool:
    if typing.get_origin(hint) is collections.abc.Callable:
        return False
    return np.ndarray in (hint, typing.get_origin(hint)) or any(map(holds_arrays, typing.get_args(hint)))


@pytest.mark.parametrize("package", PACKAGES)
def test_what_holds_arrays_is_not_compared_by_value(package: str) -> None:
    """Arrays have no single truth: ``==`` of two such dataclasses would raise, and so would ``in`` and a hash."""
    found = [each for each in dataclasses_of(package) if any(map(holds_arrays, typing.get_type_hints(each).values()))]
    assert found
    assert [each for each in found if each.__eq__ is not object.__eq__] == []
