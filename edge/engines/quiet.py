"""Runtimes kept from calling home: as they come, they post to their makers with an identity that they keep in HOME."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any, cast

_ANALYTICS = "openvino_telemetry"
QUIETLY = f"import sys; sys.modules[{_ANALYTICS!r}] = None"  # before the import, in a Python of its own


def silence_onnxruntime() -> None:
    """To be called before anything imports onnxruntime, which tells its maker of each use."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def import_openvino() -> Any:
    """OpenVINO without its analytics; the only way in which this program imports it.

    OpenVINO does without the module of its analytics where that is not installed, and so it is not there for it while
    OpenVINO loads. Afterwards it is, for a program of the user's own that wants it.

    Raises:
        ModuleNotFoundError: OpenVINO is not installed.
        Exception: whatever an OpenVINO that is broken raises.
    """
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    hidden = {name: modules[name] for name in list(modules) if name.split(".")[0] == _ANALYTICS}
    for name in hidden:
        del modules[name]
    modules[_ANALYTICS] = None  # Python's own sign for a module that cannot be imported
    try:
        import openvino
    finally:
        del modules[_ANALYTICS]
        modules.update(hidden)
    return openvino
