"""What an engine on an NVIDIA GPU needs: driver, CUDA, pycuda and one of the two TensorRTs."""

from __future__ import annotations

import ctypes
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.doctor.finding import Finding, Tried, missing, ok, text_of, try_python, warning

# A folder of its name, which an uninstalled wheel leaves behind, can be imported too, and has no file.
_TENSORRT = (
    "import tensorrt as t; assert t.__file__, \"No module named 'tensorrt'\"; "
    "assert t.Builder(t.Logger(t.Logger.ERROR)); print(t.__version__, t.__file__)"
)
_RTX = "import tensorrt_rtx as t; assert t.Builder(t.Logger(t.Logger.ERROR)); print(t.__version__)"
_PYCUDA = (
    "import pycuda, pycuda.driver as c; c.init(); d = c.Device(0); "
    "print(pycuda.VERSION_TEXT, '|', d.name(), '| compute capability %d.%d' % d.compute_capability())"
)
_OLDEST = 10  # of TensorRT
Try = Callable[[str], Tried]


def has_gpu(root: Path) -> bool:
    """Whether there is an NVIDIA GPU, by the files of its driver below ``root``: desktop, then the two Jetson ones."""
    return (
        any((root / each).exists() for each in ("dev/nvidia0", "dev/nvhost-gpu", "dev/nvgpu", "dev/dxg"))
        or (root / "proc/driver/nvidia/version").exists()
    )


def check_nvidia(root: Path, jetson: bool, trial: Try = try_python) -> Iterator[Finding]:
    """Driver, CUDA toolkit, pycuda, TensorRT and TensorRT-RTX.

    Args:
        root: of the machine's files.
        jetson: JetPack brings TensorRT, so its absence has another remedy.
        trial: runs a line of Python, see ``try_python``.
    """
    yield _driver(root, jetson)
    yield _toolkit(root, jetson)
    yield _pycuda(trial)
    yield _tensorrt(root, jetson, trial)
    if not jetson:
        yield _tensorrt_rtx(trial)


def check_builder(trial: Try = try_python) -> list[Finding]:
    """Without a GPU only TensorRT-RTX is of use, and only where somebody installed it: it builds ahead of time."""
    found = trial("import tensorrt_rtx")
    if not found.works and "No module named" in found.said:
        return []
    return [_tensorrt_rtx(trial)]


def _driver(root: Path, jetson: bool) -> Finding:
    said = re.search(r"Kernel Module\D*?([\d.]+)", text_of(root / "proc/driver/nvidia/version"))
    version = f"kernel module {said[1]}, " if said else ""
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
    """The toolkit is needed once: pycuda is built with it. Freshly flashed boards have it, but not on the PATH."""
    compiler = shutil.which("nvcc")
    if compiler is not None:
        return ok("CUDA toolkit", compiler)
    hidden = next(iter(sorted(root.glob("usr/local/cuda*/bin/nvcc"))), None)
    if hidden is not None:
        folder = "/" + hidden.parent.parent.relative_to(root).as_posix()
        return warning(
            "CUDA toolkit",
            f"in {folder}, which the shell does not know, so pycuda does not build",
            f"export PATH={folder}/bin:$PATH CPATH={folder}/include LIBRARY_PATH={folder}/lib64",
        )
    remedy = "sudo apt install nvidia-jetpack" if jetson else "install the CUDA toolkit"
    return warning("CUDA toolkit", "nvcc is not here, so pycuda cannot be built", remedy)


def _pycuda(trial: Try) -> Finding:
    found = trial(_PYCUDA)
    if found.works:
        return ok("pycuda", found.said)
    if "No module named 'pycuda'" in found.said:
        return missing("pycuda", "not installed", "pip install pycuda (with the CUDA toolkit on the PATH)")
    if "numpy" in found.said.lower() or "_ARRAY_API" in found.said:
        return missing(
            "pycuda", f"was built for another numpy ({found.said})", "pip install --force-reinstall --no-cache pycuda"
        )
    if "libcuda" in found.said:
        return missing("pycuda", found.said, "install the driver first")
    return missing("pycuda", found.said, "pip install --force-reinstall --no-cache pycuda, built for this CUDA")


def _tensorrt(root: Path, jetson: bool, trial: Try) -> Finding:
    """The bindings, the library below them, whether the two fit, and whether a builder starts."""
    found = trial(_TENSORRT)
    if found.works:
        version = found.said.split()[0]
        if int(version.split(".")[0]) < _OLDEST:
            return warning(
                "TensorRT", f"{version}, older than {_OLDEST}", "flash JetPack 6" if jetson else "update TensorRT"
            )
        return ok("TensorRT", found.said)
    if "No module named 'tensorrt'" not in found.said:
        if "libnvinfer" in found.said:
            remedy = (
                "sudo apt install --reinstall nvidia-jetpack" if jetson else "pip install --force-reinstall tensorrt"
            )
            return missing("TensorRT", f"bindings without their library ({found.said})", remedy)
        remedy = "check the driver" if jetson else "check the driver, then pip install --force-reinstall tensorrt"
        return missing("TensorRT", f"it does not start ({found.said})", remedy)
    return _tensorrt_unseen(root, jetson)


def _tensorrt_unseen(root: Path, jetson: bool) -> Finding:
    """Python does not see TensorRT: outside the virtual environment, for another Python, or not there at all."""
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
                f"make the environment anew: {wanted} -m venv --system-site-packages .venv",
            )
    if bindings:
        return missing(
            "TensorRT",
            "JetPack's is there, but this environment does not see it",
            "make the environment anew: python3 -m venv --system-site-packages .venv",
        )
    if any(root.glob("usr/lib/*-linux-gnu/libnvinfer.so*")):
        return missing("TensorRT", "the library without its Python bindings", "sudo apt install python3-libnvinfer")
    if jetson:
        return missing("TensorRT", "not installed", "sudo apt install nvidia-jetpack")
    return warning("TensorRT", "not installed", 'use TensorRT-RTX in its place: pip install "efiqa-edge[rtx]"')


def _tensorrt_rtx(trial: Try) -> Finding:
    found = trial(_RTX)
    if found.works:
        return ok("TensorRT-RTX", f"{found.said} (also builds ahead of time)")
    if "No module named 'tensorrt_rtx'" in found.said:
        return warning("TensorRT-RTX", "not installed", 'pip install "efiqa-edge[rtx]"')
    return missing("TensorRT-RTX", f"it does not start ({found.said})", "pip install --force-reinstall tensorrt-rtx")
