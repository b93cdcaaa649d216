"""The kernels of ``edge/native/cuda`` compiled by NVRTC of CUDA 12.6, which JetPack 6 has too; no GPU is needed.

``make ptx`` (after ``make nvrtc``) writes what the package carries: PTX for an Orin, which a driver turns into the code
of that GPU or any later one.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ROOT / "edge" / "native"
NVRTC = ROOT / "build" / "nvrtc" / "nvidia" / "cuda_nvrtc" / "lib"
SOURCE = NATIVE / "cuda" / "frame_step.cu"
TARGET = ROOT / "edge" / "engines" / "tensorrt" / "frame_step.ptx"
# What the kernels take of the C++ library, which comes with nvcc and not with NVRTC.
STANDARD = {
    "cstdint": """#pragma once
        typedef signed char int8_t; typedef unsigned char uint8_t;
        typedef short int16_t; typedef unsigned short uint16_t;
        typedef int int32_t; typedef unsigned int uint32_t;
        typedef long long int64_t; typedef unsigned long long uint64_t;""",
    "cstring": "#pragma once\nnamespace std { using ::memcpy; }",
}


def library() -> ctypes.CDLL:
    """NVRTC, and the functions that it looks for by name."""
    (functions,) = NVRTC.glob("libnvrtc-builtins.so*")
    ctypes.CDLL(str(functions), mode=ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(str(NVRTC / "libnvrtc.so.12"))


def compiled(source: str, architecture: str) -> tuple[bytes, str]:
    """A source as machine code of ``sm_...``, or as PTX of ``compute_...``; and what the compiler says."""
    nvrtc, program, size = library(), ctypes.c_void_p(), ctypes.c_size_t()
    headers = {path.name: path.read_text("utf-8") for path in (NATIVE / "kernels").glob("*.h")} | STANDARD

    def texts(words: list[str]) -> ctypes.Array[ctypes.c_char_p]:
        return (ctypes.c_char_p * len(words))(*(word.encode() for word in words))

    def told(length: str, what: str) -> bytes:
        buffer_size = getattr(nvrtc, length)(program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        if buffer_size != 0 or getattr(nvrtc, what)(program, buffer) != 0:
            raise SystemExit(f"error: NVRTC does not answer {what}")
        return buffer.raw

    names, contents = texts(list(headers)), texts(list(headers.values()))
    made = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.encode(), b"kernels.cu", len(headers), contents, names
    )
    if made != 0:
        raise SystemExit(f"error: NVRTC takes no program (error {made})")
    flags = texts(["-std=c++17", "-fmad=false", f"-arch={architecture}"])
    failed = nvrtc.nvrtcCompileProgram(program, len(flags), flags)
    said = told("nvrtcGetProgramLogSize", "nvrtcGetProgramLog").rstrip(b"\0\n").decode()
    form = "PTX" if architecture.startswith("compute_") else "CUBIN"
    code = b"" if failed else told(f"nvrtcGet{form}Size", f"nvrtcGet{form}")
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return code, said


def frame_step_ptx() -> bytes:
    """PTX of the frame step for an Orin; warnings are errors."""
    code, said = compiled(SOURCE.read_text("utf-8"), "compute_87")
    if said or not code:
        raise SystemExit(f"error: {SOURCE} does not compile cleanly: {said}")
    return code.rstrip(b"\0")


if __name__ == "__main__":
    TARGET.write_bytes(frame_step_ptx())
