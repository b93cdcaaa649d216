"""The kernels as CUDA for an Orin, by NVRTC of CUDA 12.6, the compiler that JetPack 6 has too; it needs no GPU."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NATIVE = ROOT / "edge" / "native"
NVRTC = ROOT / "build" / "nvrtc" / "nvidia" / "cuda_nvrtc" / "lib"
# What the kernels take of the C++ library, which comes with nvcc and not with NVRTC.
STANDARD = {
    "cstdint": """#pragma once
        typedef signed char int8_t; typedef unsigned char uint8_t;
        typedef short int16_t; typedef unsigned short uint16_t;
        typedef int int32_t; typedef unsigned int uint32_t;
        typedef long long int64_t; typedef unsigned long long uint64_t;""",
    "cstring": "#pragma once\nnamespace std { using ::memcpy; }",
}
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not NVRTC.is_dir(), reason="THE KERNELS ARE NOT COMPILED FOR AN ORIN: make nvrtc"
)


def library() -> ctypes.CDLL:
    """NVRTC, and the functions that it looks for by name."""
    (functions,) = NVRTC.glob("libnvrtc-builtins.so*")
    ctypes.CDLL(str(functions), mode=ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(str(NVRTC / "libnvrtc.so.12"))


def compiled(source: str, architecture: str) -> tuple[bytes, str]:
    """Machine code of a GPU, and what the compiler says."""
    nvrtc, program, size = library(), ctypes.c_void_p(), ctypes.c_size_t()
    headers = {path.name: path.read_text("utf-8") for path in (NATIVE / "kernels").glob("*.h")} | STANDARD

    def texts(words: list[str]) -> ctypes.Array[ctypes.c_char_p]:
        return (ctypes.c_char_p * len(words))(*(word.encode() for word in words))

    def told(length: str, what: str) -> bytes:
        assert getattr(nvrtc, length)(program, ctypes.byref(size)) == 0
        buffer = ctypes.create_string_buffer(size.value)
        assert getattr(nvrtc, what)(program, buffer) == 0
        return buffer.raw

    names, contents = texts(list(headers)), texts(list(headers.values()))
    made = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.encode(), b"kernels.cu", len(headers), contents, names
    )
    assert made == 0
    flags = texts(["-std=c++17", "-fmad=false", f"-arch={architecture}"])
    failed = nvrtc.nvrtcCompileProgram(program, len(flags), flags)
    said = told("nvrtcGetProgramLogSize", "nvrtcGetProgramLog").rstrip(b"\0\n").decode()
    code = b"" if failed else told("nvrtcGetCUBINSize", "nvrtcGetCUBIN")
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return code, said


def test_the_compiler_is_that_of_jetpack_6() -> None:
    major, minor = ctypes.c_int(), ctypes.c_int()
    library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    assert (major.value, minor.value) == (12, 6)


def test_the_kernels_compile_for_an_orin_without_a_warning() -> None:
    code, said = compiled((NATIVE / "test" / "kernels.cu").read_text("utf-8"), "sm_87")
    assert said == ""
    assert code.startswith(b"\x7fELF")
    assert int.from_bytes(code[18:20], "little") == 190  # EM_CUDA
    assert code[48] == 87  # the lowest byte of its flags is the architecture


def test_what_is_no_kernel_is_told_of() -> None:
    code, said = compiled('#include "base.h"\n__global__ void broken() { efiqa::clip(1); }', "sm_87")
    assert (code, "no instance of overloaded function" in said) == (b"", True), said
