"""What every machine has: system, memory, disk, the frame step, OpenCV, cameras, OpenVINO."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
from pathlib import Path

from edge.doctor.finding import Finding, library, missing, ok, text_of, try_python, warning
from edge.engines.cache import cache_folder
from edge.engines.keep import check_own_folder
from edge.engines.quiet import QUIETLY
from edge.errors import EdgeError, brief

# Rules of thumb, not measurements: TensorRT takes one to two GiB while it builds, and an engine a few MiB.
_MEMORY_MIB, _DISK_MIB = 2048, 512
_OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")

_JETPACKS = "sudo apt install nvidia-jetpack, and an environment that sees it: python3 -m venv --system-site-packages"


def check_machine(root: Path, jetson: bool) -> list[Finding]:
    """System, memory, disk and the frame step."""
    return [_system(root), _memory(jetson), _disk(), _frame_step()]


def _system(root: Path) -> Finding:
    named = re.search(r'^PRETTY_NAME="?([^"\n]+)', text_of(root / "etc/os-release"), re.M)
    return ok(
        "system",
        f"{named[1] if named else platform.system()}, {platform.machine()}, Python {platform.python_version()}",
    )


def _memory(jetson: bool) -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    free, whole = memory.available >> 20, memory.total >> 20
    found = f"{free} of {whole} MiB free"
    if free >= _MEMORY_MIB:
        return ok("memory", found)
    if jetson:
        return warning("memory", f"{found}, shared with the GPU", "end the desktop: sudo systemctl isolate multi-user")
    return warning("memory", found, "end other programs before an engine is built")


def _disk() -> Finding:
    """Where engines are stored: the folder itself, or the first existing one above it."""
    try:
        folder = cache_folder()
        there = next(each for each in (folder, *folder.parents) if each.exists())
        free = shutil.disk_usage(there).free >> 20
        if there == folder and folder.is_dir():
            check_own_folder(folder)
    except (EdgeError, OSError) as error:
        return missing("engine cache", str(error), "set EFIQA_CACHE to a folder that can be written")
    found = f"{folder}, {free} MiB free"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return missing("engine cache", f"{folder} cannot be written", "set EFIQA_CACHE to a folder that can")
    if free < _DISK_MIB:
        return warning("engine cache", found, "free some space, or set EFIQA_CACHE to another disk")
    return ok("engine cache", found)


def _frame_step() -> Finding:
    try:
        name = importlib.import_module("edge.frame.prepare").frame_step_name()
    except Exception:  # without OpenCV, which has a line of its own
        return missing("frame step", "needs OpenCV", "install OpenCV, see its line")
    if name == "native":
        return ok("frame step", "native (C++)")
    return warning("frame step", "OpenCV's, several times slower", "install a C++ compiler, then efiqa-edge again")


def check_opencv(jetson: bool) -> list[Finding]:
    """OpenCV, and whether pipelines (the CSI camera of a Jetson) can be opened."""
    packages = [name for name in _OPENCVS if _installed(name)]
    keep_one = f"pip uninstall -y {' '.join(packages)}, then install one of them"
    try:
        import cv2

        found = f"{cv2.__version__} in {Path(str(cv2.__file__)).parent}"
    except Exception as error:  # AttributeError: the folder is there, but another package removed its files
        remedy = keep_one if packages else _JETPACKS if jetson else 'pip install "efiqa-edge[cpu]"'
        return [missing("OpenCV", f"it does not load ({brief(error)})", remedy)]
    opencv = ok("OpenCV", found)
    if len(packages) > 1:
        opencv = warning("OpenCV", f"{found}: {' and '.join(packages)} overwrite each other", keep_one)
    return [opencv, _gstreamer(str(cv2.getBuildInformation()), packages, jetson)]


def _gstreamer(built: str, packages: list[str], jetson: bool) -> Finding:
    """Through OpenCV, or through GStreamer's own Python packages."""
    match = re.search(r"GStreamer:\s+YES(?: \(([^)]+)\))?", built)
    if match:
        return ok("GStreamer", f"in OpenCV ({match[1] or 'version unknown'})")
    own = try_python(
        "from edge.camera.gstreamer.bindings import load_gstreamer; print(load_gstreamer()[0].version_string())"
    )
    if own.works:
        return ok("GStreamer", f"{own.output} by its own Python packages")
    if jetson and packages:
        return missing(
            "GStreamer",
            f"{packages[0]} hides JetPack's OpenCV and has none, so a CSI camera cannot be opened",
            f"pip uninstall -y {' '.join(packages)}",
        )
    return warning(
        "GStreamer",
        "none, so pipelines cannot be opened; cameras at /dev/video* and files can",
        "sudo apt install python3-gi gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0",
    )


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def check_cameras(root: Path) -> Finding:
    """The cameras that this machine shows, and whether this user may read them."""
    if platform.system() != "Linux":
        return ok("camera", "not listed by this system: try edge-capture 0")
    cameras = sorted(root.glob("dev/video*"))
    if not cameras:
        return warning("camera", "none at /dev/video*", "plug one in; or use a folder, a video, or demo")
    names = ", ".join("/" + each.relative_to(root).as_posix() for each in cameras)
    if not all(os.access(each, os.R_OK | os.W_OK) for each in cameras):
        return missing("camera", f"{names}: you may not read it", "sudo usermod -aG video $USER, then log in again")
    return ok("camera", names)


def check_openvino(jetson: bool = False) -> Finding:
    """The engine on the CPU; a Jetson needs none, and the extra that brings it would hide JetPack's OpenCV."""
    tried = try_python(
        f"{QUIETLY}; import openvino as o; c = o.Core(); "
        "print(o.get_version().split('-')[0], '|', c.get_property('CPU', 'FULL_DEVICE_NAME'))"
    )
    if jetson and "No module named 'openvino'" in tried.output:
        return ok("OpenVINO", "not installed, and not needed where TensorRT runs")
    install, reinstall = 'pip install "efiqa-edge[cpu]"', "pip install --force-reinstall openvino"
    return library("OpenVINO", "openvino", tried, install, reinstall)
