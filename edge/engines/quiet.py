"""Runtimes without telemetry: by default they report to their makers, with an identifier stored in HOME."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any, cast

_ANALYTICS = "openvino_telemetry"
QUIETLY = f"import sys; sys.modules[{_ANALYTICS!r}] = None"  # before the import, in a Python of its own


def silence_onnxruntime() -> None:
    """Call this before anything imports onnxruntime, which reports each use to its maker."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def import_openvino() -> Any:
    """OpenVINO without its analytics; the only way in which this program imports it.

    OpenVINO works without its analytics module, so that module is hidden while OpenVINO loads. Afterwards it is
    available again, for a program of the user that wants it.

    Raises:
        ModuleNotFoundError: OpenVINO is not installed.
        Exception: whatever a broken OpenVINO raises.
    """
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    hidden = {name: modules[name] for name in list(modules) if name.split(".")[0] == _ANALYTICS}
    for name in hidden:
        del modules[name]
    modules[_ANALYTICS] = None  # Python's own mark for a module that cannot be imported
    try:
        import openvino
    finally:
        del modules[_ANALYTICS]
        modules.update(hidden)
    return openvino
