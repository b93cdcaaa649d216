"""What an engine on an NVIDIA GPU needs: driver, CUDA, pycuda and one of the two TensorRTs."""

from __future__ import annotations

import ctypes
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from edge.doctor.finding import Finding, library, missing, ok, text_of, try_python, warning
from edge.doctor.jetson import release

# An uninstalled wheel leaves a folder of that name behind, which can be imported and has no __file__.
_TENSORRT = (
    "import tensorrt as t; assert t.__file__, \"No module named 'tensorrt'\"; "
    "assert t.Builder(t.Logger(t.Logger.ERROR)); print(t.__version__, t.__file__)"
)
_RTX = (
    "import tensorrt_rtx as t; assert t.Builder(t.Logger(t.Logger.ERROR)); "
    "print(t.__version__, '(also builds ahead of time)')"
)
_PYCUDA = (
    "import pycuda, pycuda.driver as c; c.init(); d = c.Device(0); "
    "print(pycuda.VERSION_TEXT, '|', d.name(), '| compute capability %d.%d' % d.compute_capability())"
)
_OLDEST = 10  # of TensorRT
_OF_JETPACK = {"36": "10.3", "39": "10.16"}  # by the release of Jetson Linux: JetPack 6.1 and 6.2, JetPack 7.2
_NOT_IT = "pip uninstall -y tensorrt tensorrt_bindings tensorrt_libs, so that JetPack's own is seen"


def has_gpu(root: Path) -> bool:
    """Whether there is an NVIDIA GPU, by the files of its driver below ``root``: desktop, then the two Jetson ones."""
    return (
        any((root / each).exists() for each in ("dev/nvidia0", "dev/nvhost-gpu", "dev/nvgpu", "dev/dxg"))
        or (root / "proc/driver/nvidia/version").exists()
    )


def check_nvidia(root: Path, jetson: bool) -> Iterator[Finding]:
    """Driver, CUDA toolkit, pycuda, TensorRT and TensorRT-RTX.

    Args:
        root: below which the files of the machine lie.
        jetson: JetPack brings TensorRT, so its absence has another remedy.
    """
    yield _driver(root, jetson)
    yield _toolkit(root, jetson)
    yield _pycuda()
    yield _tensorrt(root, jetson)
    if not jetson:
        yield _tensorrt_rtx()


def check_builder() -> list[Finding]:
    """Without a GPU only TensorRT-RTX is useful, and only where it is installed: it builds ahead of time."""
    tried = try_python("import tensorrt_rtx")
    if not tried.works and "No module named" in tried.output:
        return []
    return [_tensorrt_rtx()]


def _driver(root: Path, jetson: bool) -> Finding:
    match = re.search(r"Kernel Module\D*?([\d.]+)", text_of(root / "proc/driver/nvidia/version"))
    version = f"kernel module {match[1]}, " if match else ""
    try:
        library = ctypes.CDLL("libcuda.so.1")
        number = ctypes.c_int(0)
        failed = library.cuInit(0) or library.cuDriverGetVersion(ctypes.byref(number))
    except OSError as error:
        remedy = "install JetPack's nvidia-l4t-cuda" if jetson else "install the NVIDIA driver"
        return missing("driver", f"{version}but its library does not load ({error})", remedy)
    if failed:
        return missing("driver", f"{version}but CUDA does not start (error {failed})", "check nvidia-smi, then restart")
    return ok("driver", f"{version}CUDA {number.value // 1000}.{number.value % 1000 // 10}")


def _toolkit(root: Path, jetson: bool) -> Finding:
    """The toolkit is needed once, to build pycuda. Freshly flashed boards have it, but not on the PATH."""
    compiler = shutil.which("nvcc")
    if compiler is not None:
        return ok("CUDA toolkit", compiler)
    hidden = next(iter(sorted(root.glob("usr/local/cuda*/bin/nvcc"))), None)
    if hidden is not None:
        folder = "/" + hidden.parent.parent.relative_to(root).as_posix()
        return warning(
            "CUDA toolkit",
            f"in {folder}, which is not on the PATH, so pycuda does not build",
            f"export PATH={folder}/bin:$PATH CPATH={folder}/include LIBRARY_PATH={folder}/lib64",
        )
    remedy = "sudo apt install nvidia-jetpack" if jetson else "install the CUDA toolkit"
    return warning("CUDA toolkit", "nvcc is not here, so pycuda cannot be built", remedy)


def _pycuda() -> Finding:
    found = try_python(_PYCUDA)
    if found.works:
        return ok("pycuda", found.output)
    if "No module named 'pycuda'" in found.output:
        return missing("pycuda", "not installed", "pip install pycuda (with the CUDA toolkit on the PATH)")
    reinstall = "pip install --force-reinstall --no-cache pycuda"
    if "numpy" in found.output.lower() or "_ARRAY_API" in found.output:
        return missing("pycuda", f"was built for another numpy ({found.output})", reinstall)
    if "libcuda" in found.output:
        return missing("pycuda", found.output, "install the driver first")
    return missing("pycuda", found.output, f"{reinstall}, built for this CUDA")


def _tensorrt(root: Path, jetson: bool) -> Finding:
    """The bindings, their library, whether the two match, and whether a builder starts."""
    found = try_python(_TENSORRT)
    if found.works:
        version = found.output.split()[0]
        if int(version.split(".")[0]) < _OLDEST:
            remedy = "flash JetPack 6" if jetson else "update TensorRT"
            return warning("TensorRT", f"{version}, older than {_OLDEST}", remedy)
        wanted = _OF_JETPACK.get((release(root) or ("", ""))[0]) if jetson else None
        if wanted is not None and not version.startswith(f"{wanted}."):
            return warning("TensorRT", f"{found.output}, while this JetPack has {wanted}", _NOT_IT)
        return ok("TensorRT", found.output)
    if "No module named 'tensorrt'" in found.output:
        return _tensorrt_unseen(root, jetson)
    if (
        "libnvdla_compiler" in found.output
    ):  # JetPack 7 no longer has this library, and JetPack 6 puts it into containers
        remedy = (
            "in a container take the base image of this JetPack (docs/jetson.md) and --runtime nvidia; else " + _NOT_IT
        )
        return missing("TensorRT", f"it is that of another JetPack ({found.output})", remedy)
    if jetson and "CUDA initialization failure" in found.output:
        return missing("TensorRT", f"its CUDA is newer than the driver ({found.output})", _NOT_IT)
    if "libnvinfer" in found.output:
        remedy = "sudo apt install --reinstall nvidia-jetpack" if jetson else "pip install --force-reinstall tensorrt"
        return missing("TensorRT", f"bindings without their library ({found.output})", remedy)
    remedy = "check the driver" if jetson else "check the driver, then pip install --force-reinstall tensorrt"
    return missing("TensorRT", f"it does not start ({found.output})", remedy)


def _tensorrt_unseen(root: Path, jetson: bool) -> Finding:
    """Python does not find TensorRT: outside the virtual environment, for another Python, or not installed."""
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    bindings = [
        path for path in root.glob("usr/lib/python3*/dist-packages/tensorrt*") if not path.name.endswith("-info")
    ]
    for path in bindings:
        theirs = [each.name.split("cpython-")[1].split("-")[0] for each in path.glob("*.cpython-*.so")]
        if theirs and ours.replace(".", "") not in theirs:
            wanted = f"python{theirs[0][0]}.{theirs[0][1:]}"
            return missing(
                "TensorRT",
                f"JetPack's is for {wanted}, and this is Python {ours}",
                f"create the environment again: {wanted} -m venv --system-site-packages .venv",
            )
    if bindings:
        return missing(
            "TensorRT",
            "JetPack's is there, but this environment does not see it",
            "create the environment again: python3 -m venv --system-site-packages .venv",
        )
    if any(root.glob("usr/lib/*-linux-gnu/libnvinfer.so*")):
        return missing("TensorRT", "the library without its Python bindings", "sudo apt install python3-libnvinfer")
    if jetson:
        return missing("TensorRT", "not installed", "sudo apt install nvidia-jetpack")
    return warning("TensorRT", "not installed", 'use TensorRT-RTX in its place: pip install "efiqa-edge[rtx]"')


def _tensorrt_rtx() -> Finding:
    install, reinstall = 'pip install "efiqa-edge[rtx]"', "pip install --force-reinstall tensorrt-rtx"
    return library("TensorRT-RTX", "tensorrt_rtx", try_python(_RTX), install, reinstall)
