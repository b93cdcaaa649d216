"""GStreamer's own Python bindings, also from a virtual environment without the system's packages.

PyGObject has no wheels: it comes with the system (Debian and JetPack: python3-gi), and a virtual environment hides it.
A Python of the same version can still load it from the system's folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import sys
from pathlib import Path
from typing import Any

from edge.errors import EdgeError, first_line

_SYSTEM = Path("/usr/lib/python3/dist-packages/gi")
REMEDY = (
    "install python3-gi, gir1.2-gstreamer-1.0, gir1.2-gst-plugins-base-1.0 and gstreamer1.0-plugins-good (Debian's "
    "names), or PyGObject with pip"
)


def load_gstreamer() -> tuple[Any, Any]:
    """GStreamer, initialised.

    Returns:
        The modules ``Gst`` and ``GstVideo``.

    Raises:
        EdgeError: the bindings or GStreamer are missing, or belong to another Python.
    """
    try:
        gi = _bindings()
        for name in ("Gst", "GstApp", "GstVideo"):
            gi.require_version(name, "1.0")
        from gi.repository import Gst, GstApp, GstVideo

        del GstApp  # imported for its side effect: it gives the sink its methods
    except (ImportError, ValueError) as error:
        raise EdgeError(f"GStreamer cannot be reached from this Python ({_reason(error)}): {REMEDY}.") from error
    if not Gst.is_initialized():
        Gst.init(None)
    return Gst, GstVideo


def _bindings() -> Any:
    # GStreamer loads libunwind globally, and a C++ exception raised through it ends the process: OpenVINO, loaded
    # later, uses exceptions. The compiler's own unwinder must be found first.
    with contextlib.suppress(OSError):
        ctypes.CDLL("libgcc_s.so.1", mode=ctypes.RTLD_GLOBAL)
    try:
        import gi
    except ImportError:
        if not (_SYSTEM / "__init__.py").exists():
            raise
        gi = _from(_SYSTEM)
    return gi


def _from(folder: Path) -> Any:
    """Load the package in this folder, without making its neighbours importable."""
    spec = importlib.util.spec_from_file_location(
        "gi", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gi"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:  # a binary part made for another Python
        for name in [name for name in sys.modules if name == "gi" or name.startswith("gi.")]:
            del sys.modules[name]
        raise
    return module


def _reason(error: Exception) -> str:
    text = first_line(error)
    if "_gi" in text:
        return f"the system's PyGObject is not made for Python {sys.version_info.major}.{sys.version_info.minor}"
    return text
