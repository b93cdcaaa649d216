"""Every name of TensorRT that we call, checked with the real libraries: RTX, and 8.5 by ``make test-tensorrt85``.

The names are read from our own source: attributes of the module, of its enums, and of everything that is annotated
with one of its types.
"""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from edge.bundle.bundle import default_model, read_bundle
from edge.engines.checks import UnavailableError
from edge.engines.tensorrt.builder import build_engine

ROOT = Path(__file__).parents[4]
SOURCES = sorted((ROOT / "edge" / "engines" / "tensorrt").glob("*.py"))
PAGE = (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")


def _dotted(node: ast.AST) -> str:
    """``self._engine`` or ``trt.Builder`` of an expression, "" of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def _types(tree: ast.AST) -> dict[str, str]:
    """Variables and parameters annotated with a type of TensorRT: name -> type."""
    typed = {}
    for node in ast.walk(tree):
        annotation = getattr(node, "annotation", None)
        name = node.arg if isinstance(node, ast.arg) else _dotted(getattr(node, "target", node))
        if isinstance(annotation, ast.Attribute) and _dotted(annotation).startswith("TRT."):
            typed[name] = annotation.attr
    return typed


def called_names() -> set[str]:
    """``Builder``, ``ILogger.Severity``, ``ICudaEngine.get_tensor_name`` and so on."""
    names = set()
    for source in SOURCES:
        for function in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(function, (ast.FunctionDef, ast.ClassDef)):
                continue
            typed = _types(function)
            aliases = {
                _dotted(node.targets[0]): _dotted(node.value).removeprefix("trt.")
                for node in ast.walk(function)
                if isinstance(node, ast.Assign) and _dotted(node.value).startswith("trt.")
            }
            for node in ast.walk(function):
                if not isinstance(node, ast.Attribute):
                    continue
                owner = _dotted(node.value)
                if owner in typed:
                    names.add(f"{typed[owner]}.{node.attr}")
                elif owner in aliases:
                    names.add(f"{aliases[owner]}.{node.attr}")
                elif owner == "trt" or owner.startswith("trt."):
                    names.add(_dotted(node).removeprefix("trt."))
    return {name for name in names if not name.startswith("__")}


def missing_in(module: Any) -> set[str]:
    """The last part of each name that a module does not have."""
    absent = set()
    for name in called_names():
        found = module
        for part in name.split("."):
            if not hasattr(found, part):
                absent.add(part)
                break
            found = getattr(found, part)
    return absent


def documented(start: str) -> set[str]:
    """The names in backticks of the paragraph of docs/engines.md that starts so."""
    (paragraph,) = re.findall(rf"^{start}.*?(?=\n\n)", PAGE, re.M | re.S)
    return set(re.findall(r"`(\w+)`", paragraph))


def test_the_names_are_found() -> None:
    names = called_names()
    assert {"Builder", "ILogger.Severity", "IExecutionContext.execute_async_v3", "BuilderFlag.GPU_FALLBACK"} <= names
    assert {"NetworkDefinitionCreationFlag.STRONGLY_TYPED", "Runtime.deserialize_cuda_engine"} <= names
    assert len(names) > 50


def test_tensorrt_rtx_has_every_name_but_those_of_tensorrt_8() -> None:
    module = pytest.importorskip("tensorrt_rtx", reason="NAMES ARE NOT HELD AGAINST TENSORRT-RTX: it is missing")
    assert missing_in(module) <= documented("What only 8.5 has")


def _tensorrt() -> Any:
    try:
        module = importlib.import_module("tensorrt")
    except ImportError as error:
        pytest.skip(f"NAMES ARE NOT HELD AGAINST TENSORRT ITSELF ({error}): make test-tensorrt85")
    return module


def test_tensorrt_8_5_has_every_name_but_the_newer_ones() -> None:
    module = _tensorrt()
    if not module.__version__.startswith("8.5"):
        assert missing_in(module) <= documented("What only 8.5 has")
        return
    assert missing_in(module) == documented("What we call and 8.5 does not have")


def test_without_a_gpu_it_is_one_clear_sentence() -> None:
    module = _tensorrt()
    try:
        module.Builder(module.Logger(module.Logger.ERROR))
    except TypeError:
        pass
    else:
        pytest.skip("there is a GPU here")
    with pytest.raises(UnavailableError) as caught:
        build_engine(module, read_bundle(default_model()))
    assert re.fullmatch(
        r"tensorrt does not start here \(CUDA initialization failure with error: \d+[^\n]*\): check the GPU's driver",
        str(caught.value),
    )
