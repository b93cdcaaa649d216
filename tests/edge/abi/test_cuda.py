"""The kernels as CUDA for an Orin, by NVRTC of CUDA 12.6, the compiler that JetPack 6 has too; it needs no GPU."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def load_compiler() -> Any:
    """``deploy/ptx.py``, which is no package."""
    spec = importlib.util.spec_from_file_location("ptx", ROOT / "deploy" / "ptx.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ptx = load_compiler()
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not ptx.NVRTC.is_dir(), reason="THE KERNELS ARE NOT COMPILED FOR AN ORIN: make nvrtc"
)


def test_the_compiler_is_that_of_jetpack_6() -> None:
    major, minor = ctypes.c_int(), ctypes.c_int()
    ptx.library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    assert (major.value, minor.value) == (12, 6)


@pytest.mark.parametrize("source", [ptx.NATIVE / "test" / "kernels.cu", ptx.SOURCE], ids=lambda path: path.stem)
def test_the_kernels_compile_for_an_orin_without_a_warning(source: Path) -> None:
    code, said = ptx.compiled(source.read_text("utf-8"), "sm_87")
    assert said == ""
    assert code.startswith(b"\x7fELF")
    assert int.from_bytes(code[18:20], "little") == 190  # EM_CUDA
    assert code[48] == 87  # the lowest byte of its flags is the architecture


def test_what_is_no_kernel_is_told_of() -> None:
    code, said = ptx.compiled('#include "base.h"\n__global__ void broken() { efiqa::clip(1); }', "sm_87")
    assert (code, "no instance of overloaded function" in said) == (b"", True), said


def test_the_package_carries_what_the_sources_give() -> None:
    assert ptx.TARGET.read_bytes() == ptx.frame_step_ptx(), "the kernels have changed: make ptx"
    for name in (b"efiqa_tabulate", b"efiqa_frame_pixels"):
        assert b".visible .entry " + name in ptx.TARGET.read_bytes()
    assert b"fma.rn" not in ptx.TARGET.read_bytes()  # fused, it would give other bits than the CPU
