"""Half-installed TensorRTs, as files in a folder and as broken modules that Python really imports."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.doctor.finding import Finding, Tried, try_python
from edge.doctor.nvidia import check_builder, check_nvidia, has_gpu

OURS = f"{sys.version_info.major}{sys.version_info.minor}"
OTHER = "38"
Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a module in front of whatever this Python has installed; what try_python starts sees it too."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))

    def put(name: str, code: str) -> None:
        (folder / f"{name}.py").write_text(code)

    for name in ("tensorrt", "tensorrt_rtx", "pycuda"):
        put(name, f"raise ModuleNotFoundError(\"No module named '{name}'\")")
    return put


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "dev").mkdir(parents=True)
    (folder / "dev" / "nvhost-gpu").touch()
    return folder


def touch(root: Path, name: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def line(root: Path, name: str, jetson: bool = True) -> Finding:
    found = next(each for each in check_nvidia(root, jetson) if each.name == name)
    assert bool(found.remedy) is (found.state != "ok")
    assert "\n" not in found.found
    return found


def test_a_gpu_is_known_by_its_files(tmp_path: Path, root: Path) -> None:
    assert has_gpu(root)
    assert not has_gpu(tmp_path)


@pytest.mark.usefixtures("install")
def test_nothing_is_installed(root: Path) -> None:
    assert line(root, "TensorRT").remedy == "sudo apt install nvidia-jetpack"
    assert "efiqa-edge[rtx]" in line(root, "TensorRT", jetson=False).remedy
    assert line(root, "TensorRT-RTX", jetson=False).state == "warning"
    assert "pip install pycuda" in line(root, "pycuda").remedy
    assert check_builder() == []


@pytest.mark.usefixtures("install")
def test_the_library_without_bindings(root: Path) -> None:
    touch(root, "usr/lib/aarch64-linux-gnu/libnvinfer.so.10")
    found = line(root, "TensorRT")
    assert found.found == "the library without its Python bindings"
    assert found.remedy == "sudo apt install python3-libnvinfer"


@pytest.mark.usefixtures("install")
def test_bindings_that_the_environment_does_not_see(root: Path) -> None:
    touch(root, f"usr/lib/python3.10/dist-packages/tensorrt/tensorrt.cpython-{OURS}-aarch64-linux-gnu.so")
    assert line(root, "TensorRT").remedy.endswith("python3 -m venv --system-site-packages .venv")


@pytest.mark.usefixtures("install")
def test_bindings_for_another_python(root: Path) -> None:
    touch(root, f"usr/lib/python3.8/dist-packages/tensorrt/tensorrt.cpython-{OTHER}-aarch64-linux-gnu.so")
    found = line(root, "TensorRT")
    assert "is for python3.8" in found.found
    assert "python3.8 -m venv" in found.remedy


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise ImportError('libnvinfer.so.10: cannot open shared object file')", "bindings without their library"),
        ("import os; os.kill(os.getpid(), 11)", "it crashes (signal 11)"),
        ("raise ImportError('undefined symbol: _ZN')", "undefined symbol"),
        ("class Logger:\n ERROR = 0\n def __init__(self, level): pass\ndef Builder(log): raise TypeError('pybind11')",
         "it does not start (TypeError: pybind11)"),
    ],
)  # fmt: skip
def test_a_broken_tensorrt(root: Path, install: Install, code: str, words: str) -> None:
    install("tensorrt", code)
    found = line(root, "TensorRT")
    assert found.state == "missing"
    assert words in found.found


def test_a_tensorrt_that_works_and_one_that_is_old(root: Path, install: Install) -> None:
    code = "__version__ = '{}'\nclass Logger:\n ERROR = 0\n def __init__(self, level): pass\ndef Builder(log): return 1"
    install("tensorrt", code.format("10.3.0"))
    assert line(root, "TensorRT").state == "ok"
    install("tensorrt", code.format("8.5.2.2"))
    assert line(root, "TensorRT").state == "warning"


@pytest.mark.parametrize(
    ("linux", "version", "state"),
    [("36", "10.3.0", "ok"), ("39", "10.16.2", "ok"), ("36", "10.16.2", "warning"), ("36", "11.0.0", "warning"),
     ("39", "10.3.0", "warning"), ("99", "12.0.0", "ok")],
)  # fmt: skip
def test_the_tensorrt_of_another_jetpack(root: Path, install: Install, linux: str, version: str, state: str) -> None:
    (root / "etc").mkdir()
    (root / "etc/nv_tegra_release").write_text(f"# R{linux} (release), REVISION: 4.3, GCID: 1\n")
    logger = "class Logger:\n ERROR = 0\n def __init__(self, level): pass\ndef Builder(log): return 1"
    install("tensorrt", f"__version__ = '{version}'\n{logger}")
    found = line(root, "TensorRT")
    assert found.state == state
    assert ("while this JetPack has" in found.found) == (state == "warning")
    assert ("pip uninstall -y tensorrt" in found.remedy) == (state == "warning")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("ImportError('libnvdla_compiler.so: cannot open shared object file')", "another JetPack"),
        ("TypeError('CUDA initialization failure with error: 35')", "newer than the driver"),
    ],
)
def test_a_tensorrt_that_was_built_for_another_jetpack(root: Path, install: Install, error: str, words: str) -> None:
    install("tensorrt", f"raise {error}")
    found = line(root, "TensorRT")
    assert found.state == "missing"
    assert words in found.found
    assert "pip uninstall -y tensorrt" in found.remedy


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("raise ImportError('libcuda.so.1: cannot open shared object file')", "install the driver first"),
        ("raise ImportError('numpy.core.multiarray failed to import')", "--no-cache pycuda"),
        ("raise ImportError('libcurand.so.11: cannot open')", "built for this CUDA"),
    ],
)
def test_a_broken_pycuda(root: Path, install: Install, code: str, remedy: str) -> None:
    install("pycuda", code)
    assert remedy in line(root, "pycuda").remedy


def test_a_toolkit_that_the_shell_does_not_know(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert line(root, "CUDA toolkit").remedy == "sudo apt install nvidia-jetpack"
    touch(root, "usr/local/cuda-12.6/bin/nvcc")
    found = line(root, "CUDA toolkit")
    assert found.state == "warning"
    assert found.remedy.startswith("export PATH=/usr/local/cuda-12.6/bin:$PATH CPATH=/usr/local/cuda-12.6/include")


def test_lines_of_python_that_fail_in_every_way() -> None:
    assert try_python("print(1)") == Tried(True, "1")
    assert try_python("print('[TRT] a note'); print('10.3.0')") == Tried(True, "10.3.0")
    assert try_python("raise ValueError('x')") == Tried(False, "ValueError: x")
    assert try_python("import sys; sys.exit(3)") == Tried(False, "no reason given")
    assert try_python("import time; time.sleep(9)", 0.2).output.startswith("no answer")
