"""The package as a user meets it: version, commands, extras, make targets, and what a wheel holds."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import edge

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TARGETS = ("setup", "demo", "test", "lint", "site", "model", "bench", "test-oldest", "clean")
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def test_version_is_said_once() -> None:
    assert PROJECT["project"]["version"] == edge.__version__
    assert importlib.metadata.version("efiqa-edge") == edge.__version__


@pytest.mark.parametrize("command", PROJECT["project"]["scripts"])
def test_commands_lead_to_functions(command: str) -> None:
    module, function = PROJECT["project"]["scripts"][command].split(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("command", PROJECT["project"]["scripts"])
def test_help_shows_an_example(command: str) -> None:
    module, function = PROJECT["project"]["scripts"][command].split(":")
    code = f"import sys; sys.argv = ['{command}', '--help']; from {module} import {function}; {function}()"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert re.search(rf"{command} \S", run.stdout.split("Options")[0].replace("Usage: ", "", 1)), run.stdout


def test_a_camera_installs_little() -> None:
    names = {re.split(r"[<>=!~ ]", line)[0] for line in PROJECT["project"]["dependencies"]}
    assert names == {
        "filelock",
        "numpy",
        "onnx",
        "pillow",
        "psutil",
        "pydantic",
        "pyyaml",
        "rich",
        "simplejpeg",
        "tifffile",
        "typer",
    }


def test_no_extra_shadows_the_opencv_of_a_jetson() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    with_opencv = {name for name, lines in extras.items() if any("opencv" in line for line in lines)}
    assert with_opencv == {"cpu", "rtx", "train"}


def test_torch_is_pinned_in_ci_only() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert not [line for lines in extras.values() for line in lines if line.startswith("torch") and "==" in line]
    assert "torch==" in (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8")


def test_extras_named_in_the_docs_exist() -> None:
    extras = set(PROJECT["project"]["optional-dependencies"])
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    sources = [
        path for package in ("edge", "trainer", "calibration", "benchmarks") for path in ROOT.glob(f"{package}/**/*.py")
    ]
    for path in [*pages, *sources]:
        for named in re.findall(r"efiqa-edge\[([\w,-]+)\]", path.read_text(encoding="utf-8")):
            assert set(named.split(",")) <= extras, f"{path.name} names the extra {named}"


@needs_make
@pytest.mark.parametrize("target", TARGETS)
def test_make_targets_stand_alone(target: str, tmp_path: Path) -> None:
    """On a fresh clone, each target knows all that it needs and explains itself at the top of the Makefile."""
    for name in ("Makefile", "pyproject.toml", "CMakeLists.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    run = subprocess.run(["make", "-n", target], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert f"make {target} " in (ROOT / "Makefile").read_text(encoding="utf-8")
    if target != "clean":
        assert "pip install" in run.stdout


def made(tmp_path: Path, *asked: str, **changed: str) -> str:
    """What make would do on a fresh clone."""
    for name in ("Makefile", "pyproject.toml", "CMakeLists.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    command = ["make", "-n", "-p", *asked]
    run = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300, env={**os.environ, **changed}
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@needs_make
def test_a_jetson_gets_no_development_tool(tmp_path: Path) -> None:
    plan = made(tmp_path, "setup", "IS_JETSON=/etc/nv_tegra_release").split("# Make data base")[0]
    (installed,) = re.findall(r"-e '\.\[([\w,]+)\]'", plan)
    assert {"tensorrt", "web", "report"} <= set(installed.split(","))
    assert not {"dev", "train", "cpu", "rtx"} & set(installed.split(","))
    assert "tensorrt-stubs" not in plan
    assert "--system-site-packages" in plan


@needs_make
@pytest.mark.parametrize(("version", "kept"), [("1.26.4", True), ("2.1.0", False)])
def test_a_jetson_keeps_the_numpy_that_its_opencv_was_built_for(tmp_path: Path, version: str, kept: bool) -> None:
    (tmp_path / "numpy.py").write_text(f"__version__ = '{version}'\n")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for target in ("setup", "demo"):
        shutil.rmtree(tmp_path / ".ci", ignore_errors=True)
        plan = made(tmp_path, target, "IS_JETSON=/etc/nv_tegra_release", f"PYTHON={python}").split("# Make data base")[
            0
        ]
        held = re.findall(r"-c (\S+) -e '\.\[", plan)
        assert [(ROOT / each).read_text("utf-8").count("numpy") > 0 for each in held] == [True] * kept


@needs_make
def test_a_jetson_without_its_tensorrt_is_one_sentence_and_nothing_is_fetched(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "CMakeLists.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    bare = tmp_path / "python"  # no TensorRT, whatever this machine has
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    command = ["make", "setup", "IS_JETSON=/etc/nv_tegra_release", f"PYTHON={bare}"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode != 0
    assert run.stderr.startswith(f"error: '{bare}' sees no TensorRT of JetPack: sudo apt install nvidia-jetpack")
    assert not (tmp_path / ".venv").exists()


@needs_make
def test_the_cuda_toolkit_is_found_off_the_path(tmp_path: Path) -> None:
    nvcc = next(iter(sorted(Path("/usr/local").glob("cuda*/bin/nvcc"))), None)
    if nvcc is None:
        pytest.skip("THE CUDA TOOLKIT OFF THE PATH IS NOT TESTED: there is none below /usr/local")
    known = dict(re.findall(r"^(CPATH|LIBRARY_PATH) := (.*)$", made(tmp_path, "setup", PATH="/usr/bin:/bin"), re.M))
    assert re.fullmatch(r"/usr/local/cuda[\w.-]*/include", known["CPATH"].split(":")[0])
    assert re.fullmatch(r"/usr/local/cuda[\w.-]*/lib64", known["LIBRARY_PATH"].split(":")[0])


def test_what_the_makefile_names_is_there() -> None:
    """The long check runs by hand alone: it names no folder, so that no slow test is left out for long."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"\btests/[\w/.]+", makefile))
    assert len(named) >= 3
    assert not [path for path in named if not (ROOT / path).exists()]
    (long_check,) = re.findall(r"^check-long:.*\n\t(.*)$", makefile, re.MULTILINE)
    assert "-m slow" in long_check
    assert "tests/" not in long_check


@needs_make
def test_a_missing_python_is_one_sentence(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "CMakeLists.txt"):
        shutil.copy(ROOT / name, tmp_path)
    command = ["make", "demo", "PYTHON=no-such-python"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode != 0
    assert run.stderr.startswith("error: 'no-such-python' is not Python 3.10 or newer")
    assert not (tmp_path / ".venv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["", "/bin/false"], ids=["compiler", "no compiler"])
def test_wheel_holds_the_packages(compiler: str, tmp_path: Path) -> None:
    pytest.importorskip("scikit_build_core")
    env = {**os.environ, **({"CC": compiler, "CXX": compiler} if compiler else {})}
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        ".",
    ]
    subprocess.run(command, cwd=ROOT, env=env, check=True, timeout=300)
    (wheel,) = tmp_path.glob("efiqa_edge-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert ("edge/abi/libefiqa_edge.so" in names) == (not compiler)
    assert "-py3-none-" in wheel.name  # one for every Python of an architecture
    assert {
        "edge/py.typed",
        "edge/models/default.efiqa",
        "edge/assessment.schema.json",
        "trainer/configs/quick.yaml",
        *(f"trainer/runs/default/{step}/model.safetensors" for step in ("vessels", "prior", "student")),
        "edge/preview/page/page.js",
        "benchmarks/report/page.html",
        "benchmarks/acceptance/page.html",
        "benchmarks/report/tables.md",
        "trainer/evaluation/report.md",
    } <= set(names)
    assert not [name for name in names if name.startswith(("tests", "edge/native", "shared"))]
