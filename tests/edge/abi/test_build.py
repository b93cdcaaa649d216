"""The library as a program without Python meets it: presets, sanitizers, the example in C, what is installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

import edge
from edge.abi.field import find_field
from edge.abi.frames import Numbers, Planes, frame_step
from edge.abi.library import LIBRARY
from edge.abi.maps import score
from edge.bundle.bundle import default_model, read_bundle
from edge.field.find import Crop, Field
from edge.findings.cause_network import flat_weights
from edge.findings.evidence import explain
from edge.findings.photometry import light_of
from edge.frame.exposure import lost_to_light
from edge.phantom import phantom_frame

ROOT = Path(__file__).parents[3]
PRESETS = json.loads((ROOT / "CMakePresets.json").read_text(encoding="utf-8"))
needs_compiler = pytest.mark.skipif(
    shutil.which("cmake") is None or shutil.which("c++") is None, reason="CMake or a C++ compiler is not installed"
)
needs_arm = pytest.mark.skipif(
    shutil.which("cmake") is None
    or shutil.which("aarch64-linux-gnu-g++") is None
    or shutil.which("qemu-aarch64") is None,
    reason="g++-aarch64-linux-gnu or qemu-user is not installed",
)


def run(*command: object, cwd: Path = ROOT) -> str:
    # pkg-config and CMake of other projects must not lead here.
    env = {name: value for name, value in os.environ.items() if name not in ("CFLAGS", "CXXFLAGS", "LDFLAGS")}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def build(preset: str, folder: Path, *settings: str) -> Path:
    """Folder of the programs."""
    run("cmake", "--preset", preset, "-B", folder, *settings)
    run("cmake", "--build", folder, "--parallel", os.cpu_count() or 1)
    return folder / "edge" / "native"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What CMake built for this machine, not to be changed."""
    folder = tmp_path_factory.mktemp("host") / "build"
    build("host", folder)
    return folder


def test_presets_are_those_that_the_docs_name() -> None:
    names = [each["name"] for each in PRESETS["configurePresets"]]
    assert names == ["host", "sanitize", "fuzz", "aarch64-cross", "jetson-orin"]
    page = (ROOT / "docs" / "native.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in names)


@needs_compiler
def test_sanitizers_find_nothing_in_bad_input(tmp_path: Path) -> None:
    # With -O1 after the -O3 of the library: the sanitizers check the same, and the compiler needs half the time.
    rule = "<CMAKE_CXX_COMPILER> <DEFINES> <INCLUDES> <FLAGS> -O1 -o <OBJECT> -c <SOURCE>"
    folder = build("sanitize", tmp_path / "build", f"-DCMAKE_CXX_COMPILE_OBJECT={rule}")
    assert "200 rounds, 0 faults" in run(folder / "efiqa_bad_input", 200, 3)
    assert "100% tests passed" in run("ctest", "--test-dir", tmp_path / "build")


@needs_compiler
def test_the_example_in_c_agrees_with_python(host: Path, tmp_path: Path) -> None:
    if LIBRARY is None:
        pytest.skip("the library is not built")
    folder = host / "edge" / "native"
    rng = np.random.default_rng(0)
    luma = np.asarray(cv2.resize(cv2.cvtColor(phantom_frame(2), cv2.COLOR_BGR2GRAY), (401, 299)), np.uint8)
    chroma = rng.integers(120, 136, (150, 402)).astype(np.uint8)
    about = read_bundle(default_model()).manifest  # the example has its sizes in the code
    size, grid = about.input_size, about.grid
    maps = rng.random((3, grid, grid), np.float32)
    (tmp_path / "eye.nv12").write_bytes(luma.tobytes() + chroma.tobytes())
    maps.tofile(tmp_path / "maps.f32")
    flat_weights().tofile(tmp_path / "causes.f32")
    files = ("tensor.f32", "maps.f32", "causes.f32")
    printed = run(folder / "efiqa_grade", "eye.nv12", 401, 299, *files, cwd=tmp_path)
    half = (0.5, 0.5, 0.5)
    eye = Planes("nv12", 401, 299, (luma, chroma))
    found = find_field(LIBRARY, eye)
    assert found.crop is not None
    assert "field {} {} {}\n".format(*found.crop) in printed
    inside = Field(Crop(*found.crop), found.mask).on_grid(grid)
    expected, light = frame_step(LIBRARY, eye, found.crop, Numbers(size, half, half), grid)
    np.testing.assert_array_equal(np.fromfile(tmp_path / "tensor.f32", np.float32), expected.reshape(-1))
    rgb, seen = light_of(np.asarray(expected, np.float32), light, grid, half, half)
    maps[0, lost_to_light(rgb, inside)] = 1
    assert f"score {score(LIBRARY, maps, inside, (2.0, 3.0, 1.0)):.6f}" in printed
    told = explain(maps[0], {"disc": maps[1], "macula": maps[2]}, inside, seen)
    most = max(told.main, key=lambda code: told.main[code])
    x, y = told.places[most]
    assert f"{most}, {told.shares[most]:.5f} of the field, at {x:.4f} {y:.4f}" in printed
    assert "less than 85 %" not in printed
    luma[:120] = 16  # black, where video has it: two fifths of the eye
    (tmp_path / "eye.nv12").write_bytes(luma.tobytes() + chroma.tobytes())
    printed = run(folder / "efiqa_grade", "eye.nv12", 401, 299, *files[:2], cwd=tmp_path)
    assert "but not usable: " in printed


@needs_compiler
def test_other_projects_find_what_is_installed(host: Path, tmp_path: Path) -> None:
    prefix, other = tmp_path / "usr", tmp_path / "other"
    run("cmake", "--install", host, "--prefix", prefix)
    (library,) = (each for each in prefix.rglob("libefiqa_edge.so.*") if not each.is_symlink())
    header = (prefix / "include" / "efiqa_edge.h").read_text(encoding="utf-8")
    exported = {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()}
    assert exported == set(re.findall(r"^EFIQA_API .*?(efiqa_\w+)\(", header, re.MULTILINE))
    other.mkdir()
    (other / "main.c").write_text(
        "#include <efiqa_edge.h>\n#include <stdio.h>\nint main(void) { return puts(efiqa_version()) < 0; }\n"
    )
    (other / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(other C)\nfind_package(efiqa_edge REQUIRED)\n"
        "add_executable(other main.c)\ntarget_link_libraries(other efiqa_edge::efiqa_edge)\n"
    )
    run("cmake", "-S", other, "-B", other / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", other / "build")
    assert run(other / "build" / "other").strip() == edge.__version__
    if shutil.which("pkg-config"):
        (found,) = prefix.rglob("pkgconfig")
        flags = run("pkg-config", f"--with-path={found}", "--cflags", "--libs", "efiqa_edge").split()
        run("cc", other / "main.c", "-o", other / "plain", *flags)  # elsewhere than the build was told


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="the CUDA toolkit is not installed")
@pytest.mark.parametrize("architecture", ["sm_87", "sm_90"])
@pytest.mark.parametrize("source", ["test/kernels.cu", "cuda/frame_step.cu"])
def test_kernels_compile_as_cuda(source: str, architecture: str, tmp_path: Path) -> None:
    native = ROOT / "edge" / "native"
    flags = ("-std=c++17", "-Werror", "all-warnings", "-fmad=false", f"-arch={architecture}", f"-I{native / 'kernels'}")
    run("nvcc", *flags, "-c", native / source, "-o", tmp_path / "kernels.o")
    assert (tmp_path / "kernels.o").stat().st_size > 0


@needs_arm
@pytest.mark.slow
def test_arm_gives_the_same_bits(host: Path, tmp_path: Path) -> None:
    """The 64-bit ARM build under qemu; its checksum is that of this machine's."""
    folders = [host / "edge" / "native", build("aarch64-cross", tmp_path / "aarch64-cross")]
    eye = np.random.default_rng(0).integers(0, 256, 401 * 299 + 402 * 150).astype(np.uint8)
    eye.tofile(tmp_path / "eye.nv12")
    grid = read_bundle(default_model()).manifest.grid
    np.random.default_rng(1).random((3, grid, grid), np.float32).tofile(tmp_path / "maps.f32")
    flat_weights().tofile(tmp_path / "causes.f32")
    emulator = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]
    files = ("tensor.f32", "maps.f32", "causes.f32")
    printed = [
        run(*front, folder / "efiqa_grade", "eye.nv12", 401, 299, *files, cwd=tmp_path)
        for front, folder in zip(([], emulator), folders, strict=True)
    ]
    assert printed[0] == printed[1]
    assert "0 faults" in run(*emulator, folders[1] / "efiqa_bad_input", 50)
