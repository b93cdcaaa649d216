"""Nothing heavy below the trainer; who may import whom inside the project stands in pyproject.toml."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ("edge", "trainer", "calibration", "benchmarks")  # a package may import itself and those before it
HEAVY = {"torch", "torchvision", "modelopt", "onnx", "onnxsim", "onnxruntime", "scipy", "transformers", "matplotlib"}
MODULES = [path for package in ORDER for path in sorted((ROOT / package).rglob("*.py"))]
# What a camera installs, with one of the engines and what the engines infer through.
DEVICE = {"numpy", "cv2", "yaml", "typer", "rich", "openvino", "tensorrt", "tensorrt_rtx", "pycuda", "edge"}
# Linux with GStreamer's own Python packages, imported only where a pipeline is opened.
DEVICE |= {"gi"}
DEVICE |= {"pydicom"}  # DICOM, written and read, imported only where it is asked for
DEVICE |= {"PIL", "simplejpeg", "tifffile", "pillow_heif"}  # what decodes photographs, in a process of its own
DEVICE |= {"av", "simplejpeg"}  # recordings, streams and cameras that send JPEG, with word of what came damaged
DEVICE |= {"onnx"}  # a bundle's network, read and checked, imported only where one is
DEVICE |= {"pydantic", "pydantic_core"}  # what files hold, checked; the first imported only where it is needed
DEVICE |= {"aiohttp"}  # the preview page and DICOMweb servers, imported only where there is one
DEVICE |= {"setproctitle"}  # hides passwords among the arguments, imported only where there is one


def imports(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)}:{node.lineno}: relative imports hide the layer"
            names.add(str(node.module).split(".")[0])
    return names


def test_every_package_is_read() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(ORDER)
    assert "cv2" in imports(ROOT / "edge" / "field" / "find.py")


@pytest.mark.parametrize("path", [p for p in MODULES if p.is_relative_to(ROOT / "edge")], ids=lambda p: p.name)
def test_edge_needs_only_what_a_camera_installs(path: Path) -> None:
    assert imports(path) - set(sys.stdlib_module_names) - {"__future__"} <= DEVICE


@pytest.mark.parametrize(
    "module", ["edge", "edge.commands.grade", "edge.commands.capture", "edge.commands.compile", "edge.commands.doctor"]
)
def test_importing_edge_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*({HEAVY!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
