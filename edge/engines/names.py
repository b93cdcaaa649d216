"""The names of the runtimes, which are also those of their Python packages."""

from __future__ import annotations

from enum import Enum


class EngineName(str, Enum):
    """A runtime, or ``auto``: the first of the others, in this order, that works here."""

    auto = "auto"
    tensorrt = "tensorrt"
    tensorrt_rtx = "tensorrt_rtx"
    openvino = "openvino"


ENGINES = tuple(name.value for name in EngineName if name is not EngineName.auto)
